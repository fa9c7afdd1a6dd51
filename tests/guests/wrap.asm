; wrap: when IP passes FFFFh, the 8086 and 80186 continue at offset 0, even inside an instruction.
; On later models the fetch raises interrupt 13, and so does a word at FFFFh.
; Run: python -m pyx86emu tests/guests/wrap.bin
; models: 8086 80186 80286 80386 80486
; qemu: no, it has no limit of 64 KiB in real mode. Intel: interrupt 13 (386 PRM 14.7)

        cpu     8086
%include "guest.inc"

BASE equ     2000h

        begin
        cli
        vector  13, on_fault
        mov     ax, BASE
        mov     es, ax
        ; NOP; MOV AL,imm8; RETF. The immediate is at offset 0, after the end of the segment.
        mov     word [es:0FFFEh], 0B090h
        mov     word [es:0], 0CB5Ah
        mov     si, 1                           ; ES:SI-2 is a word at FFFFh
        push    sp
        pop     ax
        cmp     ax, sp
        je      faulting                        ; PUSH SP pushed the old SP: an 80286 or later

        mov     al, 0
        call    BASE:0FFFEh
        cmp     al, 5Ah
        require e, 'the immediate is at offset 0'
        mov     byte [es:0], 0CBh
        mov     byte [es:0FFFFh], 90h
        call    BASE:0FFFFh
        mov     byte [es:0], 34h
        mov     byte [es:0FFFFh], 12h
        mov     ax, [es:si - 2]
        cmp     ax, 3412h
        require e, 'a word at FFFFh ends at offset 0'
        jmp     passed

faulting:
        mov     bp, sp
        call    BASE:0FFFEh
        cmp     word [from], 0FFFFh
        require e, 'an instruction cut off faults at its first byte'
        mov     byte [es:0FFFFh], 90h
        mov     word [from], 1
        mov     bp, sp
        call    BASE:0FFFFh
        cmp     word [from], 0
        require e, 'behind the last byte the fetch faults'
        mov     word [from], 1
        mov     bp, sp
        call    0:load
        cmp     word [from], load
        require e, 'a word at FFFFh faults'
passed: pass

load:   mov     ax, [es:si - 2]
        retf

on_fault:                               ; return from the far call; BP = SP before it
        pop     word [from]
        mov     sp, bp
        sub     sp, 4
        retf

from:   dw      1
        finish
