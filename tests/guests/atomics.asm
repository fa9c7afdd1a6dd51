; atomics: CMPXCHG, XADD and BSWAP work on registers and memory, also with LOCK.
; Run: python -m pyx86emu tests/guests/atomics.bin
; models: 80486

        cpu     pentium                 ; nasm wants it for CMPXCHG, which the 80486 has
%include "guest.inc"

at_     equ     9000h

        begin
        mov     dword [at_], 11223344h
        mov     eax, 11223344h
        mov     ebx, 55667788h
        lock    cmpxchg [at_], ebx
        require z, 'equal: ZF'
        cmp     dword [at_], 55667788h
        require e, 'is written'
        cmp     eax, 11223344h
        require e, 'EAX stays'
        cmpxchg [at_], ebx
        require nz, 'unequal: no ZF'
        cmp     eax, 55667788h
        require e, 'EAX gets the destination'
        mov     ax, 7789h               ; the flags must be those of CMP AX,7788h
        cmpxchg [at_], bx
        pushf
        pop     dx
        and     dx, 8D5h
        cmp     dx, 0
        require e, 'flags as after CMP'
        mov     cx, 1
        mov     word [at_], 0FFFFh
        lock    xadd [at_], cx
        require c, 'XADD carries'
        cmp     cx, 0FFFFh
        require e, 'XADD: the old value'
        cmp     word [at_], 0
        require e, 'XADD: the sum'
        mov     al, 3
        xadd    al, al
        cmp     al, 6
        require e, 'XADD to itself'

        mov     esi, 12345678h
        bswap   esi
        cmp     esi, 78563412h
        require e, 'BSWAP'
        pass
        finish
