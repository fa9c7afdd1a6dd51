; bios_pages: INT 10h scrolls a window (06h), shows a page (05h), writes and reads on it (0Ah, 08h),
; and moves the cursor of the 6845.
; Run: python -m pyx86emu tests/guests/bios_pages.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     ax, 0B800h
        mov     es, ax
        mov     ax, 0003h
        int     10h
        mov     ax, 0941h               ; row 21, right half
        mov     bx, 001Eh
        mov     cx, 40
        mov     dx, 1528h
        call    locate
        int     10h
        mov     ax, 0601h               ; a window of three by three, up
        mov     bh, 4Fh
        mov     cx, 144Dh
        mov     dx, 164Fh
        int     10h
        cmp     word [es:22 * 160 + 154], 4F20h
        require e, '06h blanks the bottom'
        cmp     word [es:20 * 160 + 156], 1E41h
        require e, '06h moves'
        cmp     word [es:21 * 160 + 152], 1E41h
        require e, '06h keeps to its window'

        mov     ax, 0501h               ; page 1
        int     10h
        mov     bx, 0100h
        mov     dx, 0102h
        call    locate
        mov     ax, 0A42h
        mov     cx, 2
        int     10h
        cmp     word [es:4096 + 160 + 6], 0742h
        require e, '0Ah on page 1'
        mov     ah, 08h
        int     10h
        cmp     ax, 0742h
        require e, '08h'
        mov     dx, 3D4h                ; the cursor is where the 6845 shows it
        mov     al, 0Fh
        out     dx, al
        inc     dx
        in      al, dx
        cmp     al, (2048 + 82) & 0FFh
        require e, '6845 cursor'
        pass

locate: mov     si, ax
        mov     ah, 02h
        int     10h
        mov     ax, si
        ret
        finish
