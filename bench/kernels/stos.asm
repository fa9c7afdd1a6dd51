; stos: stores 4096 bytes, words and doublewords by REP STOS, ECX times.
        bits    16
        org     7C00h

DEST    equ 8000h

%macro fill 1
        mov     di, DEST
        mov     cx, 4096
        rep %1
%endmacro

        mov     ebp, ecx
        cld
turn:   fill    stosb
        fill    stosw
        fill    stosd
        dec     ebp
        jnz     turn
        hlt
