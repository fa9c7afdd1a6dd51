; bios_disk: INT 13h writes, reads and verifies, and returns the right error for what it cannot do.
; Run: python -m pyx86emu tests/guests/bios_disk.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     ah, 00h
        mov     dl, 0
        int     13h
        require nc, 'reset'
        mov     ah, 08h
        mov     dl, 0
        int     13h
        require nc, 'parameters'
        mov     [geometry], cx
        mov     al, [es:di + 4]
        cmp     al, cl
        require e, 'table'
        mov     ah, 15h
        mov     dl, 0
        int     13h
        sub     ah, 1
        cmp     ah, 1
        require be, '15h'

        mov     di, 8000h               ; a pattern for the last sector of head 0, first of 1
        mov     cx, 1024
        push    ds
        pop     es
.fill:  mov     ax, di
        stosw
        loop    .fill
        mov     ax, 0302h
        mov     bx, 8000h
        call    chs
        require nc, 'write'
        cmp     al, 2
        require e, 'both'
        mov     ax, 0402h
        call    chs
        require nc, 'verify'
        mov     ax, 0202h
        mov     bx, 9000h
        call    chs
        require nc, 'read'
        mov     si, 8000h
        mov     di, 9000h
        mov     cx, 512
        repe    cmpsw
        require e, 'same data'

        mov     ax, 0203h               ; head 1, last sector: the other two do not exist
        mov     dh, 1
        call    chs.head
        require c, 'beyond'
        cmp     ax, 0401h
        require e, '04h, one'
        mov     ah, 01h
        mov     dl, 0
        int     13h
        cmp     ah, 04h
        require e, 'status kept'
        mov     ax, 0202h
        mov     bx, 0FE00h - 1
        call    chs
        cmp     ah, 09h
        require e, 'DMA boundary'
        mov     ax, 0201h
        mov     dl, 80h
        int     13h
        require c, 'no hard disk'
        mov     ax, 1500h
        int     13h
        cmp     ah, 0
        require e, '15h none'
        pass

chs:    mov     dh, 0
.head:  mov     cx, [geometry]
        mov     ch, 5
        mov     dl, 0
        int     13h
        ret
geometry:
        dw      0
        finish
