"""Registers: read and write a vCPU's registers as gdb sees them. Know no packet.

gdb knows one flat memory. So `eip` is CS * 16 + IP and `stack` is SS * 16 + SP; `ip`, `sp` and `bp`
are what the CPU has. A write of a linear address changes IP (SP) and keeps CS (SS), or changes both
if the address is out of the segment. `esp` and `ebp` point into the call stack that gdb is shown
(callstack.py). Without one, `esp` is as `stack`, and `ebp` reads as 0, which ends gdb's backtrace.
"""

from typing import TYPE_CHECKING

from .callstack import AT, CallStack
from .description import NUMBER, REGISTERS, Register

if TYPE_CHECKING:
    from ... import _core

#: Linear address -> the segment and the offset that make it.
LINEAR = {"eip": ("cs", "ip"), "esp": ("ss", "sp"), "stack": ("ss", "sp")}
#: What gdb follows from frame to frame.
FRAME = "ebp"
#: What the call stack has values of.
SHOWN = ("esp", FRAME)
SEGMENT_SIZE = 0x10000
#: The last byte that real mode reaches, FFFF:FFFF.
LAST = 0x10FFEF
#: Registers of a coprocessor, which is not there.
ABSENT = frozenset(register.name for register in REGISTERS if register.group == "float")


class Refused(Exception):
    """What gdb asks for cannot be done."""


def read(regs: "_core.Registers", number: int, shown: CallStack | None = None) -> bytes:
    """The bytes of a register. Refused: there is none of this number."""
    register = _register(number)
    if shown is not None and register.name in SHOWN:
        return int(getattr(shown, register.name)).to_bytes(register.size, "little")
    return _value(regs, register.name).to_bytes(register.size, "little")


def read_all(regs: "_core.Registers", shown: CallStack | None = None) -> bytes:
    """The bytes of all registers, in gdb's order."""
    return b"".join(read(regs, number, shown) for number in range(len(REGISTERS)))


def write(regs: "_core.Registers", number: int, data: bytes) -> None:
    """Set a register. Refused: there is none of this number, or it cannot have this value."""
    register = _register(number)
    if len(data) != register.size:
        raise Refused(f"{register.name} has {register.size} bytes, not {len(data)}")
    _set(regs, register.name, int.from_bytes(data, "little"))


def write_all(regs: "_core.Registers", data: bytes, shown: CallStack | None = None) -> None:
    """Set the registers that differ from what they are. gdb sends all of them, also those that it
    has not changed: so `ip` counts only if `eip` is as it was, and so on. Refused: as for `write`.
    """
    changed, at = {}, 0
    for number, register in enumerate(REGISTERS):
        one = data[at : at + register.size]
        at += register.size
        if len(one) == register.size and one != read(regs, number, shown):
            changed[register.name] = int.from_bytes(one, "little")
    for wide, *others in (("eip", "ip"), ("esp", "stack", "sp"), ("stack", "sp"), (FRAME, "bp")):
        if wide in changed:
            for each in others:
                changed.pop(each, None)
    for name in sorted(changed, key=lambda name: name in LINEAR):  # after the segments
        _set(regs, name, changed[name])


def linear(regs: "_core.Registers", name: str = "eip") -> int:
    """The linear address of the next instruction, or with "esp" of the top of the stack."""
    segment, offset = LINEAR[name]
    return (int(getattr(regs, segment)) << 4) + int(getattr(regs, offset))


def jump(regs: "_core.Registers", address: int) -> None:
    """Go on at a linear address. Refused: real mode does not reach it."""
    _set(regs, "eip", address)


def number_of(name: str) -> int:
    """gdb's number of a register."""
    return NUMBER[name]


def _register(number: int) -> Register:
    if not 0 <= number < len(REGISTERS):
        raise Refused(f"there is no register {number}")
    return REGISTERS[number]


def _value(regs: "_core.Registers", name: str) -> int:
    if name in LINEAR:
        return linear(regs, name)
    return 0 if name in ABSENT or name == FRAME else int(getattr(regs, name))


def _set(regs: "_core.Registers", name: str, value: int) -> None:
    if name in ABSENT:
        if value:
            raise Refused(f"{name}: there is no coprocessor")
        return
    if name in SHOWN and value >= AT:
        raise Refused(
            f"{name}: this is a place of the call stack that gdb is shown, not the guest's stack: "
            "leave a function by `finish`, or set sp and bp"
        )
    try:
        if name in LINEAR:
            _set_linear(regs, name, value)
        else:
            setattr(regs, name, value)
    except (ValueError, RuntimeError) as error:
        raise Refused(str(error)) from error


def _set_linear(regs: "_core.Registers", name: str, value: int) -> None:
    segment, offset = LINEAR[name]
    base = int(getattr(regs, segment)) << 4
    if not base <= value < base + SEGMENT_SIZE:
        if value > LAST:
            raise Refused(f"{name}: real mode reaches {LAST:#x}, not {value:#x}")
        base = min(value, 0xFFFF0) & ~0xF
        setattr(regs, segment, base >> 4)
    setattr(regs, offset, value - base)
