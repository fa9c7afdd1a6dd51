; footprint: calls EBX routines of 64 bytes each, ECX times. EBX = 1024 makes 64 KiB of code, 10240
; makes 640 KiB. The first run copies the routines to 10000h and up.
        bits    16
        org     7C00h

SIZE    equ 64
STACK   equ 6000h
READY   equ 600h                        ; number of routines copied
POINTER equ 1000h                       ; far pointer to a routine, its offset is always 0

        mov     sp, STACK
        mov     ebp, ecx
        cld
        cmp     [READY], bx
        je      .ready
        mov     [READY], bx
        mov     dx, 1000h
        mov     cx, bx
.copy:  push    cx
        mov     es, dx
        mov     si, routine
        xor     di, di
        mov     cx, SIZE / 2
        rep movsw
        add     dx, SIZE / 16
        pop     cx
        loop    .copy

.ready: mov     word [POINTER], 0
turn:   mov     word [POINTER + 2], 1000h
        mov     di, bx
.call:  call    far [POINTER]
        add     word [POINTER + 2], SIZE / 16
        dec     di
        jnz     .call
        dec     ebp
        jnz     turn
        hlt

routine:
        add     ax, cx
        xor     si, ax
        test    si, 1
        jz      .even
        add     cx, 3
        jmp     .on
.even:  sub     cx, 5
        inc     ax                      ; makes both branches equally long
.on:    rol     ax, 1
        sub     cx, si
        and     si, 0FFFh
        adc     ax, 7
        retf
        times   SIZE - ($ - routine) nop
