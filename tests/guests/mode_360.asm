; mode_360: 360 x 480 dots in 256 colours, unchained, with the dot clock of 28 MHz.
; Run: python -m pyx86emu tests/guests/mode_360.bin

%define WIDTH   360
%define HEIGHT  480
%define HALF_Y  1
%define MISC    0E7h
%macro  REGISTERS 0
        db      00h, 6Bh, 01h, 59h, 02h, 5Ah, 03h, 8Eh, 04h, 5Eh, 05h, 8Ah, 06h, 0Dh, 07h, 3Eh
        db      09h, 40h, 10h, 0EAh, 12h, 0DFh, 13h, 2Dh, 14h, 00h, 15h, 0E7h, 16h, 06h
        db      17h, 0E3h, 11h, 8Ch
%endmacro
%include "mode_256.inc"
