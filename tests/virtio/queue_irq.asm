; queue_irq: the same as queue_poll, with 32-bit registers and interrupts: four requests in flight,
; and the guest waits in HLT. Line 10 of the slave 8259 is vector 72h.
; Each sector of disk.img is filled with its number; docs/VIRTIO.md makes such an image.
; Run: python -m pyx86emu tests/virtio/queue_irq.bin -drive file=disk.img,if=virtio

        cpu     386
%include "guest.inc"
%include "virtio.inc"

        begin
        cli
        vector  72h, on_used
        in      al, 0A1h
        and     al, 0FBh                ; line 10
        out     0A1h, al
        in      al, 21h
        and     al, 0FBh                ; line 2: the slave
        out     21h, al
        mov     ax, DEVICE_SEG
        mov     es, ax
        mov     ax, QUEUE_SEG
        mov     ds, ax
        cmp     dword [es:0], 'virt'
        require e, 'a virtio device'

        xor     eax, eax
        mov     [es:STATUS], eax        ; reset
        mov     al, 1 | 2               ; ACKNOWLEDGE, DRIVER
        mov     [es:STATUS], eax
        mov     dword [es:DRIVER_FEATURES_SEL], 1
        mov     dword [es:DRIVER_FEATURES], 1   ; bit 32: VERSION_1
        mov     al, 1 | 2 | 8           ; FEATURES_OK
        mov     [es:STATUS], eax
        test    dword [es:STATUS], 8
        require nz, 'FEATURES_OK'
        mov     dword [es:QUEUE_SEL], 0
        mov     dword [es:QUEUE_NUM], SIZE
        mov     dword [es:QUEUE_DESC], (QUEUE_SEG << 4) + DESC
        mov     dword [es:QUEUE_DRIVER], (QUEUE_SEG << 4) + AVAIL
        mov     dword [es:QUEUE_DEVICE], (QUEUE_SEG << 4) + USED
        mov     dword [es:QUEUE_READY], 1
        mov     al, 1 | 2 | 8 | 4       ; DRIVER_OK
        mov     [es:STATUS], eax

; Four chains of two descriptors read the sectors 0 to 3. A chain has no third one: the byte of the
; status follows the data.
        xor     bx, bx                  ; 32 * the number of the chain
.chain: mov     di, bx
        shr     di, 1                   ; 16 * the number: its header
        mov     dword [HEADER + di], IN_
        mov     ax, bx
        shr     ax, 5
        mov     [HEADER + di + 8], al   ; the sector
        lea     ax, [di + HEADER]
        mov     [DESC + bx], ax
        mov     word [DESC + bx + 2], QUEUE_SEG >> 12
        mov     word [DESC + bx + 8], 16
        mov     word [DESC + bx + 12], NEXT
        mov     ax, bx
        shr     ax, 4                   ; its head: 0, 2, 4, 6
        shr     di, 3
        mov     [AVAIL + 4 + di], ax
        inc     ax
        mov     [DESC + bx + 14], ax
        mov     ax, bx
        shl     ax, 5
        add     ax, 1000h               ; 400h bytes for each
        mov     [DESC + bx + 16], ax
        mov     word [DESC + bx + 18], QUEUE_SEG >> 12
        mov     word [DESC + bx + 24], 513
        mov     word [DESC + bx + 28], WRITE
        mov     si, ax
        mov     byte [si + 512], 0FFh
        add     bx, 32
        cmp     bx, 128
        jb      .chain
        mov     word [AVAIL + 2], 4
        mov     dword [es:QUEUE_NOTIFY], 0      ; one kick for all
.wait:  sti
        hlt
        cli
        cmp     word [cs:irqs], 0       ; the timer ends a HLT, too
        je      .wait
        cmp     word [USED + 2], 4
        jne     .wait
        mov     si, 1000h
        mov     al, 0
.check: cmp     byte [si + 512], 0
        require e, 'the status'
        cmp     [si], al                ; each sector of the image begins with its number
        require e, 'the data'
        add     si, 400h
        inc     ax
        cmp     al, 4
        jb      .check
        pass

on_used:
        push    eax
        mov     eax, [es:INTERRUPT_STATUS]
        mov     [es:INTERRUPT_ACK], eax
        inc     word [cs:irqs]
        mov     al, 20h
        out     0A0h, al
        out     20h, al
        pop     eax
        iret
irqs:   dw      0
        finish
