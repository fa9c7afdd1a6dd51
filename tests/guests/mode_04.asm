; mode_04: CGA mode 04h has 320 x 200 in four colours.
; Run: python -m pyx86emu tests/guests/mode_04.bin

%define MODE    04h
%define WIDTH   320
%define BITS    2
%define HALF    0
%include "mode_cga.inc"
