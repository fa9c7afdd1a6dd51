; mode_02: text mode 02h shows all characters and colours.
; Run: python -m pyx86emu tests/guests/mode_02.bin

%define MODE    02h
%define COLUMNS 80
%define SEGMENT 0B800h
%define NAME    'Mode 02h, 80x25'
%include "mode_text.inc"
