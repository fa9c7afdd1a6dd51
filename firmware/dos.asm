; The entries of DOS: take each interrupt to the host, print and wait for it. Knows no DOS function.
;
; pyx86emu/dos/guest.py has the bytes of this file; a test assembles it and compares.
; Segment 0070h. An OUT to PORT+n is a call of the host (pyx86emu/dos/kernel.py). It finds the
; registers, sets the results, and leaves in `action` what is to be done before the IRET:
;   1  print `count` bytes of `text`    8  the same, then call the host for more
;   2  the same, wait for an interrupt, then call again with the registers of the caller
;   4  the same, then INT 23h (Ctrl-C)
        bits 16
        cpu 8086
        org 0
PORT    equ 10h

int21:  out PORT, al
check:  cs cmp byte [action], 0
        jne act
        iret
int20:  out PORT+1, al
        iret
int27:  out PORT+2, al
        iret
int29:  out PORT+3, al
        jmp short check
int23:  out PORT+4, al                          ; the program has no handler of its own
        jmp short check
int00:  out PORT+5, al
        jmp short check
int1b:  out PORT+6, al
nothing:
        iret
int24:  mov al, 3                               ; fail
        iret
int25:  mov ax, 0207h                           ; no such drive; the flags stay on the stack
        stc
        retf
idle:   cli
        hlt
        jmp short idle
int16:  out PORT+7, al
        db 0EAh                                 ; jmp far to the BIOS
bios16: dw 0, 0
cpm:    pop ax                                  ; CALL 5: function CL; the return address is near
        pop ax
        cs pop word [saved]
        pushf
        push ax
        cs push word [saved]
        mov ah, cl
        jmp short int21
act:    push ax
        push bx
        push cx
        push dx
        push si
        push di
        push bp
        push ds
        push es
        cs mov al, [action]
        push ax
        cs mov cx, [count]
        jcxz .printed
        mov si, text
        cld
.next:  cs lodsb
        push cx
        push si
        mov ah, 0Eh
        mov bx, 7
        int 10h
        pop si
        pop cx
        loop .next
.printed:
        pop ax
        test al, 8
        jnz more
        test al, 4
        jnz break
        test al, 2
        jnz again
        call back
        iret
again:  sti
        int 28h
        hlt
        cli
        call back
        jmp int21
more:   call back
        out PORT+8, al
        jmp check
break:  call back
        out PORT+9, al
        int 23h
        out PORT+10, al
        jmp check
back:   cs pop word [saved]
        pop es
        pop ds
        pop bp
        pop di
        pop si
        pop dx
        pop cx
        pop bx
        pop ax
        cs jmp [saved]
saved:  dw 0
action: db 0
count:  dw 0
text:
