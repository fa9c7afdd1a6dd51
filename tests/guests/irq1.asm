; irq1: a guest with its own handler of IRQ 1 reads each scan code at port 60h: make, break, E0.
; Run: python -m pyx86emu tests/guests/irq1.bin --type 'a{left}'
; types: a{left}

        cpu     8086
%include "guest.inc"

        begin
        cli
        mov     word [9 * 4], on_key
        mov     word [9 * 4 + 2], 0
        sti
.wait:  hlt
        cmp     word [slot], codes + 6
        jb      .wait
        mov     si, codes
        mov     di, expected
        mov     cx, 6
        repe    cmpsb
        require e, 'a and left arrow: 1E 9E E0 4B E0 CB'
        pass

on_key: push    ax
        push    bx
        in      al, 60h
        mov     bx, [cs:slot]
        mov     [cs:bx], al
        inc     word [cs:slot]
        mov     al, 20h
        out     20h, al
        pop     bx
        pop     ax
        iret

slot:     dw      codes
expected:
        db      1Eh, 9Eh, 0E0h, 4Bh, 0E0h, 0CBh
codes:  times   8 db 0
        finish
