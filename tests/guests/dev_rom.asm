; dev_rom: the BIOS finds a ROM at C8000h and calls it before the boot; a program can call what it
; has set up. Bytes 512 and on of this file are the ROM.
; Run: dd if=dev_rom.bin of=rom bs=512 skip=1; python -m pyx86emu -option-rom rom dev_rom.bin
; rom: 512
; qemu: its -option-rom goes through fw_cfg, which only SeaBIOS reads

        cpu     8086
%include "guest.inc"

        begin
        cmp     word [60h * 4 + 2], 0F000h
        require b, 'the ROM has set INT 60h'
        mov     ax, [60h * 4 + 2]
        mov     es, ax
        cmp     word [es:0], 0AA55h
        require e, 'its header'
        mov     byte [es:0], 0
        cmp     byte [es:0], 55h
        require e, 'it is read-only'
        mov     ax, 0
        int     60h
        cmp     ax, 1234h
        require e, 'INT 60h'
        mov     cx, es
        cmp     dx, cx
        require e, 'its segment'
        test    bx, 0200h
        require nz, 'it was called with interrupts on'
        pass
        finish

; ---- the ROM: 512 bytes ----

rom:    db      55h, 0AAh, 1
        jmp     short .start
        db      0D6h                    ; all bytes add up to 0
.start: push    ds
        xor     ax, ax
        mov     ds, ax
        mov     word [60h * 4], .service - rom
        mov     [60h * 4 + 2], cs
        pushf
        pop     word [62h * 4]
        pop     ds
        mov     ax, 0FFFFh              ; it may change all registers
        mov     bx, ax
        mov     cx, ax
        mov     dx, ax
        mov     si, ax
        mov     di, ax
        mov     bp, ax
        mov     ds, ax
        mov     es, ax
        std
        retf
.service:
        mov     ax, 1234h
        mov     dx, cs
        mov     bx, [62h * 4]
        iret
        times   512 - ($ - rom) db 0
