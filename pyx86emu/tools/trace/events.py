"""An interrupt or a return, as the core has seen it. Knows neither rings nor files."""

import struct
from typing import NamedTuple

from ...observe import FLAG_NAMES, How

#: The parts of struct Seen (core/base/looks.pxi) that Interrupt has, in this order.
LAYOUT = struct.Struct("<2Q8xQ12xI8x4H8IH4xH4x11I")
REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
HOW = tuple(how.name.lower() for how in How)
#: CF PF AF ZF SF OF.
STATUS = 0x8D5
#: The flags that are told when they differ after an interrupt: those that callers look at.
TOLD = ("cf", "zf")


class Interrupt(NamedTuple):
    """An interrupt begins, or with `how` 3 it ends; then was_... are the registers of its begin."""

    n: int
    time: int
    value: int
    """Of a return: FLAGS after it."""
    how: int
    cs: int
    ip: int
    vector: int
    depth: int
    eax: int
    ecx: int
    edx: int
    ebx: int
    esp: int
    ebp: int
    esi: int
    edi: int
    es: int
    ds: int
    flags: int
    was_eax: int
    was_ecx: int
    was_edx: int
    was_ebx: int
    was_esp: int
    was_ebp: int
    was_esi: int
    was_edi: int
    was_flags: int
    order: int

    @property
    def returns(self) -> bool:
        """Is it a return?"""
        return self.how == How.RETURN

    @property
    def changed(self) -> dict[str, tuple[int, int]]:
        """Of a return: (before, now) of each register that the handler has changed, but for ESP."""
        now, was = self[8:16], self[19:27]
        if now == was:
            return {}
        return {
            name: (before, after)
            for name, before, after in zip(REGISTERS, was, now, strict=True)
            if before != after and name != "esp"
        }

    @property
    def flags_changed(self) -> dict[str, int]:
        """Of a return: CF and ZF, if they are others than before."""
        bits = self.was_flags ^ self.value
        if not bits & STATUS:
            return {}
        places = {name: FLAG_NAMES[name] for name in TOLD}
        return {name: self.value >> at & 1 for name, at in places.items() if bits >> at & 1}
