; virtioblk.asm: an option ROM: INT 13h for virtio disks at the MMIO transport and on the PCI bus, so
; that programs which know nothing of virtio boot from them and use them. Assembled to
; pyx86emu/pc/roms/virtioblk.bin.
;
; POST calls offset 3. With a processor before the 80386 it says so, if there is a disk at the MMIO
; transport, and does no more; so much is 8086 code. Else it looks for disks, first at the MMIO
; transport, then by the PCI BIOS. It takes 1 KiB from the end of conventional memory (40:13): 256
; bytes for each of at most four disks, with the queue. The disks get the numbers after those that
; 40:75 counts, and are added to it.
;
; INT 13h  In: AH = function, DL = drive. Out: AH = status (also in 40:74), CF=1: an error.
;          00h, 09h, 0Ch-0Dh, 10h-11h, 14h, 47h  Nothing to do. AH = 0; for a bad address 04h.
;          01h  Out: AH = status of the last operation on a hard disk.
;          02h read, 03h write, 04h verify; 08h, 15h  As int13_disk.inc of the BIOS.
;          41h-44h, 48h  As edd.inc. 45h, 46h: nothing to lock, nothing to eject.
; Status: 01h bad call, 03h write-protected, 04h no such sector, 10h the device has failed to read or
;   write, 20h the device has refused the request and is set up again, 80h time-out.
; Clobbered: nothing. IF is 1 at the return.
; CHS: as a partition table says, else 63 sectors and 16 to 255 heads, as LBA assist has it.

        bits    16
        org     0

ROM_SIZE        equ     2560
BDA             equ     40h
MOST            equ     4               ; disks
QUEUE           equ     4               ; descriptors

; the 256 bytes of a disk
DESC            equ     00h             ; 4 times: address (8), length (4), flags (2), next (2)
AVAIL           equ     40h             ; flags (2), index (2), 4 heads (2 each), 2
USED            equ     60h             ; flags (2), index (2), 4 times: head (4), written (4); 2
HEADER          equ     90h             ; type (4), 0 (4), sector (8)
RESULT          equ     0A0h
READ_ONLY       equ     0A1h
PLACE           equ     0A2h            ; MMIO: segment of the device; 0: it is on the PCI bus
SECTORS         equ     0A4h            ; dword
CYLINDERS       equ     0A8h
HEADS           equ     0AAh
TRACK           equ     0ACh            ; sectors a track
FUNCTION        equ     0AEh            ; PCI: bus, device and function
ACCESS          equ     0B0h            ; its VIRTIO_PCI_CAP_PCI_CFG, in the configuration space
DOORBELL        equ     0B4h            ; offset, segment of its notifications; segment 0: none
STRUCTURES      equ     0E0h            ; its structures, of types 1 to 4: BAR (4), offset (4)
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
        cpu     8086
        jmp     init

; -- POST --------------------------------------------------------------------------------------------

init:
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
        mov     dx, WINDOW
        call    mmio_find
        jc      .said
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

%include "virtioblk_mmio.inc"

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
        mov     fs, ax                  ; FS = the first disk's bytes
        mov     es, ax
        mov     si, stub
        mov     di, STUB
        mov     cx, stub.end - stub
        cs rep  movsb
        mov     al, [75h]
        or      al, 80h
        mov     [fs:FIRST], al
        mov     [fs:AFTER], al
        push    fs
        pop     ds
        call    mmio_disks
        call    pci_disks
        mov     ax, BDA
        mov     ds, ax
        mov     al, [fs:AFTER]
        cmp     al, [fs:FIRST]
        je      .none
        and     al, 7Fh
        mov     [75h], al
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

; Is there room for one more disk? CF=1: there is. Clobbers AL.
room:
        mov     al, [fs:AFTER]
        sub     al, [fs:FIRST]
        cmp     al, MOST
        ret

; Add a disk, if it works. In: DS = its bytes, which say where it is. Out: DS = those of the next one.
; Clobbers EAX CX ESI EDI.
add_disk:
        call    set_up
        jc      .done
        call    geometry
        inc     byte [fs:AFTER]
        mov     ax, ds
        add     ax, 10h
        mov     ds, ax
.done:
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

%include "virtioblk_pci.inc"
%include "virtioblk_queue.inc"
%include "virtioblk13.inc"

        times   ROM_SIZE - ($ - $$) db 0
