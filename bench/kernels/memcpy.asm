; memcpy: copies 4096 bytes, words and doublewords by REP MOVS, ECX times.
        bits    16
        org     7C00h

FROM    equ 1000h
DEST    equ 8000h

%macro copy 1
        mov     si, FROM
        mov     di, DEST
        mov     cx, 4096
        rep %1
%endmacro

        mov     ebp, ecx
        cld
turn:   copy    movsb
        copy    movsw
        copy    movsd
        dec     ebp
        jnz     turn
        hlt
