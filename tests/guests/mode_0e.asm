; mode_0e: planar mode 0eh has 640 x 200 dots in 16 colours.
; Run: python -m pyx86emu tests/guests/mode_0e.bin

%define MODE    0eh
%define WIDTH   640
%define HEIGHT  200
%define HALF_X  1
%define HALF_Y  0
%include "mode_planar.inc"
