; mode_00: text mode 00h shows all characters and colours.
; Run: python -m pyx86emu tests/guests/mode_00.bin

%define MODE    00h
%define COLUMNS 40
%define SEGMENT 0B800h
%define NAME    'Mode 00h, 40x25'
%include "mode_text.inc"
