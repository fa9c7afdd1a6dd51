; prefixes: an instruction with its prefixes has at most 10 bytes on the 80286 and 15 on later
; models. A longer one raises interrupt 13, which returns to its first byte. The 8086 and 80186 have
; no limit.
; Run: python -m pyx86emu tests/guests/prefixes.bin
; models: 8086 80186 80286 80386 80486

        cpu     8086
%include "guest.inc"

CODE    equ     9000h

        begin
        cli
        vector  13, on_fault
        mov     bx, 0                   ; BX = the limit, 0: none
        push    sp
        pop     ax
        cmp     ax, sp
        jne     known                   ; PUSH SP: the 8086 and 80186 push the new SP
        mov     bx, 10
        mov     ax, 3002h
        push    ax
        popf
        pushf
        pop     ax
        test    ah, 30h
        jz      known
        mov     bx, 15
known:  cmp     bx, 0
        je      unlimited
        mov     dx, bx
        call    try
        cmp     word [faults], 0
        require e, 'as long as the limit: runs'
        inc     dx
        call    try
        cmp     word [faults], 1
        require e, 'one byte more: interrupt 13'
        cmp     word [from], CODE
        require e, 'which returns to the first prefix'
        mov     dx, 40
        call    try
        cmp     word [faults], 2
        require e, 'many more: interrupt 13'
        pass

unlimited:
        mov     dx, 40
        call    try
        mov     dx, 400
        call    try
        pass

; Run a MOV AX,imm16 of DX bytes. Its prefixes alternate between DS: and ES:.
try:
        mov     di, CODE
        mov     cx, dx
        sub     cx, 3
        mov     al, 3Eh
.more:  stosb
        xor     al, 3Eh ^ 26h
        loop    .more
        mov     al, 0B8h
        stosb
        mov     ax, 1234h
        stosw
        mov     al, 0C3h
        stosb
        xor     ax, ax
        mov     bp, sp
        call    CODE
after:  cmp     ax, 1234h
        require e, 'it is run'
        ret

on_fault:
        pop     word [from]
        mov     sp, bp
        inc     word [faults]
        ret

from:   dw      0
faults: dw      0
        finish
