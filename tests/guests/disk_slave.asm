; disk_slave: two hard disks: 80h is the master, 81h the slave. Each keeps what is written to it, also
; when a driver has selected the other one.
; boots: hda with a blank hdb
; Run: python -m pyx86emu -hda tests/guests/disk_slave.bin -hdb blank.img

        cpu     8086
%include "guest.inc"
%include "long.inc"
%include "ata.inc"

        begin_long
        cmp     byte [475h], 2
        require e, '40:75'
        mov     ah, 08h
        mov     dl, 81h
        int     13h
        require nc, '08h for 81h'
        cmp     dl, 2
        require e, 'two hard disks'
        xor     ax, ax
        mov     es, ax
        les     bx, [46h * 4]
        and     cl, 3Fh
        cmp     [es:bx + 14], cl
        require e, 'INT 46h'
        xor     ax, ax
        mov     es, ax

        mov     dx, 0081h               ; the second one is blank
        call    read
        mov     di, 9000h
        mov     cx, 256
        xor     ax, ax
        repe    scasw
        require e, 'zeros on 81h'
        mov     ax, 0301h               ; write the boot sector there
        mov     bx, 7C00h
        mov     cx, 0101h
        mov     dx, 0281h
        int     13h
        require nc, 'write 81h'
        put     DEVICE, 0A0h            ; as if a driver had used the master
        call    ready
        mov     dx, 0281h
        mov     cx, 0101h
        call    read.at
        mov     si, 7C00h
        mov     di, 9000h
        mov     cx, 256
        repe    cmpsw
        require e, 'data of 81h'
        mov     dx, 0280h
        mov     cx, 0101h
        call    read.at
        cmp     word [9000h + 510], 0AA55h
        require ne, '80h is another disk'
        pass

read:   mov     cx, 0001h
.at:    mov     ax, 0201h
        mov     bx, 9000h
        int     13h
        require nc, 'read'
        ret

        ata_routines
        finish_long
