; alu: a loop of register arithmetic, one block. ECX is the number of turns.
        bits    16
        org     7C00h

turn:   add     ax, bx
        xor     dx, ax
        inc     si
        sub     di, dx
        dec     ecx
        jnz     turn
        hlt
