; poll: reads bit 4 of port 61h (the refresh toggle) as delay loops do, ECX times.
        bits    16
        org     7C00h

turn:   in      al, 61h
        and     al, 10h
        cmp     al, ah
        mov     ah, al
        dec     ecx
        jnz     turn
        hlt
