; smc: each turn changes the immediate of the next instruction and runs it, ECX times.
        bits    16
        org     7C00h

turn:   mov     [patched + 1], cx
patched:
        mov     ax, 1234h
        add     bx, ax
        dec     ecx
        jnz     turn
        hlt
