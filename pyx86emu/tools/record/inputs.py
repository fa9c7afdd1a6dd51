"""Inputs: which methods of a machine the host calls, and their arguments as plain values."""

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import MachineError
from ...pc.disks.image import Disk
from ...state import Plain

if TYPE_CHECKING:
    from ...pc.machine import Machine

#: Part -> the methods by which something from outside reaches the guest. "" is the machine itself.
METHODS = {
    "keyboard": ("key", "press", "type"),
    "mouse": ("move",),
    "uart": ("receive", "receive_break", "set_modem"),
    "com2": ("receive", "receive_break", "set_modem"),
    "floppy": ("insert", "eject"),
    "vm": ("irq_line", "irq_pulse"),
    "": ("reset",),
}
#: A disk that is put into a drive is kept whole, up to this size: a floppy is.
LARGEST_DISK = 4 << 20
DISK = "disk"


def part_of(m: "Machine", name: str) -> Any:
    """The object that has the methods."""
    return getattr(m, name) if name else m


def plain(call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Plain, ...]:
    """The arguments of a call, to be kept: (positional, named). MachineError: one of them cannot be
    kept."""
    return (
        tuple(_plain(call, each) for each in arguments),
        {name: _plain(call, each) for name, each in named.items()},
    )


def _plain(call: str, value: Any) -> Plain:
    if isinstance(value, Disk):
        return {DISK: zlib.compress(_contents(value), 1), "kind": value.kind, "name": value.name}
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise MachineError(
        f"{call}() of {type(value).__name__} cannot be recorded: give a number, text, bytes or a "
        "Disk"
    )


def _contents(disk: Disk) -> bytes:
    size = disk.count * 512
    if size > LARGEST_DISK:
        raise MachineError(
            f"a disk of {size} bytes that is put into a drive cannot be recorded: at most "
            f"{LARGEST_DISK} bytes, or have it in the drive from the start"
        )
    return disk.read(0, disk.count)


def value(kept: Plain) -> Any:
    """An argument, from what `plain` kept of it."""
    if isinstance(kept, dict):
        data, kind = kept.get(DISK), kept.get("kind")
        if not isinstance(data, bytes) or kind not in ("floppy", "hd"):
            raise MachineError("the recording has an argument that is neither a value nor a disk")
        unpacker = zlib.decompressobj()
        image = unpacker.decompress(data, LARGEST_DISK)
        if unpacker.unconsumed_tail:
            raise MachineError(f"the recording has a disk of more than {LARGEST_DISK} bytes")
        return Disk(image, kind=kind)  # type: ignore[arg-type]
    return kept


def methods() -> list[tuple[str, str]]:
    """(part, method) of each."""
    return [(part, name) for part, names in METHODS.items() for name in names]


def find(m: "Machine", call: str) -> Callable[..., Any]:
    """The method that a tape calls "keyboard.type". MachineError: it is none of an input."""
    part, _, name = call.rpartition(".")
    if name not in METHODS.get(part, ()):
        raise MachineError(f"the recording calls {call[:60]!r}, which is no input of a machine")
    found: Callable[..., Any] = getattr(part_of(m, part), name)
    return found
