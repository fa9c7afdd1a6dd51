; vga_raster: input status 1 shows the frames of each mode at its rate, by the 8254's ticks; the
; picture is off in vertical retrace; in mode 7 the port is 3BAh.
; Run: python -m pyx86emu tests/guests/vga_raster.bin
;
; kvm: no: a vCPU that the host puts aside misses frames
; qemu: no, its status does not follow the mode

%include "guest.inc"

TICKS   equ     46Ch

; frames LEAST, MOST: how many retraces begin within 20 ticks (1.0985 s).
%macro  frames  3
        call    count
        cmp     cx, %1
        require ae, %3
        cmp     cx, %2
        require be, %3
%endmacro

        begin
        sti
        mov     dx, 3DAh
        frames  76, 78, 'mode 3: 70.1 Hz'
        mov     ax, 13h
        int     10h
        mov     dx, 3DAh
        frames  76, 78, 'mode 13h: 70.1 Hz'
        mov     ax, 12h
        int     10h
        mov     dx, 3DAh
        frames  65, 67, 'mode 12h: 59.9 Hz'
        mov     ax, 7
        int     10h
        mov     dx, 3BAh
        frames  76, 78, 'mode 7: 70.1 Hz'
        mov     dx, 3DAh
        in      al, dx
        cmp     al, 0FFh
        require e, '3DAh in mode 7'
        pass

count:                                  ; CX = retraces at port DX. Clobbers AX BX SI
        mov     bx, [TICKS]
.start: mov     ax, [TICKS]
        sub     ax, bx
        jz      .start
        mov     bx, [TICKS]
        xor     cx, cx
        xor     si, si                  ; SI = 8: in retrace
.look:  in      al, dx
        and     ax, 9
        cmp     al, 8                   ; retrace while the picture is shown?
        require ne, 'shown in retrace'
        and     al, 8
        cmp     ax, si
        je      .same
        mov     si, ax
        add     cx, 1
.same:  mov     ax, [TICKS]
        sub     ax, bx
        cmp     ax, 20
        jb      .look
        inc     cx                      ; two changes are a retrace
        shr     cx, 1
        ret

        finish
