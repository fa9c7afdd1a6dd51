; pci_irq: read a sector as pci_poll does, with the PCI BIOS and an interrupt, for which the guest
; waits in HLT. The line is what the configuration space says. It is level-triggered, so the handler
; reads the ISR of the device before it ends the interrupt.
; Each sector of disk.img is filled with its number; docs/VIRTIO.md makes such an image.
; Run: python -m pyx86emu tests/virtio/pci_irq.bin -device virtio-blk-pci,drive=d0 \
;          -drive file=disk.img,if=none,id=d0

        cpu     386
%include "guest.inc"
%include "pci.inc"

        begin
        cli
        mov     ax, 0B101h
        int     1Ah
        cmp     edx, 'PCI '
        require e, 'a PCI BIOS'
        mov     ax, 0B102h              ; find the device
        mov     cx, BLOCK
        mov     dx, VENDOR
        xor     si, si
        int     1Ah
        require nc, 'a virtio disk'
        mov     ax, 0B109h              ; read a word
        mov     di, BAR0
        int     1Ah
        and     cl, 0FCh
        mov     bp, cx
        mov     [port], cx
        mov     ax, 0B108h              ; read a byte
        mov     di, INTERRUPT_LINE
        int     1Ah
        cli

        movzx   bx, cl
        cmp     bl, 8
        jb      .low
        add     bl, 60h                 ; lines 8 to 15 are the vectors 70h to 77h
.low:   add     bl, 8
        shl     bx, 2
        mov     word [bx], on_used
        mov     word [bx + 2], 0
        in      al, 0A1h
        mov     ah, al
        in      al, 21h
        movzx   cx, cl
        btr     ax, cx                  ; unmask it, and line 2: the slave
        btr     ax, 2
        out     21h, al
        mov     al, ah
        out     0A1h, al

        mov     ax, QUEUE_SEG
        mov     ds, ax
        mov     al, 0
        put     STATUS, al              ; reset
        mov     al, 1 | 2               ; ACKNOWLEDGE, DRIVER
        put     STATUS, al
        xor     eax, eax
        put     GUEST_FEATURES, eax
        put     QUEUE_SELECT, ax
        mov     al, QUEUE_SEG >> 8      ; its page
        put     QUEUE_PFN, eax
        mov     al, 1 | 2 | 4           ; DRIVER_OK
        put     STATUS, al

        mov     byte [HEADER + 8], 2    ; read sector 2
        desc    0, HEADER, 16, NEXT, 1
        desc    1, DATA, 512, NEXT | WRITE, 2
        desc    2, RESULT, 1, WRITE, 0
        mov     byte [RESULT], 0FFh
        mov     word [AVAIL + 2], 1     ; head 0
        xor     ax, ax
        put     QUEUE_NOTIFY, ax        ; the kick
.wait:  sti
        hlt
        cli
        cmp     byte [cs:reason], 0     ; the timer ends a HLT, too
        je      .wait
        cmp     word [USED + 2], 1
        jne     .wait
        cmp     byte [cs:reason], 1
        require e, 'the ISR'
        cmp     byte [RESULT], 0
        require e, 'the status'
        cmp     byte [DATA], 2          ; each sector of the image begins with its number
        require e, 'the data'
        pass

on_used:
        push    ax
        push    dx
        mov     dx, [cs:port]
        add     dx, ISR
        in      al, dx                  ; this also lowers the line
        or      [cs:reason], al
        mov     al, 20h
        out     0A0h, al
        out     20h, al
        pop     dx
        pop     ax
        iret
port:   dw      0
reason: db      0
        finish
