; mode_text43: text of 43 rows: mode 3 of 350 lines with the 8 x 8 font.
; qemu: its BIOS has no 350 lines in text modes
; Run: python -m pyx86emu tests/guests/mode_text43.bin

%define ROWS    43
%define HEIGHT  8
%macro  SETUP   0
        mov     ax, 1201h               ; 350 lines in the next text mode
        mov     bl, 30h
        int     10h
        set_mode 03h
        mov     ax, 1112h               ; the 8 x 8 font
        mov     bl, 0
        int     10h
%endmacro
%include "mode_rows.inc"
