; bios_keys: INT 09h turns scan codes into keys, which INT 16h returns. The codes come from the 8042
; by command D2h.
; Run: python -m pyx86emu tests/guests/bios_keys.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     bp, codes
.next:  mov     al, [bp]
        inc     bp
        cmp     al, 0
        je      .keys
        call    play
        jmp     .next
.keys:  mov     bp, keys
.key:   mov     ah, 11h
        int     16h
        require nz, 'a key waits'
        mov     di, ax
        mov     ah, 10h
        int     16h
        cmp     ax, di
        require e, '11h and 10h agree'
        cmp     ax, [bp]
        require e, 'the key'
        inc     bp
        inc     bp
        cmp     bp, keys.end
        jb      .key
        mov     ah, 11h
        int     16h
        require z, 'no more'

        mov     al, 2Ah                 ; make and break change the shift state
        call    play
        mov     al, 1Dh
        call    play
        mov     ah, 02h
        int     16h
        cmp     al, 46h
        require e, 'left shift, ctrl, caps'
        mov     al, 0AAh
        call    play
        mov     al, 9Dh
        call    play
        mov     al, 3Ah
        call    play
        mov     ah, 02h
        int     16h
        cmp     al, 0
        require e, 'all up'
        mov     al, 0E0h                ; 84 keys: a grey arrow is the keypad's, there is no F11
        call    play
        mov     al, 48h
        call    play
        mov     al, 57h
        call    play
        mov     ah, 00h
        int     16h
        cmp     ax, 4800h
        require e, '00h'
        mov     ah, 01h
        int     16h
        require z, '01h skips F11'
        mov     cx, 1234h
        mov     ax, 0500h
        int     16h
        mov     ah, 00h
        int     16h
        cmp     ax, 1234h
        require e, '05h'
        pass

play:   push    ax
.wait:  in      al, 64h
        test    al, 3
        jnz     .wait
        mov     al, 0D2h
        out     64h, al
.again: in      al, 64h
        test    al, 2
        jnz     .again
        pop     ax
        out     60h, al
        mov     cx, 400
.rest:  loop    .rest
        ret

codes:  db      1Eh, 9Eh, 2Ah, 1Eh, 0AAh        ; a A
        db      3Ah, 0BAh, 1Eh, 2Ah, 1Eh, 0AAh, 1Dh, 2Eh, 9Dh   ; caps: A a, ctrl-C
        db      38h, 10h, 0B8h, 38h, 4Dh, 4Ch, 0B8h     ; alt-Q, alt 6 5
        db      0E0h, 4Bh, 0E0h, 0CBh, 4Bh      ; grey and keypad left
        db      1Dh, 0E0h, 47h, 9Dh, 58h        ; ctrl-Home, F12
        db      0
keys:   dw      1E61h, 1E41h, 1E41h, 1E61h, 2E03h, 1000h, 0041h, 4BE0h, 4B00h, 77E0h, 8600h
.end:
        finish
