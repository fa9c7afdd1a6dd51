; a20: with the A20 gate closed FFFF:0510 is 0000:0500, with it open it is memory above 1 MiB. Port
; 92h and the 8042 both set the gate.
; Run: python -m pyx86emu tests/guests/a20.bin -m 2M
; needs: memory=2M
; kvm: no: it closes A20

        cpu     286
%include "guest.inc"

        begin
        cli
        mov     ax, 0FFFFh
        mov     es, ax
        mov     al, 2                   ; port 92h: open
        out     92h, al
        mov     word [500h], 1234h
        mov     word [es:510h], 5678h
        cmp     word [500h], 1234h
        require e, 'port 92h opens the gate'
        cmp     word [es:510h], 5678h
        require e, 'there is memory at 1 MiB'
        xor     al, al
        out     92h, al
        mov     word [es:510h], 0ABCDh
        cmp     word [500h], 0ABCDh
        require e, 'port 92h closes the gate: addresses wrap'
        mov     al, 0D1h                ; 8042: write the output port, A20 on
        call    command
        mov     al, 0DFh
        out     60h, al
        call    ready
        cmp     word [es:510h], 5678h
        require e, 'the 8042 opens the gate'
        mov     al, 0D1h
        call    command
        mov     al, 0DDh
        out     60h, al
        call    ready
        cmp     word [es:510h], 0ABCDh
        require e, 'the 8042 closes the gate'
        pass

command:
        push    ax
        call    ready
        pop     ax
        out     64h, al
ready:  in      al, 64h
        test    al, 2
        jnz     ready
        ret
        finish
