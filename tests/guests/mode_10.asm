; mode_10: planar mode 10h has 640 x 350 dots in 16 colours.
; Run: python -m pyx86emu tests/guests/mode_10.bin

%define MODE    10h
%define WIDTH   640
%define HEIGHT  350
%define HALF_X  1
%define HALF_Y  1
%include "mode_planar.inc"
