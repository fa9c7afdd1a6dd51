; bios_pointers: what a program puts into the save pointers of 40:A8 is used by the next mode set: its
; own register values, a font of text modes, a second font, a font of graphics modes, a palette; and
; the palette is kept where they say. AH=1Bh names them.
; Run: python -m pyx86emu tests/guests/bios_pointers.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

FIRST           equ     9000h
SECOND          equ     9040h
ROWS            equ     9100h
KEPT            equ     9A00h
STATE           equ     9B00h

        begin_long
        lds     si, [4A8h]              ; copies of the lists and of the rows
        mov     di, FIRST
        mov     cx, 14
        push    si
        rep     movsw
        pop     si
        push    ds
        push    si
        lds     si, [si + 10h]
        mov     di, SECOND
        mov     cx, 13
        rep     movsw
        pop     si
        pop     ds
        lds     si, [si]
        mov     di, ROWS
        mov     cx, 29 * 32
        rep     movsw
        xor     ax, ax
        mov     ds, ax
        cmp     word [SECOND], 26
        require e, 'the second list has 26 bytes'
        mov     word [4A8h], FIRST
        mov     [4AAh], ax
        mov     word [FIRST + 10h], SECOND
        mov     [FIRST + 12h], ax
        mov     word [FIRST], ROWS
        mov     [FIRST + 2], ax
        mov     byte [ROWS + 18h * 64 + 23h + 11h], 5
        mov     ax, 0003h
        int     10h
        mov     ax, 1008h
        int     10h
        cmp     bh, 5
        require e, 'the rows of a program: border 5'

        mov     word [FIRST + 4], KEPT
        mov     word [FIRST + 6], 0
        mov     ax, 1000h
        mov     bx, 2A05h
        int     10h
        cmp     byte [KEPT + 5], 2Ah
        require e, 'the palette is kept'
        cmp     byte [KEPT + 16], 5
        require e, 'the border is kept'

        mov     word [FIRST + 8], text_font
        mov     word [FIRST + 0Ch], graphics_font
        mov     word [SECOND + 6], second_font
        mov     word [SECOND + 0Ah], palette
        xor     ax, ax
        mov     [FIRST + 0Ah], ax
        mov     [FIRST + 0Eh], ax
        mov     [SECOND + 8], ax
        mov     [SECOND + 0Ch], ax
        mov     ax, 0002h               ; not for this mode
        int     10h
        cmp     word [484h], 1018h
        require e, 'mode 2: 25 rows of 16 lines'
        mov     ax, 0003h
        int     10h
        cmp     word [484h], 0831h
        require e, 'the text font: 50 rows of 8 lines'
        mov     dx, 3C4h
        mov     al, 03h
        out     dx, al
        inc     dx
        in      al, dx
        cmp     al, 24h                 ; block 0, and block 5: bits 5, 2
        require e, 'the second font is shown'
        mov     ax, 1009h
        mov     dx, STATE
        int     10h
        cmp     word [STATE + 1], 0C0Bh
        require e, 'the palette registers'
        cmp     byte [STATE + 16], 33h
        require e, 'the border'
        mov     ax, 1015h
        mov     bx, 9
        int     10h
        cmp     cx, 0203h
        require e, 'the colour: green, blue'
        cmp     dh, 1
        require e, 'the colour: red'
        mov     ax, 1B00h
        mov     bx, 0
        mov     di, STATE
        int     10h
        cmp     byte [STATE + 32h], 3Fh
        require e, '1Bh: all are in use'
        cmp     word [STATE + 2Bh], 0500h
        require e, '1Bh: the blocks'

        mov     ax, 0012h
        int     10h
        cmp     word [43h * 4], glyphs
        require e, 'the graphics font'
        cmp     word [484h], 083Bh
        require e, 'the graphics font: 60 rows'
        mov     ax, 1201h               ; modes keep palette and colours
        mov     bl, 31h
        int     10h
        mov     ax, 1000h
        mov     bx, 3904h
        int     10h
        mov     ax, 0003h
        int     10h
        mov     ax, 1007h
        mov     bx, 0004h
        int     10h
        cmp     bh, 39h
        require e, '12h, 31h: the palette stays'
        pass

text_font:
        db      8, 0
        dw      2, 41h, glyphs, 0
        db      0FFh, 3, 0FFh
second_font:
        db      8, 5, 0
        dw      0FA6Eh, 0F000h
        db      1, 3, 0FFh
graphics_font:
        db      60
        dw      8, glyphs, 0
        db      12h, 0FFh
palette:
        db      0, 0, 0, 0
        dw      16, 1, registers, 0
        dw      1, 9, colours, 0
        db      3, 0FFh
registers:
        db      0Bh, 0Ch, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33h
colours:
        db      1, 2, 3
glyphs: db      1, 2, 4, 8, 16, 32, 64, 128, 128, 64, 32, 16, 8, 4, 2, 1
        finish_long
