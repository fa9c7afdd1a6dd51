; system: LMSW, SMSW, CLTS and MOV CR0 set and return the bits of MSW; without a coprocessor ESC and
; WAIT raise #NM as EM, MP and TS say.
; Run: python -m pyx86emu tests/guests/system.bin
; models: 80286 80386 80486
; kvm: not emulated: the FPU

        cpu     286
%include "guest.inc"

        begin
        cli
        vector  7, on_nm
        smsw    ax
        and     ax, 0Fh
        require z, 'PE MP EM TS are 0'
        mov     bx, 0                   ; BX = MP, EM, TS: 0, 2 .. 14
next:   mov     ax, bx
        lmsw    ax
        smsw    ax
        and     ax, 0Eh
        cmp     ax, bx
        require e, 'LMSW sets MP EM TS'
        mov     bp, 0
        db      0D9h, 0D0h              ; FNOP
        mov     ax, 0                   ; ESC: #NM if EM or TS
        test    bl, 12
        jz      .esc
        inc     ax
.esc:   cmp     ax, bp
        require e, 'ESC: EM or TS'
        mov     bp, 0
        wait
        mov     ax, 0                   ; WAIT: #NM if MP and TS
        mov     cl, bl
        and     cl, 10
        cmp     cl, 10
        jne     .wait
        inc     ax
.wait:  cmp     ax, bp
        require e, 'WAIT: MP and TS'
        add     bx, 2
        cmp     bx, 16
        jb      next
        clts
        smsw    ax
        and     ax, 0Fh
        cmp     ax, 6
        require e, 'CLTS clears TS'
        xor     ax, ax
        lmsw    ax

        mov     ax, 3002h
        push    ax
        popf
        pushf
        pop     ax
        test    ah, 30h
        jnz     later
        smsw    ax
        cmp     ax, 0FFF0h
        require e, '80286: the other bits of MSW are 1'
        pass

        cpu     386
later:  mov     eax, cr0
        mov     ebx, eax
        or      al, 0Ah
        mov     cr0, eax
        smsw    cx
        and     cx, 0Fh
        cmp     cx, 0Ah
        require e, 'MSW is the low half of CR0'
        mov     cr0, ebx
        mov     eax, 87654321h
        mov     cr2, eax
        mov     edx, cr2
        cmp     eax, edx
        require e, 'CR2 keeps 32 bits'
        pass

on_nm:  push    bp                      ; skip the instruction: FNOP has two bytes, WAIT one
        mov     bp, sp
        push    bx
        mov     bx, [bp + 2]
        cmp     byte [cs:bx], 9Bh
        je      .wait
        inc     word [bp + 2]
.wait:  inc     word [bp + 2]
        pop     bx
        pop     bp
        inc     bp
        iret

        finish
