"""The numbers of the interface: find each public argument that is an integer, and say how to call.

`arguments()` reads the signatures of the package; `PLACES` calls each function with good values.
The tests put bad values in their place, one by one.
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

import numpy as np

from pyx86emu import (
    Disk,
    Doorbell,
    EventFd,
    Exit,
    ExitReason,
    Machine,
    MemorySlot,
    MmioDevice,
    PioDevice,
    Vcpu,
    Vm,
    _core,
    memory,
)
from pyx86emu.log import Log
from pyx86emu.pc import board, limits
from pyx86emu.pc.devices import (
    DebugConsole,
    Dma8237,
    DoorbellDevice,
    FloppyController,
    PostPort,
    Printer,
    Speaker,
)
from pyx86emu.pc.devices.mouse import Ps2Mouse
from pyx86emu.pc.disks import geometry
from pyx86emu.pc.sound import WavFile
from pyx86emu.pc.web.display import WebDisplay
from pyx86emu.tools import conformance
from tests.harness import ROOT, program
from tests.tools import made

PACKAGE = ROOT / "pyx86emu"
#: Not the interface: the command line and the measurements take text, examples are programs,
#: `core` is compiled (its types are in _core.pyi), `backend` lists what others implement.
INSIDE = {"cli", "measure", "examples", "core", "kvm", "backend.py", "__main__.py"}
SPECIAL = {"__init__", "__new__", "__getitem__", "__setitem__", "__setattr__"}
#: An annotation that says integer. `float` is a time in seconds; an integer is one too.
NUMBER = re.compile(r"\b(int|SupportsIndex|float)\b")
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


def attached(world: World) -> Callable[..., object]:
    """Machine.attach, at a port, or at an address if there is one."""

    def attach(port: Any, gsi: Any, addr: Any = None) -> object:
        if addr is None:
            return world.machine.attach(Port(), port=port, gsi=gsi)
        return world.machine.attach(Cell(), addr=addr, gsi=gsi)

    return attach


# -- the table ------------------------------------------------------------------------------------

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


def run_set(world: World) -> Callable[..., object]:
    v = world.vectors
    out = conformance.Outcome(np.zeros_like(v.regs0), np.zeros(1, np.uint8), np.zeros(1, np.uint8))
    inputs = (v.regs0, v.ram0_off, v.ram0_addr, v.ram0_val, *v.check[:2])
    return lambda way: _core.run_vectors("80486", *inputs, out.regs, out.ram, out.error, way)


PLACES: dict[str, Place] = {
    # -- the core ---------------------------------------------------------------------------------
    "_core.exact": place(lambda w: lambda value: _core.exact(value, "value"), value=1),
    "_core.whole": place(
        lambda w: lambda value: _core.whole(value, "value", 0, 9),
        value=1,
    ),
    "MemorySlot.__getitem__": place(keyed(lambda w: w.slot), key=1, called={"key": "address"}),
    "MemorySlot.__setitem__": place(
        keyed(lambda w: w.slot, True), key=1, value=1, called={"key": "address", "value": "byte"}
    ),
    "MemorySlot.clear_dirty": place(lambda w: w.slot.clear_dirty, first_page=1, count=1),
    "MemorySlot.move": place(lambda w: w.slot.move, addr=0x10000),
    "_VmMethods.add_memory": place(lambda w: w.vm.add_memory, addr=0x20000, size=0x1000),
    "_VmMethods.read": place(lambda w: w.vm.read, addr=1, size=1),
    "_VmMethods.write": place(lambda w: w.vm.write, addr=1, data=b"1"),
    "_VmMethods.code_changed": place(lambda w: w.vm.code_changed, addr=1, size=1),
    "_VmMethods.ioeventfd": place(
        lambda w: w.closing(w.vm.ioeventfd), addr=1, length=1, datamatch=1, flags=1
    ),
    "_VmMethods.ioeventfd_deassign": place(
        lambda w: (
            lambda **given: (
                w.close_later(w.vm.ioeventfd(1, 1, datamatch=1, fd=w.fd)),
                w.vm.ioeventfd_deassign(**{"fd": w.fd} | given),
            )
        ),
        addr=1,
        length=1,
        datamatch=1,
        flags=3,
    ),
    "_VmMethods.coalesce": place(
        lambda w: w.closing(w.vm.coalesce), addr=1, length=1, called={"addr": "address of a zone"}
    ),
    "CoalescedRing.capacity": place(
        lambda w: lambda value: setattr(w.vm.coalesced, "capacity", value),
        value=1,
        called={"value": "capacity"},
    ),
    "_VmMethods.irq_line": place(lambda w: w.vm.irq_line, gsi=1, level=True),
    "_VmMethods.irq_pulse": place(lambda w: w.vm.irq_pulse, gsi=1),
    "_VmMethods.irqfd": place(
        lambda w: lambda gsi=1, fd=w.fd, resample=None: w.vm.irqfd(gsi, fd, resample), gsi=1
    ),
    "_VmMethods.irqfd_deassign": place(
        lambda w: lambda gsi=1, fd=w.fd: w.vm.irqfd_deassign(gsi, fd), gsi=1
    ),
    "_VmMethods.time": place(
        lambda w: (w.vcpu, lambda value: setattr(w.vm, "time", value))[1],
        value=1 << 20,
        called={"value": "time"},
    ),
    "_VmMethods.set_timer": place(
        lambda w: lambda deadline: w.vm.set_timer(deadline, print), deadline=1
    ),
    "Exit.__new__": place(
        lambda w: (
            lambda **given: Exit(ExitReason.IO, **{"answer": print, "cs": 0, "ip": 0} | given)
        ),
        port=1,
        size=1,
        count=1,
        cs=1,
        ip=1,
        dr6=1,
        pc=1,
    ),
    "Exit.reply": place(lambda w: w.exit.reply, value=1, called={"value": "answer"}),
    "Exit.reply_one": place(lambda w: w.exit.reply_one, value=1, called={"value": "answer"}),
    "Range.__new__": place(
        lambda w: (
            lambda **given: _core.Range(
                *(given[name] for name in ("start", "end", "base", "max_size")),
                print,
                print,
                block=_core.BlockPort(),
                block_addr=given["block_addr"],
            )
        ),
        start=1,
        end=2,
        base=1,
        max_size=1,
        block_addr=1,
    ),
    "BlockPort.load": place(lambda w: lambda at: _core.BlockPort().load(b"1234", at), at=1),
    "BlockPort.want": place(lambda w: lambda at: _core.BlockPort().want(b"1234", at), at=1),
    "BlockPort.take": place(lambda w: _core.BlockPort().take, size=1, step=1),
    "BlockPort.put": place(lambda w: _core.BlockPort().put, size=1, value=1, step=1),
    "Range.read": place(lambda w: w.range.read, addr=1, size=1),
    "Range.write": place(lambda w: w.range.write, addr=1, size=1, value=1),
    "RangeTable.find": place(
        lambda w: lambda addr, size: w.vm._backend.ranges("pio").find(addr, size), addr=1, size=1
    ),
    "RangeTable.push_read": place(lambda w: w.vm._backend.ranges("pio").push_read, addr=1, size=1),
    "RangeTable.push_write": place(
        lambda w: w.vm._backend.ranges("pio").push_write, addr=1, size=1, value=1
    ),
    "Vcpu.mp_state": place(
        lambda w: lambda value: setattr(w.vcpu, "mp_state", value),
        value=0,
        called={"value": "mp_state|MpState"},
    ),
    "Registers.__setattr__": place(
        lambda w: lambda value: setattr(w.vcpu.regs, "ax", value), value=1, called={"value": "ax"}
    ),
    "Vcpu.run": place(lambda w: w.vcpu.run, max_instructions=1, deadline=1),
    "Vcpu.run_until": place(
        lambda w: w.vcpu.run_until, max_instructions=1, deadline=1, look=1, wall_deadline=1
    ),
    "Vcpu.debug": place(
        lambda w: lambda breakpoints: w.vcpu.debug(breakpoints=[breakpoints]),
        breakpoints=1,
        called={"breakpoints": "breakpoint"},
    ),
    "Vcpu.interrupt": place(
        lambda w: lambda vector: w.vcpu.interrupt(vector, queue=True), vector=1
    ),
    "Doorbell.ring": place(lambda w: Doorbell().ring, n=1, called={"n": "number of rings"}),
    "Doorbell.__init__": place(lambda w: Doorbell, notify=None),
    "_core.eventfd_of": place(lambda w: lambda fd=w.fd: _core.eventfd_of(fd)),
    "Drainer.__init__": place(lambda w: lambda fd=w.fd: w.callback(_core.Drainer(fd).stop)),
    "_core.write_floor": place(
        lambda w: lambda n=1, fd=w.fd: _core.write_floor(fd, n),
        n=1,
        called={"n": "number of writes"},
    ),
    "_core.add_chain": place(lambda w: _core.add_chain, n=1, called={"n": "number of additions"}),
    "_core.run_vectors": place(run_set, way=1),
    # -- the hypervisor side ----------------------------------------------------------------------
    "Vm.__init__": place(lambda w: w.closing(Vm), shift=1),
    "Vm.device_line": place(lambda w: w.vm._backend.device_line, gsi=1),
    "Bus.attach": place(
        lambda w: lambda **given: w.vm.pio.attach(Port(), **given), base=1, length=1, gsi=1
    ),
    "Bus.ioeventfd": place(lambda w: w.closing(w.vm.pio.ioeventfd), addr=1, length=1, datamatch=1),
    "Bus.read": place(lambda w: w.vm.mmio.read, addr=1, size=1),
    "Bus.write": place(lambda w: w.vm.mmio.write, addr=1, size=1, value=1),
    "Clock.call_at": place(lambda w: lambda ns: w.vm.clock.call_at(ns, print), ns=1),
    "Clock.call_after": place(lambda w: lambda ns: w.vm.clock.call_after(ns, print), ns=1),
    "EventFd.__init__": place(lambda w: w.closing(EventFd), value=1),
    "EventFd.write": place(lambda w: w.close_later(EventFd()).write, n=1),
    "Log.__init__": place(lambda w: Log, limit=1),
    "Log.tail": place(lambda w: Log().tail, n=1),
    "Log.text": place(lambda w: Log().text, n=1),
    "memory.load": place(
        lambda w: lambda **given: memory.load(w.vm, **given), addr=1, size=1, hole=1
    ),
    "memory.store": place(lambda w: lambda addr: memory.store(w.vm, addr, b"1"), addr=1),
    # -- the PC -----------------------------------------------------------------------------------
    "board.memory_size": place(lambda w: board.memory_size, memory=1 << 20),
    "DebugConsole.__init__": place(lambda w: DebugConsole, limit=1),
    "Dma8237.transfer_to_memory": place(
        lambda w: lambda channel: w.dma.transfer_to_memory(channel, b"1"), channel=1
    ),
    "Dma8237.transfer_from_memory": place(lambda w: w.dma.transfer_from_memory, channel=1, n=1),
    "Printer.__init__": place(lambda w: Printer, limit=1),
    "Ps2Mouse.move": place(lambda w: Ps2Mouse().move, dx=1, dy=1, buttons=1, wheel=1),
    "SpeakerTap.__init__": place(
        lambda w: lambda rate: w.close_later(_core.SpeakerTap(w.vm, rate)), rate=8000
    ),
    "Speaker.start": place(lambda w: lambda rate: Speaker(w.vm).start(bytes, rate), rate=8000),
    "WavFile.__init__": place(
        lambda w: lambda rate: w.close_later(WavFile(os.devnull, rate)), rate=8000
    ),
    "DoorbellDevice.ring": place(lambda w: DoorbellDevice().ring, n=1),
    "FloppyChip.__init__": place(
        lambda w: lambda drives: FloppyController(w.dma, drives), drives=1
    ),
    "FloppyController.__init__": place(
        lambda w: lambda drives: FloppyController(w.dma, drives), drives=1
    ),
    "FloppyChip.insert": place(
        lambda w: lambda unit: w.machine.floppy.insert(unit, w.disk), unit=1
    ),
    "FloppyChip.eject": place(lambda w: w.machine.floppy.eject, unit=1),
    "PostPort.__init__": place(lambda w: PostPort, keep=1),
    "geometry.floppy_geometry": place(lambda w: geometry.floppy_geometry, size=1474560),
    "geometry.lba_assist": place(lambda w: geometry.lba_assist, count=9),
    "geometry.physical_geometry": place(
        lambda w: lambda count: geometry.physical_geometry(count, (9, 16, 63)), count=9
    ),
    "Disk.from_directory": place(
        lambda w: lambda size: w.close_later(Disk.from_directory(w.empty, size=size)),
        size=1474560,
    ),
    "Disk.read": place(lambda w: w.disk.read, lba=1, n=1),
    "Disk.write": place(lambda w: lambda lba: w.disk.write(lba, bytes(512)), lba=1),
    "Limits.__init__": place(
        lambda w: lambda **given: limits.Limits(w.machine, **given),
        timeout=1,
        wall=1,
        max_instructions=1,
    ),
    "Limits.run": place(lambda w: w.machine.limits(max_instructions=0).run, seconds=1),
    "limits.moment": place(
        lambda w: lambda seconds: limits.moment("seconds", seconds, int), seconds=1
    ),
    "Machine.__init__": place(
        lambda w: w.closing(Machine),
        memory=1 << 20,
        shift=1,
        log_limit=1,
        called={"log_limit": "limit of a log"},
    ),
    "Machine.attach": place(attached, port=0x301, gsi=1, called={"port": "base", "addr": "base"}),
    "Machine.run": place(lambda w: w.machine.run, timeout=0, wall=0, max_instructions=0),
    "Machine.limits": place(lambda w: w.machine.limits, timeout=1, wall=1, max_instructions=1),
    "Machine.boot": place(lambda w: w.machine.boot, timeout=0),
    "Screen.row": place(lambda w: w.machine.screen.row, y=1, called={"y": "row"}),
    "WebDisplay.__init__": place(
        lambda w: lambda port: w.close_later(WebDisplay(w.machine, port=port)), port=0
    ),
    "VgaCore.read": place(lambda w: _core.VgaCore().read, addr=0xA0000, size=1),
    "VgaCore.write": place(lambda w: _core.VgaCore().write, addr=0xA0000, size=1, value=0),
    # -- the tools --------------------------------------------------------------------------------
    "VectorSet.part": place(lambda w: lambda i: w.vectors.part(i, "code"), i=0),
    "conformance.run": place(lambda w: lambda way: conformance.run(w.vectors, "80486", way), way=1),
    "conformance.explain": place(
        lambda w: lambda i: conformance.explain(w.vectors, conformance.run(w.vectors, "80486"), i),
        i=0,
    ),
    "conformance.table": place(
        lambda w: (
            lambda samples: conformance.table(
                w.vectors, [conformance.run(w.vectors, "80486")], samples=samples
            )
        ),
        samples=1,
    ),
    "conformance.percent": place(lambda w: conformance.percent, part=1, whole=2),
}

#: Numbers that no place has, and why.
EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        ("Access.__init__", "Guest.mouse", "Server.__init__", "Machine.serve", "WebDisplay.wait"),
        "called by WebDisplay, or with numbers that a message was checked for; tests/pc/web",
    ),
    **dict.fromkeys(("Machine.expect", "expect.wait", "Idle.run"), "as Machine.limits, which is"),
    **dict.fromkeys(("ending.place", "firmware.symbol"), "called with registers of the vCPU"),
    "Ps2Mouse.receive": "called by the 8042, with bytes of the guest",
    "Machine.film": "makes a file; tests/pc/test_film.py has its numbers",
    **dict.fromkeys(
        ("Film.__init__", "markup.half_blocks", "render.font_bases", "text.row"),
        "called by the screen, with numbers that it has looked at",
    ),
    **dict.fromkeys(
        (
            *("Attachment.__init__", "Timer.__init__", "Wires.__init__", "IrqFd.__init__"),
            *("board.add_memory", "board.cmos", "_core.access_exit", "_core.irqfd_known"),
            *("_core.ping", "_core.pong", "_core.stop_ping"),
        ),
        "made or called by the package only, with numbers that it has looked at",
    ),
    **dict.fromkeys(
        (
            *("Drive.step_to", "Drive.sectors_on_track", "Drive.lba", "Drive.read"),
            *("Drive.write", "FloppyChip.parameters_of", "FloppyController.parameters_of"),
        ),
        "called by the floppy controller, with bytes of the guest",
    ),
    **dict.fromkeys(
        (
            *("AtaDrive.__init__", "AtaDrive.command", "AtaDrive.read_data"),
            *("AtaDrive.write_data", "identify.text", "identify.words"),
        ),
        "called by the ATA channel, with bytes of the guest and what a disk says of itself",
    ),
    **dict.fromkeys(
        ("handover.tried",),
        "called with what the BIOS has written",
    ),
    **dict.fromkeys(
        (
            *("Bpb.floppy", "Bpb.hard_disk", "identify.identify", "magic.found"),
            *("opening.open_image", "opening.size_of", "opening.read_at", "opening.write_at"),
            *("opening.write_all", "partitions.outside", "partitions.table_geometry"),
            *("Overlay.__init__", "Overlay.drop", "Overlay.get", "Overlay.next_after"),
            *("Overlay.put", "Overlay.read", "overlay.runs", "fat.consecutive"),
            *("RawImage.__init__", "RawImage.read", "RawImage.write", "hostdir.dos_time"),
            *("Volume.make_directory", "Volume.write", "fatdisk.directory_image"),
            "fatmake.hard_disk",
        ),
        "called by the disk only, with sizes and sectors that it has looked at",
    ),
    "_core.whole.least": "a limit that the caller writes into its own code",
    "_core.whole.most": "a limit that the caller writes into its own code",
    "state.take_whole": "limits that the caller writes into its own code",
    "memory.load.hole": "a byte that the caller writes into its own code",
    "_core.shown": "text of a number that was looked at",
    "Log.append": "called for each byte of the guest, by its device",
    "limits.passed": "called with what moment() has returned",
}


# -- numbers that are in something else -----------------------------------------------------------


def device(world: World, **attributes: Any) -> PioDevice:
    """A device with these attributes."""
    return type("Odd", (Port,), attributes)()


def answered(world: World, answer: Any) -> Exit:
    """Run a guest that reads a device with this answer."""
    world.vm.pio.attach(device(world, pio_read=lambda self, offset, size: answer), 0x80)
    return world.vcpu.run()


#: Each gets the bad number; what the error is about.
WITHIN: dict[str, tuple[Callable[[World, Any], object], str]] = {
    "slot[number:]": (lambda w, bad: w.slot[bad:], "start of a slice"),
    "slot[:number]": (lambda w, bad: w.slot[:bad], "stop of a slice"),
    "slot[number:] = bytes": (
        lambda w, bad: w.slot.__setitem__(slice(bad, 2), b"1"),
        "start of a slice",
    ),
    "Device.length": (lambda w, bad: w.vm.pio.attach(device(w, length=bad), 1), "length"),
    "Device.max_size": (lambda w, bad: w.vm.pio.attach(device(w, max_size=bad), 1), "max_size"),
    "an offset in Device.ranges": (
        lambda w, bad: w.vm.pio.attach(device(w, ranges=((bad, 1),)), 1),
        "offset",
    ),
    "a length in Device.ranges": (
        lambda w, bad: w.vm.pio.attach(device(w, ranges=((1, bad),)), 1),
        "length",
    ),
    "the answer of a device": (answered, "integer"),
    "what fileno() returns": (
        lambda w, bad: w.vm.ioeventfd(1, fd=type("Odd", (), {"fileno": lambda self: bad})()),
        r"fd, or what its fileno\(\) returns",
    ),
}
