; smc: code that was run and then changed runs as changed, for each way a processor stores.
; Run: python -m pyx86emu tests/guests/smc.bin
; models: 8086 80186 80286 80386 80486

        cpu     8086
%include "guest.inc"

CODE    equ     90FFh                   ; INC AX; RET, across two 256-byte pages

; check 'how': the stores before it must have changed INC AX to INC BX.
%macro  check   1
        call    judge
        require e, %1
%endmacro

        begin
        cli
        call    prepare
        mov     byte [CODE], 43h
        check   'MOV'
        mov     ax, 900h                ; 0900:00FF is CODE, too
        mov     es, ax
        mov     byte [es:00FFh], 43h
        check   'other segment'
        mov     di, CODE
        mov     al, 43h
        push    ds
        pop     es
        stosb
        check   'STOSB'
        mov     di, CODE - 1
        mov     ax, 4390h
        stosw
        check   'STOSW'
        mov     si, inc_bx
        mov     di, CODE
        mov     cx, 2
        rep     movsb
        check   'REP MOVSB'
        mov     si, inc_bx
        mov     di, CODE
        movsw
        check   'MOVSW'
        std
        mov     di, CODE + 1
        mov     si, inc_bx + 1
        mov     cx, 2
        rep     movsb
        cld
        check   'downwards'
        mov     al, 43h
        xchg    al, [CODE]
        check   'XCHG'
        xor     byte [CODE], 40h ^ 43h
        check   'XOR'
        add     byte [CODE], 1
        inc     byte [CODE]
        inc     byte [CODE]
        check   'ADD, INC'
        mov     [back], sp
        mov     sp, CODE + 2
        mov     ax, 0C343h
        push    ax
        mov     sp, [back]
        check   'PUSH'
        mov     [back], sp
        mov     sp, CODE + 2
        push    word [inc_bx]
        mov     sp, [back]
        check   'PUSH m'
        mov     sp, inc_bx
        pop     word [CODE]
        mov     sp, [back]
        check   'POP m'
        pass

; ZF=1: CODE is INC BX. Then change it back to INC AX and run that.
judge:  xor     ax, ax
        xor     bx, bx
        call    CODE
        cmp     bx, 1
        pushf
        call    prepare
        popf
        ret

prepare:
        mov     word [CODE], 0C340h
        mov     cx, 3
.run:   call    CODE
        loop    .run
        ret

inc_bx: db      43h, 0C3h
back:   dw      0
        finish
