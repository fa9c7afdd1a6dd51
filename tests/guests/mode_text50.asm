; mode_text50: text of 50 rows: mode 3 with the 8 x 8 font.
; Run: python -m pyx86emu tests/guests/mode_text50.bin

%define ROWS    50
%define HEIGHT  8
%macro  SETUP   0
        set_mode 03h
        mov     ax, 1112h               ; the 8 x 8 font
        mov     bl, 0
        int     10h
%endmacro
%include "mode_rows.inc"
