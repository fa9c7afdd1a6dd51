        org 100h
        xor cx, cx
.more:  add cx, ax
        jmp .more               ; never ends
