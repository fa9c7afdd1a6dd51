; bios_lines: text of 200, 350 and 400 lines (INT 10h AH=12h BL=30h), with characters of 8, 14 and 16
; lines (AX=1111h, 1112h, 1114h): the data area and the CRTC have the right number of rows.
; Run: python -m pyx86emu tests/guests/bios_lines.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        mov     si, cases
.next:  lodsb                           ; lines
        cmp     al, 0FFh
        je      .page
        mov     ah, 12h
        mov     bl, 30h
        push    si
        int     10h
        pop     si
        cmp     al, 12h
        require e, '12h answers 12h'
        push    si
        mov     ax, 0003h
        int     10h
        pop     si
        lodsb                           ; font
        test    al, al
        jz      .check
        mov     ah, 11h
        mov     bl, 0
        push    si
        int     10h
        pop     si
.check: lodsb
        cmp     [484h], al
        require e, '40:84 last row'
        lodsb
        cmp     [485h], al
        require e, '40:85 lines of a character'
        mov     ah, al
        dec     ah
        mov     al, 09h
        call    crtc
        and     al, 1Fh
        cmp     al, ah
        require e, 'CRTC 09h: lines of a character'
        lodsb
        mov     ah, al
        mov     al, 12h
        call    crtc
        cmp     al, ah
        require e, 'CRTC 12h: last line'
        lodsb
        mov     ah, al
        mov     al, 0Ah
        call    crtc
        cmp     al, ah
        require e, 'CRTC 0Ah: cursor'
        jmp     .next

.page:  mov     ax, 1112h               ; 50 rows: the last one scrolls
        mov     bl, 0
        int     10h
        cmp     word [44Ch], 2000h
        require e, 'bytes of a page'
        mov     ah, 02h
        mov     bh, 0
        mov     dx, 3100h
        int     10h
        mov     ax, 0E42h
        int     10h
        mov     ax, 0B800h
        mov     es, ax
        cmp     byte [es:49 * 160], 'B'
        require e, 'the last row'
        mov     ax, 0E0Ah
        int     10h
        cmp     byte [es:48 * 160], 'B'
        require e, '50 rows scroll'
        mov     ax, 1130h
        mov     bh, 1
        int     10h
        cmp     cx, 8
        require e, '1130h: lines'
        cmp     dl, 49
        require e, '1130h: last row'
        pass

crtc:   mov     dx, 3D4h
        out     dx, al
        inc     dx
        in      al, dx
        ret

cases:  ; lines, font, last row, lines of a character, CRTC 12h, 0Ah
        db      0, 00h, 24,  8, 08Fh, 06h
        db      0, 14h, 11, 16, 07Fh, 0Dh
        db      1, 00h, 24, 14, 05Dh, 0Bh
        db      1, 12h, 42,  8, 057h, 06h
        db      2, 00h, 24, 16, 08Fh, 0Dh
        db      2, 11h, 27, 14, 087h, 0Bh
        db      2, 12h, 49,  8, 08Fh, 06h
        db      2, 14h, 24, 16, 08Fh, 0Dh, 0FFh
        finish_long
