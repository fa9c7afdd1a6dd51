; bios_time: INT 1Ah sets and returns time, date and ticks, past midnight too; INT 15h AH=86h waits
; as long as the ticks say; each tick calls INT 1Ch.
; Run: python -m pyx86emu tests/guests/bios_time.bin
; kvm: no: it measures short times, which a busy host makes longer

        cpu     8086
%include "guest.inc"

        begin
        mov     ah, 04h
        int     1Ah
        require nc, 'date'
        cmp     ch, 20h
        require e, 'century'
        mov     cx, 1999h
        mov     dx, 1231h
        mov     ah, 05h
        int     1Ah
        mov     cx, 2359h
        mov     dx, 5800h
        mov     ah, 03h
        int     1Ah
        mov     cx, 30                  ; 3,000,000 microseconds
.tenth: push    cx
        mov     cx, 1
        mov     dx, 86A0h
        mov     ah, 86h
        int     15h
        require nc, 'wait'
        pop     cx
        loop    .tenth
        mov     ah, 04h
        int     1Ah
        cmp     cx, 2000h
        require e, 'year 2000'
        cmp     dx, 0101h
        require e, 'new year'
        mov     ah, 02h
        int     1Ah
        cmp     cx, 0
        require e, 'midnight'

        mov     word [1Ch * 4], on_tick
        mov     word [1Ch * 4 + 2], 0
        mov     cx, 18h
        mov     dx, 00A0h
        mov     ah, 01h
        int     1Ah
        mov     cx, 000Fh               ; 1,000,000 microseconds: 18 ticks, past midnight
        mov     dx, 4240h
        mov     ah, 86h
        int     15h
        mov     ah, 00h
        int     1Ah
        cmp     al, 1
        require e, 'midnight flag'
        cmp     cx, 0
        require e, 'ticks start again'
        sub     dx, 2
        cmp     dx, 1
        require be, 'a second has 18.2 ticks'
        mov     ax, [count]
        sub     ax, 18
        cmp     ax, 1
        require be, 'INT 1Ch at each'
        mov     ah, 00h
        int     1Ah
        cmp     al, 0
        require e, 'midnight is told once'
        pass

on_tick:
        inc     word [cs:count]
        iret
count:  dw      0
        finish
