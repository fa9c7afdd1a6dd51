; queue_poll: write a sector of a virtio disk and read it back. The guest polls the used ring. It
; reaches the registers in 16-bit halves, so every CPU can run it.
; Run: python -m pyx86emu tests/virtio/queue_poll.bin -drive file=disk.img,if=virtio

        cpu     8086
%include "guest.inc"
%include "virtio.inc"

        begin
        mov     ax, DEVICE_SEG
        mov     es, ax
        mov     ax, QUEUE_SEG
        mov     ds, ax
        mov     word [AVAIL], 1         ; no interrupts, please
        mov     ax, [es:0]
        cmp     ax, 6976h               ; "vi", and the other half is "rt"
        require e, 'virtio'

        mov     bx, STATUS
        mov     al, 0
        call    more                    ; reset
        mov     al, 1                   ; ACKNOWLEDGE
        call    more
        mov     al, 2                   ; DRIVER
        call    more
        mov     word [es:DRIVER_FEATURES_SEL], 1
        mov     word [es:DRIVER_FEATURES], 1    ; bit 32: VERSION_1
        mov     al, 8                   ; FEATURES_OK
        call    more
        test    word [es:STATUS], 8
        require nz, 'FEATURES_OK'

        mov     word [es:QUEUE_SEL], 0
        mov     word [es:QUEUE_NUM], SIZE
        mov     word [es:QUEUE_DESC], DESC
        mov     word [es:QUEUE_DESC + 2], QUEUE_SEG >> 12
        mov     word [es:QUEUE_DRIVER], AVAIL
        mov     word [es:QUEUE_DRIVER + 2], QUEUE_SEG >> 12
        mov     word [es:QUEUE_DEVICE], USED
        mov     word [es:QUEUE_DEVICE + 2], QUEUE_SEG >> 12
        mov     word [es:QUEUE_READY], 1
        mov     al, 4                   ; DRIVER_OK
        call    more

        mov     cx, 256
        mov     di, DATA
.fill:  mov     [di], di
        inc     di
        inc     di
        loop    .fill
        mov     word [HEADER], OUT_
        mov     word [HEADER + 8], 3    ; the sector
        desc    0, HEADER, 16, NEXT, 1
        desc    1, DATA, 512, NEXT, 2
        desc    2, RESULT, 1, WRITE, 0
        call    request
        require e, 'the write'

        mov     word [HEADER], IN_
        desc    1, BACK, 512, NEXT | WRITE, 2
        call    request
        require e, 'the read'
        mov     si, DATA
        mov     di, BACK
        mov     cx, 256
        mov     ax, ds
        mov     es, ax
        repe    cmpsw
        require e, 'the data'
        pass

more:   or      [cs:status], al         ; set further bits of the device status
        mov     al, [cs:status]
        mov     ah, 0
        mov     [es:bx], ax
        ret
status: db      0

; request: make chain 0 available, notify, and wait until it is used. ZF: its result is OK.
request:
        mov     byte [RESULT], 0FFh
        mov     ax, [AVAIL + 2]
        mov     bx, ax
        and     bx, SIZE - 1
        shl     bx, 1
        mov     word [AVAIL + 4 + bx], 0        ; the head
        inc     ax
        mov     [AVAIL + 2], ax
        mov     word [es:QUEUE_NOTIFY], 0       ; the kick
.wait:  cmp     [USED + 2], ax
        jne     .wait
        cmp     byte [RESULT], 0
        ret
        finish
