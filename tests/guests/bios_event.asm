; bios_event: INT 15h AH=83h sets its flag after the time asked for, the alarm of INT 1Ah AH=06h
; calls INT 4Ah once; both use IRQ 8.
; Run: python -m pyx86emu tests/guests/bios_event.bin
; kvm: no: it measures short times, which a busy host makes longer

        cpu     8086
%include "guest.inc"

        begin
        mov     word [4Ah * 4], on_alarm
        mov     word [4Ah * 4 + 2], 0
        mov     ax, 8300h
        mov     bx, flag
        mov     cx, 7                   ; half a second
        mov     dx, 0A120h
        int     15h
        require nc, '83h'
        mov     ax, 8300h
        int     15h
        require c, 'one at a time'
        mov     ah, 00h
        int     1Ah
        mov     si, dx
.wait:  hlt
        test    byte [flag], 80h
        jnz     .set
        mov     ah, 00h
        int     1Ah
        sub     dx, si
        cmp     dx, 20
        jb      .wait
.set:   test    byte [flag], 80h
        require nz, 'flag'
        mov     ah, 00h
        int     1Ah
        sub     dx, si
        sub     dx, 8
        cmp     dx, 3
        require be, 'in time'
        cmp     byte [4A0h], 0
        require e, 'wait over'

        mov     cx, 1200h
        mov     dx, 0000h
        mov     ah, 03h
        int     1Ah
        mov     cx, 1200h
        mov     dx, 0200h
        mov     ah, 06h
        int     1Ah
        require nc, '06h'
        mov     ah, 06h
        int     1Ah
        require c, 'one alarm'
        mov     si, 60
.ring:  hlt
        mov     ah, 86h
        mov     cx, 0
        mov     dx, 50000
        int     15h
        dec     si
        jnz     .ring
        cmp     byte [alarms], 1
        require e, 'it rang once'
        mov     ah, 07h
        int     1Ah
        pass

on_alarm:
        inc     byte [cs:alarms]
        iret
flag:   db      0
alarms: db      0
        finish
