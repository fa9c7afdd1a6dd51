"""The numbers of addresses, disassembly and inspection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyx86emu import Symbols
from pyx86emu.address import linear, located
from pyx86emu.tools.disasm import disassemble
from tests.numbers import Place, World, place


def symbols(world: World) -> Callable[[Any], object]:
    """Symbols.load, of a file that has a label."""
    path = Path(world.enter_context(TemporaryDirectory())) / "a.sym"
    path.write_text("0000:0001 start\n")
    return lambda at: Symbols.load(path, at=at)


def shown(world: World) -> Callable[..., object]:
    """disassemble, of NOPs."""
    return lambda at=1, count=1, end=None: disassemble(
        lambda _, size: b"\x90" * size, at, count, end=end
    )


PLACES: dict[str, Place] = {
    "address.linear": place(lambda w: linear, at=1, called={"at": "address"}),
    "address.located": place(lambda w: located, at=1, called={"at": "address"}),
    "Inspecting.located": place(lambda w: w.machine.located, at=1, called={"at": "address"}),
    "Inspecting.load": place(
        lambda w: lambda at: w.machine.load(b"1", at), at=1, called={"at": "address"}
    ),
    "Inspecting.read_bytes": place(
        lambda w: w.machine.read_bytes, at=1, size=1, called={"at": "address"}
    ),
    "Inspecting.read_u8": place(lambda w: w.machine.read_u8, at=1, called={"at": "address"}),
    "Inspecting.read_u16": place(lambda w: w.machine.read_u16, at=1, called={"at": "address"}),
    "Inspecting.read_u32": place(lambda w: w.machine.read_u32, at=1, called={"at": "address"}),
    "Inspecting.disassemble": place(
        lambda w: w.machine.disassemble, at=1, count=1, called={"at": "address"}
    ),
    "Symbols.load": place(symbols, at=1),
    "Symbols.label": place(lambda w: Symbols({"a": 1}).label, at=1),
    "Symbols.at": place(lambda w: Symbols({"a": 1}).at, at=1),
    "disasm.disassemble": place(shown, at=1, count=1, end=1),
}
EXEMPT: dict[str, str] = {
    "Symbols.__init__": "takes mappings; tests/test_symbols.py has their numbers",
    "Bus.unclaimed": "called with the port of an exit",
    "_core.stop_exit": "called by Ports, with numbers of an exit",
    "text.places": "called by the screen, with numbers of a Row",
    "LastRead.note": "called by Ports, with numbers of an exit",
    "UnclaimedPorts.note": "called by Ports; tests/pc/test_unclaimed_ports.py has its numbers",
    "Scan.address": "called by the screen, with numbers that it has looked at",
}
