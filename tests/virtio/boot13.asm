; boot13: the first sector of a virtio disk: it uses the disk by INT 13h, as the option ROM serves it.
; The image has 64 sectors, each filled with its number, but for this one.
; Run: python -m pyx86emu -drive file=disk.img,if=none,id=d -device virtio-blk,drive=d

%include "guest.inc"

        begin
        mov     [drive], dl
        cmp     dl, 80h
        require e, 'the first disk'
        mov     ah, 08h                 ; the geometry: 63 sectors, 16 heads, one cylinder
        int     13h
        require nc, '08h'
        cmp     cx, 003Fh
        require e, 'CX of 08h'
        cmp     dh, 0Fh
        require e, 'DH of 08h'

        mov     ax, 0203h               ; sectors 62, 63 and 64 of the disk: LBA 61 to 63
        mov     bx, 8000h
        mov     cx, 003Eh
        mov     dx, 0080h
        int     13h
        require nc, '02h'
        cmp     ax, 0003h
        require e, 'AX of 02h'
        cmp     word [8000h + 1022], 3E3Eh
        require e, 'the data'
        mov     ax, 0204h               ; beyond the end
        int     13h
        require c, 'the end'
        cmp     ah, 04h
        require e, '04h'

        mov     ah, 41h                 ; EDD
        mov     bx, 55AAh
        int     13h
        require nc, '41h'
        cmp     bx, 0AA55h
        require e, 'BX of 41h'
        mov     si, packet
        mov     ah, 42h                 ; LBA 5
        int     13h
        require nc, '42h'
        cmp     word [9000h + 510], 0505h
        require e, 'LBA 5'
        not     word [9000h]
        mov     word [packet + 8], 7
        mov     ax, 4300h               ; to LBA 7
        int     13h
        require nc, '43h'
        mov     ah, 01h
        int     13h
        require nc, '01h'
        pass

packet: db      16, 0
        dw      1, 9000h, 0
        dq      5
drive:  db      0
        finish
