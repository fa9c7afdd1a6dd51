; virtioblk.asm: an option ROM: INT 13h for virtio disks at the MMIO transport, so that programs which
; know nothing of virtio boot from them and use them. Assembled to pyx86emu/pc/roms/virtioblk.bin.
;
; POST calls offset 3. It looks for block devices at D0000h to D0FFFh, every 200h (Virtio 1.2, 4.2.2).
; That much is 8086 code; with a processor before the 80386 it says so and does no more. It takes
; 1 KiB from the end of conventional memory (40:13): 256 bytes for each of at most four disks, with
; the queue. The disks get the numbers after those that 40:75 counts, and are added to it.
;
; INT 13h  In: AH = function, DL = drive. Out: AH = status (also in 40:74), CF=1: an error.
;          00h, 09h, 0Ch-0Dh, 10h-11h, 14h, 47h  Nothing to do. AH = 0; for a bad address 04h.
;          01h  Out: AH = status of the last operation on a hard disk.
;          02h read, 03h write, 04h verify; 08h, 15h  As int13_disk.inc of the BIOS.
;          41h-44h, 48h  As edd.inc. 45h, 46h: nothing to lock, nothing to eject.
; Status: 01h bad call, 03h write-protected, 04h no such sector, 10h the device has failed to read or
;   write, 20h the device has refused the request and is set up again, 80h time-out.
; Clobbered: nothing. IF is 1 at the return.
; The queue has four descriptors, one request at a time; it is polled, so there are no interrupts.
; A request that takes longer than two minutes of guest time ends with 80h, and the device is reset.
; CHS: as a partition table says, else 63 sectors and 16 to 255 heads, as LBA assist has it.

        bits    16
        cpu     386
        org     0

ROM_SIZE        equ     2048
BDA             equ     40h
WINDOW          equ     0D000h          ; segments
WINDOW_END      equ     0D100h
STEP            equ     20h
MOST            equ     4

; registers of a device
DEVICE_ID       equ     08h
DEVICE_FEATURES equ     10h
DEVICE_FEATURES_SEL equ 14h
DRIVER_FEATURES equ     20h
DRIVER_FEATURES_SEL equ 24h
QUEUE_SEL       equ     30h
QUEUE_NUM_MAX   equ     34h
QUEUE_NUM       equ     38h
QUEUE_READY     equ     44h
QUEUE_NOTIFY    equ     50h
STATUS          equ     70h
QUEUE_DESC      equ     80h
QUEUE_DRIVER    equ     90h
QUEUE_DEVICE    equ     0A0h
CONFIG          equ     100h            ; of a disk: sectors (8)

NEEDS_RESET     equ     40h
F_RO            equ     5               ; the disk is read-only
QUEUE           equ     4               ; descriptors

; the 256 bytes of a disk
DESC            equ     00h             ; 4 times: address (8), length (4), flags (2), next (2)
AVAIL           equ     40h             ; flags (2), index (2), 4 heads (2 each), 2
USED            equ     60h             ; flags (2), index (2), 4 times: head (4), written (4); 2
HEADER          equ     90h             ; type (4), 0 (4), sector (8)
RESULT          equ     0A0h
READ_ONLY       equ     0A1h
PLACE           equ     0A2h            ; segment of the device
SECTORS         equ     0A4h            ; dword
CYLINDERS       equ     0A8h
HEADS           equ     0AAh
TRACK           equ     0ACh            ; sectors a track
; in the first one only
STUB            equ     0C0h            ; the new INT 13h: see `stub`
FIRST           equ     STUB + stub.first - stub - 1
AFTER           equ     STUB + stub.after - stub - 1

; the caller's registers, from BP
R_ES            equ     0
R_SI            equ     6
R_BX            equ     18
R_DX            equ     22
R_CX            equ     26
R_AX            equ     30
R_DS            equ     34
R_FLAGS         equ     40

        db      55h, 0AAh, ROM_SIZE / 512
        jmp     init

; -- POST --------------------------------------------------------------------------------------------

init:                                   ; 8086 code up to `found`
        mov     dx, WINDOW
.look:
        mov     es, dx
        cmp     word [es:0], 6976h      ; "virt"
        jne     .next
        cmp     word [es:2], 7472h
        jne     .next
        cmp     word [es:DEVICE_ID], 2  ; a block device
        je      .found
.next:
        add     dx, STEP
        cmp     dx, WINDOW_END
        jb      .look
        retf
.found:
        pushf                           ; bits 15-12 of FLAGS: 8086 all ones, 80286 zeros, else free
        pushf
        pop     ax
        mov     bx, ax
        and     ah, 0Fh
        push    ax
        popf
        pushf
        pop     ax
        and     ah, 0F0h
        cmp     ah, 0F0h
        je      .old
        mov     ax, bx
        or      ah, 0F0h
        push    ax
        popf
        pushf
        pop     ax
        test    ah, 70h
        jz      .old
        popf
        jmp     disks
.old:
        popf
        mov     si, needs
.say:
        cs lodsb
        test    al, al
        jz      .said
        mov     ah, 0Eh
        mov     bx, 7
        int     10h
        jmp     .say
.said:
        retf
needs:  db      'virtio-blk: no INT 13h, it needs an 80386', 13, 10, 0

disks:
        pushad
        push    ds
        push    es
        sti
        cld
        mov     ax, BDA
        mov     ds, ax
        dec     word [13h]
        mov     ax, [13h]
        shl     ax, 6
        mov     fs, ax                  ; FS = the first disk's bytes; GS = those of the next disk
        mov     gs, ax
        mov     bl, [75h]
        or      bl, 80h                 ; BL = number of the next disk
        push    fs
        pop     es
        mov     si, stub
        mov     di, STUB
        mov     cx, stub.end - stub
        cs rep  movsb
        mov     [fs:FIRST], bl
        mov     dx, WINDOW
.device:
        mov     es, dx
        cmp     dword [es:0], 74726976h
        jne     .next
        cmp     dword [es:DEVICE_ID], 2
        jne     .next
        push    gs
        pop     ds
        mov     [PLACE], es
        call    set_up
        jc      .next
        call    geometry
        inc     bl
        mov     ax, gs
        add     ax, 10h
        mov     gs, ax
.next:
        add     dx, STEP
        mov     al, bl
        sub     al, [fs:FIRST]
        cmp     al, MOST
        jae     .enough
        cmp     dx, WINDOW_END
        jb      .device
.enough:
        mov     [fs:AFTER], bl
        mov     ax, BDA
        mov     ds, ax
        cmp     bl, [fs:FIRST]
        je      .none
        and     bl, 7Fh
        mov     [75h], bl
        xor     ax, ax
        mov     ds, ax
        mov     eax, [13h * 4]
        mov     [fs:STUB + stub.old - stub - 4], eax
        mov     [fs:STUB + stub.rom - stub - 2], cs
        cli
        mov     word [13h * 4], STUB
        mov     [13h * 4 + 2], fs
        sti
        jmp     .done
.none:
        inc     word [13h]              ; no disk can be used: give the memory back
.done:
        xor     ax, ax
        mov     fs, ax
        mov     gs, ax
        pop     es
        pop     ds
        popad
        retf

; The new INT 13h, in memory: other drives go to the old one.
stub:
        cmp     dl, 0
.first:
        jb      .other
        cmp     dl, 0
.after:
        jae     .other
        push    ds
        push    cs
        pop     ds
        jmp     0:int13
.rom:
.other:
        jmp     0:0
.old:
.end:

; Set the device up: reset it, accept what is used here, give it the queue. In: DS = the disk's bytes.
; CF=1: it does not work. Clobbers EAX CX DI.
set_up:
        push    es
        mov     es, [PLACE]
        mov     dword [es:STATUS], 0
        mov     cx, 0FFFFh
.reset:
        cmp     dword [es:STATUS], 0
        loopne  .reset
        jne     .failed
        push    es                      ; the rings begin with zeros
        push    ds
        pop     es
        xor     di, di
        xor     eax, eax
        mov     cx, PLACE / 4
        rep     stosd
        pop     es
        mov     byte [AVAIL], 1         ; no interrupts
        mov     dword [es:STATUS], 1    ; ACKNOWLEDGE
        mov     dword [es:STATUS], 3    ; DRIVER
        mov     dword [es:DEVICE_FEATURES_SEL], 1
        test    dword [es:DEVICE_FEATURES], 1
        jz      .failed                 ; no VERSION_1
        mov     dword [es:DEVICE_FEATURES_SEL], 0
        mov     eax, [es:DEVICE_FEATURES]
        and     eax, 1 << F_RO
        mov     dword [es:DRIVER_FEATURES_SEL], 0
        mov     [es:DRIVER_FEATURES], eax
        setnz   [READ_ONLY]
        mov     dword [es:DRIVER_FEATURES_SEL], 1
        mov     dword [es:DRIVER_FEATURES], 1
        mov     dword [es:STATUS], 11   ; FEATURES_OK
        test    dword [es:STATUS], 8
        jz      .failed
        mov     dword [es:QUEUE_SEL], 0
        cmp     dword [es:QUEUE_NUM_MAX], QUEUE
        jb      .failed
        mov     dword [es:QUEUE_NUM], QUEUE
        xor     eax, eax
        mov     [es:QUEUE_DESC + 4], eax
        mov     [es:QUEUE_DRIVER + 4], eax
        mov     [es:QUEUE_DEVICE + 4], eax
        mov     ax, ds
        shl     eax, 4
        mov     [es:QUEUE_DESC], eax
        add     eax, AVAIL
        mov     [es:QUEUE_DRIVER], eax
        add     eax, USED - AVAIL
        mov     [es:QUEUE_DEVICE], eax
        mov     dword [es:QUEUE_READY], 1
        mov     dword [es:STATUS], 15   ; DRIVER_OK
        mov     eax, [es:CONFIG]
        cmp     dword [es:CONFIG + 4], 0
        je      .sectors
        mov     eax, 0FFFFFFFFh         ; what LBAs of 32 bits reach
.sectors:
        mov     [SECTORS], eax
        clc
        pop     es
        ret
.failed:
        mov     dword [es:STATUS], 80h  ; FAILED
        stc
        pop     es
        ret

; Find the disk's CHS. In: DS = its bytes. Clobbers EAX CX EDX ESI EDI.
geometry:
        push    ebx
        push    dx
        push    es
        mov     byte [TRACK], 63
        mov     byte [HEADS], 16
        mov     eax, [SECTORS]
        xor     edx, edx
        mov     ecx, 63 * 1024
        div     ecx                     ; heads that give 1,024 cylinders
        inc     eax
.more:
        movzx   ecx, byte [HEADS]
        cmp     eax, ecx
        jbe     .table
        shl     byte [HEADS], 1
        jnz     .more
        mov     byte [HEADS], 255
.table:                                 ; does a partition say something else?
        xor     ax, ax
        mov     es, ax
        mov     edi, 7C00h
        xor     eax, eax
        mov     cx, 1
        mov     dl, 0
        call    transfer
        jc      .cylinders
        cmp     word [es:7C00h + 510], 0AA55h
        jne     .cylinders
        mov     si, 7C00h + 446
.entry:
        cmp     byte [es:si + 4], 0     ; type
        je      .skip
        test    byte [es:si], 7Fh
        jnz     .skip
        mov     cl, [es:si + 6]         ; its last sector: head, sector, cylinder
        mov     dl, cl
        and     cl, 3Fh
        jz      .skip
        movzx   ebx, dl
        shl     bx, 2
        and     bx, 300h
        mov     bl, [es:si + 7]         ; cylinder
        movzx   eax, byte [es:si + 5]   ; head
        mov     ch, al
        inc     al
        jz      .skip                   ; 256 heads
        movzx   edx, cl
        imul    eax, ebx                ; cylinder * heads
        movzx   edi, ch
        add     eax, edi
        imul    eax, edx
        dec     edx
        add     eax, edx                ; the LBA that it would be
        mov     edx, [es:si + 8]
        add     edx, [es:si + 12]
        dec     edx
        cmp     eax, edx
        jne     .skip
        mov     [TRACK], cl
        inc     ch
        mov     [HEADS], ch
        jmp     .cylinders
.skip:
        add     si, 16
        cmp     si, 7C00h + 510
        jb      .entry
.cylinders:
        movzx   eax, byte [HEADS]
        movzx   ecx, byte [TRACK]
        imul    ecx, eax
        mov     eax, [SECTORS]
        xor     edx, edx
        div     ecx
        cmp     eax, 1024
        jbe     .fits
        mov     ax, 1024
.fits:
        test    ax, ax
        jnz     .done
        inc     ax
.done:
        mov     [CYLINDERS], ax
        pop     es
        pop     dx
        pop     ebx
        ret

; -- requests ----------------------------------------------------------------------------------------

; Transfer CX sectors, 1 or more, from LBA EAX on. In: DL = 0: read to, 1: write from, ES:DI = memory.
; DS = the disk's bytes. Out: CF=1: AH = status. Clobbers EAX ECX EDX DI.
transfer:
        push    es
        push    ebx
        mov     [HEADER], dl
        movzx   ecx, cx
        mov     ebx, eax
        add     ebx, ecx
        jc      .outside
        cmp     ebx, [SECTORS]
        ja      .outside
        mov     [HEADER + 8], eax
        xor     ebx, ebx
        mov     bx, es
        shl     ebx, 4
        movzx   edi, di
        add     ebx, edi                ; the memory's physical address
        shl     ecx, 9
        lea     edi, [ebx + ecx]
        cmp     edi, 110000h
        ja      .bad
        mov     [DESC + 16], ebx
        mov     [DESC + 24], ecx
        mov     word [DESC + 28], 3     ; NEXT, WRITE
        test    dl, dl
        jz      .chain
        mov     byte [DESC + 28], 1
        cmp     byte [READ_ONLY], 0
        jne     .protected
.chain:
        mov     word [DESC + 30], 2
        xor     eax, eax
        mov     ax, ds
        shl     eax, 4
        add     eax, HEADER
        mov     [DESC], eax
        mov     dword [DESC + 8], 16
        mov     dword [DESC + 12], 10001h       ; NEXT: 1
        add     eax, RESULT - HEADER
        mov     [DESC + 32], eax
        mov     dword [DESC + 40], 1
        mov     dword [DESC + 44], 2            ; WRITE
        mov     byte [RESULT], 0FFh
        mov     bx, [AVAIL + 2]
        mov     di, bx
        and     di, QUEUE - 1
        shl     di, 1
        mov     word [AVAIL + 4 + di], 0
        inc     bx
        mov     [AVAIL + 2], bx
        mov     es, [PLACE]
        mov     dword [es:QUEUE_NOTIFY], 0
        mov     ax, BDA
        mov     es, ax
        mov     dx, [es:6Ch]
        sti
.wait:
        cmp     [USED + 2], bx
        je      .used
        mov     ax, [es:6Ch]
        sub     ax, dx
        cmp     ax, 2184                ; two minutes
        jae     .late
        test    al, 0Fh
        jnz     .wait
        push    es                      ; now and then: has it given up?
        mov     es, [PLACE]
        test    dword [es:STATUS], NEEDS_RESET
        pop     es
        jz      .wait
        mov     ah, 20h
        jmp     .again
.used:
        mov     ah, 10h
        cmp     byte [RESULT], 0
        jne     .failed
        mov     ah, 0
        jmp     .done                   ; CF=0
.late:
        mov     ah, 80h
.again:
        push    ax
        call    set_up
        pop     ax
        jmp     .failed
.outside:
        mov     ah, 04h
        jmp     .failed
.bad:
        mov     ah, 01h
        jmp     .failed
.protected:
        mov     ah, 03h
.failed:
        stc
.done:
        pop     ebx
        pop     es
        ret

%include "virtioblk13.inc"

        times   ROM_SIZE - ($ - $$) db 0
