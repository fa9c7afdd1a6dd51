; bios_fonts: INT 10h AH=11h loads fonts into plane 2: the BIOS's own by a mode set and AX=1101h, 1102h,
; 1104h, a program's by AX=1100h, in any of eight blocks; AX=1130h returns where fonts are.
; Run: python -m pyx86emu tests/guests/bios_fonts.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"

        begin_long
        mov     si, fonts
.next:  lodsb                           ; BH of AX=1130h
        cmp     al, 0FFh
        je      .own
        mov     bh, al
        lodsb
        push    ax                      ; lines
        lodsb
        mov     ah, 11h                 ; AL = function
        mov     bl, 0
        test    al, al
        jz      .mode
        int     10h
.mode:  mov     ax, 1130h
        int     10h
        push    es
        pop     ds
        mov     ax, bp
        pop     bx                      ; BL = lines
        push    si
        mov     si, ax
        push    bx
        mov     bx, 0
        mov     ax, 0
        mov     es, ax
        call    open
        pop     bx
        mov     dx, 256
        xor     di, di
.glyph: mov     cx, bx
        mov     ch, 0
        repe    cmpsb
        jne     .done
        or      di, 31
        inc     di
        dec     dx
        jnz     .glyph
.done:  pop     si
        mov     ax, 0
        mov     ds, ax
        call    close
        test    dx, dx
        require z, 'the font of 1130h is in plane 2'
        jmp     .next

.own:   mov     bl, 7                   ; 'A' and 'B' in block 7
.block: mov     ax, 0
        mov     es, ax
        push    bx
        mov     ax, 1100h
        mov     bh, 9
        mov     cx, 2
        mov     dx, 41h
        mov     bp, glyphs
        int     10h
        pop     bx
        mov     bh, 0
        shl     bx, 1
        mov     di, [bx + blocks]
        shr     bx, 1
        call    open
        add     di, 41h * 32
        mov     si, glyphs
        mov     cx, 9
        repe    cmpsb
        jne     .bad
        add     di, 23
        mov     cl, 9
        repe    cmpsb
.bad:   call    close
        require e, '1100h: glyphs in their block'
        sub     bl, 1
        jnc     .block
        cmp     byte [485h], 16
        require e, '1100h changes no size'

        mov     ax, 1103h               ; blocks 1 and 6
        mov     bl, 29h
        int     10h
        mov     dx, 3C4h
        mov     al, 03h
        out     dx, al
        inc     dx
        in      al, dx
        cmp     al, 29h
        require e, '1103h'
        mov     ax, 1110h               ; 44 rows of 9 lines
        mov     bx, 0900h
        mov     cx, 2
        mov     dx, 41h
        mov     bp, glyphs
        int     10h
        cmp     word [484h], 092Bh
        require e, '1110h: rows, lines'
        mov     ax, 0B800h              ; text memory is there again
        mov     es, ax
        cmp     word [es:0], 0720h
        require e, 'B8000h: text'
        mov     word [es:0], 4E41h
        cmp     word [es:0], 4E41h
        require e, 'B8000h: memory'
        pass

open:   mov     ax, 0A000h              ; plane 2 at A0000h
        mov     es, ax
        mov     ax, 0402h
        mov     dx, 3C4h
        out     dx, ax
        mov     ax, 0604h
        out     dx, ax
        mov     dx, 3CEh
        mov     ax, 0204h
        out     dx, ax
        mov     ax, 0005h
        out     dx, ax
        mov     ax, 0406h
        out     dx, ax
        ret

close:  pushf
        push    ax
        push    dx
        mov     ax, 0302h
        mov     dx, 3C4h
        out     dx, ax
        mov     ax, 0204h
        out     dx, ax
        mov     dx, 3CEh
        mov     ax, 0004h
        out     dx, ax
        mov     ax, 1005h
        out     dx, ax
        mov     ax, 0E06h
        out     dx, ax
        pop     dx
        pop     ax
        popf
        ret

fonts:  db      6, 16, 0, 3, 8, 2, 2, 14, 1, 6, 16, 4, 0FFh
blocks: dw      0000h, 4000h, 8000h, 0C000h, 2000h, 6000h, 0A000h, 0E000h
glyphs: db      1, 2, 4, 8, 16, 32, 64, 128, 255
        db      129, 66, 36, 24, 24, 36, 66, 129, 170
        finish_long
