; patch: code that a program changes runs as changed, even the next instruction.
; Run: python -m pyx86emu tests/guests/patch.bin

        cpu     386
%include "guest.inc"

        begin
        mov     byte [.one + 1], 2      ; the operand of the next instruction
.one:   mov     al, 1
        cmp     al, 2
        require e, 'the next instruction was patched'
        mov     cx, 1000
        xor     bx, bx
.loop:  inc     word [.two + 1]         ; MOV AX,n: n grows in each iteration
.two:   mov     ax, 0
        add     bx, ax
        loop    .loop
        cmp     bx, 1000 * 1001 / 2 & 0FFFFh
        require e, 'an operand patched in a loop'
        mov     di, 9000h               ; code copied by a string instruction, then changed
        mov     si, .inc
        mov     cx, 2
        rep     movsb
        xor     ax, ax
        call    9000h
        mov     byte [9000h], 48h       ; DEC AX
        call    9000h
        call    9000h
        cmp     ax, -1
        require e, 'copied code, then patched'
        pass

.inc:   inc     ax
        ret
        finish
