; mode_03: text mode 03h shows all characters and colours.
; Run: python -m pyx86emu tests/guests/mode_03.bin

%define MODE    03h
%define COLUMNS 80
%define SEGMENT 0B800h
%define NAME    'Mode 03h, 80x25'
%include "mode_text.inc"
