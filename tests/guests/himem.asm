; himem: FFFF:0010 is 100000h with A20 open and 0 with A20 closed, also for code. Code that was
; decoded at one address is not run at the other.
; Run: python -m pyx86emu tests/guests/himem.bin -m 2M
; needs: memory=2M
; models: 80286 80386 80486
; kvm: no: it closes A20

        cpu     286
%include "guest.inc"

LOW     equ     8000h                   ; with A20 closed also at FFFF:LOW+10h

        begin
        cli
        mov     ax, 0FFFFh
        mov     es, ax
        mov     al, 2
        out     92h, al
        mov     byte [LOW], 40h          ; INC AX; RETF
        mov     byte [LOW + 1], 0CBh
        mov     byte [es:LOW + 10h], 43h ; INC BX; RETF
        mov     byte [es:LOW + 11h], 0CBh
        xor     ax, ax
        xor     bx, bx
        mov     cx, 3
.turn:  call    0FFFFh:LOW + 10h
        push    ax
        mov     al, 0
        out     92h, al
        pop     ax
        call    0FFFFh:LOW + 10h
        push    ax
        mov     al, 2
        out     92h, al
        pop     ax
        loop    .turn
        cmp     bx, 3
        require e, 'A20 open: code above 1 MiB'
        cmp     ax, 3
        require e, 'A20 closed: the same address is below 64 KiB'

        xor     ax, ax                  ; closed: a store by one address changes code at the other
        out     92h, al
        call    0:LOW                   ; AX is 1
        mov     byte [es:LOW + 10h], 48h ; DEC AX
        call    0:LOW
        call    0FFFFh:LOW + 10h
        cmp     ax, -1
        require e, 'a store through the alias changes the code'

        mov     al, 2                   ; open: a word across 1 MiB
        out     92h, al
        mov     word [0], 0
        mov     byte [es:10h], 0
        mov     ax, 0FFF1h
        mov     ds, ax
        mov     word [0EFh], 1122h
        cmp     byte [es:10h], 11h
        mov     ax, 0
        mov     ds, ax
        require e, 'a word across 1 MiB'
        cmp     word [0], 0
        require e, 'does not reach 0'
        mov     al, 0
        out     92h, al
        mov     ax, 0FFFFh
        mov     ds, ax
        mov     byte [10h], 33h
        mov     ax, 0
        mov     ds, ax
        cmp     byte [0], 33h
        require e, 'A20 closed: FFFF:0010 is 0'
        pass
        finish
