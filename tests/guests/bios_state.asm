; bios_state: INT 10h AH=12h, 1Ah, 1Bh, 1Ch: the state of the display, saved and restored; the save
; pointer at 40:A8 leads to the rows of the modes.
; Run: python -m pyx86emu tests/guests/bios_state.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

AREA            equ     9000h

        begin_long
        mov     ax, 1A00h
        int     10h
        cmp     al, 1Ah
        require e, '1Ah'
        cmp     bx, 0008h
        require e, 'VGA, colour'
        mov     ax, 1A01h               ; a monochrome display, and back
        mov     bx, 0007h
        int     10h
        cmp     byte [48Ah], 13
        require e, '1Ah sets 40:8A'
        mov     ax, 1A00h
        int     10h
        cmp     bx, 0007h
        require e, 'VGA, monochrome'
        mov     ax, 1A01h
        mov     bx, 0008h
        int     10h
        mov     ah, 12h
        mov     bx, 0FF10h
        int     10h
        cmp     bx, 0003h
        require e, '12h: colour, 256 KiB'

        les     di, [4A8h]
        les     di, [es:di]
        cmp     word [es:di + 18h * 64], 1850h
        require e, '40:A8: 80 columns, 25 rows'
        cmp     byte [es:di + 1Ch * 64 + 51], 41h
        require e, '40:A8: mode 13h'

        push    ds
        pop     es
        mov     ax, 1B00h
        mov     bx, 0
        mov     di, AREA
        int     10h
        cmp     al, 1Bh
        require e, '1Bh'
        cmp     word [AREA + 4], 5003h
        require e, '1Bh: mode, columns'
        cmp     word [AREA + 22h], 1019h
        require e, '1Bh: rows, lines'
        cmp     word [AREA + 25h], 0008h
        require e, '1Bh: display'
        cmp     word [AREA + 27h], 16
        require e, '1Bh: colours'
        cmp     word [AREA + 29h], 0208h
        require e, '1Bh: pages, 400 lines'
        cmp     byte [AREA + 31h], 3
        require e, '1Bh: memory'
        les     di, [AREA]
        cmp     word [es:di], 0E0FFh
        require e, '1Bh: modes'
        push    ds
        pop     es

        mov     ax, 1C00h
        mov     cx, 7
        int     10h
        cmp     al, 1Ch
        require e, '1Ch'
        cmp     bx, 14
        require e, '1Ch: blocks'
        mov     ax, 1000h               ; save a state that mode 3 does not set
        mov     bx, 2A05h
        int     10h
        mov     ax, 1010h
        mov     bx, 63
        mov     cx, 0B0Ch
        mov     dx, 0A00h
        int     10h
        mov     ah, 02h
        mov     bx, 0300h
        mov     dx, 0507h
        int     10h
        mov     ax, 1C01h
        mov     cx, 7
        mov     bx, AREA
        int     10h
        mov     ax, 0001h
        int     10h
        mov     ax, 1C02h
        mov     cx, 7
        mov     bx, AREA
        int     10h
        mov     ah, 0Fh
        int     10h
        cmp     ax, 5003h
        require e, '1Ch restores the data area'
        mov     ah, 03h
        mov     bh, 3
        int     10h
        cmp     dx, 0507h
        require e, '1Ch restores the cursors'
        mov     ax, 1007h
        mov     bx, 0005h
        int     10h
        cmp     bh, 2Ah
        require e, '1Ch restores the registers'
        mov     ax, 1015h
        mov     bx, 63
        int     10h
        cmp     cx, 0B0Ch
        require e, '1Ch restores the colours'
        pass
        finish_long
