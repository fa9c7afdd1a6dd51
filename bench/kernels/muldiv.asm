; muldiv: MUL and DIV, each of which needs the result of the one before, ECX times.
        bits    16
        org     7C00h

turn:   mov     ax, cx
        mov     bx, 77
        mul     bx
        add     ax, 3
        adc     dx, 0
        mov     bx, 1999
        div     bx
        mov     si, dx
        dec     ecx
        jnz     turn
        hlt
