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

#: As BUSY, with handlers for NMI and INT 60h that count in CX and BP.
CALLS = program(
    """
    fa                ; cli
    31c0 8ed8         ; xor ax,ax; mov ds,ax
    c7060800407c      ; mov word [8],7c40h       INT 2
    c7060a000000      ; mov word [10],0
    c7068001507c      ; mov word [180h],7c50h    INT 60h
    c70682010000      ; mov word [182h],0
    fb                ; sti
    b401 cd16 7503    ; again: mov ah,1; int 16h; jnz key
    90 ebf7           ; nop; jmp again
    b400 cd16         ; key: mov ah,0; int 16h
    baf803 ee         ; mov dx,3f8h; out dx,al
    40 01c3 ebea      ; inc ax; add bx,ax; jmp again
    """
    + "90 " * 12
    + """
    41 cf             ; inc cx; iret
    """
    + "90 " * 14
    + """
    45 cf             ; inc bp; iret
    """
)
