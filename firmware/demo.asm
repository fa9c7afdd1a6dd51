; demo: a boot sector that greets, then rings the doorbell along each path.
;
; What it proves: a guest boots, writes on the screen and the serial line, and every way of
; ringing (exit, device call, ioeventfd, counter; OUT, store, hypercall) counts exactly.
; Run it:   python -m pyx86emu
;
; The host listens at CONTROL: the guest writes how often it is going to ring before each path
; and 0 after it. Paths come in the order of the table at the end, which is the host's order too.
; Needs a 386 for 32-bit counters, and VMCALL (pyx86emu's hypercall).

        cpu     386
        bits    16
        org     7C00h

CONTROL equ     5F0h
COM1    equ     3F8h
LSR     equ     5               ; line status register
THRE    equ     20h             ; transmitter holding register empty

start:  jmp     0:.here
.here:  xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, start
        cld
        mov     si, hello
        call    say
        cli                     ; no ticks inside the timed loops
        mov     si, paths
.path:  lodsw                   ; the loop that rings
        mov     di, ax
        lodsw                   ; port, segment or hypercall number
        mov     bp, ax
        lodsd                   ; rings
        test    di, di
        jz      .done
        mov     ecx, eax
        mov     dx, CONTROL
        out     dx, eax
        mov     dx, bp
        mov     es, bp
        movzx   eax, bp
        xor     bx, bx
        call    di
        xor     eax, eax
        mov     dx, CONTROL
        out     dx, eax
        jmp     .path
.done:  mov     si, bye
        call    say
        cli
        hlt
        jmp     $ - 1

; -- one loop per kind of ring: ring, count down, again --------------------------
ring_port:
        out     dx, al
        dec     ecx
        jnz     ring_port
        ret

ring_memory:
        mov     [es:bx], al
        dec     ecx
        jnz     ring_memory
        ret

ring_hypercall:
        db      0Fh, 01h, 0C1h  ; VMCALL, number in EAX
        dec     ecx
        jnz     ring_hypercall
        ret

; say: the text at DS:SI, ended by 0, on the screen and on COM1. Clobbers AX BX DX SI.
say:    lodsb
        test    al, al
        jz      .end
        mov     ah, 0Eh
        mov     bx, 7
        push    ax
        int     10h
        pop     ax
        mov     ah, al
        mov     dx, COM1 + LSR
        mov     bx, 0FFFFh      ; a machine without a serial port must not hang here
.wait:  in      al, dx
        test    al, THRE
        jnz     .send
        dec     bx
        jnz     .wait
.send:  mov     dx, COM1
        mov     al, ah
        out     dx, al
        jmp     say
.end:   ret

hello:  db      'Hello from real mode! Ringing the doorbell along each path.', 13, 10, 0
bye:    db      'All paths rung.', 13, 10, 0

%macro  path    3
        dw      %1, %2
        dd      %3
%endmacro
paths:  path    ring_memory, 0D000h, 50000              ; exit-mmio
        path    ring_port, 500h, 50000                  ; exit-pio
        path    ring_memory, 0D100h, 100000             ; push-mmio
        path    ring_port, 510h, 100000                 ; push-pio
        path    ring_memory, 0D200h, 1000000            ; ioeventfd-mmio
        path    ring_port, 520h, 1000000                ; ioeventfd-pio
        path    ring_hypercall, 530h, 1000000           ; ioeventfd-hc
        path    ring_memory, 0D300h, 1000000            ; doorbell-mmio
        path    ring_port, 540h, 1000000                ; doorbell-pio
        path    0, 0, 0

        times   510 - ($ - $$) db 0
        dw      0AA55h
