; bios_system: INT 11h, 12h and 15h agree with the data area and the fixed addresses; a service can
; be called by PUSHF and CALL FAR.
; Run: python -m pyx86emu tests/guests/bios_system.bin

        cpu     8086
%include "guest.inc"

        begin
        int     12h
        cmp     ax, [413h]
        require e, '12h'
        cmp     ax, 640
        require e, '640 KiB'
        int     11h
        cmp     ax, [410h]
        require e, '11h'
        and     al, 31h
        cmp     al, 21h
        require e, 'drive, screen'
        cmp     word [463h], 3D4h
        require e, 'CRTC'
        cmp     word [480h], 1Eh
        require e, 'buffer'
        test    byte [496h], 10h
        require nz, '101 keys'
        mov     ax, 0FFFFh
        mov     es, ax
        cmp     byte [es:0Eh], 0FCh
        require e, 'model AT'

        mov     ah, 0C0h
        int     15h
        require nc, 'C0h'
        cmp     byte [es:bx + 2], 0FCh
        require e, 'table'
        mov     ax, 4F1Eh
        int     15h
        require c, '4Fh: CF=1'
        cmp     al, 1Eh
        require e, '4Fh keeps AL'
        mov     ax, 0ABCDh
        int     15h
        require c, 'unknown'
        cmp     ah, 86h
        require e, '86h'
        mov     ah, 88h
        int     15h
        require nc, '88h'
        mov     ax, 2402h
        int     15h
        cmp     al, 1
        require be, 'A20'

        mov     si, 1111h               ; CALL FAR: registers and IF come back unchanged
        mov     di, 2222h
        mov     bp, 3333h
        mov     bx, 0007h
        mov     cx, 4444h
        mov     ax, 0E2Eh
        cli
        pushf
        call    far [10h * 4]
        pushf
        pop     dx
        sti
        test    dh, 02h
        require z, 'IF as it was'
        cmp     ax, 0E2Eh
        require e, 'AX'
        add     si, di
        cmp     si, bp
        require e, 'SI DI BP'
        cmp     cx, 4444h
        require e, 'CX'
        pass
        finish
