        org 100h
        mov cx, ax
        sub cx, bx              ; wrong
        ret
