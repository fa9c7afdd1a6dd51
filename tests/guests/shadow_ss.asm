; shadow_ss: no interrupt comes between a load of SS and the next instruction.
; Run: python -m pyx86emu tests/guests/shadow_ss.bin
; models: 8086 80186 80286 80386 80486

        cpu     8086
%include "guest.inc"
%include "irq.inc"

        begin
        cli
        vector  8, on_irq
        tick    67                      ; often, so that every place in the loop is hit
        mov     ax, ss
        mov     word [irqs], 0
        sti
again:  mov     ss, ax
s6:     push    ss
s7:     pop     ss
s8:     mov     bx, [from]
        cmp     bx, s6
        je      inside
        cmp     bx, s8
        je      inside
        cmp     word [irqs], 3000
        jb      again
        cli
        pass
inside: require ne, 'not behind a load of SS'

        irq_handler
        finish
