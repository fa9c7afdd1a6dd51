; shadow: a pending IRQ is delivered one instruction after STI, but at once after POPF and IRET. It
; ends a HLT and returns to the instruction after it.
; Run: python -m pyx86emu tests/guests/shadow.bin
; models: 8086 80186 80286 80386 80486
; kvm: not emulated: the shadow of STI

        cpu     8086
%include "guest.inc"
%include "irq.inc"

        begin
        cli
        vector  8, on_irq
        tick    1193
        pend
        sti
        nop
s1:     nop
        cli
        cmp     word [from], s1
        require e, 'one instruction runs behind STI'
        pend
        sti
        hlt
s2:     cli
        cmp     word [from], s2
        require e, 'HLT in the shadow: the return address is behind it'
        sti
        hlt                             ; no IRQ is pending: it waits
s3:     cli
        cmp     word [from], s3
        require e, 'HLT waits, and the return address is behind it'
        pend
        mov     bx, [irqs]
        sti
        cli
        nop
        nop
        cmp     bx, [irqs]
        require e, 'CLI in the shadow keeps it out'
        mov     ax, 0F202h
        push    ax
        popf
s4:     nop
        cli
        cmp     word [from], s4
        require e, 'POPF has no shadow'
        pend
        mov     ax, 0F202h
        push    ax
        push    cs
        mov     ax, s5
        push    ax
        iret
s5:     nop
        cli
        cmp     word [from], s5
        require e, 'IRET has no shadow'

        pass

        irq_handler
        finish
