; floppy: INT 13h returns the geometry (08h), writes a sector, reads it back, and refuses a sector
; past the track.
; Run: python -m pyx86emu tests/guests/floppy.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     ah, 8
        xor     dl, dl
        int     13h
        require nc, 'INT 13h AH=08h'
        cmp     dh, 1
        require e, 'two heads'
        push    ds
        pop     es
        mov     di, 1000h               ; fill a sector with a pattern
        mov     cx, 256
.fill:  mov     ax, cx
        xor     ax, 5AA5h
        stosw
        loop    .fill
        mov     ax, 0301h
        mov     bx, 1000h
        mov     cx, 2705h               ; cylinder 39, sector 5
        mov     dx, 0100h
        int     13h
        require nc, 'write one sector'
        mov     ax, 0201h
        mov     bx, 1200h
        mov     cx, 2705h
        mov     dx, 0100h
        int     13h
        require nc, 'read it'
        cmp     al, 1
        require e, 'AL tells how many'
        mov     si, 1000h
        mov     di, 1200h
        mov     cx, 256
        repe    cmpsw
        require e, 'what was read is what was written'
        mov     ax, 0201h
        mov     bx, 1200h
        mov     cx, 0001h
        xor     dx, dx
        int     13h
        mov     si, 7C00h
        mov     di, 1200h
        mov     cx, 20
        repe    cmpsw
        require e, 'sector 1 is this boot sector'
        mov     ax, 0201h
        mov     cx, 0013h               ; sector 19 does not exist
        xor     dx, dx
        int     13h
        require c, 'a sector beyond the track is an error'
        pass
        finish
