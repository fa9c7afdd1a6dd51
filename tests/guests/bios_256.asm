; bios_256: in mode 13h INT 10h writes and reads pixels (0Ch, 0Dh), characters (09h, 08h), scrolls
; (06h, 07h), and has the colours of a VGA.
; Run: python -m pyx86emu tests/guests/bios_256.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        mov     ax, 0013h
        int     10h
        mov     ax, 0A000h
        mov     es, ax
        mov     ax, 0CC8h               ; bit 7 is colour here
        mov     bx, 0
        mov     cx, 319
        mov     dx, 199
        int     10h
        cmp     byte [es:63999], 0C8h
        require e, '0Ch: the last pixel'
        mov     ah, 0Dh
        int     10h
        cmp     al, 0C8h
        require e, '0Dh'

        mov     ah, 02h
        mov     dx, 0203h
        int     10h
        mov     ax, 09DBh               ; a full block
        mov     bl, 0F1h
        mov     cx, 2
        int     10h
        cmp     word [es:16 * 320 + 3 * 8], 0F1F1h
        require e, '09h: the first pixels'
        cmp     word [es:23 * 320 + 5 * 8 - 1], 00F1h
        require e, '09h: the last pixel'
        cmp     byte [es:24 * 320 + 3 * 8], 0
        require e, '09h: 8 lines'
        mov     ah, 08h
        int     10h
        cmp     ax, 00DBh
        require e, '08h'
        mov     ax, 0941h
        mov     cx, 1
        int     10h
        mov     ah, 08h
        int     10h
        cmp     ax, 0041h
        require e, 'a character replaces the other'

        mov     ax, 0701h               ; a window down by one row
        mov     bh, 9
        mov     cx, 0202h
        mov     dx, 0404h
        int     10h
        mov     bh, 0
        mov     ah, 02h
        mov     dx, 0303h
        int     10h
        mov     ah, 08h
        int     10h
        cmp     al, 41h
        require e, '07h moves'
        cmp     word [es:16 * 320 + 4 * 8 + 7], 0009h
        require e, '07h blanks with a colour'
        mov     ax, 0600h
        mov     bh, 4
        mov     cx, 0
        mov     dx, 1827h
        int     10h
        cmp     word [es:63998], 0404h
        require e, '06h, all rows'
        mov     ax, 0E0Ah
        mov     bl, 3
        int     10h
        mov     ah, 02h
        mov     bh, 0
        mov     dx, 1800h
        int     10h
        mov     ax, 0E0Ah
        int     10h
        cmp     word [es:63998], 0000h
        require e, '0Eh: the new row is black'
        cmp     word [es:63998 - 8 * 320], 0404h
        require e, '0Eh scrolls one row'

        mov     ax, 1015h               ; colours: brown, a grey, the first hue
        mov     bx, 6
        call    colour
        cmp     bx, 2A15h
        require e, 'colour 6: red, green'
        mov     bx, 1Fh
        call    colour
        cmp     bx, 3F3Fh
        require e, 'colour 1Fh: white'
        mov     bx, 20h
        call    colour
        cmp     bx, 0000h
        require e, 'colour 20h: no red, no green'
        cmp     cl, 3Fh
        require e, 'colour 20h: blue'
        mov     bx, 28h
        call    colour
        cmp     bx, 3F00h
        require e, 'colour 28h: red'
        mov     bx, 0FFh
        call    colour
        cmp     bx, 0000h
        require e, 'colour FFh: black'
        mov     ax, 0003h
        int     10h
        pass

colour: mov     ax, 1015h               ; BX -> BH = red, BL = green, CL = blue
        int     10h
        mov     bh, dh
        mov     bl, ch
        ret
        finish_long
