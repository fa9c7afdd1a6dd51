; sieve: finds the primes below 16384 by REP STOSB, byte stores and branches, ECX times.
        bits    16
        org     7C00h

FLAGS   equ 1000h
LIMIT   equ 4000h

        mov     ebp, ecx
turn:   xor     ax, ax
        mov     es, ax
        mov     di, FLAGS
        mov     cx, LIMIT
        mov     al, 1
        cld
        rep stosb
        mov     si, 2
.next:  cmp     byte [si + FLAGS], 0
        je      .known
        mov     di, si
        add     di, si
.strike:
        mov     byte [di + FLAGS], 0
        add     di, si
        cmp     di, LIMIT
        jb      .strike
.known: inc     si
        cmp     si, 80h
        jb      .next
        dec     ebp
        jnz     turn
        hlt
