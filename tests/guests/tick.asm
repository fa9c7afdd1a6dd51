; tick: IRQ 0 ends a HLT 18.2 times a second; INT 08h counts it at 40:6C and calls INT 1Ch. A faster
; channel 0 interrupts once a period.
; Run: python -m pyx86emu tests/guests/tick.bin

        cpu     8086
%include "guest.inc"

        begin
        cli
        mov     word [1Ch * 4], on_tick
        mov     word [1Ch * 4 + 2], 0
        sti
        mov     bx, [46Ch]
        mov     cx, 5
.wait:  hlt
        cmp     [46Ch], bx
        je      .wait
        mov     bx, [46Ch]
        loop    .wait
        cmp     word [calls], 5
        require ae, 'INT 1Ch is called with every tick'

        mov     al, 0FFh                ; mask all IRQs except the timer
        out     0A1h, al
        mov     al, 0FEh
        out     21h, al
        mov     al, 34h                 ; channel 0: mode 2, 1193 counts, 1 ms
        out     43h, al
        mov     al, 1193 & 255
        out     40h, al
        mov     al, 1193 >> 8
        out     40h, al
        mov     bx, [46Ch]
        mov     cx, 100
.ms:    hlt
        loop    .ms
        mov     ax, [46Ch]
        sub     ax, bx
        cmp     ax, 99
        require ae, 'a faster channel 0 ticks faster'
        cmp     ax, 101
        require be, 'one interrupt a period'
        pass

on_tick:
        inc     word [cs:calls]
        iret

calls:  dw      0
        finish
