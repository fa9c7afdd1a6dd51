; vga_chain: chained bytes are where a VGA has them in its planes, and are there again when the
; chaining comes back; code runs in text memory, and rewrites itself.
; Run: python -m pyx86emu tests/guests/vga_chain.bin
;
; qemu: no, it puts chained bytes at other offsets of the planes

%include "guest.inc"

; gc INDEX, VALUE: a register of the graphics controller; sq: of the sequencer. Clobber AX, DX.
%macro  gc      2
        mov     ax, (%2) << 8 | (%1)
        call    graphics
%endmacro
%macro  sq      2
        mov     ax, (%2) << 8 | (%1)
        call    sequencer
%endmacro

        begin
        mov     ax, 13h
        int     10h
        mov     ax, 0A000h
        mov     es, ax
        mov     di, 200
.fill:  dec     di
        mov     ax, di
        mov     [es:di], al
        jnz     .fill

        sq      4, 6                    ; chain-4 off: address A is now offset A of all planes
        gc      4, 1
        mov     ax, [es:4]
        cmp     ax, 5                   ; plane 1 has byte 5 at offset 4, and nothing at offset 5
        require e, 'chain-4'
        sq      2, 4
        mov     byte [es:8], 77h
        sq      2, 0Fh
        sq      4, 0Eh
        cmp     word [es:9], 7709h      ; plane 2, offset 8
        require e, 'chain-4 again'

        mov     ax, 3
        int     10h
        mov     ax, 0B800h
        mov     es, ax
        xor     di, di
        mov     ax, 0741h
        mov     cx, 200
        rep     stosw
        sq      4, 6                    ; as a program sees it that loads a font
        gc      5, 0
        gc      6, 0Ch
        gc      4, 1
        cmp     word [es:2], 7          ; the attribute is at the even offset of plane 1
        require e, 'odd/even'
        gc      4, 0
        cmp     word [es:2], 41h
        require e, 'characters'
        sq      4, 2
        gc      5, 10h
        gc      6, 0Eh
        cmp     word [es:2], 0741h
        require e, 'text again'

        mov     si, code
        mov     di, 1000h
        mov     cx, code_end - code
        rep     movsb
        mov     bx, 2
.again: call    0B800h:1000h
        dec     bx
        jnz     .again
        cmp     al, 5Bh
        require e, 'code'
        pass

code:   mov     al, 5Ah
        inc     byte [es:1001h]
        retf
code_end:

sequencer:
        mov     dx, 3C4h
        out     dx, ax
        ret

graphics:
        mov     dx, 3CEh
        out     dx, ax
        ret

        finish
