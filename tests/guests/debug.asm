; debug: breakpoints on code and data raise INT 1 and set DR6, RF skips a breakpoint once, and the
; reserved bits of DR6 are fixed.
; Run: python -m pyx86emu tests/guests/debug.bin
; models: 80386 80486
; kvm: not emulated: debug registers

        cpu     386
%include "guest.inc"

data_   equ     9000h

        begin
        cli
        vector  1, on_debug
        xor     eax, eax
        mov     dr6, eax
        mov     eax, dr6
        cmp     eax, 0FFFF0FF0h
        require e, 'DR6 reads FFFF0FF0'

        mov     eax, point              ; DR0: code
        mov     dr0, eax
        mov     eax, data_
        mov     dr1, eax
        mov     eax, data_ + 6
        mov     dr2, eax
        mov     eax, 03500015h          ; DR0: code; DR1: word, store; DR2: byte, load or store
        mov     dr7, eax
        xor     bx, bx
point:  inc     bx
        cmp     bx, 1
        require e, 'run once'
        mov     al, 1
        call    came
        require e, 'code: B0'

        mov     ax, [data_]
        call    none
        require e, 'not a load'
        mov     [data_ + 1], al
        mov     al, 2
        call    came
        require e, 'store: B1'
        mov     [data_ + 2], al
        call    none
        require e, 'not the next byte'
        mov     al, [data_ + 6]
        mov     al, 4
        call    came
        require e, 'load: B2'
        push    dword [data_ + 3]
        mov     al, 4
        call    came
        require e, 'overlap'
        pop     eax
        mov     si, data_
        mov     di, data_
        mov     cx, 4
        rep     movsw
        mov     al, 6
        call    came
        require e, 'strings: B1 B2'
        xor     eax, eax
        mov     dr7, eax
        mov     [data_], ax
        call    none
        require e, 'all off'
        pass

none:   mov     al, 0
came:   cmp     al, [why]               ; ZF=1: DR6 had exactly the bits of AL since the last call
        mov     byte [why], 0
        ret

on_debug:
        pop     word [back]
        add     sp, 4
        push    eax
        mov     eax, dr6
        and     al, 0Fh
        or      [why], al
        xor     eax, eax
        mov     dr6, eax
        pop     eax
        push    dword 10002h            ; IRETD, as only 32-bit flags have RF
        push    dword 0
        push    dword [back]
        iretd

back:   dd      0
why:    db      0
        finish
