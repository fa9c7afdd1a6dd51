; quicksort: sorts 1000 random words by recursion, ECX times.
        bits    16
        org     7C00h

WORDS   equ 1000
STACK   equ 6000h
%include "random.inc"

        mov     sp, STACK
        mov     ebp, ecx
        cld
turn:   random_words
        mov     si, ARRAY
        mov     di, ARRAY + 2 * WORDS - 2
        call    sort
        dec     ebp
        jnz     turn
        hlt

; Sort the words from SI to DI, both included. The last word is the pivot. Smaller words move below
; BX.
sort:   cmp     si, di
        jae     .done
        mov     ax, [di]
        push    si
        mov     bx, si
.each:  mov     dx, [si]
        cmp     dx, ax
        jae     .stay
        mov     cx, [bx]
        mov     [si], cx
        mov     [bx], dx
        add     bx, 2
.stay:  add     si, 2
        cmp     si, di
        jb      .each
        mov     cx, [bx]                ; swap: the pivot goes between the two parts
        mov     [bx], ax
        mov     [di], cx
        pop     si
        push    di
        push    bx
        lea     di, [bx - 2]
        call    sort
        pop     si
        add     si, 2
        pop     di
        call    sort
.done:  ret
