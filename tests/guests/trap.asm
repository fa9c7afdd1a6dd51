; trap: with TF set INT 1 comes after each instruction and each iteration of a REP, but not after
; INT and not after a load of SS. An interrupt saves IF and TF, then clears them.
; Run: python -m pyx86emu tests/guests/trap.bin
; models: 8086 80186 80286 80386 80486
; kvm: not emulated: TF

        cpu     8086
%include "guest.inc"

        begin
        vector  1, on_trap
        vector  80h, on_int
        sti
        pushf
        pop     ax
        or      ah, 1                   ; TF
        push    ax
        popf                            ; the next instruction is the first to be trapped
        nop
t1:     mov     cx, 3
t2:     rep     lodsb
t3:     int     80h
t4:     nop                             ; IRET restores TF: this one is trapped
t5:     mov     ax, ss
t6:     mov     ss, ax                  ; no trap after this one
        nop
t7:     push    ss
t8:     pop     ss                      ; no trap after this one
        nop
t9:     pushf
t10:    pop     ax
t11:    and     ah, 0FEh
t12:    push    ax
t13:    popf                            ; clears TF, which was set before it: trapped
t14:    nop

        mov     di, log
        mov     cx, expected_end - expected
        mov     ax, [slot]
        sub     ax, log
        cmp     ax, cx
        require e, 'as many traps as instructions'
        mov     si, expected
        repe    cmpsb
        require e, 'each behind its instruction'
        test    word [inside], 300h
        require z, 'IF and TF are clear in a handler'
        mov     ax, [saved]
        and     ax, 300h
        cmp     ax, 300h
        require e, 'INT saves IF and TF'
        test    word [flags], 300h
        require z, 'IF and TF are clear in the handler of INT 1'
        pass

on_trap:
        push    bp
        mov     bp, sp
        push    ax
        push    bx
        pushf
        pop     ax
        or      [cs:flags], ax
        mov     bx, [cs:slot]
        mov     ax, [bp + 2]
        mov     [cs:bx], ax
        add     word [cs:slot], 2
        pop     bx
        pop     ax
        pop     bp
        iret

on_int: push    bp
        mov     bp, sp
        pushf
        pop     word [cs:inside]
        push    word [bp + 6]
        pop     word [cs:saved]
        pop     bp
        iret

expected:
        dw      t1, t2, t2, t2, t3, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14
expected_end:
inside: dw      0FFFFh
saved:  dw      0
flags:  dw      0
slot:   dw      log
log     equ     8000h
        finish
