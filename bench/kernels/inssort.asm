; inssort: insertion sort of 200 random words, ECX times.
        bits    16
        org     7C00h

WORDS   equ 200
%include "random.inc"

        mov     ebp, ecx
        cld
turn:   random_words
        mov     si, ARRAY + 2
.take:  mov     ax, [si]
        mov     di, si
.shift: mov     bx, [di - 2]
        cmp     bx, ax
        jbe     .place
        mov     [di], bx
        sub     di, 2
        cmp     di, ARRAY
        ja      .shift
.place: mov     [di], ax
        add     si, 2
        cmp     si, ARRAY + 2 * WORDS
        jb      .take
        dec     ebp
        jnz     turn
        hlt
