; pci_poll: find a virtio disk on the PCI bus by CF8h and CFCh, write a sector and read it back over
; the legacy registers. The guest polls the used ring.
; Run: python -m pyx86emu tests/virtio/pci_poll.bin -device virtio-blk-pci,drive=d0 \
;          -drive file=disk.img,if=none,id=d0

        cpu     386
%include "guest.inc"
%include "pci.inc"

        begin
        mov     ax, QUEUE_SEG
        mov     ds, ax
        mov     es, ax
        mov     ebx, 80000000h          ; bus 0, device 0, register 0
.look:  call    config
        cmp     eax, BLOCK << 16 | VENDOR
        je      .found
        add     ebx, 800h               ; the next device
        cmp     ebx, 80010000h
        jb      .look
        cmp     ax, VENDOR
.found: require e, 'a virtio disk'
        mov     bl, BAR0
        call    config
        and     al, 0FCh
        mov     bp, ax

        mov     al, 0
        put     STATUS, al              ; reset
        mov     al, 1 | 2               ; ACKNOWLEDGE, DRIVER
        put     STATUS, al
        xor     eax, eax
        put     GUEST_FEATURES, eax     ; none of them
        put     QUEUE_SELECT, ax
        lea     dx, [bp + QUEUE_SIZE]
        in      ax, dx
        cmp     ax, SIZE
        require e, 'the queue size'
        mov     eax, QUEUE_SEG >> 8     ; its page: guest-physical 10000h / 4096
        put     QUEUE_PFN, eax
        mov     al, 1 | 2 | 4           ; DRIVER_OK
        put     STATUS, al
        mov     word [AVAIL], 1         ; no interrupts, please

        mov     cx, 256
        mov     di, DATA
.fill:  mov     [di], di
        add     di, 2
        loop    .fill
        mov     dword [HEADER], OUT_
        mov     dword [HEADER + 8], 3   ; the sector
        desc    0, HEADER, 16, NEXT, 1
        desc    1, DATA, 512, NEXT, 2
        desc    2, RESULT, 1, WRITE, 0
        call    request
        require e, 'the write'

        mov     byte [HEADER], IN_
        desc    1, DATA + 512, 512, NEXT | WRITE, 2
        call    request
        require e, 'the read'
        mov     si, DATA
        mov     di, DATA + 512
        mov     cx, 256
        repe    cmpsw
        require e, 'the data'
        pass

config: mov     eax, ebx                ; EBX = device, register -> EAX
        mov     dx, CONFIG_ADDRESS
        out     dx, eax
        mov     dl, CONFIG_DATA & 0FFh
        in      eax, dx
        ret

; request: make chain 0 available, notify, and wait until it is used. ZF: its result is OK.
request:
        mov     byte [RESULT], 0FFh
        mov     bx, [AVAIL + 2]         ; head 0 is in every place of the ring already
        inc     bx
        mov     [AVAIL + 2], bx
        xor     ax, ax
        put     QUEUE_NOTIFY, ax        ; the kick
.wait:  cmp     [USED + 2], bx
        jne     .wait
        cmp     byte [RESULT], 0
        ret
        finish
