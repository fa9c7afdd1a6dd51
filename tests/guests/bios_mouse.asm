; bios_mouse: INT 15h AH=C2h sets up the mouse, whose packets then reach a routine of the guest.
; Run: by tests/guests/test_guests.py, which moves the mouse when the guest writes "move" to E9h
; moves: 5 -3 1

        cpu     8086
%include "guest.inc"

        begin
        mov     ax, [410h]
        test    al, 4
        require nz, 'equipment'
        mov     ax, 0C200h
        mov     bh, 1
        int     15h
        require c, 'no routine yet'
        cmp     ah, 5
        require e, 'AH=5'
        mov     ax, 0C205h
        mov     bh, 3
        int     15h
        require nc, 'C205h'
        cmp     bx, 00AAh
        require e, 'self-test'
        mov     ax, 0C202h
        mov     bh, 2
        int     15h
        require nc, 'C202h'
        mov     ax, 0C203h
        mov     bh, 3
        int     15h
        require nc, 'C203h'
        mov     ax, 0C206h
        mov     bh, 2
        int     15h
        require nc, 'C206h'
        mov     ax, 0C206h
        mov     bh, 0
        int     15h
        cmp     bl, 10h
        require e, 'status'
        cmp     cl, 3
        require e, 'resolution'
        cmp     dl, 40
        require e, 'rate'
        mov     ax, 0C202h
        mov     bh, 7
        int     15h
        require c, 'a wrong rate'
        mov     ax, 0C20Ah
        int     15h
        cmp     ah, 1
        require e, 'no function'
        mov     ax, 0C201h
        int     15h
        mov     ax, 0C207h
        mov     bx, routine
        int     15h
        mov     ax, 0C200h
        mov     bh, 1
        int     15h
        require nc, 'on'
        mov     si, text
.say:   lodsb
        out     0E9h, al
        cmp     al, 10
        jne     .say
.wait:  hlt
        test    byte [buttons], 1
        jz      .wait
        cmp     byte [buttons], 09h
        require e, 'status'
        cmp     word [x], 5
        require e, 'X'
        cmp     word [y], 3
        require e, 'Y'
        pass
text:   db      'move', 10
buttons db      0
x       dw      0
y       dw      0
routine:                                ; it adds up, as one movement may be several packets
        mov     bp, sp
        push    cs
        pop     ds
        mov     ax, [bp + 10]
        mov     [buttons], al
        mov     ax, [bp + 8]
        add     [x], ax
        mov     ax, [bp + 6]
        add     [y], ax
        retf
        finish
