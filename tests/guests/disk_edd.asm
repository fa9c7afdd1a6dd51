; disk_edd: the extended functions of INT 13h: 41h, read, write, verify, seek by LBA, parameters.
; boots: hda
; Run: python -m pyx86emu -hda tests/guests/disk_edd.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

FIRST   equ     0B000h
LAST    equ     4 * 16 * 63 - 1

        begin_long
        mov     ax, 4100h
        mov     bx, 55AAh
        call    drive
        require nc, '41h'
        cmp     bx, 0AA55h
        require e, '41h: BX'
        test    cl, 1
        require nz, '41h: CX'
        cmp     ah, 21h
        require ae, '41h: version'
        mov     ax, 4100h
        mov     bx, 55AAh
        mov     dl, 0
        int     13h
        require c, '41h: not for diskettes'

        mov     di, FIRST               ; a pattern for three sectors
        mov     cx, 3 * 256
.fill:  mov     ax, di
        stosw
        loop    .fill
        mov     word [packet + 2], 3    ; write LBA 300-302
        mov     word [packet + 4], FIRST
        mov     word [packet + 8], 300
        mov     ax, 4302h               ; and verify
        call    drive
        require nc, '43h'
        cmp     word [packet + 2], 3
        require e, '43h: count'
        mov     word [packet + 4], 9000h
        mov     ax, 4200h
        call    drive
        require nc, '42h'
        mov     si, FIRST
        mov     di, 9000h
        mov     cx, 3 * 256
        repe    cmpsw
        require e, 'same data'
        mov     ax, 0201h               ; LBA 301 is cylinder 0, head 4, sector 50
        mov     bx, 0A000h
        mov     cx, 0032h
        mov     dx, 0480h
        int     13h
        require nc, '02h'
        mov     si, 9200h
        mov     di, 0A000h
        mov     cx, 256
        repe    cmpsw
        require e, 'same sector by CHS'

        mov     ax, 4400h
        call    drive
        require nc, '44h'
        mov     ax, 4700h
        call    drive
        require nc, '47h'
        mov     word [packet + 8], LAST
        mov     word [packet + 2], 2
        mov     ax, 4200h
        call    drive
        require c, 'past the end'
        cmp     ah, 04h
        je      .error
        cmp     ah, 01h                 ; QEMU's drives abort the command
        require e, '04h'
.error:
        cmp     word [packet + 2], 1
        require e, 'one was read'
        mov     word [packet + 12], 1
        mov     ax, 4200h
        call    drive
        require c, 'LBA of 33 bits'
        mov     word [packet + 12], 0

        mov     si, result
        mov     word [si], 30
        mov     ax, 4800h
        mov     dl, 80h
        int     13h
        require nc, '48h'
        cmp     word [result + 4], 4
        require e, '48h: cylinders'
        cmp     word [result + 8], 16
        require e, '48h: heads'
        cmp     word [result + 12], 63
        require e, '48h: sectors'
        cmp     word [result + 16], LAST + 1
        require e, '48h: size'
        cmp     word [result + 24], 512
        require e, '48h: bytes a sector'
        mov     word [result], 25
        mov     si, result
        mov     ax, 4800h
        mov     dl, 80h
        int     13h
        require c, '48h: no room'
        pass

drive:  mov     si, packet
        mov     dl, 80h
        int     13h
        ret
packet: db      16, 0
        dw      1
        dw      0, 0
        dd      0, 0
result  equ     9800h
        finish_long
