; int10_random: COUNT random calls of INT 10h in mode MODE, of PAGES pages; then the answers, the BIOS
; data area from 40:49 to 40:64 and video memory are written to port E9h. Two BIOSes that do the same
; write the same. Assembled by test_int10_random.py with -DMODE= -DPAGES= -DSEED= -DCOUNT=.
;
; The fonts are random, and the program's own, so that those of the BIOS do not matter; only a space
; is blank. BEL is not written.

        cpu     486
%include "guest.inc"
%include "long.inc"

ANSWERS         equ     0C000h
ANSWERS_END     equ     0E000h
FONT            equ     0A000h

%define TEXT     (MODE <= 3 || MODE == 7)
%define CGA      (MODE >= 4 && MODE <= 6)
%define PLANES   (MODE >= 0Dh && MODE <= 12h)

%if MODE == 6
COLOURS         equ     01h             ; those that differ on the screen
%elif CGA
COLOURS         equ     03h
%elif MODE == 0Fh
COLOURS         equ     05h
%else
COLOURS         equ     0Fh
%endif

        begin_long
        mov     word [seed], SEED
        mov     di, FONT
        mov     cx, 256 * 16
.dots:  call    random
        or      al, 1
        stosb
        loop    .dots
        mov     ax, MODE
        int     10h
        mov     al, [485h]
        mov     ah, ' '
        mul     ah
        mov     di, FONT
        add     di, ax
        mov     cl, [485h]
        mov     ch, 0
        mov     al, 0
        rep     stosb
%if !TEXT
        mov     ax, 1121h
        mov     bp, FONT
        mov     cl, [485h]
        mov     ch, 0
        mov     bl, 0
        mov     dl, [484h]
        inc     dl
        int     10h
        mov     al, [485h]
        mov     ah, 128
        mul     ah
        add     ax, FONT
        mov     bp, ax
        mov     ax, 1120h
        int     10h
%endif
        mov     word [answers], ANSWERS
        mov     cx, COUNT
.call:  push    cx
        mov     bl, (table.end - table) / 2
        call    below
        mov     bl, al
        mov     bh, 0
        shl     bx, 1
        call    [bx + table]
        pop     cx
        loop    .call

        mov     dx, DEBUG_TEXT
        mov     si, ANSWERS
        mov     cx, [answers]
        sub     cx, si
        rep     outsb
        xor     ax, ax
        mov     [460h], ax              ; QEMU's BIOS: 0000h in graphics modes
        mov     [463h], ax              ; and mode 0Fh at 3D4h
        mov     si, 449h
        mov     cx, 1Ch
        rep     outsb
%if MODE == 7
        mov     ax, 0B000h
%elif MODE < 7
        mov     ax, 0B800h
%else
        mov     ax, 0A000h
%endif
        mov     ds, ax
%if PLANES
        mov     bl, 0
.plane: mov     al, 04h
        mov     ah, bl
        mov     dx, 3CEh
        out     dx, ax
        mov     dx, DEBUG_TEXT
        call    .dump
        inc     bx
        cmp     bl, 4
        jb      .plane
%else
        call    .dump
%endif
        pass
.dump:  xor     si, si
        mov     cx, 8000h
        rep     outsb
%if MODE > 7
        mov     cx, 8000h
        rep     outsb
%endif
        ret

random: mov     ax, [seed]              ; -> AL
        imul    ax, ax, 25173
        add     ax, 13849
        mov     [seed], ax
        mov     al, ah
        ret
below:  call    random                  ; -> AL < BL
        mov     ah, 0
        div     bl
        mov     al, ah
        ret
position:                               ; -> DX
        mov     bl, [484h]
        inc     bx
        call    below
        mov     dh, al
        mov     bl, [44Ah]
        call    below
        mov     dl, al
        ret
page:   mov     bl, PAGES               ; -> BH
        call    below
        mov     bh, al
        ret
colour: call    random                  ; -> BL, not 0
%if TEXT
        mov     bl, al
%elif MODE == 11h
        and     al, 80h
        or      al, 0Fh
        mov     bl, al
%elif MODE == 13h
        or      al, 1
        mov     bl, al
%else
        and     al, 80h | COLOURS
        or      al, 01h
        mov     bl, al
%endif
        ret
answer: push    di                      ; AX
        mov     di, [answers]
        cmp     di, ANSWERS_END
        jae     .full
        stosw
        mov     [answers], di
.full:  pop     di
        ret

locate: call    position
        call    page
        mov     ah, 02h
        int     10h
        ret
where:  call    page
        mov     ah, 03h
        int     10h
        mov     ax, dx
        jmp     answer
scroll: call    position
        mov     si, dx
        call    position
        mov     cx, si
        cmp     ch, dh
        jbe     .rows
        xchg    ch, dh
.rows:  cmp     cl, dl
        jbe     .columns
        xchg    cl, dl
.columns:
        call    random
%if CGA
        mov     al, 0
%elif PLANES
        and     al, COLOURS
%endif
        mov     bh, al
        call    random
        and     al, 1
        add     al, 06h
        push    ax
        mov     bl, dh
        sub     bl, ch
        inc     bx
        call    below
        pop     si
        xchg    ax, si
        mov     ah, al
        mov     bl, al
        xchg    ax, si
        mov     ah, bl
        int     10h
        ret
read:   call    page
        mov     ah, 08h
        int     10h
%if !TEXT
        mov     ah, 0
%endif
        jmp     answer
write:  call    page
        mov     ah, 03h
        int     10h
        mov     bl, [44Ah]
        sub     bl, dl
        call    below
        mov     cl, al                  ; up to the end of the row
        inc     cx
        mov     ch, 0
        call    colour
        call    random
        push    ax
        call    random
        mov     dl, al
        pop     ax
        mov     ah, 09h
        test    dl, 1
        jz      .write
        inc     ah
.write: int     10h
        ret
pixel:  call    page
        call    random
        mov     cl, al
        mov     ch, 0
        mov     bl, 200
        call    below
        mov     dl, al
        mov     dh, 0
        call    colour
        mov     al, bl
        mov     ah, 0Ch
        int     10h
        mov     ah, 0Dh
        int     10h
        mov     ah, 0
%if MODE == 11h
        cmp     al, 1                   ; any plane is colour 1
        sbb     ax, ax
        inc     ax
%endif
        jmp     answer
teletype:
        call    colour
        and     bl, 7Fh
        call    random
        cmp     al, 07h
        je      .done
        mov     ah, 0Eh
        mov     bh, [462h]
        int     10h
.done:  ret
show:   call    page
        mov     al, bh
        mov     ah, 05h
        int     10h
        ret
string: call    position
        mov     bl, [44Ah]
        sub     bl, dl
        call    below
        mov     cl, al
        mov     ch, 0
        shr     cx, 1
        jcxz    .done
        call    colour
        mov     bh, [462h]
        call    random
        and     al, 3
        mov     ah, 13h
        mov     bp, letters
        int     10h
.done:  ret
letters:
        db      'aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ00112233445566778899'
        db      '!!""##$$%%&&', "''", '(())**++,,--..//'

        align   2, db 0
table:  dw      locate, where, scroll, read, write, teletype, show
%if TEXT
        dw      string, locate
%else
        dw      pixel
%endif
.end:
seed:   dw      0
answers:
        dw      0
        finish_long
