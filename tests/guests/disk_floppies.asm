; disk_floppies: two diskette drives: each has its own disk, geometry and table; AH=02h, AH=08h and
; INT 1Eh agree; drive B can be written.
; boots: fda with a 720K fdb
; Run: python -m pyx86emu -fda tests/guests/disk_floppies.bin -fdb blank720.img

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        int     11h
        and     ax, 00C1h
        cmp     ax, 0041h
        require e, 'INT 11h: two drives'
        mov     dl, 0
        mov     bx, 0412h               ; 1.44M, 18 sectors
        call    parameters
        mov     dl, 1
        mov     bx, 0309h               ; 720K, 9 sectors
        call    parameters

        xor     ax, ax
        mov     es, ax
        mov     ax, 0301h               ; the boot sector to cylinder 3, head 1, sector 9 of B
        mov     bx, 7C00h
        mov     cx, 0309h
        mov     dx, 0101h
        int     13h
        require nc, 'write B'
        mov     ax, 0201h
        mov     bx, 9000h
        mov     cx, 0001h
        mov     dx, 0000h
        int     13h
        require nc, 'read A'
        mov     ax, 0201h
        mov     bx, 9200h
        mov     cx, 0309h
        mov     dx, 0101h
        int     13h
        require nc, 'read B'
        mov     si, 9000h
        mov     di, 9200h
        mov     cx, 255
        repe    cmpsw
        require e, 'same data'
        mov     ax, 0201h
        mov     cx, 030Ah
        mov     dx, 0101h
        int     13h
        require c, 'B has no tenth sector'
        mov     ax, 0201h
        mov     cx, 0312h
        mov     dx, 0100h
        int     13h
        require nc, 'A has an eighteenth'
        mov     ax, 1500h
        mov     dl, 2
        int     13h
        cmp     ah, 0
        require e, 'no third drive'
        pass

parameters:                             ; DL = drive, BH = type, BL = sectors
        push    bx
        mov     ax, 0201h               ; find the medium
        push    dx
        xor     cx, cx
        mov     es, cx
        inc     cx
        mov     dh, 0
        mov     bx, 9000h
        int     13h
        pop     dx
        mov     ah, 08h
        int     13h
        require nc, '08h'
        pop     ax
        cmp     bl, 4                   ; QEMU has a 1.44M drive for a 720K disk
        je      .type
        cmp     bl, ah
        require e, '08h: type'
.type:
        cmp     cl, al
        require e, '08h: sectors'
        cmp     dl, 2
        require e, '08h: two drives'
        cmp     dh, 1
        require e, '08h: heads'
        cmp     [es:di + 4], al
        require e, '08h: table'
        xor     bx, bx
        mov     es, bx
        les     bx, [es:1Eh * 4]
        cmp     [es:bx + 4], al
        require e, 'INT 1Eh'
        ret
        finish_long
