; mode_flip: in mode 0Dh the second page is drawn while the first is shown; then the start address
; shows it, in a vertical retrace.
; Run: python -m pyx86emu tests/guests/mode_flip.bin

        cpu     8086
%include "mode.inc"

PAGE    equ     2000h

        begin
        set_mode 0Dh
        mov     ax, 0A000h
        mov     es, ax
        mov     di, 0                   ; the first page: all red
        out16   SEQUENCER, 02h, 04h
        mov     al, 0FFh
        mov     cx, 8000
        rep     stosb

        mov     di, PAGE                ; the second: squares of colours, by write mode 2
        out16   SEQUENCER, 02h, 0Fh
        out16   GRAPHICS, 05h, 02h
        mov     bl, 0                   ; y
.line:  mov     cx, 40
.byte:  mov     al, cl
        shr     al, 1
        mov     ah, bl
        push    cx
        mov     cl, 4
        shr     ah, cl
        pop     cx
        add     al, ah
        stosb
        loop    .byte
        inc     bl
        cmp     bl, 200
        jb      .line
        out16   GRAPHICS, 05h, 00h

        mov     dx, STATUS
.in:    in      al, dx
        test    al, 08h
        jnz     .in
.out:   in      al, dx
        test    al, 08h
        jz      .out
        out16   CRTC, 0Ch, PAGE >> 8
        shown
        finish
