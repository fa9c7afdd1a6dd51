; rep_irq: an interrupt between the iterations of a REP returns to the first prefix, so the REP
; continues with all prefixes, in any order: REP, ES: and LOCK on the 80186 and 80286; REP, ES:, 66h
; and 67h on later models.
; Run: python -m pyx86emu tests/guests/rep_irq.bin
; models: 80186 80286 80386 80486

        cpu     186
%include "guest.inc"
%include "irq.inc"

TIMES_  equ     4000                    ; iterations
SOURCE  equ     2000h                   ; the segment that ES: names; DS is 0
COPY    equ     4000h                   ; offset of the copy in it
CODE    equ     9000h                   ; prefixes, MOVSW, RET

        begin
        cli
        vector  8, on_irq
        tick    257
        mov     bx, old_orders
        mov     dx, 3                   ; number of prefixes in a row
        push    sp                      ; only the 80186 pushes the new SP
        pop     ax
        cmp     ax, sp
        jne     next
        mov     ax, 3002h               ; only the 80286 clears IOPL
        push    ax
        popf
        pushf
        pop     ax
        test    ah, 30h
        jz      next
        mov     bx, orders
        mov     word [last], orders_end
        mov     dx, 4
next:   mov     word [between], 0
        add     bx, dx
again:  mov     si, bx
        sub     si, dx
        push    ds
        pop     es
        mov     di, CODE
        mov     cx, dx
        rep     movsb
        mov     ax, 0C3A5h
        stosw
        mov     ax, SOURCE              ; source: words that differ; destination: zeros
        mov     es, ax
        xor     di, di
.fill:  mov     [es:di], di
        mov     word [es:di + COPY], 0
        add     di, 2
        cmp     di, COPY
        jb      .fill
        xor     si, si
        mov     di, COPY
        mov     cx, TIMES_
        sti
        call    CODE
        cli
        cmp     cx, 0
        require e, 'all iterations are done'
        cmp     word [wrong], 0
        require e, 'an interrupt returns to the first prefix'
        mov     cx, si                  ; SI = bytes read
        shr     cx, 1
        push    es
        pop     ds
        xor     si, si
        mov     di, COPY
        repe    cmpsw
        push    cs
        pop     ds
        require e, 'from ES:, to the last word'
        cmp     word [between], 0
        jne     .came
        jmp     again
.came:  cmp     bx, [last]
        je      done
        jmp     next
done:   pass

on_irq: push    bp
        mov     bp, sp
        push    ax
        jcxz    .out
        cmp     cx, TIMES_
        je      .out
        inc     word [cs:between]
        cmp     word [bp + 2], CODE
        je      .out
        inc     word [cs:wrong]
.out:   mov     al, 20h
        out     20h, al
        pop     ax
        pop     bp
        iret

between: dw     0
wrong:  dw      0
last:   dw      old_orders_end
orders:
        db      0F3h, 26h, 66h, 67h, 0F3h, 26h, 67h, 66h, 0F3h, 66h, 26h, 67h, 0F3h, 66h, 67h, 26h
        db      0F3h, 67h, 26h, 66h, 0F3h, 67h, 66h, 26h, 26h, 0F3h, 66h, 67h, 26h, 0F3h, 67h, 66h
        db      26h, 66h, 0F3h, 67h, 26h, 66h, 67h, 0F3h, 26h, 67h, 0F3h, 66h, 26h, 67h, 66h, 0F3h
        db      66h, 0F3h, 26h, 67h, 66h, 0F3h, 67h, 26h, 66h, 26h, 0F3h, 67h, 66h, 26h, 67h, 0F3h
        db      66h, 67h, 0F3h, 26h, 66h, 67h, 26h, 0F3h, 67h, 0F3h, 26h, 66h, 67h, 0F3h, 66h, 26h
        db      67h, 26h, 0F3h, 66h, 67h, 26h, 66h, 0F3h, 67h, 66h, 0F3h, 26h, 67h, 66h, 26h, 0F3h
orders_end:
old_orders:
        db      0F3h, 26h, 0F0h, 0F3h, 0F0h, 26h, 26h, 0F3h, 0F0h
        db      26h, 0F0h, 0F3h, 0F0h, 0F3h, 26h, 0F0h, 26h, 0F3h
old_orders_end:
        finish
