; bios_format: INT 13h AH=18h accepts the geometry of the medium and no other, 05h formats a track,
; 16h returns the change line, INT 40h is the diskette service.
; Run: python -m pyx86emu tests/guests/bios_format.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     ah, 08h
        mov     dl, 0
        int     13h
        mov     [geometry], cx
        mov     ah, 18h
        mov     dl, 0
        int     13h
        require nc, '18h'
        mov     al, [es:di + 4]
        cmp     al, [geometry]
        require e, 'table of the medium'
        mov     cx, 5021h
        mov     ah, 18h
        mov     dl, 0
        int     13h
        cmp     ah, 0Ch
        require e, 'unknown medium'

        push    ds                      ; C, H, R, N of each sector of cylinder 7, head 1
        pop     es
        mov     di, 8000h
        mov     cl, 1
.id:    mov     ax, 0107h
        stosw
        mov     al, cl
        mov     ah, 2
        stosw
        inc     cx
        cmp     cl, [geometry]
        jbe     .id
        mov     ah, 05h
        mov     al, [geometry]
        mov     bx, 8000h
        mov     cx, 0701h
        mov     dx, 0100h
        int     13h
        require nc, '05h'
        mov     ax, 0201h
        mov     bx, 8200h
        mov     cl, [geometry]
        mov     ch, 7
        mov     dx, 0100h
        pushf
        call    far [40h * 4]
        require nc, 'read by INT 40h'
        mov     di, bx
        mov     al, 0F6h
        mov     cx, 512
        repe    scasb
        require e, 'filled with F6h'

        mov     ah, 16h
        mov     dl, 0
        int     13h
        jnc     .same
        cmp     ah, 06h
        require e, '16h'
.same:  mov     ah, 02h
        mov     al, 0
        mov     dl, 0
        int     13h
        cmp     ah, 01h
        require e, 'no sectors'
        mov     ax, 0201h
        mov     cx, 0001h
        mov     dx, 0001h
        int     13h
        require c, 'drive B is absent'
        mov     ah, 08h
        mov     dl, 1
        int     13h
        cmp     cx, 0
        require e, 'so it has no sectors'
        pass
geometry:
        dw      0
        finish
