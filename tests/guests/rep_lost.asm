; rep_lost: on an 8086 an interrupt between the iterations of a REP returns to the last prefix, so
; the others are lost: REP ES: MOVSB stops, ES: REP MOVSB reads from DS.
; Run: python -m pyx86emu -cpu 8086 tests/guests/rep_lost.bin
; models: 8086

        cpu     8086
%include "guest.inc"
%include "irq.inc"

        begin
        cli
        vector  8, on_irq
        tick    239
        mov     ax, 2000h               ; memory at ES is full of 55h, at DS of zeros
        mov     es, ax
        xor     di, di
        mov     cx, 8000h
        mov     ax, 5555h
        rep     stosw

        call    prepare
        sti
        rep
last1:  db      26h                     ; ES:
        movsb
        cli
        cmp     word [from], last1
        require e, 'REP ES: returns to ES:'
        cmp     cx, 0
        require ne, 'one more iteration, then it ends'
        mov     ax, di
        sub     ax, 0A000h
        add     ax, cx
        cmp     ax, 3001
        require e, 'which CX does not count'

        call    prepare
        sti
        db      26h
last2:  rep     movsb
        cli
        cmp     word [from], last2
        require e, 'ES: REP returns to REP'
        cmp     cx, 0
        require e, 'all iterations are done'
        cmp     byte [es:0A000h], 55h
        require e, 'the first of them from ES:'
        cmp     byte [es:0A000h + 2999], 0
        require e, 'the last of them from DS'
        pass

prepare:                                ; the next IRQ 0 is 200 us, or 1560 iterations, away
        pend
        sti
        nop
        cli
        mov     si, 8000h
        mov     di, 0A000h
        mov     cx, 3000
        ret

        irq_handler
        finish
