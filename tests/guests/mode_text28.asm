; mode_text28: text of 28 rows: mode 3 with the 8 x 14 font.
; Run: python -m pyx86emu tests/guests/mode_text28.bin

%define ROWS    28
%define HEIGHT  14
%macro  SETUP   0
        set_mode 03h
        mov     ax, 1111h               ; the 8 x 14 font, as many rows as fit
        mov     bl, 0
        int     10h
%endmacro
%include "mode_rows.inc"
