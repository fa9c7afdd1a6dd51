"""Vm: the core's machine with buses and a clock."""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from pyx86emu import BusError, ExitReason, PioDevice, Vcpu, Vm, _core
from tests.harness import Liar, Running, another, meanwhile, python, vcpu, wait_until


def test_the_readme_program_counts_its_rings(vm: Callable[..., Vm]) -> None:
    v = vm()
    ram = v.add_memory(0x0, 0x100000)
    ram[0x7C00:0x7C08] = bytes.fromhex("ba1005 b001 ee ee f4")
    vcpu = v.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x7C00
    bell = v.ioeventfd(0x510, length=1, datamatch=1)

    exit = vcpu.run()

    assert exit.reason is ExitReason.HLT
    assert (bell.read(), bell.hits) == (2, 2)


def test_the_clock_calls_in_guest_time(vm: Callable[..., Vm]) -> None:
    v = vm()
    guest = vcpu(v, "ebfe")
    called: list[int] = []
    v.clock.call_after(1_000_000, lambda: (called.append(v.time), guest.kick()))

    exit = guest.run()

    assert exit.reason is ExitReason.INTR
    assert 1_000_000 <= called[0] < 1_000_000 + 128 * 64


def test_a_closed_vm_is_closed_for_good(vm: Callable[..., Vm]) -> None:
    v = vm()

    v.close()
    v.close()


# -- made once, used, closed -----------------------------------------------------------------------


def back_end(v: Any) -> _core.Vm:
    """Of a Vm; a back end is its own. RuntimeError: the Vm has none."""
    if isinstance(v, Vm) and v._backend is None:
        v.__enter__()
    found: _core.Vm = v if isinstance(v, _core.Vm) else v._backend
    return found


CALLS: dict[str, Callable[[Any], object]] = {
    "add_memory": lambda v: v.add_memory(0x100000, 0x1000),
    "read": lambda v: v.read(0, 1),
    "write": lambda v: v.write(0, b"x"),
    "code_changed": lambda v: v.code_changed(0, 1),
    "create_vcpu": lambda v: v.create_vcpu(),
    "ioeventfd": lambda v: v.ioeventfd(0x510),
    "irqfd": lambda v: v.irqfd(5, 0),
    "device_line": lambda v: back_end(v).device_line(None),
    "enter": lambda v: v.check_open() if isinstance(v, _core.Vm) else v.__enter__(),
}


@pytest.mark.parametrize("irqchip", [False, True])
def test_a_vm_is_initialised_once(vm: Callable[..., Vm], irqchip: bool) -> None:
    class Echo(PioDevice):
        def pio_read(self, offset: int, size: int) -> int:
            return 0x5A

    v = vm(irqchip=irqchip)
    v.pio.attach(Echo(), 0x300)
    clock, pio = v.clock, v.pio

    for again in (lambda: v.__init__(), lambda: v._backend.__init__(irqchip=True)):  # type: ignore[misc]
        with pytest.raises(RuntimeError, match="a Vm is initialised once"):
            again()

    assert (v.clock, v.pio) == (clock, pio)
    assert v.pio.read(0x300, 1) == 0x5A


def test_a_vm_whose_init_refused_can_be_initialised() -> None:
    v = Vm.__new__(Vm)
    with pytest.raises(ValueError, match="shift=21"):
        v.__init__(shift=21)  # type: ignore[misc]

    v.__init__(shift=20)  # type: ignore[misc]

    assert not v.slots
    v.close()


@pytest.mark.parametrize("name", [*CALLS, "irq_line", "set_timer", "pulse"])
@pytest.mark.parametrize("kind", [Vm, _core.Vm])
def test_a_vm_without_init_says_so(kind: type[Vm], name: str) -> None:
    v = kind.__new__(kind)
    calls = {
        **CALLS,
        "irq_line": lambda v: v.irq_line(5, True),
        "set_timer": lambda v: v.set_timer(5, print),
        "pulse": lambda v: v.irq_pulse(5),
    }

    with pytest.raises(RuntimeError, match=r"not initialised: a subclass must call Vm\.__init__"):
        calls[name](v)

    if kind is _core.Vm:
        assert (v.slots, v.vcpus, v.time, v.ioeventfds) == ((), (), 0, ())
        v.a20 = not v.a20
    assert repr(v).startswith(("<Vm: 0 slots", "<Vm: not initialised>"))
    v.close()


@pytest.mark.parametrize("name", ["slots", "vcpus", "time", "ioeventfds", "a20"])
def test_a_vm_without_init_has_no_properties(name: str) -> None:
    v = Vm.__new__(Vm)

    with pytest.raises(RuntimeError, match=r"not initialised: a subclass must call Vm\.__init__"):
        getattr(v, name)
    with pytest.raises(AttributeError, match="'Vm' object has no attribute 'colour'"):
        v.colour  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", CALLS)
def test_a_closed_vm_says_so(vm: Callable[..., Vm], name: str) -> None:
    v = vm(irqchip=True)
    slot = v.add_memory(0, 0x1000)
    v.close()

    with pytest.raises((OSError, ValueError)) as error:
        CALLS[name](v)

    if name in ("read", "write", "code_changed"):
        assert str(error.value) == "guest address 0x0 is in no memory slot"
    else:
        assert error.value.errno == errno.EBADF  # type: ignore[union-attr]
    assert (v.slots, slot.vm, slot[0]) == ((), None, 0)
    v.irq_line(5, True)
    v.set_timer(v.time, print)
    v.a20 = not v.a20
    assert (v.pio.read(0x20, 1), v._backend._chip_read(0x20, 1)) == (0xFF, 0xFF)
    v.close()


def test_a_close_that_was_interrupted_can_be_repeated(vm: Callable[..., Vm]) -> None:
    v = vm(irqchip=True)
    entered, leave = threading.Event(), threading.Event()

    class Slow(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            entered.set()
            leave.wait()

    def interrupted(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    v.pio.attach(Slow(), 0x90)
    run = Running(vcpu(v, "e690").run)  # out 0x90,al
    entered.wait()
    event = os.eventfd(0, os.EFD_NONBLOCK)
    v.irqfd(5, event)
    before = signal.signal(signal.SIGUSR1, interrupted)
    main = threading.main_thread().ident
    assert main is not None
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            meanwhile(lambda: signal.pthread_kill(main, signal.SIGUSR1)),
        ):
            v.close()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert v.slots

    leave.set()
    v.close()

    assert not v.slots
    assert run.result().reason is ExitReason.INTR
    os.close(event)


@pytest.mark.parametrize("seed", range(8))
def test_many_threads_close_while_others_change_everything(seed: int) -> None:
    """None of them waits for ever, and what comes too late is refused."""
    v = Vm(irqchip=True)
    vcpus = [vcpu(v, "ebfe"), another(v)]
    go = threading.Barrier(8)
    changes = 0

    def run(vcpu: Vcpu) -> None:
        go.wait()
        with suppress(OSError):
            while True:
                vcpu.run(100_000)

    def change(n: int) -> None:
        nonlocal changes
        rng = random.Random(n)
        go.wait()
        with suppress(OSError):
            while True:
                v.__enter__()
                at = 0x100000 + (rng.randrange(64) << 12)
                with suppress(FileExistsError, BusError, ValueError):
                    v.write(at, b"12")
                    slot = v.add_memory(at, 0x1000)
                    v.pio.attach(PioDevice(), 0x300 + rng.randrange(8)).detach()
                    memoryview(slot)[5] = 1
                    slot.delete()
                changes += 1

    def close(n: int) -> None:
        go.wait()
        wait_until(lambda: changes >= 5 * seed + n or not v.slots)
        v.close()

    threads = [Running(partial(run, vcpu)) for vcpu in vcpus]
    threads += [Running(partial(change, seed * 10 + n)) for n in range(3)]
    threads += [Running(partial(close, n)) for n in range(3)]
    for thread in threads:
        thread.result(60)

    assert (v.slots, v.pio._table.items) == ((), ())


# -- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "error"),
    [
        (-1, ValueError),
        (21, ValueError),
        (Liar(63), ValueError),
        (1 << 70, ValueError),
        (1.5, TypeError),
        (7.0, TypeError),
        (float("nan"), TypeError),
        ("7", TypeError),
    ],
)
def test_a_shift_is_a_number_from_0_to_20(shift: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="shift"):
        Vm(shift=shift)


@pytest.mark.parametrize("name", ["irq_line", "irqfd", "pulse"])
@pytest.mark.parametrize(
    ("gsi", "error"),
    [
        (-1, OSError),
        (16, OSError),
        (Liar(99), OSError),
        (1 << 70, OSError),
        (5.0, TypeError),
        (float("nan"), TypeError),
        ("5", TypeError),
        (None, TypeError),
    ],
)
def test_a_line_is_a_number_from_0_to_15(
    vm: Callable[..., Vm], name: str, gsi: Any, error: type[Exception]
) -> None:
    v = vm(irqchip=True)
    event = os.eventfd(0)
    calls: dict[str, Callable[[], object]] = {
        "irq_line": lambda: v.irq_line(gsi, True),
        "irqfd": lambda: v.irqfd(gsi, event),
        "pulse": lambda: v.irq_pulse(gsi),
    }

    with pytest.raises(error) as caught:
        calls[name]()

    if error is OSError:
        assert caught.value.errno == errno.EINVAL  # type: ignore[attr-defined]
    os.close(event)


@pytest.mark.parametrize(
    ("deadline", "callback", "error"),
    [
        (1 << 63, print, ValueError),
        (Liar(1 << 70), print, ValueError),
        (1.5, print, TypeError),
        (float("nan"), print, TypeError),
        ("5", print, TypeError),
        (5, 5, TypeError),
    ],
)
def test_a_timer_that_cannot_be_set_changes_nothing(
    vm: Callable[..., Vm], deadline: Any, callback: Any, error: type[Exception]
) -> None:
    v = vm()
    called: list[int] = []
    v.set_timer(1000, lambda: called.append(v.time))

    with pytest.raises(error):
        v.set_timer(deadline, callback)

    vcpu(v, "ebfe").run(1000)
    assert len(called) == 1


@pytest.mark.parametrize("deadline", [-5, -(1 << 70), 0, Liar(0), False])
def test_a_deadline_that_is_over_means_at_once(vm: Callable[..., Vm], deadline: int) -> None:
    v = vm()
    guest = vcpu(v, "ebfe")
    guest.run(100)
    called: list[int] = []

    v.set_timer(deadline, lambda: called.append(guest.instructions))
    guest.run(100)

    assert called == [100]


# -- no Python under a lock -----------------------------------------------------------------------

COLLECTED = """
import faulthandler, gc, mmap
from pyx86emu import BusError, PioDevice, Vm
faulthandler.dump_traceback_later(20, exit=True)
vm = Vm(irqchip=True)
low = vm.add_memory(0, 0x10000, dirty_log=True)
vcpu = vm.create_vcpu("8086")
class Knot:
    def __init__(self): self.me = self
    def __del__(self):
        global collected
        collected += 1
        vm.slots, vm.read(0, 4), vm.write(0, b"1234"), low.dirty(), vm.irq_line(5, True)
        vm.add_memory(0x80000, 0x1000).delete()
        vm.pio.attach(PioDevice(), 0x500).detach()
        vm.a20 = False
def attempt(function, *arguments, **options):
    Knot()
    try: return function(*arguments, **options)
    except (OSError, BusError, ValueError): pass
collected = 0
gc.set_threshold(1)
for n in range(10):
    slots = [attempt(vm.add_memory, 0x100000 + (i << 12), 0x1000) for i in range(66)]
    attempt(low.move, 0x100000), attempt(low.dirty), attempt(vm.read, 0, 1 << 20)
    attempt(setattr, vm, "a20", True), attempt(vm.irq_line, 3, True)
    attempt(vm._backend._chip_read, 0x20, 1)
    attempt(vm.pio.attach, PioDevice(), 0x20), attempt(vm._backend._chip_write, 0x20, 1, 0x20)
    attempt(vm.pio.attach, PioDevice(), 0x300).detach()
    for slot in slots:
        if slot: attempt(slot.delete), attempt(slot.delete)
gc.set_threshold(700)
assert collected > 500 and len(vm.slots) == 1, (collected, vm.slots)
"""


def test_a_finalizer_that_uses_the_vm_may_run_at_any_allocation() -> None:
    result = python("-c", COLLECTED)

    assert result.returncode == 0, result.stderr
