"""The numbers of the interface: find each public argument that is an integer. Calls nothing.

`arguments()` reads the signatures of the package. The files numbers_*.py say how each function is
called with good values (`PLACES`), or why it is not (`EXEMPT`).
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyx86emu import (
    Disk,
    Exit,
    Machine,
    MemorySlot,
    MmioDevice,
    PioDevice,
    Vcpu,
    Vm,
    _core,
)
from pyx86emu.pc.devices import (
    Dma8237,
)
from pyx86emu.tools import conformance
from tests.harness import ROOT, program
from tests.tools import made

PACKAGE = ROOT / "pyx86emu"
#: Not the interface: the command line and the measurements take text, examples are programs,
#: `core` is compiled (its types are in _core.pyi), `backend` lists what others implement.
INSIDE = {"cli", "measure", "examples", "core", "kvm", "backend.py", "__main__.py"}
SPECIAL = {"__init__", "__new__", "__getitem__", "__setitem__", "__setattr__"}
#: An annotation that says integer. `float` is a time in seconds; an integer is one too.
NUMBER = re.compile(r"\b(int|SupportsIndex|float|Address)\b")
#: The core, or a bus, calls these of a device, with integers that it has made itself.
OF_DEVICES = {"pio_read", "pio_write", "mmio_read", "mmio_write"}


@dataclass(frozen=True)
class Argument:
    """A number that a function takes."""

    function: str
    name: str
    annotation: str

    @property
    def whole(self) -> bool:
        """Is it an integer, and no time in seconds?"""
        return "float" not in self.annotation

    @property
    def address(self) -> bool:
        """May it be text, such as "0000:7c00"?"""
        return "Address" in self.annotation

    @property
    def optional(self) -> bool:
        """May it be None?"""
        return "None" in self.annotation or "EventFdLike" in self.annotation


def sources() -> Iterator[Path]:
    """The files with public signatures."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if not INSIDE & set(path.relative_to(PACKAGE).parts):
            yield path
    yield PACKAGE / "_core.pyi"


def of_function(where: str, node: ast.FunctionDef) -> Iterator[Argument]:
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        text = ast.unparse(argument.annotation) if argument.annotation else ""
        if "Callable" not in text and (NUMBER.search(text) or "EventFdLike" in text):
            yield Argument(where + node.name, argument.arg, text)


def of_body(where: str, body: list[ast.stmt]) -> Iterator[Argument]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not protocol(node):
            hidden = node.name.startswith("_") and node.name != "_VmMethods"
            if not hidden:
                yield from of_body(f"{node.name}.", node.body)
        elif isinstance(node, ast.FunctionDef) and public(node.name):
            yield from of_function(where, node)


def public(name: str) -> bool:
    """Is it a name for everybody?"""
    return name in SPECIAL or not name.startswith("_")


def protocol(node: ast.ClassDef) -> bool:
    """Does the class only say what others implement?"""
    return "Protocol" in {ast.unparse(base) for base in node.bases}


def arguments() -> list[Argument]:
    """Every public number, by function; what several files repeat is there once."""
    found: dict[tuple[str, str], Argument] = {}
    for path in sources():
        for argument in of_body(f"{path.stem}.", ast.parse(path.read_text("utf-8")).body):
            if argument.function.rpartition(".")[2] not in OF_DEVICES:
                found.setdefault((argument.function, argument.name), argument)
    return list(found.values())


# -- what the functions are called on -------------------------------------------------------------


class World(contextlib.ExitStack):
    """Makes what a place needs, once it needs it; closes it at the end."""

    def __init__(self, accel: str = "interp") -> None:
        super().__init__()
        self.accel = accel

    def close_later(self, made: Any) -> Any:
        self.callback(made.close)
        return made

    @cached_property
    def vm(self) -> Vm:
        made: Vm = self.close_later(Vm(self.accel, irqchip=True))
        made.add_memory(0, 0x10000, dirty_log=True)
        return made

    @cached_property
    def vcpu(self) -> Vcpu:
        slot = self.slot
        slot[0x1000:0x1003] = program("e480 f4  ; in al,0x80; hlt")
        made = self.vm.create_vcpu()
        made.regs.cs, made.regs.ip = 0, 0x1000
        return made

    @property
    def slot(self) -> MemorySlot:
        return self.vm.slots[0]

    @cached_property
    def exit(self) -> Exit:
        """A read that waits for its answer."""
        return self.vcpu.run()

    @cached_property
    def fd(self) -> int:
        fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.callback(os.close, fd)
        return fd

    @cached_property
    def machine(self) -> Machine:
        made: Machine = self.close_later(Machine(b"\xf4"))
        return made

    @cached_property
    def empty(self) -> str:
        """A directory without files."""
        return self.enter_context(TemporaryDirectory())

    @cached_property
    def disk(self) -> Disk:
        made: Disk = self.close_later(Disk(bytes(1474560)))
        return made

    @cached_property
    def dma(self) -> Dma8237:
        chip = Dma8237(self.vm)
        chip.reset()
        return chip

    @cached_property
    def vectors(self) -> conformance.VectorSet:
        return made.vectors(made.vector("40"))

    @cached_property
    def range(self) -> _core.Range:
        return _core.Range(0, 8, 0, 4, lambda offset, size: 0, lambda offset, size, value: None)

    def closing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose result is closed at the end."""
        return lambda **arguments: self.close_later(function(**arguments))


class Port(PioDevice):
    name = "port"


class Cell(MmioDevice):
    name = "cell"


# -- a place ------------------------------------------------------------------------------------

Make = Callable[[World], Callable[..., object]]


@dataclass(frozen=True)
class Place:
    """A function, and good arguments for it by name, its numbers among them."""

    make: Make
    good: Mapping[str, Any]
    #: What an error calls an argument that it does not call by its name.
    called: Mapping[str, str] = field(default_factory=dict)


def place(make: Make, /, called: Mapping[str, str] | None = None, **good: Any) -> Place:
    return Place(make, good, called or {})


def keyed(get: Callable[[World], Any], set_it: bool = False) -> Make:
    """obj[key], or obj[key] = value."""

    def make(world: World) -> Callable[..., object]:
        if set_it:
            return lambda key, value: get(world).__setitem__(key, value)
        return lambda key: get(world)[key]

    return make
