; bios_break: Ctrl-Break, PrtSc and SysRq call their interrupts; Ins toggles once while it is held;
; a hook of INT 15h AH=4Fh can drop a key.
; Run: python -m pyx86emu tests/guests/bios_break.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     di, 1Bh * 4
        mov     ax, on_break
        stosw
        mov     ax, cs
        stosw
        mov     word [05h * 4], on_print
        mov     [05h * 4 + 2], cs
        mov     ax, [15h * 4]
        mov     [old], ax
        mov     ax, [15h * 4 + 2]
        mov     [old + 2], ax
        cli
        mov     word [15h * 4], on_system
        mov     [15h * 4 + 2], cs
        sti
        mov     bp, codes
.next:  mov     al, [bp]
        inc     bp
        cmp     al, 0
        je      .told
        call    play
        jmp     .next
.told:  cmp     byte [breaks], 1
        require e, 'INT 1Bh'
        test    byte [471h], 80h
        require nz, '40:71'
        cmp     byte [prints], 1
        require e, 'INT 05h'
        cmp     word [sysreqs], 0101h
        require e, 'SysRq down and up'
        mov     ah, 10h                 ; Ctrl-Break empties the buffer and stores 0000h
        int     16h
        cmp     ax, 0
        require e, '0000h'
        mov     ah, 10h                 ; the hook of 4Fh dropped B
        int     16h
        cmp     ax, 2E63h
        require e, 'C'
        mov     ah, 01h
        int     16h
        require z, 'no more'
        mov     al, 0E0h                ; Ins repeats, but toggles once
        call    play
        mov     al, 52h
        call    play
        mov     al, 52h
        call    play
        mov     ah, 12h
        int     16h
        cmp     al, 80h
        require e, 'Ins'
        pass

on_break:
        inc     byte [cs:breaks]
        iret
on_print:
        inc     byte [cs:prints]
        iret
on_system:
        cmp     ah, 85h
        jne     .key
        add     al, al                  ; 0: low byte, 1: high byte
        jz      .down
        inc     byte [cs:sysreqs]
.down:  inc     byte [cs:sysreqs + 1]
        cmp     al, 0
        je      .done
        dec     byte [cs:sysreqs + 1]
.done:  iret
.key:   cmp     ax, 4F30h               ; B: CF=0, so the BIOS drops it
        jne     .old
        push    bp
        mov     bp, sp
        and     byte [bp + 6], 0FEh
        pop     bp
        iret
.old:   jmp     far [cs:old]

play:   push    ax
.wait:  in      al, 64h
        test    al, 3
        jnz     .wait
        mov     al, 0D2h
        out     64h, al
.again: in      al, 64h
        test    al, 2
        jnz     .again
        pop     ax
        out     60h, al
        mov     cx, 400
.rest:  loop    .rest
        ret

codes:  db      1Eh, 1Dh, 0E0h, 46h, 0E0h, 0C6h, 9Dh    ; A, Ctrl-Break
        db      0E0h, 2Ah, 0E0h, 37h, 0E0h, 0B7h, 0E0h, 0AAh    ; PrtSc
        db      38h, 54h, 0D4h, 0B8h                    ; SysRq
        db      30h, 2Eh, 0                             ; B, C
old:    dw      0, 0
breaks: db      0
prints: db      0
sysreqs:
        dw      0
        finish
