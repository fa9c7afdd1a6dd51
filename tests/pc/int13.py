"""Calls of INT 13h from outside: a machine that has booted, whose registers the test sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyx86emu import Disk, ExitReason, Machine

# int 13h; pushf; cli; hlt
CALL = bytes.fromhex("cd13 9c fa f4")
BUFFER = 0x10000


class Answer(NamedTuple):
    """What INT 13h returned."""

    ah: int
    al: int
    bx: int
    cx: int
    dx: int
    es: int
    di: int
    carry: bool
    interrupts: bool

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Cylinders, heads and sectors of AH=08h."""
        cylinder = self.cx >> 8 | (self.cx & 0xC0) << 2
        return cylinder + 1, (self.dx >> 8) + 1, self.cx & 0x3F


class Caller:
    """A booted machine; `int13()` calls the BIOS with these registers."""

    def __init__(self, m: Machine) -> None:
        self.m = m
        exit = m.boot()
        assert exit.reason is ExitReason.MATCH, m.boot_tried
        m.vm.write(0x7C00, CALL)

    def start(self, ax: int, *, cx: int = 0, dx: int = 0, bx: int = 0, si: int = 0) -> None:
        """Set the registers; the next run makes the call. ES:BX is in the buffer."""
        regs = self.m.vcpu.regs
        regs.cs, regs.ip, regs.ss, regs.sp = 0, 0x7C00, 0, 0x7C00
        regs.ax, regs.bx, regs.cx, regs.dx, regs.si = ax, bx, cx, dx, si
        regs.ds, regs.es = 0, BUFFER >> 4
        regs.flags = 0x2  # interrupts off: INT 13h must turn them on itself

    def int13(self, ax: int, *, cx: int = 0, dx: int = 0, bx: int = 0, si: int = 0) -> Answer:
        """Call it, return what it returned. It must keep SP and BP, and IF is 1 after it."""
        regs = self.m.vcpu.regs
        self.start(ax, cx=cx, dx=dx, bx=bx, si=si)
        regs.bp = 0xBEEF
        assert self.m.run(timeout=60).reason is ExitReason.HLT
        return self.answer()

    def answer(self) -> Answer:
        """What the call that has just ended returned."""
        regs = self.m.vcpu.regs
        assert (regs.ip, regs.sp, regs.bp) == (0x7C00 + len(CALL), 0x7BFE, 0xBEEF)
        flags = int.from_bytes(self.m.vm.read(0x7BFE, 2), "little")
        ax = regs.ax
        return Answer(
            ax >> 8,
            ax & 0xFF,
            regs.bx,
            regs.cx,
            regs.dx,
            regs.es,
            regs.di,
            bool(flags & 1),
            bool(flags & 0x200),
        )

    def chs(
        self, function: int, c: int, h: int, s: int, *, count: int = 1, drive: int = 0
    ) -> Answer:
        """A function with an address: AL = count."""
        return self.int13(
            function << 8 | count,
            cx=(c & 0xFF) << 8 | c >> 2 & 0xC0 | s,
            dx=h << 8 | drive,
        )

    def buffer(self, length: int = 512) -> bytes:
        return self.m.vm.read(BUFFER, length)


def numbered(geometry: tuple[int, int, int], kind: str = "floppy") -> Disk:
    """A disk whose sectors hold their own number, 32 bits, over and over."""
    cylinders, heads, sectors = geometry
    image = b"".join(i.to_bytes(4, "little") * 128 for i in range(cylinders * heads * sectors))
    boot = CALL.ljust(510, b"\x90") + b"\x55\xaa"
    return Disk(boot + image[512:], geometry=geometry, kind=kind)  # type: ignore[arg-type]


def number(data: bytes) -> int:
    """The number of a sector of such a disk."""
    return int.from_bytes(data[:4], "little")


MakeCaller = Callable[..., Caller]
