; farcall: far calls, direct and through memory, to routines that save and load DS, ECX times.
        bits    16
        org     7C00h

STACK   equ 6000h
COUNTER equ 600h

        mov     sp, STACK
turn:   call    0:direct
        call    far [pointer]
        dec     ecx
        jnz     turn
        hlt

direct: push    ds
        push    cs
        pop     ds
        inc     word [COUNTER]
        pop     ds
        retf

indirect:
        push    ds
        mov     ax, 10h
        mov     ds, ax
        mov     bx, [COUNTER - 100h]
        pop     ds
        retf

pointer:
        dw      indirect - 7000h, 700h
