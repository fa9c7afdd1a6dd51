; ata_registers: the registers of the ATA channel: selection, an absent slave, signature after a
; reset, IDENTIFY, translation, power, and what is aborted.
; boots: hda
; Run: python -m pyx86emu -hda tests/guests/ata_registers.bin

        cpu     8086
%include "guest.inc"
%include "long.inc"
%include "ata.inc"

        begin_long
        put     CONTROL, 02h            ; no interrupts
        put     DEVICE, 0A0h
        call    ready
        and     al, 0D9h
        cmp     al, 50h
        require e, 'ready: DRDY and DSC'
        put     COUNT, 55h
        put     NUMBER, 0AAh
        get     COUNT
        cmp     al, 55h
        require e, 'count kept'
        get     NUMBER
        cmp     al, 0AAh
        require e, 'number kept'

        put     DEVICE, 0B0h
        get     STATUS
        cmp     al, 00h
        require e, 'absent slave: status 00h'
        get     CONTROL
        cmp     al, 00h
        require e, 'absent slave: alternate status 00h'
        put     STATUS, 0ECh
        get     STATUS
        cmp     al, 00h
        require e, 'absent slave takes no command'

        put     DEVICE, 0A0h            ; a reset does this, too, but not on QEMU
        put     CONTROL, 06h            ; SRST
        mov     cx, 100
.pulse: loop    .pulse
        put     CONTROL, 02h
        mov     cx, 4000h               ; more than two milliseconds on a real PC
.wait:  get     CONTROL
        loop    .wait
        call    ready
        get     ERROR
        cmp     al, 01h
        require e, 'diagnostic code after a reset'
        get     COUNT
        cmp     al, 1
        require e, 'signature: count'
        get     NUMBER
        cmp     al, 1
        require e, 'signature: number'
        get     LOW
        mov     ah, al
        get     HIGH
        or      al, ah
        require z, 'signature: cylinder'
        put     DEVICE, 0A0h
        send    90h
        get     ERROR
        cmp     al, 01h
        require e, 'diagnostic'

        mov     di, facts
        call    identify
        mov     ax, [facts]
        and     ax, 8040h
        cmp     ax, 0040h
        require e, 'word 0: a fixed disk'
        mov     ax, [facts + 2]
        mul     word [facts + 6]
        mul     word [facts + 12]       ; cylinders * heads * sectors: less than 65,536 here
        cmp     ax, [facts + 120]
        require e, 'words 60 and 61: the whole disk'
        cmp     word [facts + 122], 0
        require e, 'word 61'
        test    word [facts + 98], 0200h
        require nz, 'word 49: LBA'

        put     COUNT, 32               ; INITIALIZE DEVICE PARAMETERS: 4 heads, 32 sectors
        put     DEVICE, 0A3h
        send    91h
        test    al, 1
        require z, '91h'
        put     DEVICE, 0A3h            ; the last sector of its first cylinder
        put     NUMBER, 32
        put     LOW, 0
        put     HIGH, 0
        put     COUNT, 1
        send    40h
        test    al, 1
        require z, 'head 3, sector 32'

        put     COUNT, 0
        send    0E0h
        send    0E5h
        test    al, 1
        require z, 'E5h'
        get     COUNT
        cmp     al, 00h
        je      .standby
        cmp     al, 0FFh                ; QEMU's drives never leave the active mode
        require e, 'E5h: power mode'
.standby:
        send    0E7h
        test    al, 1
        require z, 'flush'
        put     COUNT, 3
        send    0C6h
        call    aborted
        require e, 'C6h: 3 is no power of 2'
        put     ERROR, 02h
        send    0EFh
        test    al, 1
        require z, 'EFh: write cache'
        put     ERROR, 0EEh
        send    0EFh
        call    aborted
        require e, 'EFh: no such feature'
        send    0A1h
        call    aborted
        require e, 'A1h: no packet device'
        send    10h
        test    al, 1
        require z, 'recalibrate'
        pass

identify:                               ; to ES:DI
        send    0ECh
        test    al, 08h
        require nz, 'ECh: DRQ'
        jmp     take

aborted:                                ; ZF=1: ERR and ABRT are set
        and     al, 01h
        xor     al, 01h
        jnz     .no
        get     ERROR
        and     al, 04h
        xor     al, 04h
.no:    ret

        ata_routines
facts   equ     9000h
        finish_long
