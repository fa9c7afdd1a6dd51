; clock: the RTC counts seconds, and its periodic interrupt raises IRQ 8 at 1,024 Hz.
; Run: python -m pyx86emu tests/guests/clock.bin

        cpu     8086
%include "guest.inc"

        begin
        cli
        mov     word [70h * 4], on_rtc
        mov     word [70h * 4 + 2], 0
        in      al, 0A1h
        and     al, 0FEh
        out     0A1h, al
        mov     ah, 42h                 ; register B: periodic interrupt, 24 hours
        mov     al, 0Bh
        call    cmos
        mov     al, 0Ch
        out     70h, al
        in      al, 71h
        mov     al, 0
        out     70h, al
        in      al, 71h
        mov     bl, al                  ; seconds
        sti
.wait:  hlt
        cmp     word [count], 1030
        jb      .wait
        mov     al, 0
        out     70h, al
        in      al, 71h
        cmp     al, bl
        require ne, 'a second has passed after 1,030 interrupts of 1,024 Hz'
        pass

cmos:   out     70h, al
        mov     al, ah
        out     71h, al
        ret

on_rtc: push    ax
        inc     word [cs:count]
        mov     al, 0Ch                 ; the next interrupt needs this read
        out     70h, al
        in      al, 71h
        mov     al, 20h
        out     0A0h, al
        out     20h, al
        pop     ax
        iret

count:  dw      0
        finish
