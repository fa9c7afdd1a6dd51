; quicksort: quicksort of 1000 words by recursion, ECX times.
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

; Sort the words from SI to DI, both included. The last one is the pivot; what is smaller goes
; below BX.
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
        mov     cx, [bx]                ; the pivot goes between the parts
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
