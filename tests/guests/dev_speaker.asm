; dev_speaker: channel 2 of the 8254 and port 61h make a tone: OUT shows in bit 5, the gate stops it;
; BEL of INT 10h beeps, takes time and leaves port 61h as it was.
; kvm: no: the 8254 of KVM counts on while its gate is low
; qemu: the same
; Run: python -m pyx86emu --audio beep.wav tests/guests/dev_speaker.bin

        cpu     8086
%include "guest.inc"

        begin
        mov     al, 0B6h                ; mode 3, about 1 kHz
        out     43h, al
        mov     al, 0A9h
        out     42h, al
        mov     al, 04h
        out     42h, al
        in      al, 61h
        and     al, 0FCh
        or      al, 1                   ; gate, speaker off
        out     61h, al
        call    edges
        cmp     bx, 10
        require a, 'the tone has edges'
        in      al, 61h
        or      al, 2
        out     61h, al
        in      al, 61h
        and     al, 3
        cmp     al, 3
        require e, 'both bits read back'
        call    edges
        cmp     bx, 10
        require a, 'edges with the speaker on'
        in      al, 61h
        and     al, 0FEh
        out     61h, al
        call    edges
        cmp     bx, 0
        require e, 'the gate stops it'
        in      al, 61h
        test    al, 20h
        require nz, 'OUT is high then'

        mov     al, 80h                 ; latch channel 2
        out     43h, al
        in      al, 61h
        and     al, 0FCh
        out     61h, al
        mov     ah, 0Eh
        mov     al, 7
        mov     bx, 0
        int     10h
        in      al, 61h
        test    al, 3
        require z, 'port 61h as before'
        mov     al, 0E8h                ; read-back: status of channel 2
        out     43h, al
        in      al, 42h
        and     al, 3Fh
        cmp     al, 36h
        require e, 'the beep is mode 3'
        mov     ah, 3
        mov     bh, 0
        int     10h
        cmp     dx, 0
        require e, 'the cursor stays'
        pass

edges:  xor     bx, bx                  ; BX = edges of OUT in some milliseconds
        mov     cx, 0
        in      al, 61h
        mov     ah, al
.next:  in      al, 61h
        xor     ah, al
        test    ah, 20h
        jz      .same
        inc     bx
.same:  mov     ah, al
        loop    .next
        ret
        finish
