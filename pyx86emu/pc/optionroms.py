"""ROMs of others: check them, and find each its place below 1 MiB. Know bytes, not what runs."""

import os
import stat
from collections.abc import Sequence
from operator import attrgetter, index
from typing import TYPE_CHECKING, NamedTuple

from ..errors import MachineError
from ..memory import PAGE
from .firmware import rom

if TYPE_CHECKING:
    from ..vm import Vm

#: What a ROM is given as.
RomSource = str | os.PathLike[str] | bytes
OptionRom = RomSource | tuple[int, RomSource]

KIB = 1 << 10
BLOCK = 512
#: ROMs begin at a multiple of this, as a BIOS looks only there.
STEP = 2 * KIB
VIDEO = 0xC0000
OTHERS = 0xC8000
END = 0xF0000
TOP = 0x100000
MOST = 128 * KIB


class Placed(NamedTuple):
    """A ROM at its physical address."""

    addr: int
    data: bytes
    name: str

    @property
    def end(self) -> int:
        return self.addr + len(self.data)


def place(option_roms: Sequence[OptionRom] = (), bios: RomSource | None = None) -> list[Placed]:
    """Read and check ROMs. The BIOS comes first; it ends at FFFFFh.

    An option ROM is a path, its bytes, or (address, one of both). Without an address, a video ROM
    ("IBM" at offset 1Eh) is at C0000h, and the others follow each other from C8000h on.
    MachineError: a wrong size, address or header, two ROMs overlap, or there is no room. OSError: a
    file cannot be read. TypeError: something else was given.

    >>> [hex(each.addr) for each in place([b"\\x55\\xaa\\x01" + bytes(509)])]
    ['0xf0000', '0xc8000']
    """
    if isinstance(option_roms, (str, bytes, os.PathLike)):
        raise TypeError(f"option_roms is a sequence of ROMs: give ({option_roms!r:.40},)")
    placed = [_bios(bios)]
    asked: list[tuple[int | None, bytes, str]] = []
    for number, each in enumerate(option_roms, 1):
        addr, source = each if isinstance(each, tuple) and len(each) == 2 else (None, each)
        data, name = _read(source, f"option ROM {number}")
        _check(data, name)
        asked.append((None if addr is None else _address(addr, name), data, name))
    for addr, data, name in asked:
        if addr is not None:
            _put(placed, Placed(addr, data, name))
    for addr, data, name in asked:
        if addr is None:
            _put(placed, Placed(_free(placed, data, name), data, name))
    return placed


def add_to(vm: "Vm", placed: Sequence[Placed]) -> None:
    """Add read-only memory for these ROMs. Bytes of a page without a ROM are FFh."""
    spans: list[tuple[int, bytearray]] = []
    for each in sorted(placed, key=attrgetter("addr")):
        page = each.addr & -PAGE
        if not spans or page > spans[-1][0] + len(spans[-1][1]) + PAGE - 1:
            spans.append((page, bytearray()))
        start, data = spans[-1]
        data += b"\xff" * (each.addr - start - len(data))
        data += each.data
    for start, data in spans:
        data += b"\xff" * (-len(data) % PAGE)
        vm.add_memory(start, len(data), readonly=True)
        vm.write(start, data)


def is_memory(vm: "Vm", addr: int) -> bool:
    """Is there memory in the page of this address?"""
    try:
        vm.read(addr, 1)
    except ValueError:  # a hole
        return False
    return True


def _read(source: RomSource, what: str) -> tuple[bytes, str]:
    """(bytes, name for messages)."""
    if isinstance(source, bytes):
        return source, what
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"{what} is a path or bytes, not {type(source).__name__}")
    name = os.fspath(source)
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise MachineError(f"{name} is no ROM: it is no regular file")
        return file.read(MOST + 1), str(name)


def _sized(data: bytes, name: str) -> None:
    if len(data) > MOST:
        raise MachineError(f"{name} is no ROM: it has more than {MOST // KIB} KiB")
    if not data or len(data) % BLOCK:
        raise MachineError(
            f"{name} is no ROM: it has {len(data)} bytes, a ROM has a multiple of {BLOCK}"
        )


def _bios(source: RomSource | None) -> Placed:
    if source is None:
        data, name = rom("bios"), "the BIOS"
    else:
        data, name = _read(source, "the BIOS")
        _sized(data, name)
    return Placed(TOP - len(data), data, name)


def _check(data: bytes, name: str) -> None:
    _sized(data, name)
    if data[:2] != b"\x55\xaa":
        raise MachineError(f"{name} is no option ROM: it does not begin with 55h AAh")
    if not 0 < data[2] * BLOCK <= len(data):
        raise MachineError(
            f"{name} is no option ROM: its header says {data[2] * BLOCK} bytes, "
            f"and it has {len(data)}"
        )


def _address(addr: int, name: str) -> int:
    addr = index(addr)
    if addr % STEP or not VIDEO <= addr < END:
        raise MachineError(
            f"{name} cannot be at {addr:#x}: "
            f"give a multiple of {STEP:#x} from {VIDEO:#x} to {END - STEP:#x}"
        )
    return addr


def _put(placed: list[Placed], new: Placed) -> None:
    """Add it to the list. MachineError: it does not fit there."""
    for each in placed:
        if new.addr < each.end and each.addr < new.end:
            raise MachineError(
                f"{new.name} at {new.addr:#x}-{new.end - 1:#x} overlaps {each.name} "
                f"({each.addr:#x}-{each.end - 1:#x}): give one of them another address"
            )
    if new.end > END:
        raise MachineError(f"{new.name} at {new.addr:#x} ends at {new.end:#x}, after {END - 1:#x}")
    placed.append(new)


def _free(placed: list[Placed], data: bytes, name: str) -> int:
    """The first address from C8000h on where it fits; C0000h for a video ROM."""
    if data[0x1E:0x21] == b"IBM":
        return VIDEO
    at = OTHERS
    while at + len(data) <= END:
        taken = [each.end for each in placed if each.addr < at + len(data) and at < each.end]
        if not taken:
            return at
        at = -(-max(taken) // STEP) * STEP
    raise MachineError(
        f"there is no room for {name}: {len(data) // KIB or 1} KiB do not fit "
        f"into what is left from {OTHERS:#x} to {END - 1:#x}"
    )
