; mode_13: mode 13h has 320 x 200 dots in 256 colours: the Mandelbrot set in the colours of the BIOS.
; Run: python -m pyx86emu tests/guests/mode_13.bin

        cpu     8086
%include "mode.inc"

MOST    equ     48                      ; iterations
ONE     equ     256                     ; fixed point

        begin
        set_mode 13h
        mov     ax, 0A000h
        mov     es, ax
        mov     di, 0
        mov     word [cy], -300
.line:  mov     word [cx_], -560
.dot:   mov     word [zx], 0
        mov     word [zy], 0
        mov     cx, MOST
.again: mov     ax, [zx]
        imul    ax
        mov     bl, ah                  ; BX = zx * zx / ONE
        mov     bh, dl
        mov     ax, [zy]
        imul    ax
        mov     al, ah
        mov     ah, dl                  ; AX = zy * zy / ONE
        mov     si, bx
        add     si, ax
        cmp     si, 4 * ONE
        jge     .out
        sub     bx, ax
        add     bx, [cx_]
        mov     ax, [zx]
        imul    word [zy]
        mov     al, ah
        mov     ah, dl
        shl     ax, 1
        add     ax, [cy]
        mov     [zy], ax
        mov     [zx], bx
        loop    .again
.out:   mov     al, 0                   ; black inside
        jcxz    .put
        mov     al, MOST + 32
        sub     al, cl
        cmp     al, 32 + 24             ; colours 32 to 55 are a circle of hues
        jb      .put
        sub     al, 24
.put:   stosb
        add     word [cx_], 3
        cmp     word [cx_], -560 + 320 * 3
        jl      .dot
        add     word [cy], 3
        cmp     word [cy], -300 + 200 * 3
        jl      .line
        shown

cx_:    dw      0
cy:     dw      0
zx:     dw      0
zy:     dw      0
        finish
