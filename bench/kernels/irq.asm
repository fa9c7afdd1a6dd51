; irq: a loop of ECX turns, which the 8254 interrupts at 1 kHz. It leaves the number of interrupts
; at 600h.
        bits    16
        org     7C00h

TICKS   equ 600h
STACK   equ 6000h
TIMER   equ 8 * 4                       ; IRQ 0 is vector 8

        mov     sp, STACK
        mov     word [TICKS], 0
        mov     word [TIMER], tick
        mov     word [TIMER + 2], cs
        mov     al, 11h                 ; 8259: edge, ICW4 follows
        out     20h, al
        mov     al, 8                   ; vector of IRQ 0
        out     21h, al
        mov     al, 4
        out     21h, al
        mov     al, 1                   ; 8086 mode
        out     21h, al
        mov     al, 0FEh                ; enable the timer only
        out     21h, al
        mov     al, 34h                 ; 8254: counter 0, two bytes, mode 2
        out     43h, al
        mov     al, 1193 & 0FFh
        out     40h, al
        mov     al, 1193 >> 8
        out     40h, al
        sti
turn:   add     ax, bx
        dec     ecx
        jnz     turn
        cli
        hlt

tick:   push    ax
        inc     word [TICKS]
        mov     al, 20h
        out     20h, al
        pop     ax
        iret
