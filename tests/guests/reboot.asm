; reboot: a triple fault, the 8042 and port 92h each reset the machine. CMOS RAM keeps its contents.
; Run: python -m pyx86emu tests/guests/reboot.bin

        cpu     286
%include "guest.inc"

        begin
        mov     al, 50h                 ; an unused byte of CMOS RAM counts the starts
        out     70h, al
        in      al, 71h
        inc     ax
        mov     ah, al
        mov     al, 50h
        out     70h, al
        mov     al, ah
        out     71h, al
        cmp     ah, 1
        je      triple
        cmp     ah, 2
        je      keyboard
        cmp     ah, 3
        je      fast
        cmp     ah, 4
        require e, 'four starts'
        pass

triple: lidt    [empty]                 ; no vectors: any interrupt is a triple fault
        int     3
empty:  dw      0, 0, 0

keyboard:
        in      al, 64h
        test    al, 2
        jnz     keyboard
        mov     al, 0FEh
        out     64h, al
        cli
        hlt

fast:   mov     al, 2
        out     92h, al
        mov     al, 3
        out     92h, al
        cli
        hlt
        finish
