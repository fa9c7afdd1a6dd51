"""Programs: AH=00h, 25h, 26h, 31h, 35h, 4Bh-4Dh, 50h, 51h, 55h, 62h: start and end them."""

from typing import TYPE_CHECKING

from .. import paths
from ..guest import far
from ..loading import FCB1, FCB2, STACK, load_overlay, make_psp
from ..table import call

if TYPE_CHECKING:
    from ..kernel import Kernel

NORMAL = 0


@call(0x00)
def terminate(k: "Kernel") -> None:
    """End the program, as INT 20h does."""
    k.terminate(0, NORMAL)


@call(0x4C)
def exit(k: "Kernel") -> None:
    """End the program with ERRORLEVEL AL."""
    k.terminate(k.regs.al, NORMAL)


@call(0x31)
def keep(k: "Kernel") -> None:
    """End the program with ERRORLEVEL AL; DX paragraphs stay in memory."""
    k.stay(k.regs.al, k.regs.dx)


@call(0x4D)
def return_code(k: "Kernel") -> None:
    """AL is the ERRORLEVEL of the last child, AH how it ended; once."""
    k.regs.ax, k.return_code = k.return_code, 0


@call(0x25)
def set_vector(k: "Kernel") -> None:
    """Vector AL is DS:DX."""
    k.ram.write(4 * k.regs.al, far(k.regs.ds, k.regs.dx))


@call(0x35)
def vector(k: "Kernel") -> None:
    """ES:BX is vector AL."""
    at = 4 * k.regs.al
    k.regs.bx, k.regs.es = k.ram.u16(at), k.ram.u16(at + 2)


@call(0x50)
def set_psp(k: "Kernel") -> None:
    """The current program is the one with PSP BX."""
    k.psp = k.regs.bx


@call(0x51, 0x62)
def psp(k: "Kernel") -> None:
    """BX is the PSP of the current program."""
    k.regs.bx = k.psp


@call(0x26)
def copy_psp(k: "Kernel") -> None:
    """Copy the PSP to segment DX."""
    page = bytearray(k.ram.read(k.psp << 4, 256))
    page[0x0A:0x16] = k.ram.read(4 * 0x22, 12)
    k.ram.write(k.regs.dx << 4, bytes(page))


@call(0x55)
def child_psp(k: "Kernel") -> None:
    """Make a PSP at segment DX, a child of the current one; SI is its memory top."""
    env = k.ram.u16((k.psp << 4) + 0x2C)
    table = k.handles.inherit(k.psp, k.handles.table(k.psp))
    make_psp(k.ram, k.regs.dx, k.regs.si, k.psp, env, table, b"")
    k.psp = k.regs.dx


@call(0x4B)
def execute(k: "Kernel") -> None:
    """Load the program at DS:DX with the parameters at ES:BX; AL=0: start it, 3: an overlay."""
    regs, ram = k.regs, k.ram
    kind = regs.al
    if kind not in (0, 1, 3):
        return k.unknown()
    path = k.path(regs.ds, regs.dx)
    data = k.program(path)
    block = (regs.es << 4) + regs.bx
    if kind == 3:
        return load_overlay(ram, data, ram.u16(block), ram.u16(block + 2))
    at = _pointer(k, block + 2)
    count = min(ram.u8(at), 126)
    tail = ram.read(at + 1, count).partition(b"\r")[0]
    start = k.load_program(data, paths.text(path), k.strings(ram.u16(block)), tail)
    for place, fcb in ((FCB1, 6), (FCB2, 10)):
        at = _pointer(k, block + fcb)
        if at not in (0, 0xFFFFF, 0x10FFEF):
            ram.write((start.psp << 4) + place, ram.read(at, 12))
    frame = (regs.ss << 4) + regs.sp
    ip, cs = ram.u16(frame), ram.u16(frame + 2)
    if kind == 0:
        return k.enter(start, cs, ip)
    sp = (start.sp - 2) & 0xFFFF
    ram.put((start.ss << 4) + sp, 0)  # AX of the program
    ram.write(block + 14, far(start.ss, sp) + far(start.cs, start.ip))
    ram.write((k.psp << 4) + STACK, far(regs.ss, regs.sp))
    k.become(start.psp, cs, ip)


def _pointer(k: "Kernel", at: int) -> int:
    """The linear address that a far pointer names."""
    return (k.ram.u16(at + 2) << 4) + k.ram.u16(at)
