; disk_order: the hard disk comes first in the boot order, but its first sector has only zeros; so
; the diskette starts, with DL = 00h. CMOS 3Dh has the order; both disks can be read.
; boots: fda after a blank hda
; Run: python -m pyx86emu -boot ca -fda tests/guests/disk_order.bin -hda blank.img

        cpu     8086
%include "guest.inc"

        mov     [7A00h], ax             ; before BEGIN changes them; DS = 0 is checked first
        mov     ax, ds
        test    ax, ax
        require z, 'DS = 0'
        mov     [7A02h], dx
        begin
        cmp     word [7A00h], 0AA55h
        require e, 'AX'
        cmp     word [7A02h], 0
        require e, 'DX = 0000h'
        mov     al, 3Dh
        out     70h, al
        in      al, 71h
        cmp     al, 12h
        require e, 'CMOS 3Dh'
        mov     ah, 08h
        mov     dl, 80h
        int     13h
        require nc, 'hard disk'
        xor     ax, ax
        mov     es, ax
        mov     ax, 0201h
        mov     bx, 8000h
        mov     cx, 0001h
        mov     dx, 0080h
        int     13h
        require nc, 'read the hard disk'
        mov     di, 8000h
        mov     cx, 256
        xor     ax, ax
        repe    scasw
        require e, 'its zeros'
        mov     ax, 0201h
        mov     cx, 0001h
        mov     dx, 0000h
        int     13h
        require nc, 'read the diskette'
        cmp     word [8000h + 510], 0AA55h
        require e, 'its signature'
        pass
        finish
