; alu: a loop of register arithmetic in one block, ECX times.
        bits    16
        org     7C00h

turn:   add     ax, bx
        xor     dx, ax
        inc     si
        sub     di, dx
        dec     ecx
        jnz     turn
        hlt
