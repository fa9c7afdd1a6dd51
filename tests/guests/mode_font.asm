; mode_font: mode 3 with two fonts of the guest's own: bit 3 of the attribute chooses.
; Run: python -m pyx86emu tests/guests/mode_font.bin

        cpu     8086
%include "mode.inc"

FONT    equ     8000h                   ; 256 glyphs of 16 bytes

        begin
        set_mode 03h
        mov     ah, 0                   ; the first font: each glyph is its number, turned by line
        mov     bl, 0
        call    load
        mov     ah, 0FFh                ; the second: inverse
        mov     bl, 1
        call    load
        mov     ax, 1103h               ; block 0 without bit 3, block 1 with it
        mov     bl, 04h
        int     10h
        mov     ah, 01h                 ; no cursor
        mov     cx, 2000h
        int     10h

        mov     ax, 0B800h
        mov     es, ax
        mov     di, 0
        mov     cx, 2000
        mov     ax, 0100h
.cell:  stosw
        inc     al
        jnz     .next
        inc     ah
        and     ah, 7Fh
.next:  test    al, 0Fh
        jnz     .same
        xor     ah, 08h
.same:  loop    .cell
        shown

; Make the font, XOR AH, and load it as block BL.
load:   push    cs
        pop     es
        cld
        mov     di, FONT
        mov     bh, 0                   ; the number of the glyph
.glyph: mov     cx, 16
.byte:  mov     al, bh
        push    cx
        rol     al, cl
        test    cl, 8
        jz      .plain
        not     al
.plain: pop     cx
        xor     al, ah
        stosb
        loop    .byte
        inc     bh
        jnz     .glyph
        mov     ax, 1100h
        mov     bh, 16
        mov     cx, 256
        mov     dx, 0
        mov     bp, FONT
        int     10h
        ret
        finish
