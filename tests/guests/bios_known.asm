; bios_known: INT 10h AH=08h recognises characters in the CGA's graphics modes, also those that a
; program draws with its own font (INT 1Fh, INT 43h).
; Run: python -m pyx86emu tests/guests/bios_known.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        mov     ax, 0004h
        int     10h
        call    every
        mov     ax, 0006h
        int     10h
        call    every

        mov     ax, 1120h               ; characters 80h-FFh
        mov     bp, own
        int     10h
        mov     ax, 0981h
        mov     bx, 0001h
        mov     cx, 1
        int     10h
        mov     ax, 0B800h
        mov     es, ax
        cmp     byte [es:2000h], 5Ah
        require e, 'the font of INT 1Fh'
        mov     ah, 08h
        int     10h
        cmp     al, 81h
        require e, '08h uses the font of INT 1Fh'
        mov     byte [es:0], 0FEh
        mov     ax, 08FFh
        int     10h
        cmp     ax, 0000h
        require e, 'no character looks like this'

        mov     ax, 1121h               ; characters of 4 lines, 50 rows
        xor     bp, bp
        mov     es, bp
        mov     bp, own
        mov     cx, 4
        mov     bx, 0
        mov     dl, 50
        int     10h
        cmp     byte [484h], 49
        require e, '1121h: rows'
        mov     ax, 0903h
        mov     bx, 0001h
        mov     cx, 1
        mov     si, ax
        mov     ah, 02h
        mov     dx, 0102h
        int     10h
        mov     ax, si
        int     10h
        mov     ax, 0B800h
        mov     es, ax
        cmp     word [es:2 * 80 + 2], 00A5h
        require e, 'characters of 4 lines: line 4'
        cmp     byte [es:2000h + 3 * 80 + 2], 0A5h
        require e, 'line 7'
        cmp     byte [es:4 * 80 + 2], 0
        require e, 'line 8 is not drawn'
        mov     ax, 1123h
        mov     bl, 2
        int     10h
        cmp     word [484h], 0818h
        require e, '1123h: 25 rows of 8 lines'
        pass

every:  mov     bx, 0003h
        mov     cx, 1
        mov     al, ' '
.next:  mov     ah, 09h
        mov     dl, al
        int     10h
        mov     ah, 08h
        int     10h
        cmp     al, dl
        require e, '08h returns what 09h has written'
        inc     ax
        cmp     al, 0FEh
        jb      .next
        ret

own:    db      0, 0, 0, 0, 0, 0, 0, 0, 0A5h, 5Ah, 0A5h, 5Ah, 0A5h, 0A5h, 0A5h, 0A5h
        finish_long
