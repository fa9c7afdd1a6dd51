; ata_transfer: sectors through the ATA data port: by LBA and CHS, several, multiple, verify, errors
; at the end of the disk; IRQ 14 comes for each block and status acknowledges it.
; boots: hda
; Run: python -m pyx86emu -hda tests/guests/ata_transfer.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"
%include "ata.inc"

FIRST   equ     0B000h
LAST    equ     4 * 16 * 63 - 1         ; the test makes a disk of this size

        begin_long
        mov     di, FIRST               ; a pattern for two sectors
        mov     cx, 512
.fill:  mov     ax, di
        stosw
        loop    .fill
        vector  76h, irq14
        in      al, 0A1h
        and     al, 0BFh
        out     0A1h, al
        sti
        put     CONTROL, 00h

        address 100, 2
        put     STATUS, 30h
        mov     byte [came], 0
        call    drq
        require nz, '30h: DRQ'
        mov     si, FIRST
        call    give
        call    wait14
        call    drq
        require nz, '30h: DRQ for the second'
        mov     byte [came], 0
        mov     si, FIRST + 512
        call    give
        call    wait14
        call    ready
        test    al, 09h
        require z, '30h: done'

        mov     byte [came], 0
        address 100, 2
        put     STATUS, 20h
        call    wait14
        call    drq
        require nz, '20h: DRQ'
        mov     byte [came], 0
        mov     di, 9000h
        call    take
        call    wait14
        call    drq
        mov     di, 9200h
        call    take
        call    same

        mov     di, 9000h               ; the same by CHS: 16 heads, 63 sectors
        mov     cx, 512
        xor     ax, ax
        rep     stosw
        put     COUNT, 63
        put     DEVICE, 0AFh
        send    91h
        put     DEVICE, 0A1h            ; sector 100 is cylinder 0, head 1, sector 38
        put     COUNT, 1
        put     NUMBER, 38
        put     LOW, 0
        put     HIGH, 0
        send    20h
        call    drq
        mov     di, 9000h
        call    take
        put     NUMBER, 39
        put     COUNT, 1
        send    21h
        call    drq
        mov     di, 9200h
        call    take
        call    same

        address 0, 2                    ; two sectors in one block
        send    0C6h
        address 100, 2
        put     STATUS, 0C4h
        call    drq
        require nz, 'C4h: DRQ'
        mov     di, 9000h
        call    take
        mov     di, 9200h
        call    take
        call    same
        address 200, 2
        put     STATUS, 0C5h
        call    drq
        mov     si, FIRST
        call    give
        mov     si, FIRST + 512
        call    give
        call    ready
        test    al, 01h
        require z, 'C5h'
        address 200, 2
        put     STATUS, 20h
        call    drq
        mov     di, 9000h
        call    take
        call    drq
        mov     di, 9200h
        call    take
        call    same

        address 0, 200
        send    40h
        test    al, 09h
        require z, 'verify'
        address LAST, 1
        send    20h
        call    drq
        require nz, 'the last sector'
        mov     di, 9000h
        call    take
        address LAST + 1, 1
        send    20h
        and     al, 09h
        cmp     al, 01h
        require e, 'past the end: ERR, no DRQ'
        pass

same:   mov     si, FIRST               ; 9000h has what was written
        mov     di, 9000h
        mov     cx, 512
        repe    cmpsw
        require e, 'data'
        ret

wait14: mov     cx, 0FFFFh
.next:  cmp     byte [came], 0
        jne     .done
        loop    .next
        require e, 'no IRQ 14'
.done:  ret

irq14:  push    ax
        push    dx
        mov     byte [cs:came], 1
        get     STATUS
        mov     al, 20h
        out     0A0h, al
        out     20h, al
        pop     dx
        pop     ax
        iret
came:   db      0

        ata_routines
        finish_long
