"""Attaching to a bus: all of it or nothing, whoever else attaches, and whatever it is asked for."""

from __future__ import annotations

import errno
import gc
import math
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from pyx86emu import BusError, Vm
from pyx86emu.bus import Attachment, Bus
from tests.harness import Liar, Running, vcpu
from tests.io.test_bus import OUT_IN, Gap, Recorder, run

MakeVm = Callable[..., Vm]


# -- attaching: all of it or nothing ---------------------------------------------------------------


class Overlapping(Recorder):
    """The same port in two of its ranges."""

    ranges = ((4, 4), (4, 2), (2, 1))


def nothing_is_attached(bus: Bus, device: Recorder) -> bool:
    """The addresses are free, and the device is what it was."""
    for port in range(0x300, 0x308):
        bus.attach(Recorder(), port, 1).detach()
    return not list(bus._attached) and not {"clock", "irq"} & vars(device).keys()


@pytest.mark.parametrize("pull", [False, True])
def test_ranges_of_one_device_may_not_overlap(vm: MakeVm, pull: bool) -> None:
    v, device = vm(), Overlapping()

    with pytest.raises(BusError, match=r"0x304-0x305 of 'overlapping' overlaps another of its"):
        v.pio.attach(device, 0x300, pull=pull)

    assert nothing_is_attached(v.pio, device)
    assert not device.resets


def test_a_device_that_is_attached_meanwhile_keeps_its_place(vm: MakeVm) -> None:
    class Jumps(Recorder):
        """Lets another one in at a moment when its own place has been looked at."""

        @property
        def max_size(self) -> int:  # type: ignore[override]
            if not first.resets:
                v.pio.attach(first, 0x300)
            return 4

    v, first, second = vm(), Recorder(), Jumps()

    with pytest.raises(BusError, match="overlaps 'recorder'"):
        v.pio.attach(second, 0x302)

    run(v, OUT_IN)
    assert len(first.log) == 2
    assert not second.log
    assert repr(v.pio) == "<pio bus: recorder>"


def test_of_two_threads_one_gets_the_place(vm: MakeVm, quick_switches: None) -> None:
    v, rounds = vm(), 800
    start = threading.Barrier(2)
    won: list[list[Attachment]] = [[] for _ in range(rounds)]

    def attach(mine: int) -> None:
        for round in won:
            start.wait()
            with suppress(BusError):
                round.append(v.pio.attach(Recorder(), 0x300 + mine))
            start.wait()
            if mine == 0:
                for attachment in round:
                    attachment.detach()

    for thread in [Running(partial(attach, n)) for n in range(2)]:
        thread.result(60)

    assert {len(round) for round in won} == {1}


def test_attach_detach_and_reset_from_many_threads(vm: MakeVm, quick_switches: None) -> None:
    v = vm()
    looping = vcpu(v, "ba0003 ec ee ebfc")
    over = threading.Event()

    def guest() -> None:
        while not over.is_set():
            looping.run(20_000)

    def host(n: int) -> None:
        for k in range(400):
            device = Recorder()
            try:
                attachment = v.pio.attach(device, 0x2FE + (n + k) % 4, pull=k % 5 == 0)
            except BusError:
                v.pio.reset()
                for other in list(v.pio._attached)[:1]:
                    other.detach()
                continue
            v.pio.read(0x300, 1)
            attachment.detach()
            attachment.detach()

    guest_runs = Running(guest)
    for thread in [Running(partial(host, n)) for n in range(3)]:
        thread.result(60)
    over.set()
    looping.kick()
    guest_runs.result(60)

    assert nothing_is_attached(v.pio, Recorder())


@pytest.mark.parametrize("pull", [False, True])
def test_a_device_is_not_asked_while_it_is_being_reset(vm: MakeVm, pull: bool) -> None:
    class Curious(Recorder):
        """Looks in its reset what the others see of it."""

        def reset(self) -> None:
            seen.append(v.pio.read(0x300, 1))
            seen.append(len(run(v, OUT_IN)[1]))

    v, device, seen = vm(), Curious(), list[int]()

    v.pio.attach(device, 0x300, pull=pull)

    assert seen == [0xFF, 2]
    assert not device.log
    assert v.pio.read(0x300, 1) == 0x11


WITHOUT_MEMORY = """
from _testcapi import remove_mem_hooks, set_nomemory
from pyx86emu import PioDevice, Vm
class Two(PioDevice):
    ranges = ((0, 1), (4, 1))
def fails(n, call):
    'Does `call` fail if its n-th allocation does?'
    set_nomemory(n, n + 1)
    try:
        call()
    except MemoryError:
        return True
    finally:
        remove_mem_hooks()
    return False
vm = Vm()
table = vm.pio._table
vm.pio.attach(Two(), 0x300).detach()
n = 1
while fails(n, lambda: vm.pio.attach(Two(), 0x300)):
    assert not table.items, n
    n += 1
assert n > 20 and len(table.items) == 2, n
n = 1
while fails(n, lambda: vm.pio._remove(table.items[0].holder)):
    assert len(table.items) == 2, n
    n += 1
assert n > 1 and not table.items, n
"""


@pytest.mark.release
def test_an_attach_that_has_no_memory_leaves_nothing_attached() -> None:
    """Each of Python's allocations fails in turn."""
    pytest.importorskip("_testcapi")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]


def raising(error: Exception) -> Recorder:
    class Raises(Recorder):
        def reset(self) -> None:
            raise error

    return Raises()


@pytest.mark.parametrize("pull", [False, True])
def test_a_reset_that_raises_leaves_nothing_attached(vm: MakeVm, pull: bool) -> None:
    v, device = vm(irqchip=True), raising(RuntimeError("no"))

    with pytest.raises(RuntimeError, match="no"):
        v.pio.attach(device, 0x300, gsi=5, pull=pull)

    assert nothing_is_attached(v.pio, device)


def test_what_the_device_had_before_is_put_back(vm: MakeVm) -> None:
    v, other, device = vm(irqchip=True), vm(), raising(OSError())
    mine: list[bool] = []
    device.clock, device.irq = other.clock, mine.append

    with pytest.raises(OSError):
        v.pio.attach(device, 0x300, gsi=5)

    assert (device.clock, device.irq) == (other.clock, mine.append)


def test_of_a_device_whose_last_range_is_taken_nothing_is_attached(vm: MakeVm) -> None:
    v, device, other = vm(), Gap(), Recorder()
    v.pio.attach(other, 0x64, 1)

    with pytest.raises(BusError, match=r"range 0x64 of 'gap' overlaps 'recorder' \(0x64\)"):
        v.pio.attach(device, 0x60)

    _, left = run(v, "e660 f4")
    assert not device.log
    assert len(left) == 1
    v.pio.detach(other)
    v.pio.attach(device, 0x60)
    assert repr(v.pio) == "<pio bus: gap>"


def test_a_device_that_takes_no_clock_is_not_attached(vm: MakeVm) -> None:
    class Fixed(Recorder):
        clock = property(lambda self: None)  # type: ignore[assignment]

    for _ in range(2):
        with pytest.raises(AttributeError, match="clock"):
            vm().pio.attach(Fixed(), 0x300)


def test_a_device_that_detaches_itself_in_its_reset_is_detached(vm: MakeVm) -> None:
    class Shy(Recorder):
        def reset(self) -> None:
            v.pio.detach(self)

    v, device = vm(), Shy()

    v.pio.attach(device, 0x300)

    v.pio.attach(Recorder(), 0x300)
    assert repr(v.pio) == "<pio bus: recorder>"


def test_a_detached_device_is_free_to_go(vm: MakeVm) -> None:
    v, device = vm(), Gap()
    gone = weakref.ref(device)
    v.pio.attach(device, 0x60).detach()

    del device

    assert gone() is None


def test_the_garbage_collector_sees_through_the_core(vm: MakeVm) -> None:
    class Knows(Gap):
        vm: Vm

    device = Knows()
    device.vm = Vm()
    device.vm.pio.attach(device, 0x60)
    gone = weakref.ref(device), weakref.ref(device.vm)

    del device
    gc.collect()

    assert [each() for each in gone] == [None, None]


def test_a_closed_vm_takes_no_device(vm: MakeVm) -> None:
    v, device = vm(), Recorder()
    attachment = v.pio.attach(device, 0x300)
    v.close()

    for pull in (False, True):
        with pytest.raises(OSError) as error:
            v.pio.attach(Recorder(), 0x400, pull=pull)
        assert error.value.errno == errno.EBADF
    attachment.detach()
    assert not list(v.pio._attached)


# -- what is asked for ----------------------------------------------------------------------------


class Odd:
    """A number that lies."""

    def __index__(self) -> int:
        return 0x300

    def __lt__(self, other: object) -> bool:
        return True

    __le__ = __gt__ = __ge__ = __lt__


@pytest.mark.parametrize("base", [768, Odd(), Liar(768)])
def test_any_integer_is_an_address(vm: MakeVm, base: int) -> None:
    attachment = vm().pio.attach(Recorder(), base)

    assert attachment.ranges == [(0x300, 0x304)]
    assert type(attachment.base) is int


@pytest.mark.parametrize(
    ("arguments", "changed", "error", "message"),
    [
        ({"base": 1.5}, {}, TypeError, "the base of 'recorder' must be an integer, not float"),
        ({"base": math.nan}, {}, TypeError, "not float"),
        ({"base": "5"}, {}, TypeError, "not str"),
        ({"base": Liar(1 << 16)}, {}, BusError, "outside the pio bus"),
        ({"base": 1 << 80}, {}, BusError, "outside the pio bus"),
        ({"length": 0}, {}, BusError, "must begin at 0 or later and have a byte"),
        ({"length": -1}, {}, BusError, "have a byte"),
        ({"length": 1 << 80}, {}, BusError, "outside the pio bus"),
        ({"length": 2.0}, {}, TypeError, "the length of 'recorder' must be an integer"),
        ({}, {"ranges": ()}, BusError, "has no ranges"),
        ({}, {"ranges": ((0, 1), (2,))}, TypeError, r"a range of 'recorder' is \(2,\)"),
        ({}, {"ranges": ((0, 1), 7)}, TypeError, "is 7: give"),
        ({}, {"ranges": ((-1, 4),)}, BusError, "at offset -1"),
        ({}, {"ranges": ((0.5, 4),)}, TypeError, "the offset of a range of 'recorder'"),
        ({}, {"max_size": 3}, ValueError, "max_size=3: a device takes 1, 2, 4 or 8 bytes"),
        ({}, {"max_size": 0}, ValueError, "max_size=0"),
        ({}, {"max_size": 4.0}, TypeError, "max_size of 'recorder' must be an integer"),
        ({"gsi": 16}, {}, OSError, "interrupt line 16: the 8259 pair has lines 0 to 15"),
        ({"gsi": -1}, {}, OSError, "interrupt line -1"),
        ({"gsi": Liar(99)}, {}, OSError, "interrupt line 99"),
        ({"gsi": 5.0}, {}, TypeError, "gsi must be an integer"),
    ],
)
@pytest.mark.parametrize("pull", [False, True])
def test_what_cannot_be_attached_is_refused_at_once(
    vm: MakeVm,
    pull: bool,
    arguments: dict[str, Any],
    changed: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    v = vm(irqchip=True)
    device = type("Recorder", (Recorder,), changed)()

    with pytest.raises(error, match=message):
        v.pio.attach(device, **{"base": 0x300, "pull": pull, **arguments})

    assert nothing_is_attached(v.pio, device)
    assert not device.resets


def test_a_line_needs_an_interrupt_controller(vm: MakeVm) -> None:
    with pytest.raises(OSError, match="no interrupt controller: make it with irqchip=True"):
        vm().pio.attach(Recorder(), 0x300, gsi=5)


@pytest.mark.parametrize("thing", [object(), None, 5, "uart", Recorder])
def test_what_is_no_device_is_told_what_one_is(vm: MakeVm, thing: Any) -> None:
    with pytest.raises(TypeError, match=r"is no device, it has no pio_read|not its class"):
        vm().pio.attach(thing, 5)


@pytest.mark.parametrize(
    ("addr", "size", "error"),
    [
        (-1, 1, ValueError),
        (0x10000, 1, ValueError),
        (Liar(1 << 70), 1, ValueError),
        (1.0, 1, TypeError),
        (0x300, 0, ValueError),
        (0x300, -1, ValueError),
        (0x300, 9, ValueError),
        (0x300, 1 << 70, ValueError),
        (0x300, 1.0, TypeError),
        (0x300, None, TypeError),
    ],
)
def test_an_access_of_the_host_is_one_that_a_bus_has(
    vm: MakeVm, addr: Any, size: Any, error: type[Exception]
) -> None:
    v, device = vm(irqchip=True), Recorder()
    v.pio.attach(device, 0x300)

    mine = v.pio._table.find(0x300, 1)
    assert mine is not None
    for call in (v.pio.read, v.pio._table.find, v._backend._chip_read, mine.read):
        if call == v.pio.read or addr != 0x10000:
            with pytest.raises(error):
                call(addr, size)
    for call in (v.pio.write, v._backend._chip_write, mine.write):
        if call == v.pio.write or addr != 0x10000:
            with pytest.raises(error):
                call(addr, size, 0)

    assert not device.log


@pytest.mark.parametrize(
    ("value", "error"),
    [(-1, ValueError), (0x100, ValueError), (1 << 70, ValueError), (1.0, TypeError)],
)
def test_a_value_fits_its_access(vm: MakeVm, value: Any, error: type[Exception]) -> None:
    v, device = vm(irqchip=True), Recorder()
    v.pio.attach(device, 0x300)

    for port in (0x300, 0x20, 0x5000):
        with pytest.raises(error):
            v.pio.write(port, 1, value)

    assert not device.log


def test_ports_beyond_the_last_read_as_ffh(vm: MakeVm) -> None:
    v = vm()
    v.pio.attach(Recorder(), 0xFFFC)

    assert v.pio.read(0xFFFE, 8) == 0xFFFFFFFFFFFF4433
    v.pio.write(0xFFFE, 4, 0x12345678)
