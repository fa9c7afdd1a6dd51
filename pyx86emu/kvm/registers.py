"""Registers: read and write a vCPU's registers in the page that KVM shares. Know names and widths.

KVM copies the registers into struct kvm_run at each exit, and takes them from there at the next
KVM_RUN if their dirty bit is set. So most registers cost no system call.
"""

from typing import TYPE_CHECKING, NoReturn, SupportsIndex

from .._core import whole
from . import abi

if TYPE_CHECKING:
    from .runner import Runner

_WIDE = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp")  # in struct kvm_regs, 8 bytes each
RIP_AT = abi.SYNC_REGS_AT + 128
RFLAGS_AT = abi.SYNC_REGS_AT + 136
CS_AT = abi.SYNC_SREGS_AT + 12  # the selector of the first segment
FLAG_IF = 0x200
#: Flags with a name of their own; `if` is a word of Python.
FLAGS = {
    "cf": 1,
    "pf": 4,
    "af": 0x10,
    "zf": 0x40,
    "sf": 0x80,
    "tf": 0x100,
    "if_": FLAG_IF,
    "df": 0x400,
    "of": 0x800,
}
#: Bits of EFLAGS that a program in real mode can change; bit 1 is always 1.
EFLAGS = 0x257FD5


def _table() -> dict[str, tuple[str, int, int]]:
    """Name: (kind, place, bytes)."""
    table: dict[str, tuple[str, int, int]] = {}
    for number, wide in enumerate(_WIDE):
        at = abi.SYNC_REGS_AT + 8 * number
        table["e" + wide[1:]] = ("general", at, 4)
        table[wide[1:]] = ("general", at, 2)
        if wide.endswith("x"):
            table[wide[1] + "l"] = ("general", at, 1)
            table[wide[1] + "h"] = ("general", at + 1, 1)
    for number, name in enumerate(abi.SREGS_SEGMENTS[:6]):
        table[name] = ("segment", abi.SYNC_SREGS_AT + abi.SEGMENT.size * number, 2)
    table |= {"ip": ("ip", RIP_AT, 2), "eip": ("ip", RIP_AT, 4)}
    table |= {"flags": ("flags", RFLAGS_AT, 2), "eflags": ("flags", RFLAGS_AT, 4)}
    places = (abi.SREGS_CR0_AT, abi.SREGS_CR2_AT, abi.SREGS_CR3_AT, abi.SREGS_CR4_AT)
    for number, at in zip((0, 2, 3, 4), places, strict=True):
        table[f"cr{number}"] = ("control", abi.SYNC_SREGS_AT + at, 4)
    for number in range(8):
        table[f"dr{number}"] = ("debug", number, 4)
    for name, bit in FLAGS.items():
        table[name] = ("flag", RFLAGS_AT, bit)
    return table


TABLE = _table()
SHOWN = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"),
    *("cs", "ip", "ss", "ds", "es", "flags"),
)


class Registers:
    """The registers of a vCPU as attributes: al ah ax eax ... cs ds es fs gs ss ip eip flags eflags
    cr0 dr0, and the flags cf pf af zf sf tf if_ df of, 0 or 1.

    After an exit they are those of the place where the vCPU stands. While a device in Python is
    called for a write they may be those after the instruction: KVM does not say where it began.
    What a device writes holds from the end of the instruction on.

    Another thread may read the registers while the vCPU runs, and gets those of the last exit.
    Writing raises RuntimeError while another thread runs the vCPU, and while a read of the guest
    waits for its answer. In the second case call run() first, and kick() before it to stop after
    that read.

    AttributeError: no such register. ValueError: a value wider than the register, cr0 with PE=1, or
    a control register that KVM refuses. TypeError: a value that is not an integer.
    """

    __slots__ = ("_vcpu",)
    _vcpu: "Runner"

    def __init__(self, vcpu: "Runner") -> None:
        if hasattr(self, "_vcpu"):
            raise RuntimeError("Registers are made by Vm.create_vcpu(), as Vcpu.regs")
        object.__setattr__(self, "_vcpu", vcpu)

    def __dir__(self) -> list[str]:
        return sorted(TABLE)

    def __repr__(self) -> str:
        return "<" + " ".join(f"{name}={getattr(self, name):x}" for name in SHOWN) + ">"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("Registers cannot be copied or pickled: they are those of a vCPU")

    def __getattr__(self, name: str) -> int:
        kind, at, size = _known(name)
        vcpu = self._vcpu
        if vcpu._unsettled:
            vcpu._settle()
        if vcpu._later and name in vcpu._later:
            return vcpu._later[name]
        if kind == "debug":
            vcpu._debug_registers()
            return vcpu._debug.register(at)
        if kind == "flag":
            return int(int.from_bytes(vcpu._page[at : at + 4], "little") & size != 0)
        if kind == "segment":
            at += 12
        return int.from_bytes(vcpu._page[at : at + size], "little")

    def __setattr__(self, name: str, value: int) -> None:
        kind, _, size = _known(name)
        wide = 2 if kind == "ip" else size
        value = whole(value, name, 0, 1 if kind == "flag" else (1 << 8 * wide) - 1)
        if name == "cr0" and value & 1:
            raise ValueError("cr0 with PE=1 is protected mode, which this machine does not run")
        vcpu = self._vcpu
        vcpu._writable("write its registers")
        if vcpu._in_device and vcpu._accesses.reading:
            vcpu._later[name] = value  # the instruction is not complete: KVM would mix both
            return
        put(vcpu, name, value)


def _known(name: str) -> tuple[str, int, int]:
    try:
        return TABLE[name]
    except KeyError:
        known = " ".join(sorted(TABLE))
        raise AttributeError(f"no register {name!r}: choose from {known}") from None


def put(vcpu: "Runner", name: str, value: int) -> None:
    """Store a register whose value has been checked."""
    kind, at, size = TABLE[name]
    page = vcpu._page
    if kind == "flag":
        now = int.from_bytes(page[at : at + 4], "little")
        name, value = "eflags", now | size if value else now & ~size
        kind, at, size = TABLE[name]
    if kind == "debug":
        vcpu._debug.set_register(at, value)
    elif kind == "control":
        put_control(vcpu, name, at, value)
    elif kind == "segment":
        page[at : at + 8] = (value << 4).to_bytes(8, "little")
        page[at + 12 : at + 14] = value.to_bytes(2, "little")
        page[abi.DIRTY_REGS_AT] |= abi.KVM_SYNC_X86_SREGS
    else:
        if kind == "flags":
            if size == 2:
                value |= int.from_bytes(page[at : at + 4], "little") & 0xFFFF0000
            value, size = value & EFLAGS | 2, 8
        elif kind == "ip":
            size = 8
        page[at : at + size] = value.to_bytes(size, "little")
        page[abi.DIRTY_REGS_AT] |= abi.KVM_SYNC_X86_REGS
    if kind == "ip" or name == "cs":
        vcpu._moved()


def put_control(vcpu: "Runner", name: str, at: int, value: int) -> None:
    """A control register: KVM checks it at once, not at the next run. ValueError: it refuses."""
    page, before = vcpu._page, vcpu._page[at : at + 8]
    page[at : at + 8] = value.to_bytes(8, "little")
    try:
        vcpu._store_sregs()
    except OSError:
        page[at : at + 8] = before
        raise ValueError(f"{name}={value:#x}: KVM does not take this value here") from None
