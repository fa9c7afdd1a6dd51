; A prompt that waits as COMMAND.COM does. "p" shows a picture until a key is pressed.
        org 7C00h
        cpu 8086
        xor ax, ax
        mov ds, ax
        cld
prompt: mov si, text
        call print
        mov di, 600h
again:  int 28h                 ; DOS waits for a key
        mov ah, 1
        int 16h
        jz again
        mov ah, 0
        int 16h
        cmp al, 3
        je break
        cmp al, 13
        je enter
        cmp ax, 3D00h           ; F3
        je f3
        mov [di], al
        inc di
put:    mov ah, 0Eh
        int 10h
        jmp again
f3:     mov al, '3'
        jmp put
break:  mov si, ctrl_c
        jmp line
enter:  cmp byte [600h], 'p'
        je picture
        mov si, bad
line:   call print
        jmp prompt
picture: mov byte [600h], 0
        mov ax, 13h
        int 10h
        mov ax, 0A000h
        mov es, ax
        xor di, di
        mov ax, 404h            ; red
        mov cx, 32000
        rep stosw
        mov ah, 0
        int 16h
        mov ax, 3
        int 10h
        jmp prompt
print:  lodsb
        test al, al
        jz .end
        mov ah, 0Eh
        int 10h
        jmp print
.end:   ret
text:   db 13, 10, "A:\>", 0
ctrl_c: db "^C", 0
bad:    db 13, 10, "Bad command or file name", 0
        times 510 - ($ - $$) db 0
        dw 0AA55h
