; bios_modes: INT 10h AH=00h sets every mode of a VGA: the BIOS data area has its columns, rows, lines
; of a character, bytes of a page and CRTC port; AH=0Fh returns it. Other numbers change nothing.
; Run: python -m pyx86emu tests/guests/bios_modes.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        mov     si, modes
.next:  lodsb
        cmp     al, 0FFh
        je      .others
        mov     ah, 0
        mov     bl, al
        push    bx
        push    si
        int     10h
        pop     si
        pop     bx
        cmp     [449h], bl
        require e, '40:49 mode'
        lodsb
        cmp     [44Ah], al
        require e, '40:4A columns'
        mov     bh, al
        lodsb
        cmp     [484h], al
        require e, '40:84 last row'
        lodsb
        mov     ah, 0
        cmp     [485h], ax
        require e, '40:85 lines of a character'
        lodsb
        mov     ah, al
        mov     al, 0
        cmp     [44Ch], ax
        require e, '40:4C bytes of a page'
        lodsb
        mov     ah, 3
        cmp     [463h], ax
        require e, '40:63 CRTC port'
        cmp     word [44Eh], 0
        require e, '40:4E start of page 0'
        mov     cx, bx
        mov     bx, 0FF00h
        mov     ah, 0Fh
        int     10h
        cmp     al, cl
        require e, '0Fh mode'
        cmp     ah, ch
        require e, '0Fh columns'
        cmp     bh, 0
        require e, '0Fh page'
        jmp     .next

.others:
        mov     ax, 0083h               ; bit 7: keep memory
        mov     cx, 0B800h
        mov     es, cx
        mov     word [es:10], 1234h
        int     10h
        cmp     word [es:10], 1234h
        require e, 'bit 7 keeps memory'
        mov     ah, 0Fh
        int     10h
        cmp     ax, 5083h
        require e, '0Fh says that memory was kept'
        mov     ax, 0008h
        int     10h
        mov     ax, 0014h
        int     10h
        mov     ax, 00FFh
        int     10h
        cmp     byte [449h], 3
        require e, 'no such mode'
        mov     ax, 0003h
        int     10h
        cmp     word [es:10], 0720h
        require e, 'mode 3 clears memory'
        pass

modes:  ; mode, columns, last row, lines, page / 256, CRTC
        db      00h, 40, 24, 16, 08h, 0D4h
        db      01h, 40, 24, 16, 08h, 0D4h
        db      02h, 80, 24, 16, 10h, 0D4h
        db      04h, 40, 24,  8, 40h, 0D4h
        db      05h, 40, 24,  8, 40h, 0D4h
        db      06h, 80, 24,  8, 40h, 0D4h
        db      07h, 80, 24, 16, 10h, 0B4h
        db      0Dh, 40, 24,  8, 20h, 0D4h
        db      0Eh, 80, 24,  8, 40h, 0D4h
        db      0Fh, 80, 24, 14, 80h, 0B4h
        db      10h, 80, 24, 14, 80h, 0D4h
        db      11h, 80, 29, 16, 0A0h, 0D4h
        db      12h, 80, 29, 16, 0A0h, 0D4h
        db      13h, 40, 24,  8, 20h, 0D4h
        db      03h, 80, 24, 16, 10h, 0D4h, 0FFh
        finish_long
