"""Memory: AH=48h-4Ah, 58h: blocks."""

from typing import TYPE_CHECKING

from ..codes import INVALID_FUNCTION, NOT_ENOUGH_MEMORY, DosError
from ..table import call

if TYPE_CHECKING:
    from ..kernel import Kernel


@call(0x48)
def allocate(k: "Kernel") -> None:
    """Allocate BX paragraphs; AX is the segment, or BX the largest free block."""
    try:
        k.regs.ax = k.arena.allocate(k.regs.bx, k.psp)
    except DosError as error:
        if error.code == NOT_ENOUGH_MEMORY:
            k.regs.bx = k.arena.largest()
        raise


@call(0x49)
def free(k: "Kernel") -> None:
    """Free the block at ES."""
    k.arena.free(k.regs.es)


@call(0x4A)
def resize(k: "Kernel") -> None:
    """Make the block at ES as large as BX paragraphs; or BX is how large it can be."""
    size = k.arena.resize(k.regs.es, k.regs.bx)
    if size < k.regs.bx:
        k.regs.bx = size
        raise DosError(NOT_ENOUGH_MEMORY)


@call(0x58)
def strategy(k: "Kernel") -> None:
    """Get (AL=0) or set (1) the strategy; there are no upper memory blocks (2, 3)."""
    regs = k.regs
    if regs.al == 0:
        regs.ax = k.arena.strategy
    elif regs.al == 1:
        if regs.bl & 0x3F > 2:
            raise DosError(INVALID_FUNCTION)
        k.arena.strategy = regs.bx
    elif regs.al == 2:
        regs.al = 0
    elif regs.al != 3 or regs.bx:
        raise DosError(INVALID_FUNCTION)
