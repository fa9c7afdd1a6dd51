; mode_prompt: a prompt like DOS's: ver, mem, and exit, which ends the guest.
; types: ver{ret}mem{ret}help{ret}exit{ret}
; qemu: it waits for keys
; Run: python -m pyx86emu tests/guests/mode_prompt.bin

        cpu     8086
%include "mode.inc"

LINE    equ     7E00h                   ; what is typed
MOST    equ     60

        begin
        set_mode 03h
        mov     si, hello
        call    say
again:  mov     si, prompt
        call    say
        mov     di, LINE
.key:   mov     ah, 0
        int     16h
        cmp     al, 13
        je      .enter
        cmp     al, 8
        je      .back
        cmp     al, ' '
        jb      .key
        cmp     di, LINE + MOST
        jae     .key
        stosb
        call    put
        jmp     .key
.back:  cmp     di, LINE
        je      .key
        dec     di
        call    put
        mov     al, ' '
        call    put
        mov     al, 8
        call    put
        jmp     .key
.enter: mov     byte [di], 0
        mov     si, crlf
        call    say
        cmp     di, LINE
        je      again
        mov     bx, words
.word:  mov     si, [bx]
        test    si, si
        jz      .bad
        mov     di, LINE
.same:  lodsb
        cmp     al, [di]
        jne     .next
        inc     di
        test    al, al
        jnz     .same
        jmp     [bx + 2]
.next:  add     bx, 4
        jmp     .word
.bad:   mov     si, bad
        call    say
        jmp     again

ver:    mov     si, hello
        call    say
        jmp     again
mem:    int     12h
        mov     bx, 10
        mov     cx, 0
.digit: mov     dx, 0
        div     bx
        push    dx
        inc     cx
        test    ax, ax
        jnz     .digit
.put:   pop     ax
        add     al, '0'
        call    put
        loop    .put
        mov     si, kib
        call    say
        jmp     again
exit:   shown

say:    lodsb
        test    al, al
        jz      .end
        call    put
        jmp     say
.end:   ret
put:    mov     ah, 0Eh
        mov     bx, 0007h
        int     10h
        ret

words:  dw      w_ver, ver, w_mem, mem, w_exit, exit, 0
w_ver:  db      'ver', 0
w_mem:  db      'mem', 0
w_exit: db      'exit', 0
hello:  db      'A prompt in one boot sector', 13, 10, 0
prompt: db      13, 10, 'A:\>', 0
bad:    db      'Bad command or file name'
crlf:   db      13, 10, 0
kib:    db      ' KiB of memory', 13, 10, 0
        finish
