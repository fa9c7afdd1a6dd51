; bytecode: an interpreter of a stack machine adds the numbers from 100 down to 1, ECX times. After
; each operation it jumps through a table.
        bits    16
        org     7C00h

VARS    equ 1000h
STACK   equ 6000h

        mov     ebp, ecx
        mov     sp, STACK
        cld
turn:   mov     word [VARS], 0          ; the sum
        mov     word [VARS + 2], 100    ; the number to add
        mov     si, program
next:   lodsb
        mov     bl, al
        xor     bh, bh
        jmp     [bx + table]

op_load:                                ; push a variable
        lodsb
        cbw
        mov     di, ax
        push    word [di + VARS]
        jmp     next
op_store:                               ; pop a variable
        lodsb
        cbw
        mov     di, ax
        pop     word [di + VARS]
        jmp     next
op_push:                                ; push a number
        lodsb
        cbw
        push    ax
        jmp     next
op_add: pop     dx
        pop     ax
        add     ax, dx
        push    ax
        jmp     next
op_sub: pop     dx
        pop     ax
        sub     ax, dx
        push    ax
        jmp     next
op_jump_unless_0:                       ; pop; jump relative to the next operation
        lodsb
        cbw
        pop     dx
        test    dx, dx
        jz      next
        add     si, ax
        jmp     next
op_end: dec     ebp
        jnz     turn
        hlt

table:  dw      op_load, op_store, op_push, op_add, op_sub, op_jump_unless_0, op_end
LOAD    equ 0                           ; offsets into the table
STORE   equ 2
NUMBER  equ 4
PLUS    equ 6
MINUS   equ 8
AGAIN   equ 10
FINISH  equ 12

program:
        db      LOAD, 0, LOAD, 2, PLUS, STORE, 0
        db      LOAD, 2, NUMBER, 1, MINUS, STORE, 2
        db      LOAD, 2, AGAIN, program - after
after:  db      FINISH
