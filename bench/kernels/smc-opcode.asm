; smc-opcode: each turn changes the next opcode, INC AX or DEC AX, and runs it, ECX times.
        bits    16
        org     7C00h

turn:   xor     byte [patched], 8
patched:
        inc     ax
        add     bx, ax
        dec     ecx
        jnz     turn
        hlt
