        org 100h
        xor cx, cx
.more:  add cx, ax
        dec bx
        jnz .more
        ret
