"""What the API offers: every public callable and property, and objects to use them on."""

from __future__ import annotations

import importlib
import inspect
import mmap
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pyx86emu
from pyx86emu import Disk, Doorbell, EventFd, Machine, MmioDevice, PioDevice, Vm, _core
from pyx86emu.pc.board import PC
from pyx86emu.pc.devices.dma import Dma8237
from pyx86emu.pc.devices.floppy import FloppyController
from pyx86emu.pc.pci import PciBus

#: Programs, not parts: they run for long, or end the process.
NOT_PARTS = (
    "cli", "measure", "examples", "conformance", "__main__", "models", "kvm", "web", "batch", "dos",
    "vhost",  # connections to other processes, which tests/fuzz/vhost.py has
    "testing", "pytest_plugin", "gdb", "profile_flow", "profile_stack", "reached", "sources",
    "trace", "virtio", "wire", "peer", "ranges",
)  # fmt: skip
#: Inside of an overlay: it owns the descriptor that its attribute has.
INSIDE = ("Spill", "Layer", "Written", "Overlay")
#: They leave a server until somebody closes that; tests/pc/web and tests/tools/gdb look at them.
SERVES = ("serve", "gdbserver")
#: Measurements that take as long as one asks for, on descriptors of the caller; how arguments are
#: checked.
BURNERS = ("write_floor", "add_chain", "run_vectors", "whole", "ping", "pong", "stop_ping")
#: Special methods that Python calls for operators and protocols.
SPECIAL = (
    "__init__", "__len__", "__getitem__", "__setitem__", "__enter__", "__exit__", "__repr__",
    "__eq__", "__hash__", "__call__", "__iter__", "__getattr__", "__setattr__", "__delattr__",
    "__del__", "__reduce_ex__", "__copy__", "__setstate__", "__sizeof__", "__format__",
)  # fmt: skip
#: By design these wait for the guest or for another process.
WAITS = ("run", "step", "boot", "read")
#: What parts of a machine call on each other, with numbers that the bus has checked. A caller who
#: passes others gets whatever exception Python has; it may not crash or leave anything.
AMONG_PARTS = (
    "pio_read", "pio_write", "mmio_read", "mmio_write", "execute", "data_moved", "parameters_of",
    "lba", "step_to", "transfer_to_memory", "transfer_from_memory", "sectors_on_track", "Drive",
    "eoi", "to_set1", "cmos", "bpb", "scrolled", "tried", "typed_by", "write_all", "add_memory",
    "stop_exit", "write_at", "read_at", "dump", "html", "ansi", "build", "access_exit",
    "__setstate__", "of", "result", "values_in_hex", "Drained", "line_at", "open_image",
    "ring_waits", "RawImage", "Base", "snapshot_values", "snapshot_rest", "snapshot_debug",
    "snapshot_changes", "PciFunction", "HostBridge", "PciSlot", "Window", "PortWindow",
    "MemoryWindow",
)  # fmt: skip


#: Made by a part, with what it has checked: their `__init__` is not for callers.
MADE_BY_PARTS = ("Attachment", "Timer", "Event")


class Target(NamedTuple):
    """One thing to do: of a module (owner None), or of an object of a class."""

    owner: type | None
    name: str
    what: Any = None

    @property
    def among_parts(self) -> bool:
        owner = "" if self.owner is None else self.owner.__name__
        made = (owner or self.name) in MADE_BY_PARTS and self.name in ("__init__", *MADE_BY_PARTS)
        return made or self.name in AMONG_PARTS or owner in AMONG_PARTS

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}" if self.owner else self.name


def modules() -> list[Any]:
    """The package's modules that are parts."""
    found = [pyx86emu, _core]
    for info in pkgutil.walk_packages(pyx86emu.__path__, "pyx86emu."):
        if not set(info.name.split(".")) & set(NOT_PARTS):
            found.append(importlib.import_module(info.name))
    return found


@cache
def targets() -> tuple[Target, ...]:
    """Functions and classes of all modules; of the classes all that is public or special."""
    found: dict[str, Target] = {}
    for name in pyx86emu.__all__:
        getattr(pyx86emu, name)  # imports what comes later
    for module in modules():
        for name, thing in sorted(vars(module).items()):
            if name.startswith("_") or name in BURNERS:
                continue
            if not str(getattr(thing, "__module__", "")).startswith("pyx86emu"):
                continue
            if name in INSIDE:
                continue
            if inspect.isclass(thing):
                for target in members(thing):
                    found.setdefault(str(target), target)
            elif callable(thing):
                found.setdefault(name, Target(None, name, thing))
    return tuple(found.values())


def members(kind: type) -> list[Target]:
    """Making one, and all that is public of one."""
    found = [
        Target(None, kind.__name__, kind),
        Target(None, f"{kind.__name__}.__new__", bare(kind)),
    ]
    if issubclass(kind, (BaseException, int)) or getattr(kind, "_is_protocol", False):
        return found[:1]
    names = [n for n in dir(kind) if not n.startswith("_") and n not in SERVES]
    names += [n for n in SPECIAL if any(n in vars(each) for each in kind.__mro__[:-1])]
    if issubclass(kind, _core.Registers):
        names += dir(_core.Vm().create_vcpu().regs)
    return found + [Target(kind, n) for n in (*names, "__reduce_ex__", "copy")]


def bare(kind: type) -> Callable[..., Any]:
    """`kind.__new__(kind, ...)` without an __init__."""
    return lambda *args: kind.__new__(kind, *args)


# -- objects to use them on -----------------------------------------------------------------------

LOOP = bytes.fromhex("b0 48 e6 e9 e4 60 e6 99 90 eb f4")


def some_vm() -> Vm:
    """With memory, a vCPU and a loop that meets ports."""
    return filled(Vm(irqchip=True))


def filled(vm: Vm) -> Vm:
    vm.add_memory(0, 0x10000, dirty_log=True)
    vm.write(0x1000, LOOP)
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    return vm


def kvm_vm() -> Vm:
    """The same on KVM; where there is none, a Vm of the interpreter."""
    return filled(Vm("auto", irqchip=True))


def kvm_bare() -> Vm:
    """The same without chips."""
    return filled(Vm("auto"))


def some_machine() -> Machine:
    return Machine(LOOP.ljust(510, b"\0") + b"\x55\xaa")


def some_exit(code: str = "e499") -> _core.Exit:
    vm = some_vm()
    vm.write(0x1000, bytes.fromhex(code))
    return vm.vcpus[0].run()


class Quiet(PioDevice, MmioDevice):
    """A device that only answers."""

    length = 4


def some_attachment() -> Any:
    vm = some_vm()
    return vm.pio.attach(Quiet(), 0x300)


def some_ring() -> Any:
    """With writes in it, and zones on both buses."""
    vm = some_vm()
    vm.coalesce(0xE0, 16, bus="pio")
    vm.coalesce(0xD0000, 16)
    vm.vcpus[0].run(50)
    return vm.coalesced


def kvm_ring() -> Any:
    vm = kvm_bare()
    vm.coalesce(0xE0, 16, bus="pio")
    vm.vcpus[0].run()
    return vm.coalesced


def kvm_irqfd() -> Any:
    return kvm_vm().irqfd(5, EventFd())


def kvm_machine() -> Machine:
    return Machine(LOOP.ljust(510, b"\0") + b"\x55\xaa", accel="auto")


def some_irqfd() -> Any:
    vm = some_vm()
    return vm.irqfd(5, EventFd())


def some_queue() -> tuple[Any, Any]:
    """Memory with a request in a queue, and that queue."""
    memory = _core.GuestMap([(0, 0x4000, mmap.mmap(-1, 0x4000))])
    memory.write(0, bytes.fromhex("0030000000000000 08000000 0200 0000"))
    memory.write(0x1000, bytes.fromhex("0000 0100 0000"))
    return memory, _core.VirtQueue(memory, 4, 0, 0x1000, 0x2000)


kvm_vcpus = (lambda: kvm_vm().vcpus[0], lambda: kvm_bare().vcpus[0])
MAKE: dict[str, tuple[Callable[[], Any], ...]] = {
    "Vm": (some_vm, Vm, kvm_vm, kvm_bare),
    "Vcpu": (lambda: some_vm().vcpus[0], lambda: some_machine().vcpu, *kvm_vcpus),
    "Registers": (lambda: some_vm().vcpus[0].regs, lambda: kvm_bare().vcpus[0].regs),
    "MemorySlot": (
        lambda: some_vm().slots[0],
        lambda: Vm().add_memory(0x2000, 0x3000),
        lambda: kvm_vm().slots[0],
    ),
    "Sregs": (lambda: some_vm().vcpus[0].sregs, lambda: kvm_vm().vcpus[0].sregs),
    "Segment": (lambda: some_vm().vcpus[0].sregs.cs,),
    "Dtable": (lambda: some_vm().vcpus[0].sregs.idt,),
    "VcpuEvents": (lambda: some_vm().vcpus[0].events, lambda: kvm_vm().vcpus[0].events),
    "IrqChip": (lambda: some_vm().irqchip, lambda: kvm_vm().irqchip),
    "PicState": (lambda: some_vm().irqchip.slave,),
    "PicInputs": (lambda: some_vm().irqchip.master.inputs,),
    "PitState": (lambda: some_vm().pit, lambda: kvm_vm().pit),
    "PitChannel": (lambda: some_vm().pit.channels[0],),
    "PitCounter": (lambda: some_vm().pit.channels[2].counter,),
    "Capabilities": (lambda: some_vm().capabilities,),
    "GuestMap": (lambda: _core.GuestMap(some_vm()), lambda: some_queue()[0]),
    "VirtQueue": (lambda: some_queue()[1],),
    "Exit": (
        some_exit,
        lambda: some_exit("e699"),
        lambda: some_exit("f4"),
        lambda: some_exit("0f01c1"),
    ),
    "IoEventFd": (
        lambda: some_vm().ioeventfd(0x99),
        lambda: kvm_vm().ioeventfd(0x99),
        lambda: some_vm().ioeventfd(0x99, 1, fd=Doorbell()),
    ),
    "CoalescedZone": (
        lambda: kvm_bare().coalesce(0xE6, 4, bus="pio", on_drain=len, array=True),
        lambda: some_vm().coalesce(0x99, 1, bus="pio"),
        lambda: some_vm().coalesce(0xE6, 4, bus="pio", on_drain=len, array=True),
    ),
    "CoalescedRing": (lambda: Vm().coalesced, some_ring, kvm_ring),
    "Doorbell": (Doorbell, lambda: Doorbell(EventFd())),
    "EventFd": (EventFd, lambda: EventFd(5, semaphore=True)),
    "IrqFd": (some_irqfd, kvm_irqfd),
    "Bus": (lambda: some_vm().pio, lambda: some_vm().mmio, lambda: kvm_vm().pio),
    "BlockPort": (_core.BlockPort,),
    "Range": (lambda: _core.Range(0, 4, 0, 4, lambda o, s: 0, lambda o, s, v: None),),
    "RangeTable": (lambda: some_vm().pio._table, _core.RangeTable),
    "Attachment": (some_attachment,),
    "PciBus": (lambda: PciBus.of(some_vm()),),
    "Clock": (lambda: some_vm().clock,),
    "Timer": (lambda: some_vm().clock.call_after(1000, lambda: None),),
    "Machine": (some_machine, Machine, kvm_machine),
    "Limits": (lambda: some_machine().limits("x", 1.0),),
    "Watch": (lambda: some_machine().limits("x").watch,),
    "Wires": (lambda: some_machine()._wires,),
    "Part": (lambda: PC[0],),
    "Screen": (lambda: some_machine().screen,),
    "Film": (lambda: some_machine().film("film.gif"),),
    "Disk": (lambda: Disk(bytes(720 * 512)), lambda: Disk("disk.img", write_back=True)),
    "Device": (Quiet,),
    "PioDevice": (Quiet,),
    "MmioDevice": (Quiet,),
    "Dma8237": (lambda: Dma8237(some_vm()), lambda: some_machine().dma),
    "FloppyController": (lambda: FloppyController(None), lambda: some_machine().floppy),
    "FloppyChip": (lambda: some_machine().floppy,),
    "Keyboard8042": (lambda: some_machine().keyboard,),
    "Chip8042": (lambda: some_machine().keyboard,),
    "Rtc": (lambda: some_machine().rtc,),
    "Uart16550A": (lambda: some_machine().uart,),
    "Vga": (lambda: some_machine().vga,),
    "Drive": (lambda: some_machine().floppy.drives[0],),
    "Stats": (lambda: some_machine().stats,),
}


def some(kind: type) -> tuple[Callable[[], Any], ...]:
    """Ways to an object of that class; without a better one the class without arguments."""
    if kind is _core.Vm:
        return (_core.Vm, lambda: some_vm()._backend)
    return MAKE.get(kind.__name__, (kind,))


def parameters(call: Any) -> list[tuple[str, bool, bool]]:
    """Of each parameter: its name, whether it must be given, whether by keyword only."""
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):
        return [("value", False, False), ("key", False, False)]
    found = []
    for each in signature.parameters.values():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            found += [("value", False, False)] * 2 if each.kind is each.VAR_POSITIONAL else []
        else:
            found.append((each.name, each.default is each.empty, each.kind is each.KEYWORD_ONLY))
    return found
