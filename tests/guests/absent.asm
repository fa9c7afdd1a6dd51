; absent: a port or an address without a device reads FFh and ignores writes; ROM ignores writes. A
; word across two devices is two byte accesses.
; Run: python -m pyx86emu tests/guests/absent.bin

        cpu     386
%include "guest.inc"

        begin
        mov     dx, 301h
        in      al, dx
        cmp     al, 0FFh
        require e, 'a port that nobody owns reads FFh'
        out     dx, al
        mov     dx, 330h
        in      ax, dx
        cmp     ax, 0FFFFh
        require e, 'a word too'
        in      eax, dx
        cmp     eax, 0FFFFFFFFh
        require e, 'a dword too'
        mov     dx, 3FFh                ; the UART's scratch register; no device at 400h
        mov     ax, 125Ah
        out     dx, ax
        in      ax, dx
        cmp     ax, 0FF5Ah
        require e, 'a word that half is a device'
        mov     ax, 0C800h
        mov     es, ax
        mov     byte [es:0], 0
        cmp     word [es:0], 0FFFFh
        require e, 'a hole in memory reads FFh'
        mov     ax, 0F000h
        mov     es, ax
        mov     al, [es:0FFF0h]
        not     byte [es:0FFF0h]
        cmp     al, [es:0FFF0h]
        require e, 'ROM keeps its contents'
        mov     di, 8000h
        push    ds
        pop     es
        mov     cx, 16
        mov     dx, 301h
        rep     insb
        cmp     word [800Eh], 0FFFFh
        require e, 'INS from nobody'
        pass
        finish
