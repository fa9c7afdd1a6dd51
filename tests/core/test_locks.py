"""No Python runs under a lock of ours: what comes in, a finalizer or an argument, waits for nobody.

Each call of the Vm is made in a child process. In the first half the garbage collector comes in at
each allocation in turn and runs a finalizer that takes every lock there is; in the second the
arguments are objects whose __index__, __repr__, fileno() and so on do the same. A lock that is held
meanwhile would be waited for without an end.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import itertools
import mmap
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyx86emu import BusError, Doorbell, PioDevice, Vm
from tests.harness import python

PLACE = 0x40000


class World:
    """A Vm, and everything in it that a call may be about."""

    def __init__(self) -> None:
        self.vm = Vm(irqchip=True)
        self.slot = self.vm.add_memory(0, 0x10000, dirty_log=True)
        self.vcpu = self.vm.create_vcpu()
        self.fd, self.other = os.eventfd(0), os.eventfd(0)
        self.bell = Doorbell()
        for port in range(20):
            self.vm.ioeventfd(0x100 + port, fd=self.bell)
        self.entry = self.vm.ioeventfd(0x80, 1, fd=self.fd)
        self.vm.irqfd(5, self.fd, resample=self.other)
        self.used = 0
        self.inside = False

    def take_every_lock(self) -> None:
        """What a finalizer may do: lists, registrations, slots, lines, chips, irqfds."""
        if self.inside:
            return
        self.inside = True
        self.used += 1
        vm = self.vm
        with contextlib.suppress(OSError):
            assert len(vm.ioeventfds) >= 1
            assert self.entry.registered in (True, False)
            vm.ioeventfd(0x90, 1, fd=self.bell, datamatch=self.used & 255).close()
            self.slot.dirty()
            vm.irq_line(7, True)
            vm.irq_line(7, False)
            vm.irqfd(6, self.other).deassign()
            vm.a20 = not vm.a20
            vm.write(0x20, b"x")
        self.inside = False


def calls(w: World, n: Callable[[int], Any], fd: Any, shape: Any) -> dict[str, Callable[[], Any]]:
    """Every call that takes a lock. `n` makes integers, `fd` is a descriptor, `shape` is true."""
    vm, buffer = w.vm, mmap.mmap(-1, 0x1000)
    return {
        "ioeventfds": lambda: vm.ioeventfds,
        "registered": lambda: w.entry.registered,
        "ioeventfd": lambda: vm.ioeventfd(n(0x91), n(1), fd=fd, datamatch=n(3), flags=n(0)).close(),
        "ioeventfd None": lambda: vm.ioeventfd(n(0x92), n(1)).close(),
        "ioeventfd bell": lambda: vm.ioeventfd(n(0x93), fd=w.bell, coalesce=shape).close(),
        "ioeventfd collides": lambda: vm.ioeventfd(n(0x80), n(1), fd=fd),
        "ioeventfd 0": lambda: vm.ioeventfd(n(0x94), n(1), fd=Bad(w)),
        "ioeventfd bad": lambda: vm.ioeventfd(n(0x94), n(3), fd=fd),
        "deassign": lambda: vm.ioeventfd_deassign(n(0x95), n(1), fd=fd),
        "deassign bad": lambda: vm.ioeventfd_deassign(n(0x95), n(1), fd=Bad(w)),
        "removed twice": lambda: removed(w).deassign(),
        "doorbell": lambda: Doorbell(fd),
        "doorbell bad": lambda: Doorbell(Bad(w)),
        "ring": lambda: w.bell.ring(n(1)),
        "slot": lambda: vm.add_memory(n(PLACE), n(0x1000), readonly=shape).delete(),
        "slot buffer": lambda: vm.add_memory(n(PLACE), n(0x1000), buffer=buffer).delete(),
        "slot overlaps": lambda: vm.add_memory(n(0), n(0x1000)),
        "slot twice": lambda: gone(w).delete(),
        "move": lambda: moved(w, n),
        "move overlaps": lambda: w.slot.move(n(1)),
        "dirty": lambda: w.slot.dirty(),
        "slot get": lambda: w.slot[n(1)],
        "slot set": lambda: w.slot.__setitem__(n(1), n(1)),
        "read": lambda: vm.read(n(0), n(16)),
        "write": lambda: vm.write(n(0), b"abcd"),
        "a20": lambda: setattr(vm, "a20", shape),
        "vcpu": lambda: w.vm.create_vcpu("8086"),
        "attach": lambda: attached(w),
        "irq_line": lambda: vm.irq_line(n(4), shape),
        "irqfd": lambda: vm.irqfd(n(4), Fd(w, w.other), resample=fd).deassign(),
        "irqfd busy": lambda: vm.irqfd(n(4), fd),
        "irqfd bad": lambda: vm.irqfd(n(4), Bad(w)),
        "irqfd resample bad": lambda: vm.irqfd(n(4), Fd(w, w.other), resample=Bad(w)),
        "irqfd_deassign": lambda: vm.irqfd_deassign(n(4), fd),
        "chips": lambda: vm.pio.read(n(0x21), n(1)),
        "chips written": lambda: vm.pio.write(n(0x21), n(1), n(0)),
        "timer": lambda: vm.set_timer(n(1000), None),
        "time": lambda: vm.time,
        "run": lambda: w.vcpu.run(n(1)),
    }


def removed(w: World) -> Any:
    entry = w.vm.ioeventfd(0x96, 1)
    entry.close()
    return entry


def gone(w: World) -> Any:
    slot = w.vm.add_memory(PLACE, 0x1000)
    slot.delete()
    return slot


def moved(w: World, n: Callable[[int], Any]) -> None:
    slot = w.vm.add_memory(PLACE, 0x1000)
    try:
        slot.move(n(PLACE + 0x1000))
    finally:
        slot.delete()


def attached(w: World) -> None:
    attachment = w.vm.pio.attach(PioDevice(), 0x300)
    with contextlib.suppress(BusError):
        w.vm.pio.attach(PioDevice(), 0x300)
    attachment.detach()


class Number:
    """An integer that uses the Vm before it says which."""

    def __init__(self, world: World, value: int) -> None:
        self.world, self.value = world, value

    def __index__(self) -> int:
        self.world.take_every_lock()
        return self.value

    def __repr__(self) -> str:
        self.world.take_every_lock()
        return f"<{self.value}>"


class Shape:
    """True, after it has used the Vm."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __bool__(self) -> bool:
        self.world.take_every_lock()
        return True


class Fd:
    def __init__(self, world: World, fd: int) -> None:
        self.world, self.fd = world, fd

    def fileno(self) -> int:
        self.world.take_every_lock()
        return self.fd

    def __repr__(self) -> str:
        self.world.take_every_lock()
        return f"<Fd {self.fd}>"


class Bad(Fd):
    """No eventfd, and its __repr__ is wanted for the message."""

    def __init__(self, world: World) -> None:
        super().__init__(world, 0)


class Garbage:
    """A cycle whose finalizer uses the Vm."""

    def __init__(self, world: World) -> None:
        self.me, self.world = self, world

    def __del__(self) -> None:
        self.world.take_every_lock()


def points() -> Iterator[int]:
    """After how many allocations the collector comes: each at first, then fewer."""
    return itertools.chain(range(1, 60), range(60, 200, 7))


def tried(call: Callable[[], Any]) -> None:
    with contextlib.suppress(Exception):
        call()


def collected(name: str) -> None:
    w = World()
    call = calls(w, int, w.fd, True)[name]
    gc.disable()
    gc.freeze()  # what is here already stays: each collection looks at the garbage only
    for point in points():
        gc.collect()
        Garbage(w)
        gc.set_threshold(point, 1, 1)
        gc.enable()
        tried(call)
        gc.disable()
    finish(w)


def finish(w: World) -> None:
    print(w.used)
    w.inside = True  # what is dropped later does nothing
    w.vm.close()


def argued(name: str) -> None:
    w = World()
    call = calls(w, lambda value: Number(w, value), Fd(w, w.fd), Shape(w))[name]
    tried(call)
    tried(call)
    finish(w)


#: These have no argument that could run Python.
WITHOUT_ARGUMENTS = {
    *("ioeventfds", "registered", "removed twice", "slot twice", "dirty", "vcpu", "attach", "time"),
}


PARTS = 4


def main(way: str, part: int) -> None:
    names = sorted(calls(World(), int, 0, True))[part::PARTS]
    for name in names:
        faulthandler.dump_traceback_later(30, exit=True)
        print(name, end=": ", flush=True)
        if way == "collected":
            collected(name)
        elif name not in WITHOUT_ARGUMENTS:
            argued(name)
        else:
            print("-")
        faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("way", ["collected", "argued"])
def test_python_that_comes_in_waits_for_nobody(way: str, part: int) -> None:
    script = f"from tests.core.test_locks import main; main({way!r}, {part})"
    done = python("-c", script, timeout=240)

    assert done.returncode == 0, f"in {done.stdout.splitlines()[-1:]}:\n{done.stderr[-3000:]}"
    used = dict(line.split(": ") for line in done.stdout.splitlines())
    assert len(used) > 5
    never = [name for name, times in used.items() if times == "0"]
    assert not never, f"nothing came in: {never}"
