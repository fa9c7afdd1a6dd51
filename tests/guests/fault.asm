; fault: each exception calls its vector and pushes the right address: #DE, #UD, BOUND, INTO, single
; step.
; Run: python -m pyx86emu tests/guests/fault.bin
; kvm: not emulated: BOUND

        cpu     386
%include "guest.inc"

        begin
        vector  0, on_divide
        vector  1, on_step
        vector  4, count
        vector  5, on_bound
        vector  6, on_undefined
        mov     ax, 1
        xor     dx, dx
        xor     cx, cx
divide: div     cx
        cmp     word [from], divide
        require e, '#DE pushes the address of the DIV'
undefined:
        ud2
        cmp     word [from], undefined
        require e, '#UD pushes the address of the instruction'
        mov     ax, 11
bound_: bound   ax, [limits]
        cmp     word [from], bound_
        require e, 'BOUND pushes its own address'
        mov     al, 127
        add     al, 1
        into
        cmp     word [calls], 4
        require e, 'INTO after an overflow'
        pushf
        pop     ax
        or      ah, 1                   ; TF
        push    ax
        popf
        nop
        nop
        pushf
        pop     ax
        and     ah, 0FEh
        push    ax
        popf
        cmp     word [steps], 5
        require ae, 'the trap flag steps'
        pass

on_divide:
        mov     cx, 1
        jmp     count
on_undefined:
        push    bp
        mov     bp, sp
        mov     ax, [bp + 2]
        mov     [from], ax
        add     word [bp + 2], 2        ; skip UD2
        pop     bp
        inc     word [calls]
        iret
on_bound:
        mov     ax, 10
        jmp     count
on_step:
        inc     word [cs:steps]
        iret
count:  push    bp
        mov     bp, sp
        push    ax
        mov     ax, [bp + 2]
        mov     [from], ax
        pop     ax
        pop     bp
        inc     word [calls]
        iret

limits: dw      0, 10
from:   dw      0
calls:  dw      0
steps:  dw      0
        finish
