; smc-opcode: every turn patches the opcode that it then runs: INC AX, DEC AX.
        bits    16
        org     7C00h

turn:   xor     byte [patched], 8
patched:
        inc     ax
        add     bx, ax
        dec     ecx
        jnz     turn
        hlt
