; disk_chs: INT 13h for a hard disk: parameters, tables at INT 41h and in the data area, read, write,
; verify, seek, reset, errors; interrupts are on afterwards.
; boots: hda
; Run: python -m pyx86emu -hda tests/guests/disk_chs.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        cmp     dl, 80h
        require e, 'DL = 80h'
        mov     ah, 08h
        int     13h
        require nc, '08h'
        cmp     dl, 1
        require e, 'one hard disk'
        mov     [last], cx
        mov     [head], dh
        mov     ax, 0
        mov     es, ax
        les     bx, [es:41h * 4]
        mov     al, [es:bx + 2]
        dec     al
        cmp     al, dh
        require e, 'INT 41h: heads'
        and     cl, 3Fh
        cmp     [es:bx + 14], cl
        require e, 'INT 41h: sectors'
        xor     ax, ax
        mov     es, ax
        cmp     byte [475h], 1
        require e, '40:75'

        mov     ah, 15h
        mov     dl, 80h
        int     13h
        require nc, '15h'
        cmp     ah, 3
        require e, '15h: a hard disk'
        cmp     cx, 0
        require e, '15h: CX'
        cmp     dx, 4 * 16 * 63
        require e, '15h: sectors'

        mov     si, 7E00h               ; write cylinder 2, head 3, sectors 5 and 6
        mov     ax, 0302h
        mov     bx, si
        call    place
        require nc, '03h'
        cmp     al, 2
        require e, '03h: both'
        mov     ax, 0402h
        call    place
        require nc, '04h'
        mov     ax, 0202h
        mov     bx, 9000h
        call    place
        require nc, '02h'
        mov     di, 9000h
        mov     cx, 512
        repe    cmpsw
        require e, 'same data'

        cli                             ; INT 13h turns interrupts on
        mov     ax, 0201h
        mov     bx, 9000h
        call    place
        pushf
        pop     ax
        test    ah, 02h
        require nz, 'IF'

        mov     ax, 0201h
        mov     cx, [last]
        mov     dh, [head]
        call    drive
        require nc, 'last sector'
        mov     ax, 0202h
        mov     cx, [last]
        mov     dh, [head]
        call    drive
        require c, 'past the end'
        mov     [status], ah
        cmp     ax, 0401h
        je      .error
        cmp     ax, 0101h               ; QEMU's drives abort the command
        require e, '04h after one'
.error:
        mov     ah, 01h
        mov     dl, 80h
        int     13h
        cmp     ah, [status]
        require e, '01h'
        mov     ax, 0C00h
        mov     cx, 0201h
        mov     dh, 0
        call    drive
        require nc, '0Ch'
        mov     ah, 10h
        call    drive
        require nc, '10h'
        mov     ah, 11h
        call    drive
        require nc, '11h'
        mov     ah, 14h
        call    drive
        require nc, '14h'
        mov     ah, 09h
        call    drive
        require nc, '09h'
        mov     ah, 0Dh
        call    drive
        require nc, '0Dh'
        mov     ah, 00h
        call    drive
        require nc, '00h'
        mov     ax, 0501h
        mov     cx, 0301h
        mov     dh, 0
        call    drive
        require nc, '05h'
        mov     ax, 0201h
        mov     bx, 9000h
        mov     cx, 0307h
        mov     dh, 0
        call    drive
        require nc, 'read the formatted track'
        mov     di, 9000h
        mov     cx, 256
        xor     ax, ax
        repe    scasw
        require e, 'zeros'
        mov     ax, 0201h
        mov     dl, 81h
        int     13h
        require c, 'no second disk'
        pass

place:  mov     cx, 0205h
        mov     dh, 3
drive:  mov     dl, 80h
        int     13h
        ret
last:   dw      0
head:   db      0
status: db      0
        finish_long
