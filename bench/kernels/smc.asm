; smc: every turn patches the immediate that it then runs.
        bits    16
        org     7C00h

turn:   mov     [patched + 1], cx
patched:
        mov     ax, 1234h
        add     bx, ax
        dec     ecx
        jnz     turn
        hlt
