; mode_06: CGA mode 06h has 640 x 200 in two colours.
; Run: python -m pyx86emu tests/guests/mode_06.bin

%define MODE    06h
%define WIDTH   640
%define BITS    1
%define HALF    1
%include "mode_cga.inc"
