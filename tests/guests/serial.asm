; serial: COM1 is a 16550A with scratch register, FIFO and loopback, and raises IRQ 4 when the
; transmitter is empty.
; Run: python -m pyx86emu tests/guests/serial.bin
; sends: serial ok

        cpu     8086
%include "guest.inc"
COM1    equ     3F8h

        begin
        mov     dx, COM1 + 7
        mov     al, 5Ah
        out     dx, al
        in      al, dx
        cmp     al, 5Ah
        require e, 'the scratch register keeps a byte'
        mov     dx, COM1 + 2
        mov     al, 7
        out     dx, al
        in      al, dx
        and     al, 0C0h
        cmp     al, 0C0h
        require e, 'a 16550A says that its FIFO works'
        mov     dx, COM1 + 4
        mov     al, 10h                 ; loopback
        out     dx, al
        mov     dx, COM1
        mov     al, 'L'
        out     dx, al
        mov     dx, COM1 + 5
        in      al, dx
        test    al, 1
        require nz, 'what was sent is received in loopback'
        mov     dx, COM1
        in      al, dx
        cmp     al, 'L'
        require e, 'and is the same byte'
        mov     dx, COM1 + 4
        mov     al, 0Bh                 ; DTR, RTS, OUT2
        out     dx, al
        cli
        mov     word [0Ch * 4], on_irq
        mov     word [0Ch * 4 + 2], 0
        in      al, 21h
        and     al, 0EFh
        out     21h, al
        mov     dx, COM1 + 1
        mov     al, 2                   ; interrupt when the transmitter is empty
        out     dx, al
        sti
.wait:  hlt
        cmp     byte [bx_end], 0
        je      .wait
        pass

on_irq: push    ax
        push    bx
        push    dx
        mov     dx, COM1 + 2
        in      al, dx
        mov     bx, [cs:next]
        mov     al, [cs:bx]
        test    al, al
        jz      .end
        inc     word [cs:next]
        mov     dx, COM1
        out     dx, al
        jmp     .eoi
.end:   inc     byte [cs:bx_end]
.eoi:   mov     al, 20h
        out     20h, al
        pop     dx
        pop     bx
        pop     ax
        iret

next:   dw      text
bx_end: db      0
text:   db      'serial ok', 13, 10, 0
        finish
