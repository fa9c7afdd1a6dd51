; bios_planar: in the 16-colour modes 0Dh, 0Eh, 10h and 12h INT 10h writes and reads pixels on every
; page (0Ch, 0Dh, XOR too), writes and recognises characters (09h, 0Eh, 08h), scrolls (06h, 07h) and
; shows pages (05h), whatever the registers of the planes are.
; Run: python -m pyx86emu tests/guests/bios_planar.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        mov     si, modes
.next:  lodsw                           ; AL = mode, AH = last page
        test    al, al
        jnz     .mode
        jmp     .two
.mode:  mov     [mode], ax
        push    si
        mov     ah, 0
        int     10h
        mov     ax, 0A000h
        mov     es, ax

        mov     bh, [mode + 1]          ; a pixel on the last page
        mov     ax, 0C0Bh
        mov     cx, 77
        mov     dx, 33
        int     10h
        call    upset
        mov     ax, 0C86h               ; XOR
        int     10h
        call    upset
        mov     ah, 0Dh
        int     10h
        cmp     al, 0Dh
        require e, '0Ch, 0Dh: XOR'
        dec     cx
        mov     ah, 0Dh
        int     10h
        cmp     al, 0
        require e, 'only one pixel'
        inc     cx
        mov     al, [44Ah]              ; columns
        mul     dl
        add     ax, 9
        mov     di, ax
        mov     al, bh
        mov     ah, 0
        mov     bx, dx
        mul     word [44Ch]
        mov     dx, bx
        add     di, ax
        cmp     byte [es:di], 04h
        require e, 'its bit on its page'

        mov     bh, [mode + 1]          ; characters
        mov     dx, 0102h
        mov     ah, 02h
        int     10h
        call    upset
        mov     ax, 0957h
        mov     bl, 0Eh
        mov     cx, 3
        int     10h
        mov     ah, 08h
        int     10h
        cmp     ax, 0057h
        require e, '08h: the first'
        mov     dl, 4
        mov     ah, 02h
        int     10h
        call    upset
        mov     ah, 08h
        int     10h
        cmp     ax, 0057h
        require e, '08h: the third'
        mov     ax, 0957h               ; XOR with itself
        mov     bl, 8Eh
        mov     cx, 1
        int     10h
        mov     ah, 08h
        int     10h
        cmp     ax, 0020h
        require e, '09h: XOR'
        mov     dl, 5
        mov     ah, 02h
        int     10h
        mov     ah, 08h
        int     10h
        cmp     ax, 0020h
        require e, 'three characters are not four'

        mov     al, [mode + 1]          ; show the page, scroll it
        mov     ah, 05h
        int     10h
        mov     ah, 0Fh
        int     10h
        cmp     bh, [mode + 1]
        require e, '05h, 0Fh: the page'
        call    start
        call    upset
        mov     ax, 0601h
        mov     bh, 2
        mov     cx, 0000h
        mov     dx, 0403h
        int     10h
        mov     dx, 0002h
        call    read
        cmp     al, 57h
        require e, '06h moves a row up'
        mov     dx, 0403h               ; the blank row has colour 2
        mov     ch, 0
        mov     al, 4
        mul     byte [485h]
        mov     dx, ax
        mov     cx, 31
        mov     bh, [mode + 1]
        mov     ah, 0Dh
        int     10h
        cmp     al, 2
        require e, '06h blanks with a colour'
        inc     cx
        mov     ah, 0Dh
        int     10h
        cmp     al, 0
        require e, '06h keeps to its window'
        call    upset
        mov     ax, 0702h
        mov     bh, 0
        mov     cx, 0000h
        mov     dx, 0507h
        int     10h
        mov     dx, 0202h
        call    read
        cmp     al, 57h
        require e, '07h moves two rows down'

        mov     dh, [484h]              ; teletype at the end of the last row
        mov     dl, [44Ah]
        dec     dx
        mov     bh, [mode + 1]
        mov     ah, 02h
        int     10h
        mov     ax, 0E58h
        mov     bl, 7
        int     10h
        mov     dl, [44Ah]
        dec     dx
        mov     dh, [484h]
        dec     dh
        call    read
        cmp     al, 58h
        require e, '0Eh scrolls'
        mov     dx, 0102h
        call    read
        cmp     al, 57h
        require e, '0Eh scrolls by one row'
        pop     si
        jmp     .next

.two:   mov     ax, 0011h               ; two colours: the planes are equal
        int     10h
        mov     ax, 0A000h
        mov     es, ax
        mov     byte [es:80 * 3], 10h
        mov     ax, 0D00h
        mov     bh, 0
        mov     cx, 3
        mov     dx, 3
        int     10h
        cmp     al, 1
        require e, 'mode 11h: 0Dh'
        mov     ax, 0941h
        mov     bl, 1
        mov     cx, 1
        int     10h
        mov     ah, 08h
        int     10h
        cmp     al, 41h
        require e, 'mode 11h: 08h'
        mov     ax, 0501h
        int     10h
        cmp     byte [462h], 0
        require e, 'mode 11h has one page'
        mov     ax, 0003h
        int     10h
        pass

read:   mov     bh, [mode + 1]          ; DX = position -> AL
        mov     ah, 02h
        int     10h
        mov     ah, 08h
        int     10h
        ret

start:  mov     al, [mode + 1]          ; the CRTC's start address
        mov     ah, 0
        mul     word [44Ch]
        mov     bx, ax
        cmp     [44Eh], bx
        require e, '40:4E'
        mov     dx, 3D4h
        mov     al, 0Ch
        out     dx, al
        inc     dx
        in      al, dx
        cmp     al, bh
        require e, 'CRTC 0Ch'
        ret

upset:  push    ax                      ; write mode 2, map mask 4, set/reset, a bit mask, AND
        push    dx
        mov     dx, 3C4h
        mov     ax, 0402h
        out     dx, ax
        mov     dx, 3CEh
        mov     ax, 0700h
        out     dx, ax
        mov     ax, 0201h
        out     dx, ax
        mov     ax, 0803h
        out     dx, ax
        mov     ax, 0104h
        out     dx, ax
        mov     ax, 0205h
        out     dx, ax
        mov     ax, 3C08h
        out     dx, ax
        pop     dx
        pop     ax
        ret

mode:   dw      0
modes:  db      0Dh, 7, 0Eh, 3, 10h, 1, 12h, 0, 0, 0
        finish_long
