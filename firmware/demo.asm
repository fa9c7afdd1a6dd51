; demo: a boot sector that greets, then signals the host in nine ways.
;
; What it proves: a guest boots, writes on the screen and the serial line, and every way to signal
; the host (exit, device call, ioeventfd, counter; OUT, store, hypercall) counts exactly.
; Run it:   python -m pyx86emu
;
; The host listens at CONTROL: before each way the guest writes how many signals it wants to send,
; and reads how many it is to send: 0 if the host has no such way. It writes 0 after the last one.
; The ways come in the order of the table at the end, which the host has too.
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
        mov     si, ways
.way:   lodsw                   ; the loop that sends
        mov     di, ax
        lodsw                   ; port, segment or hypercall number
        mov     bp, ax
        lodsd                   ; how many
        test    di, di
        jz      .done
        mov     dx, CONTROL
        out     dx, eax
        in      eax, dx
        mov     ecx, eax
        jecxz   .way
        mov     dx, bp
        mov     es, bp
        movzx   eax, bp
        xor     bx, bx
        call    di
        xor     eax, eax
        mov     dx, CONTROL
        out     dx, eax
        jmp     .way
.done:  mov     si, bye
        call    say
        cli
        hlt
        jmp     $ - 1

; -- one loop per kind of signal: send it, count down, again --------------------
send_port:
        out     dx, al
        dec     ecx
        jnz     send_port
        ret

send_memory:
        mov     [es:bx], al
        dec     ecx
        jnz     send_memory
        ret

send_hypercall:
        db      0Fh, 01h, 0C1h  ; VMCALL, number in EAX
        dec     ecx
        jnz     send_hypercall
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

hello:  db      'Hello from real mode! Now I signal the host in many ways.', 13, 10, 0
bye:    db      'Done.', 13, 10, 0

%macro  way     3
        dw      %1, %2
        dd      %3
%endmacro
ways:   way     send_memory, 0D000h, 50000             ; exit-mmio
        way     send_port, 500h, 50000                  ; exit-pio
        way     send_memory, 0D100h, 100000             ; push-mmio
        way     send_port, 510h, 100000                 ; push-pio
        way     send_memory, 0D200h, 1000000            ; ioeventfd-mmio
        way     send_port, 520h, 1000000                ; ioeventfd-pio
        way     send_hypercall, 530h, 1000000           ; ioeventfd-hc
        way     send_memory, 0D300h, 1000000            ; doorbell-mmio
        way     send_port, 540h, 1000000                ; doorbell-pio
        way     0, 0, 0

        times   510 - ($ - $$) db 0
        dw      0AA55h
