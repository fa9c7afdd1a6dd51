; dev_com2: COM2 at 2F8h raises IRQ 3 for a byte in loopback, while COM1 does not; the BIOS lists it.
; Run: python -m pyx86emu tests/guests/dev_com2.bin

        cpu     8086
%include "guest.inc"

        begin
        cmp     word [402h], 2F8h
        require e, '40:02'
        mov     al, [411h]
        and     al, 0Eh
        cmp     al, 4
        require e, 'two ports'
        mov     ax, 00E3h
        mov     dx, 1
        int     14h
        test    ah, 60h
        require nz, 'INT 14h'
        vector  0Bh, on_irq3
        vector  0Ch, on_irq4
        in      al, 21h
        and     al, 0E7h
        out     21h, al
        mov     dx, 2F9h
        mov     al, 1                   ; received data
        out     dx, al
        mov     dx, 2FCh
        mov     al, 1Bh                 ; loopback, OUT2
        out     dx, al
        mov     dx, 2F8h
        mov     al, 'x'
        out     dx, al
        mov     cx, 10
.wait:  hlt
        cmp     byte [got], 'x'
        loopne  .wait
        require e, 'IRQ 3'
        cmp     byte [other], 0
        require e, 'no IRQ 4'
        pass
got:    db      0
other:  db      0
on_irq4:
        inc     byte [cs:other]
        jmp     on_irq3.eoi
on_irq3:
        push    ax
        push    dx
        mov     dx, 2F8h
        in      al, dx
        mov     [cs:got], al
        pop     dx
        pop     ax
.eoi:   push    ax
        mov     al, 20h
        out     20h, al
        pop     ax
        iret
        finish
