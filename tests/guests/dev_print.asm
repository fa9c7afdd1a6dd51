; dev_print: INT 05h prints the screen on LPT1, and keeps the cursor; 0050:0000 shows how it went.
; Run: python -m pyx86emu tests/guests/dev_print.bin
; prints: Print me

        cpu     8086
%include "guest.inc"

        begin
        mov     si, text
.next:  lodsb
        test    al, al
        jz      .print
        mov     ah, 0Eh
        mov     bx, 7
        int     10h
        jmp     .next
.print: mov     ah, 03h
        mov     bh, 0
        int     10h
        mov     di, dx
        mov     byte [500h], 1
        int     05h
        cmp     byte [500h], 1
        require e, 'a call during a call does nothing'
        mov     byte [500h], 0
        mov     ax, 1234h
        int     05h
        cmp     ax, 1234h
        require e, 'AX'
        cmp     byte [500h], 0
        require e, 'printed'
        mov     ah, 03h
        mov     bh, 0
        int     10h
        cmp     dx, di
        require e, 'cursor'
        mov     word [408h], 0
        int     05h
        cmp     byte [500h], 0FFh
        require e, 'without a printer: FFh'
        pass
text:   db      'Print me', 0
        finish
