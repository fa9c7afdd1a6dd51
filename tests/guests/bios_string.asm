; bios_string: INT 10h AH=13h writes a string in its four forms, in mode 1; 07h scrolls down; 1Ah,
; 12h and 11h return what the display is.
; Run: python -m pyx86emu tests/guests/bios_string.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     ax, 0001h
        int     10h
        mov     ah, 0Fh
        int     10h
        cmp     ax, 2801h
        require e, '40 columns'

        mov     ax, 1300h               ; the cursor stays
        mov     bx, 002Fh
        mov     cx, 4
        mov     dx, 0326h
        mov     bp, plain
        int     10h
        mov     ah, 03h
        int     10h
        test    dx, dx
        require z, 'AL=0'
        mov     ax, 1301h
        mov     bx, 0070h
        mov     cx, 4
        mov     dx, 0326h
        int     10h
        mov     ah, 03h
        int     10h
        cmp     dx, 0500h
        require e, 'AL=1'
        mov     ax, 1303h
        mov     cx, 2
        mov     dx, 1800h
        mov     bp, coloured
        int     10h
        mov     ah, 03h
        int     10h
        cmp     dx, 1802h
        require e, 'AL=3'
        mov     ax, 1302h
        mov     cx, 2
        mov     dx, 1700h
        int     10h

        mov     ax, 0B800h
        mov     es, ax
        cmp     word [es:3 * 80 + 76], 7058h
        require e, 'attribute BL'
        cmp     word [es:3 * 80 + 78], 7059h
        require e, 'second'
        cmp     word [es:24 * 80], 1F61h
        require e, 'attributes'
        cmp     word [es:23 * 80 + 2], 2E62h
        require e, 'AL=2'

        mov     ax, 0702h               ; scroll everything down by two
        mov     bh, 07h
        xor     cx, cx
        mov     dx, 1827h
        int     10h
        cmp     word [es:5 * 80 + 76], 7058h
        require e, '07h'
        cmp     word [es:0], 0720h
        require e, '07h blanks the top'

        mov     ax, 1A00h
        int     10h
        cmp     al, 1Ah
        require e, '1Ah'
        mov     ah, 12h
        mov     bx, 0010h
        int     10h
        cmp     bx, 0003h
        require e, '12h'
        mov     ax, 1130h
        mov     bh, 3
        int     10h
        cmp     byte [es:bp + 8 * 65], 0
        require ne, 'a font'
        pass

plain:  db      'XY', 13, 10
coloured:
        db      'a', 1Fh, 'b', 2Eh
        finish
