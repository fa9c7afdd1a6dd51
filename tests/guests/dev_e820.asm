; dev_e820: E820h lists the memory below 640 KiB, the BIOS and the memory from 1 MiB on; E801h, 88h
; and INT 12h agree with it; memory is where it says.
; Run: python -m pyx86emu -m 18 tests/guests/dev_e820.bin
; needs: memory=18M
; models: 80386 80486
; qemu: SeaBIOS has other entries

        cpu     386
%include "guest.inc"

SMAP    equ     534D4150h

        begin
        xor     ebx, ebx
        mov     ecx, 20
        mov     edx, SMAP
        mov     eax, 0E820h
        mov     di, 8000h
        int     15h
        require nc, 'first entry'
        cmp     eax, SMAP
        require e, 'SMAP'
        cmp     ecx, 20
        require e, '20 bytes'
        int     12h
        movzx   eax, ax
        shl     eax, 10
        cmp     [8008h], eax
        require e, 'INT 12h'
        mov     ebp, 1
.next:  cmp     dword [di + 8], 0
        require ne, 'a length'
        test    ebx, ebx
        jz      .last
        inc     ebp
        mov     edx, SMAP
        mov     eax, 0E820h
        int     15h
        jnc     .next
.last:  cmp     ebp, 3
        require e, 'three entries'
        cmp     dword [8000h], 100000h
        require e, 'from 1 MiB'
        mov     esi, [8008h]            ; = E801h
        mov     ax, 0E801h
        int     15h
        movzx   eax, ax
        shl     eax, 10
        movzx   ebx, bx
        shl     ebx, 16
        add     eax, ebx
        cmp     eax, esi
        require e, 'E801h'
        shr     esi, 10
        mov     ah, 88h
        int     15h
        cmp     ax, si
        require e, '88h'
        xor     ebx, ebx
        mov     ecx, 19
        mov     edx, SMAP
        mov     eax, 0E820h
        int     15h
        require c, 'too small a buffer'
        mov     ecx, 20
        mov     ebx, 3
        mov     edx, SMAP
        mov     eax, 0E820h
        int     15h
        require c, 'no such entry'
        pass
        finish
