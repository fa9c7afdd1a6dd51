; bios.asm: the firmware of the PC, 64 KiB at F0000h-FFFFFh: includes one file per service and
; defines what programs expect at a fixed address.
;
; It uses ports and memory only, so it also boots on other PCs (README.md).
; Build: python firmware/build.py (nasm, then the checksum byte and the symbol list).

        cpu     8086
        bits    16
        org     0
%ifdef MAP
        [map symbols bios.map]
%endif

%include "macros.inc"
%include "bda.inc"

rom_start:
        db      'pyx86emu BIOS', 0

%include "post.inc"                     ; reset to the first boot sector
%include "pmm.inc"                      ; memory for them
%include "roms.inc"                     ; ROMs of others
%include "int05.inc"                    ; print screen
%include "int08.inc"                    ; timer tick, the other hardware interrupts
%include "int09.inc"                    ; keyboard interrupt
%include "int10.inc"                    ; video: functions, cursor, pages, scrolling
%include "modes.inc"                    ; video: mode set
%include "modetab.inc"                  ; video: tables of the modes
%include "vga.inc"                      ; video: VGA registers
%include "cga.inc"                      ; video: mode set without a VGA
%include "chars.inc"                    ; video: characters
%include "beep.inc"                     ; BEL
%include "graphics.inc"                 ; video: characters in modes 4-6
%include "linear.inc"                   ; video: characters in the other graphics modes
%include "pixels.inc"                   ; video: pixels
%include "palette.inc"                  ; video: palette and colours
%include "fonts.inc"                    ; video: loads and returns fonts
%include "pointers.inc"                 ; video: what programs add to the save pointers
%include "vstate.inc"                   ; video: state of the display
%include "vsave.inc"                    ; video: saves and restores it
%include "int11.inc"                    ; equipment (11h), memory size (12h)
%include "int13.inc"                    ; disks (13h); diskettes: read, write, verify, format
%include "floppy.inc"                   ; diskettes: drives and controller
%include "medium.inc"                   ; diskettes: which medium is in a drive
%include "media.inc"                    ; diskettes: types of drives and media
%include "int13_disk.inc"               ; hard disks
%include "ata.inc"                      ; hard disks: the channel
%include "edd.inc"                      ; hard disks: the extended functions
%include "post_disk.inc"                ; hard disks: finds them, makes their tables
%include "int14.inc"                    ; serial ports
%include "int15.inc"                    ; system services
%include "memory.inc"                   ; where memory is
%include "mouse.inc"                    ; the mouse, and its interrupt
%include "int16.inc"                    ; keyboard
%include "int17.inc"                    ; printer
%include "int19.inc"                    ; boot (19h), nothing to boot (18h)
%include "int1a.inc"                    ; time of day
%include "pcibios.inc"                  ; PCI: finds and configures devices

        db      8                       ; lines of a character, before each font
rom_font_8:                             ; all characters, 8 x 8
%include "font.inc"
rom_font_high:                          ; characters 80h-FFh; INT 1Fh points here
%define FONT_HIGH
%include "font.inc"
        db      14
rom_font_14:                            ; 8 x 14
%include "font14.inc"
        db      16
rom_font_16:                            ; 8 x 16
%include "font16.inc"

; ---- fixed addresses that programs use -----------------------------------------------------------

        fixed   0E05Bh
        jmp     post
        fixed   0E2C3h
entry_nmi:
        jmp     int02
        fixed   0E3FEh
entry_int13_disk:
        jmp     int13
        fixed   0E401h
disk_table:                             ; INT 41h and 46h point here if there is no hard disk
        times 16 db 0
        fixed   0E6F2h
entry_int19:
        jmp     int19
        fixed   0E6F5h
config_table:                           ; returned by INT 15h AH=C0h
        dw      8                       ; bytes that follow
        db      0FCh, 1, 0              ; model, submodel, revision: an AT
        db      01110000b               ; two 8259s, an RTC, INT 09h calls INT 15h AH=4Fh
        db      01000000b               ; INT 16h AH=09h is supported
        db      0, 0, 0
        fixed   0E729h
baud_table:                             ; INT 14h: divisors of 1.8432 MHz / 16, 110 to 9,600 baud
        dw      1047, 768, 384, 192, 96, 48, 24, 12
        fixed   0E739h
entry_int14:
        jmp     int14
        fixed   0E82Eh
entry_int16:
        jmp     int16
        fixed   0E987h
entry_int09:
        jmp     int09
        fixed   0EC59h
entry_int13:
        jmp     int13
        fixed   0EF57h
entry_int0e:
        jmp     int0e
        fixed   0EFC7h
diskette_table:                         ; INT 1Eh points here: 1.44M
        diskette_parameters 18, 1Bh, 6Ch
        fixed   0EFD2h
entry_int17:
        jmp     int17
        fixed   0F065h
entry_int10:
        jmp     int10
        fixed   0F0A4h
video_parameters:                       ; INT 1Dh points here
        crtc_parameter_table
        fixed   0F841h
entry_int12:
        jmp     int12
        fixed   0F84Dh
entry_int11:
        jmp     int11
        fixed   0F859h
entry_int15:
        jmp     int15
        fixed   0FA6Eh
rom_font_low:                           ; characters 00h-7Fh, 8 x 8
%undef FONT_HIGH
%include "font.inc"
        fixed   0FE6Eh
entry_int1a:
        jmp     int1a
        fixed   0FEA5h
entry_int08:
        jmp     int08
        fixed   0FF53h
dummy_iret:
        iret
        fixed   0FF54h
entry_int05:
        jmp     int05

        fixed   0FFF0h
reset_vector:
        jmp     0F000h:post
        db      '11/22/26'              ; FFF5h: the date, mm/dd/yy
        db      0
        db      0FCh                    ; FFFEh: model AT
        db      0                       ; FFFFh: build.py sets it, so that all bytes add up to 0
