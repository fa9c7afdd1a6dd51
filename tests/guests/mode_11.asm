; mode_11: planar mode 11h has 640 x 480 dots in two colours.
; Run: python -m pyx86emu tests/guests/mode_11.bin

%define MODE    11h
%define WIDTH   640
%define HEIGHT  480
%define HALF_X  1
%define HALF_Y  1
%include "mode_planar.inc"
