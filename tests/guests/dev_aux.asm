; dev_aux: the auxiliary port of the 8042: D3h and D4h, wrap mode, IRQ 12, the bits of the command
; byte.
; Run: python -m pyx86emu tests/guests/dev_aux.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     al, 0A8h
        call    command
        mov     al, 20h
        call    command
        call    take
        and     al, ~20h
        or      al, 02h
        mov     [mode], al
        mov     al, 60h
        mov     ah, [mode]
        call    operand
        mov     ah, 0EEh                ; wrap: each byte comes back
        call    mouse
        call    take
        cmp     al, 0FAh
        require e, 'FAh'
        mov     ah, 42h
        call    mouse
        call    take
        cmp     al, 42h
        require e, 'wrapped'
        test    ah, 20h
        require nz, 'AUX'
        mov     ah, 0ECh
        call    mouse
        call    take
        cmp     al, 0FAh
        require e, 'end of wrap'

        vector  74h, on_irq12
        in      al, 0A1h
        and     al, 0EFh
        out     0A1h, al
        mov     ax, 77D3h               ; as if from the mouse
        call    operand
        mov     cx, 0
.wait:  cmp     byte [got], 77h
        loopne  .wait
        require e, 'IRQ 12'
        mov     al, [mode]
        and     al, 0FDh
        mov     ah, al
        mov     al, 60h
        call    operand
        mov     byte [got], 0
        mov     ax, 55D3h
        call    operand
        mov     cx, 1000
.quiet: loop    .quiet
        cmp     byte [got], 0
        require e, 'IRQ 12 off'
        call    take
        cmp     al, 55h
        require e, 'still there'
        pass

command:
        call    .empty
        out     64h, al
        ret
.empty: push    ax
.full:  in      al, 64h
        test    al, 2
        jnz     .full
        pop     ax
        ret
mouse:  mov     al, 0D4h
operand:
        call    command
        call    command.empty
        mov     al, ah
        out     60h, al
        ret
take:   mov     cx, 0
.wait:  in      al, 64h
        mov     ah, al
        test    al, 1
        loopz   .wait
        in      al, 60h
        ret
mode:   db      0
got:    db      0
on_irq12:
        push    ax
        in      al, 60h
        mov     [cs:got], al
        mov     al, 20h
        out     0A0h, al
        out     20h, al
        pop     ax
        iret
        finish
