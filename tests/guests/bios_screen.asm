; bios_screen: INT 10h sets a mode (00h), returns it (0Fh), moves the cursor (02h, 03h), writes
; characters (09h, 0Eh) and scrolls like a teletype.
; Run: python -m pyx86emu tests/guests/bios_screen.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     ax, 0B800h
        mov     es, ax
        mov     ax, 0003h
        int     10h
        mov     ah, 0Fh
        int     10h
        cmp     ax, 5003h
        require e, '80 columns, mode 3'
        cmp     word [es:4998], 0720h
        require e, 'blank memory'

        mov     ax, 0940h               ; three characters in the last row's last columns
        mov     bx, 001Eh
        mov     cx, 3
        mov     dx, 184Dh
        call    locate
        int     10h
        cmp     word [es:3998], 1E40h
        require e, '09h in the corner'
        mov     ah, 03h
        int     10h
        cmp     dx, 184Dh
        require e, '09h does not move the cursor'
        cmp     cx, 0607h
        require e, 'cursor shape'

        mov     dx, 184Fh               ; a character in the corner scrolls
        call    locate
        mov     ax, 0E41h
        int     10h
        mov     ah, 03h
        int     10h
        cmp     dx, 1800h
        require e, 'cursor at the start of the last row'
        cmp     word [es:3838], 1E41h
        require e, '0Eh keeps the attribute, scrolls one row'
        mov     ax, 0E08h
        int     10h
        mov     ax, 0E07h
        int     10h
        mov     ax, 0E0Ah
        int     10h
        mov     ah, 03h
        int     10h
        cmp     dx, 1800h
        require e, 'BS stops at the left, BEL is nothing, LF keeps the column'
        cmp     word [es:3678], 1E41h
        require e, 'LF scrolls'
        pass

locate: mov     si, ax
        mov     ah, 02h
        int     10h
        mov     ax, si
        ret
        finish
