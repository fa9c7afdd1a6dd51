; mode_05: CGA mode 05h has 320 x 200 in four colours.
; Run: python -m pyx86emu tests/guests/mode_05.bin

%define MODE    05h
%define WIDTH   320
%define BITS    2
%define HALF    0
%include "mode_cga.inc"
