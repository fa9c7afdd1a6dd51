; mode_x: 320 x 240 dots in 256 colours, unchained ("mode X").
; Run: python -m pyx86emu tests/guests/mode_x.bin

%define WIDTH   320
%define HEIGHT  240
%define HALF_Y  0
%define MISC    0E3h
%macro  REGISTERS 0
        db      06h, 0Dh, 07h, 3Eh, 09h, 41h, 10h, 0EAh, 12h, 0DFh, 14h, 00h, 15h, 0E7h
        db      16h, 06h, 17h, 0E3h, 11h, 8Ch
%endmacro
%include "mode_256.inc"
