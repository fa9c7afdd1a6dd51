; mode_0d: planar mode 0dh has 320 x 200 dots in 16 colours.
; Run: python -m pyx86emu tests/guests/mode_0d.bin

%define MODE    0dh
%define WIDTH   320
%define HEIGHT  200
%define HALF_X  0
%define HALF_Y  0
%include "mode_planar.inc"
