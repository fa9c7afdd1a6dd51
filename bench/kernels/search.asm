; search: finds a word in 4 KiB of text (SCASB, CMPSB), then adds up the text (LODSB), ECX times.
; The text repeats "abcdefgh"; the word "hello" is at its end only.
        bits    16
        org     7C00h

TEXT    equ 1000h
SIZE    equ 4096

        mov     ebp, ecx
        cld
        mov     di, TEXT
        mov     cx, SIZE / 8
.fill:  mov     si, pattern
        movsd
        movsd
        loop    .fill
        mov     si, word_
        mov     di, TEXT + SIZE - 5
        mov     cx, 5
        rep movsb

turn:   mov     di, TEXT
        mov     cx, SIZE
.look:  mov     al, 'h'
        repne scasb
        jne     .sum                    ; not there
        mov     bx, di
        mov     dx, cx
        mov     si, word_ + 1
        mov     cx, 4
        repe cmpsb
        je      .sum                    ; found
        mov     di, bx
        mov     cx, dx
        jmp     .look
.sum:   mov     si, TEXT
        mov     cx, SIZE
        xor     ah, ah
        xor     dx, dx
.add:   lodsb
        add     dx, ax
        loop    .add
        dec     ebp
        jnz     turn
        hlt

pattern:
        db      "abcdefgh"
word_:  db      "hello"
