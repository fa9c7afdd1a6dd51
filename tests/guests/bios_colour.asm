; bios_colour: INT 10h AH=0Bh sets background, border and CGA palette; AH=12h BL=20h and 31h-36h choose
; grey, cursor shapes, access to memory and the screen; AH=01h fits cursor shapes to the character.
; Run: python -m pyx86emu tests/guests/bios_colour.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

%macro  attribute 2                     ; require that attribute register %1 is %2
        mov     ax, 1007h
        mov     bl, %1
        int     10h
        cmp     bh, %2
%endmacro

%macro  indexed 2                       ; AL = register %2 of port %1
        mov     dx, %1
        mov     al, %2
        out     dx, al
        inc     dx
        in      al, dx
%endmacro

%macro  select  2                       ; AH=12h BL=%1, AL=%2
        mov     ax, 1200h + %2
        mov     bl, %1
        int     10h
        cmp     al, 12h
        require e, '12h answers 12h'
%endmacro

        begin_long
        mov     ax, 0004h
        int     10h
        mov     ax, 0B00h               ; green, red, brown
        mov     bx, 0100h
        int     10h
        cmp     byte [466h], 10h
        require e, '0Bh: 40:66'
        attribute 1, 12h
        require e, '0Bh: bright green'
        attribute 3, 16h
        require e, '0Bh: bright brown'
        mov     ax, 0B00h
        mov     bx, 000Ch
        int     10h
        attribute 0, 14h
        require e, '0Bh: bright red background'
        attribute 11h, 14h
        require e, '0Bh: bright red border'
        attribute 1, 02h
        require e, '0Bh: dark green'
        mov     ax, 0B00h
        mov     bx, 0101h
        int     10h
        attribute 2, 05h
        require e, '0Bh: magenta'
        mov     ax, 0003h
        int     10h
        mov     ax, 0B00h
        mov     bx, 000Ch
        int     10h
        attribute 11h, 3Ch
        require e, '0Bh: border of text'
        attribute 0, 00h
        require e, '0Bh: no background of text'
        mov     ax, 1003h
        mov     bl, 0
        int     10h
        attribute 10h, 04h
        require e, '1003h: bright background'
        mov     ax, 1003h
        mov     bl, 1
        int     10h
        attribute 10h, 0Ch
        require e, '1003h: blinking'

        mov     ah, 01h                 ; cursor shapes
        mov     cx, 0007h
        int     10h
        indexed 3D4h, 0Bh
        cmp     al, 0Fh
        require e, '01h: a full block ends at line 15'
        mov     ah, 01h
        mov     cx, 0607h
        int     10h
        indexed 3D4h, 0Ah
        cmp     al, 0Dh
        require e, '01h: an underline begins at line 13'
        select  34h, 1
        mov     ah, 01h
        mov     cx, 0607h
        int     10h
        indexed 3D4h, 0Ah
        cmp     al, 06h
        require e, '12h, 34h: shapes as they are'
        select  34h, 0
        mov     ah, 01h
        mov     cx, 2000h
        int     10h
        indexed 3D4h, 0Ah
        cmp     al, 20h
        require e, '01h: no cursor'
        mov     ah, 03h
        mov     bh, 0
        int     10h
        cmp     cx, 2000h
        require e, '03h: no cursor'

        select  36h, 1
        indexed 3C4h, 01h
        test    al, 20h
        require nz, '12h, 36h: screen off'
        select  36h, 0
        indexed 3C4h, 01h
        test    al, 20h
        require z, '12h, 36h: screen on'
        select  32h, 1
        mov     dx, 3CCh
        in      al, dx
        test    al, 02h
        require z, '12h, 32h: no access'
        select  32h, 0
        in      al, dx
        cmp     al, 67h
        require e, '12h, 32h: access'
        select  20h, 0
        cmp     word [05h * 4], 0FF54h
        require e, '12h, 20h: print screen'
        mov     ax, 1202h
        mov     bl, 31h
        int     10h
        cmp     ax, 1202h
        require e, '12h: a wrong AL'

        select  33h, 0                  ; grey: mode 3's red is 30 % of 2Ah
        mov     ax, 0003h
        int     10h
        mov     ax, 1015h
        mov     bx, 4
        int     10h
        cmp     dh, 13
        require e, '12h, 33h: a mode is grey'
        cmp     cx, 13 * 101h
        require e, '12h, 33h: three equal'
        mov     ax, 1010h               ; green
        mov     cx, 3F00h
        mov     dx, 0
        int     10h
        mov     ax, 1015h
        int     10h
        cmp     cx, 37 * 101h
        require e, '12h, 33h: a colour is grey'
        select  33h, 1
        mov     ax, 0003h
        int     10h
        mov     ax, 1015h
        mov     bx, 4
        int     10h
        cmp     dh, 2Ah
        require e, '12h, 33h: red again'
        mov     ah, 04h
        int     10h
        cmp     ah, 0
        require e, '04h: no light pen'
        pass
        finish_long
