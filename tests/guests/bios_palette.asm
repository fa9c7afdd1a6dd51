; bios_palette: INT 10h AH=10h: what is written to the palette, the border, the colours, their pages
; and their mask is read back; colours are summed to grey.
; Run: python -m pyx86emu tests/guests/bios_palette.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        mov     ax, 1000h               ; register 5 = 2Ah
        mov     bx, 2A05h
        int     10h
        mov     ax, 1007h
        mov     bx, 0005h
        int     10h
        cmp     bx, 2A05h
        require e, '00h, 07h'
        mov     ax, 1001h
        mov     bx, 1155h
        int     10h
        mov     ax, 1008h
        mov     bx, 0055h
        int     10h
        cmp     bx, 1155h
        require e, '01h, 08h'
        mov     ax, 1002h
        mov     dx, palette
        int     10h
        mov     ax, 1009h
        mov     dx, 7000h
        int     10h
        mov     si, palette
        mov     di, 7000h
        mov     cx, 17
        repe    cmpsb
        require e, '02h, 09h'

        mov     ax, 1010h
        mov     bx, 200
        mov     cx, 0102h
        mov     dx, 3F00h
        int     10h
        mov     ax, 1015h
        mov     bx, 200
        xor     cx, cx
        xor     dx, dx
        int     10h
        cmp     cx, 0102h
        require e, '10h, 15h: green, blue'
        cmp     dh, 3Fh
        require e, '10h, 15h: red'
        mov     ax, 1012h
        mov     bx, 254
        mov     cx, 2
        mov     dx, palette
        int     10h
        mov     ax, 1017h
        mov     dx, 7000h
        int     10h
        mov     si, palette
        mov     di, 7000h
        mov     cx, 6
        repe    cmpsb
        require e, '12h, 17h'

        mov     ax, 1013h
        mov     bx, 0100h               ; 16 pages
        int     10h
        mov     ax, 1013h
        mov     bx, 0B01h
        int     10h
        mov     ax, 101Ah
        int     10h
        cmp     bx, 0B01h
        require e, '13h, 1Ah: 16 pages'
        mov     ax, 1013h
        mov     bx, 0000h               ; 4 pages
        int     10h
        mov     ax, 1013h
        mov     bx, 0201h
        int     10h
        mov     ax, 101Ah
        int     10h
        cmp     bx, 0200h
        require e, '13h, 1Ah: 4 pages'
        mov     dx, 3C6h                ; QEMU has no mask
        mov     al, 0Fh
        out     dx, al
        in      al, dx
        cmp     al, 0Fh
        jne     .grey
        mov     ax, 1018h
        mov     bl, 0F0h
        int     10h
        mov     ax, 1019h
        mov     bl, 0
        int     10h
        cmp     bl, 0F0h
        require e, '18h, 19h'

.grey:  mov     ax, 101Bh               ; 63 * 77 + 1 * 151 + 2 * 28 of 256
        mov     bx, 200
        mov     cx, 1
        int     10h
        mov     ax, 1015h
        mov     bx, 200
        int     10h
        cmp     dh, 20
        require e, '1Bh'
        cmp     cx, 20 * 101h
        require e, '1Bh: three equal'
        mov     ax, 0003h
        int     10h
        mov     ax, 1007h
        mov     bx, 0006h
        int     10h
        cmp     bh, 14h
        require e, 'a mode sets the palette'
        pass

palette:
        db      0Fh, 0Eh, 0Dh, 0Ch, 0Bh, 0Ah, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11h
        finish_long
