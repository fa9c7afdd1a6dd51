; dev_lpt: LPT1 takes a byte by strobe, is busy, acknowledges by IRQ 7; INT 17h prints, and returns
; a time-out for a printer that is absent.
; Run: python -m pyx86emu tests/guests/dev_lpt.bin
; kvm: no: time there is the host's, and the printer is ready before the guest can look
; prints: OKHi

        cpu     8086
%include "guest.inc"

        begin
        cmp     word [408h], 378h
        require e, '40:08'
        mov     al, [411h]
        and     al, 0C0h
        cmp     al, 40h
        require e, 'one printer'
        mov     dx, 378h
        mov     al, 5Ah
        out     dx, al
        in      al, dx
        cmp     al, 5Ah
        require e, 'data latch'
        inc     dx
        in      al, dx
        and     al, 0F8h
        cmp     al, 0D8h
        require e, 'ready'

        vector  0Fh, on_irq7
        in      al, 21h
        and     al, 7Fh
        out     21h, al
        mov     dx, 378h
        mov     al, 'O'
        out     dx, al
        inc     dx
        inc     dx
        mov     al, 1Dh                 ; strobe, IRQ on
        out     dx, al
        mov     al, 1Ch
        out     dx, al
        dec     dx
        in      al, dx
        test    al, 80h
        require z, 'busy'
.wait:  hlt
        cmp     byte [irqs], 0
        je      .wait
        in      al, dx
        and     al, 0F8h
        mov     cx, 1000
.ready: in      al, dx
        test    al, 80h
        loopz   .ready
        require nz, 'ready again'
        cmp     byte [irqs], 1
        require e, 'one IRQ 7'
        inc     dx
        mov     al, 0Ch
        out     dx, al

        mov     si, text
.next:  mov     ah, 00h
        mov     al, [si]
        mov     dx, 0
        int     17h
        test    ah, 29h
        require z, 'printed'
        inc     si
        cmp     byte [si], 0
        jne     .next
        mov     ah, 01h
        int     17h
        mov     ah, 02h
        int     17h
        cmp     ah, 90h
        require e, 'status'
        mov     ah, 00h
        mov     dx, 2
        int     17h
        cmp     ah, 01h
        require e, 'no LPT3'
        pass
text:   db      'KHi', 0
irqs:   db      0
on_irq7:
        inc     byte [cs:irqs]
        push    ax
        mov     al, 20h
        out     20h, al
        pop     ax
        iret
        finish
