; arith32: 32-bit arithmetic with operand and address size prefixes, ECX times: a random number
; generator and a 64-bit sum in memory.
        bits    16
        org     7C00h

SEED    equ 1000h
SUM     equ 1004h

turn:   mov     eax, [SEED]
        mul     dword [factor]
        add     eax, 12345
        adc     edx, 0
        mov     [SEED], eax
        xor     esi, edx
        rol     esi, 5
        lea     edi, [esi + eax * 4]
        add     [SUM], edi
        adc     dword [SUM + 4], 0
        dec     ecx
        jnz     turn
        hlt

factor: dd      1103515245
