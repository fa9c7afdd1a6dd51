; crc32: the CRC-32 of 4 KiB, bit by bit, ECX times. One jump depends on random data, so no branch
; predictor can predict it.
        bits    16
        org     7C00h

WORDS   equ 2048
%include "random.inc"

        mov     ebp, ecx
        cld
        random_words
turn:   mov     eax, -1
        mov     si, ARRAY
.byte:  xor     al, [si]
        mov     dx, 8
.bit:   shr     eax, 1
        jnc     .zero
        xor     eax, 0EDB88320h
.zero:  dec     dx
        jnz     .bit
        inc     si
        cmp     si, ARRAY + 2 * WORDS
        jb      .byte
        dec     ebp
        jnz     turn
        hlt
