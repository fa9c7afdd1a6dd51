; mode_07: text mode 07h shows all characters and colours.
; Run: python -m pyx86emu tests/guests/mode_07.bin

%define MODE    07h
%define COLUMNS 80
%define SEGMENT 0B000h
%define NAME    'Mode 07h, 80x25'
%include "mode_text.inc"
