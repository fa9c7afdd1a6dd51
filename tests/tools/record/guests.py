"""Guests that listen to the outside. Each is a boot sector."""

from tests.harness import program

#: Echoes each key that INT 16h gives to COM1 and counts in between; waits in HLT.
ECHO = program(
    """
    fb        ; sti
    b401      ; again: mov ah,1
    cd16      ; int 16h
    7503      ; jnz key
    f4        ; hlt
    ebf7      ; jmp again
    b400      ; key: mov ah,0
    cd16      ; int 16h
    baf803    ; mov dx,3f8h
    ee        ; out dx,al
    40        ; inc ax
    01c3      ; add bx,ax
    ebeb      ; jmp again
    """
)

#: The same without HLT: it is always busy.
BUSY = ECHO.replace(b"\xf4", b"\x90")

#: Reads port 0x300 for ever, adds it up in BX.
ASKS = program(
    """
    fb        ; sti
    ba0003    ; mov dx,300h
    ec        ; again: in al,dx
    00c3      ; add bl,al
    ee        ; out dx,al
    ebfa      ; jmp again
    """
)
