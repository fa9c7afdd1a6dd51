        org 100h
        mov cx, ax
        add cx, bx
        ret
