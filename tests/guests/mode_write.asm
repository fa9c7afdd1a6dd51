; mode_write: in mode 12h all write modes, read modes, logical functions, rotation, set/reset and the
; bit mask give what the manual says; what they wrote is on the screen.
; Run: python -m pyx86emu tests/guests/mode_write.bin

        cpu     8086
%include "mode.inc"

; gc INDEX, VALUE: write a graphics register.
%macro  gc      2
        mov     ax, (%2) << 8 | (%1)
        call    graphics
%endmacro
; plane NUMBER, VALUE: the byte at ES:DI must have VALUE in this plane.
%macro  plane   2
        mov     ax, (%1) << 8 | (%2)
        call    check
%endmacro

        begin
        set_mode 12h
        mov     ax, 0A000h
        mov     es, ax
        mov     di, 100                 ; write mode 0 to all planes, with bits of set/reset
        gc      01h, 0Ah                ; planes 1 and 3 by set/reset
        gc      00h, 02h                ; plane 1 set, plane 3 reset
        mov     byte [es:di], 3Ch
        plane   0, 3Ch
        plane   1, 0FFh
        plane   2, 3Ch
        plane   3, 00h
        gc      01h, 00h

        gc      03h, 02h                ; rotate right by two
        mov     di, 101
        mov     byte [es:di], 07h
        plane   0, 0C1h
        gc      03h, 08h                ; AND with the latches
        call    latch
        mov     byte [es:di], 0F0h
        plane   1, 0F0h
        plane   0, 30h
        gc      03h, 10h                ; OR
        call    latch
        mov     byte [es:di], 03h
        plane   3, 03h
        plane   0, 3Fh
        gc      03h, 18h                ; XOR
        call    latch
        mov     byte [es:di], 0Fh
        plane   1, 0F0h
        plane   2, 33h
        gc      03h, 00h

        gc      08h, 0F0h               ; the bit mask keeps bits of the latches
        call    latch
        mov     byte [es:di], 0AAh
        plane   1, 0AFh
        plane   0, 0ACh
        gc      08h, 0FFh

        gc      05h, 01h                ; write mode 1: the latches
        call    latch
        mov     byte [es:di], 55h
        plane   0, 3Ch
        plane   1, 0FFh
        gc      05h, 02h                ; write mode 2: a colour
        mov     byte [es:di], 05h
        plane   0, 0FFh
        plane   1, 00h
        plane   2, 0FFh
        gc      00h, 09h                ; write mode 3: set/reset where the byte AND the mask is 1
        gc      08h, 7Eh
        gc      05h, 03h
        call    latch
        mov     byte [es:di], 0C3h
        plane   0, 7Eh
        plane   3, 42h
        plane   1, 0BDh

        gc      05h, 08h                ; read mode 1: where the dots have colour 2; plane 3 counts
        gc      02h, 02h                ; not
        gc      07h, 07h
        mov     di, 100
        mov     al, [es:di]
        cmp     al, 0C3h
        jne     bad

        gc      07h, 0Fh                ; something to see: 16 colours, each masked
        gc      05h, 02h
        mov     di, 8000
        mov     bp, 256
.line:  mov     cx, 80
.byte:  mov     ax, bp
        mov     ah, al
        mov     al, 08h
        call    graphics
        mov     al, [es:di]
        mov     al, cl
        stosb
        loop    .byte
        dec     bp
        jnz     .line
        shown

latch:  mov     di, 100
        mov     al, [es:di]
        mov     di, 101
        ret
check:  mov     cx, ax
        mov     al, 04h
        call    graphics                ; AH: read this plane
        cmp     [es:di], cl
        jne     bad
        ret
bad:    mov     si, text
        jmp     fail
graphics:
        mov     dx, GRAPHICS
        out     dx, ax
        ret
text:   db      'write modes', 13, 10, 0
        finish
