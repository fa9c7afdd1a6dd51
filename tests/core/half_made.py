"""Objects of the core that nobody has filled in, and everything that they can be asked. A child
process of test_core_classes.py runs this: what it must never do is end the process.

    python -m tests.core.half_made IoEventFd
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import gc
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pyx86emu import Doorbell, Exit, IoEventFd, MemorySlot, Vcpu, Vm, _core

EVENTFD = os.eventfd(0, os.EFD_NONBLOCK)


def vm() -> Vm:
    vm = Vm(irqchip=True)
    vm.add_memory(0, 0x10000, dirty_log=True)
    return vm


def range_() -> _core.Range:
    return _core.Range(0, 4, 0, 4, lambda offset, size: 0, lambda offset, size, value: None)


def guest_map() -> _core.GuestMap:
    return _core.GuestMap(vm())


#: A real object of every class of the core.
REAL: dict[type, Callable[[], Any]] = {
    Doorbell: Doorbell,
    Exit: lambda: vm().create_vcpu().run(1),
    IoEventFd: lambda: vm().ioeventfd(0x80, 1),
    MemorySlot: lambda: vm().slots[0],
    _core.Sight: lambda: vm().create_vcpu()._look(1, 0, 0, 0, [], 4, print, None),
    _core.SpeakerTap: lambda: _core.SpeakerTap(vm()),
    _core.Snapshot: lambda: vm().save().core,
    _core.SlotBuffer: lambda: vm().slots[0].writing(),
    _core.CoalescedRing: lambda: vm().coalesced,
    _core.CoalescedZone: lambda: vm().coalesce(0xD0000, 16),
    _core.Registers: lambda: vm().create_vcpu().regs,
    Vcpu: lambda: vm().create_vcpu(),
    _core.Checked: lambda: _core.Checked({}, "a table"),
    _core.Drainer: lambda: _core.Drainer(EVENTFD),
    _core.BlockPort: _core.BlockPort,
    _core.Range: range_,
    _core.RangeTable: lambda: vm().pio._table,
    _core.Vm: lambda: _core.Vm(irqchip=True),
    _core.VgaCore: _core.VgaCore,
    _core.VmFront: vm,
    _core.VmTables: _core.VmTables,
    _core.GuestMap: guest_map,
    _core.VirtQueue: lambda: _core.VirtQueue(guest_map(), 8, 0x1000, 0x2000, 0x3000),
    _core.UnclaimedPorts: lambda: _core.UnclaimedPorts(vm().create_vcpu()),
}

#: Arguments that every method is called with, one tuple at a time.
ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    (),
    (None,),
    (0,),
    (-1,),
    ("",),
    (1 << 70,),
    (0, 0),
    (0, 1, 2),
    (EVENTFD,),
)


def made(cls: type) -> Iterator[Callable[[], Any]]:
    """Ways to get an object, most of which are refused."""
    real = REAL[cls]()
    yield lambda: cls.__new__(cls)
    yield lambda: object.__new__(cls)
    yield lambda: subclass(cls)()
    yield lambda: cls.__new__(subclass(cls))
    yield lambda: cls.__new__(cls, None)
    yield lambda: cls.__new__(cls, "x", "y")
    yield lambda: cls(None)
    yield lambda: cls("x")
    yield lambda: copy.copy(real)
    yield lambda: copy.deepcopy(real)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield lambda protocol=protocol: pickle.loads(pickle.dumps(real, protocol))
        yield lambda protocol=protocol: rebuilt(real.__reduce_ex__(protocol))
    yield lambda: rebuilt(real.__reduce__())
    yield lambda: again(real)
    yield lambda: again(cls.__new__(cls))
    yield lambda: real


def subclass(cls: type) -> type:
    """One that forgets to initialise its base."""
    return type("Sub", (cls,), {"__init__": lambda self, *arguments: None})


def rebuilt(reduced: Any) -> Any:
    return reduced[0](*reduced[1])


def again(thing: Any) -> Any:
    """Initialised twice, with several arguments."""
    for arguments in ARGUMENTS:
        with contextlib.suppress(Exception):
            thing.__init__(*arguments)
    return thing


def ask(thing: Any) -> int:
    """Everything that Python can ask of an object; how many things that was."""
    asked = 0
    general: list[Callable[[], Any]] = [
        lambda: repr(thing),
        lambda: str(thing),
        lambda: hash(thing),
        lambda: len(thing),
        lambda: list(thing),
        lambda: bool(thing),
        lambda: thing == thing,
        lambda: thing == 1,
        lambda: thing < thing,
        lambda: bytes(memoryview(thing)),
        lambda: thing[0],
        lambda: thing[0:4],
        lambda: thing.__setitem__(0, 1),
        lambda: thing.__setitem__(slice(0, 4), b"abcd"),
        lambda: int(thing),
        lambda: dir(thing),
        lambda: thing.__enter__(),
        lambda: thing.__exit__(None, None, None),
    ]
    for question in general:
        asked += 1
        with contextlib.suppress(Exception):
            question()
    with contextlib.suppress(Exception):
        for name in sorted(set(dir(thing)) | set(dir(type(thing)))):
            asked += attribute(thing, name)
    return asked


def attribute(thing: Any, name: str) -> int:
    asked = 0
    if name in ("__class__", "__init_subclass__", "__subclasshook__", "__dir__"):
        return 0
    for value in (None, 0, -1, 1 << 70, "x"):
        asked += 1
        with contextlib.suppress(Exception):
            setattr(thing, name, value)
    with contextlib.suppress(Exception):
        delattr(thing, name)
    with contextlib.suppress(Exception):
        value = getattr(thing, name)
        if callable(value):
            for arguments in ARGUMENTS:
                asked += 1
                with contextlib.suppress(Exception):
                    value(*arguments)
    return asked


def main(name: str) -> None:
    faulthandler.enable()
    faulthandler.dump_traceback_later(60, exit=True)
    cls = next(each for each in REAL if each.__name__ == name)
    asked = 0
    for way in made(cls):
        with contextlib.suppress(Exception):
            asked += ask(way())
        gc.collect()
    for fd in (0, 1, 2, EVENTFD):
        os.fstat(fd)  # nobody has closed what is not his
    print("asked", asked)


if __name__ == "__main__":
    main(sys.argv[1])
