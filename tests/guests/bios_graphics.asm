; bios_graphics: in CGA modes 4 and 6 INT 10h writes and reads pixels (0Ch, 0Dh), draws characters
; and scrolls.
; Run: python -m pyx86emu tests/guests/bios_graphics.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     ax, 0B800h
        mov     es, ax
        mov     ax, 0004h
        int     10h
        mov     ah, 0Fh
        int     10h
        cmp     ax, 2804h
        require e, 'mode 4, 40 columns'
        mov     ax, 0C02h               ; column 5, line 11: byte 1 of the sixth odd line
        mov     cx, 5
        mov     dx, 11
        int     10h
        cmp     byte [es:2000h + 5 * 80 + 1], 20h
        require e, '0Ch'
        mov     ax, 0C81h
        int     10h
        mov     ah, 0Dh
        int     10h
        cmp     al, 3
        require e, 'XOR and 0Dh'

        mov     ax, 0EDBh               ; a full block, colour 3: 8 lines of FFFFh
        mov     bx, 0003h
        int     10h
        cmp     word [es:0], 0FFFFh
        require e, 'line 0'
        cmp     word [es:2000h + 3 * 80], 0FFFFh
        require e, 'line 7'
        mov     ax, 0701h
        mov     bh, 0
        mov     cx, 0
        mov     dx, 1827h
        int     10h
        cmp     word [es:2000h + 7 * 80], 0FFFFh
        require e, 'one row down'
        cmp     word [es:0], 0
        require e, 'blank above'
        mov     cx, 30
.lf:    mov     ax, 0E0Ah
        int     10h
        loop    .lf
        cmp     word [es:2000h + 7 * 80], 0
        require e, 'teletype scrolls'

        mov     ax, 0006h
        int     10h
        mov     ax, 09DBh
        mov     bx, 0001h
        mov     cx, 2
        int     10h
        cmp     word [es:2000h], 0FFFFh
        require e, 'mode 6, two characters'
        cmp     byte [es:2002h], 0
        require e, 'not three'
        mov     ax, 0003h
        int     10h
        cmp     word [es:2000h], 0720h
        require e, 'text again'
        pass
        finish
