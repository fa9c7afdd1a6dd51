; undefined: an opcode that neither the 386 nor the 486 defines (LOADALL is one), and LOCK before an
; instruction that cannot be locked, raise interrupt 6, which returns to the first byte. Nothing
; else happens.
; Run: python -m pyx86emu tests/guests/undefined.bin
; models: 80386 80486
; Not tested, because QEMU differs: C6 and 8F /1 to /7, which QEMU runs as MOV and POP (Intel's map
; has /0 only); LOCK before MOV, BT and INT, which QEMU runs (386 PRM, LOCK: #UD).
; kvm: not emulated: undefined opcodes

        cpu     386
%include "guest.inc"

CODE    equ     9000h

        begin
        cli
        vector  6, on_undefined
        vector  3, on_trap
        mov     si, table
next:   lodsb
        cbw
        mov     cx, ax
        jcxz    done
        mov     word [from], 0
        mov     [row], si
        mov     di, CODE
        rep     movsb
        mov     al, 0CCh                ; INT3 after it: reached if the opcode was run
        mov     cx, 8
        rep     stosb
        mov     bx, 9100h
        mov     bp, sp
        jmp     CODE

on_undefined:
        pop     word [from]
on_trap:
        mov     sp, bp
        cmp     word [from], CODE
        je      next
        mov     si, [row]
        mov     al, [si]
        call    hex
        mov     al, [si + 1]
        call    hex
        mov     si, run
        jmp     fail
done:   pass

hex:    aam     16
        call    .digit
.digit: xchg    al, ah
        cmp     al, 10
        sbb     dl, dl
        and     dl, '0' - 'A' + 10
        add     dl, 'A' - 10
        add     dl, al
        xchg    al, dl
        out     DEBUG_TEXT, al
        ret

%macro  row_ 1+
        db      %%end - %%row
%%row:  db      %1
%%end:
%endmacro

run:    db      ' is run', 13, 10, 0
from:   dw      0
row:    dw      0
table:  row_    0Fh, 04h                ; not defined
        row_    0Fh, 05h                ; LOADALL of the 80286
        row_    0Fh, 07h                ; LOADALL of the 80386
        row_    0Fh, 0Ah
        row_    0Fh, 0Bh                ; UD2
        row_    0Fh, 0FFh
        row_    0Fh, 20h, 0C8h          ; MOV EAX,CR1
        row_    0Fh, 0C7h, 0Fh          ; CMPXCHG8B
        row_    0Fh, 0BAh, 17h, 1       ; group 8 /2
        row_    63h, 0C0h               ; ARPL, protected mode only
        row_    0Fh, 00h, 0C0h          ; SLDT
        row_    0Fh, 02h, 0C0h          ; LAR
        row_    8Ch, 0F0h               ; MOV AX,Sreg 6
        row_    8Eh, 0C8h               ; MOV CS,AX
        row_    8Dh, 0C0h               ; LEA, LES, BOUND, far JMP and CALL with a register
        row_    0C4h, 0C0h
        row_    62h, 0C0h
        row_    0FFh, 0D8h
        row_    0FFh, 0E8h
        row_    0FFh, 0F8h              ; group 5 /7
        row_    0FEh, 0D0h              ; group 4 /2
        row_    0F0h, 90h               ; LOCK NOP
        row_    0F0h, 01h, 0C0h         ; LOCK ADD AX,AX
        row_    0F0h, 03h, 07h          ; LOCK ADD AX,[BX]
        row_    0F0h, 39h, 07h          ; LOCK CMP [BX],AX
        db      0
        finish
