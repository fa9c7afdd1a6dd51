; mode_01: text mode 01h shows all characters and colours.
; Run: python -m pyx86emu tests/guests/mode_01.bin

%define MODE    01h
%define COLUMNS 40
%define SEGMENT 0B800h
%define NAME    'Mode 01h, 40x25'
%include "mode_text.inc"
