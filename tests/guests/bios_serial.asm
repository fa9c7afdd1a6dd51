; bios_serial: INT 14h sets up COM1, receives what it sends (16550A loopback), times out, and
; returns an error for a port that is absent.
; Run: python -m pyx86emu tests/guests/bios_serial.bin

        cpu     8086
%include "guest.inc"

        begin
        cmp     word [400h], 3F8h
        require e, 'COM1'
        mov     ax, 00E3h               ; 9,600 8N1
        mov     dx, 0
        int     14h
        test    ah, 60h
        require nz, 'transmitter empty'
        mov     dx, 3FBh
        in      al, dx
        cmp     al, 03h
        require e, '8N1'
        mov     al, 83h
        out     dx, al
        mov     dx, 3F8h
        in      al, dx
        cmp     al, 12
        require e, 'divisor'
        mov     dx, 3FBh
        mov     al, 03h
        out     dx, al
        inc     dx
        mov     al, 13h                 ; loopback
        out     dx, al
        mov     si, text
.next:  mov     dx, 0
        mov     ah, 01h
        mov     al, [si]
        int     14h
        test    ah, 80h
        require z, 'sent'
        mov     ah, 02h
        int     14h
        test    ah, 80h
        require z, 'received'
        cmp     al, [si]
        require e, 'the same'
        inc     si
        cmp     byte [si], 0
        jne     .next
        mov     ah, 00h
        int     1Ah
        mov     di, dx
        mov     dx, 0
        mov     ah, 02h
        int     14h
        test    ah, 80h
        require nz, 'time-out'
        mov     ah, 00h
        int     1Ah
        sub     dx, di
        sub     dx, 18
        cmp     dx, 2
        require be, 'of a second'
        mov     dx, 3
        mov     ah, 03h
        int     14h
        cmp     ah, 80h
        require e, 'no COM4'
        pass
text:   db      'Loop', 0
        finish
