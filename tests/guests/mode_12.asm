; mode_12: planar mode 12h has 640 x 480 dots in 16 colours.
; Run: python -m pyx86emu tests/guests/mode_12.bin

%define MODE    12h
%define WIDTH   640
%define HEIGHT  480
%define HALF_X  1
%define HALF_Y  1
%include "mode_planar.inc"
