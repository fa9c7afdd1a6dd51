"""Every class of the core: objects that are half made, copied, initialised twice or dropped."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pyx86emu import (
    Disk,
    Doorbell,
    EventFd,
    IoEventFd,
    Machine,
    MemorySlot,
    Vcpu,
    Vm,
    _core,
)
from pyx86emu.pc.devices import Keyboard8042, PostPort, Uart16550A
from tests.core.half_made import REAL
from tests.harness import descriptors, python, wait_until

# -- half made ------------------------------------------------------------------------------------


def test_every_class_of_the_core_is_tried() -> None:
    classes = {each for _, each in inspect.getmembers(_core, inspect.isclass)}

    ours = {each for each in classes if each.__module__ == "pyx86emu._core"}

    assert ours == set(REAL)


@pytest.mark.parametrize("cls", REAL, ids=lambda cls: cls.__name__)
def test_a_half_made_object_raises_and_never_ends_the_process(cls: type) -> None:
    child = python("-m", "tests.core.half_made", cls.__name__, timeout=120)

    assert child.returncode == 0, child.stderr[-4000:]
    assert int(child.stdout.split()[1]) > 40  # at least the real object answered


@pytest.mark.parametrize(
    ("cls", "maker"),
    [
        (IoEventFd, "Vm.ioeventfd"),
        (MemorySlot, "Vm.add_memory"),
        (_core.Registers, "Vm.create_vcpu"),
        (_core.SlotBuffer, "MemorySlot.writing"),
        (Vcpu, "Vm.create_vcpu"),
    ],
)
def test_a_class_that_only_the_core_makes_says_who_makes_it(cls: type, maker: str) -> None:
    for way in (cls, lambda: cls.__new__(cls)):
        with pytest.raises(TypeError, match=rf"{cls.__name__} objects are made by {maker}\(\)"):
            way()


def test_a_subclass_of_what_only_the_core_makes_is_refused_too() -> None:
    class Mine(IoEventFd):
        pass

    with pytest.raises(TypeError, match=r"IoEventFd objects are made by Vm\.ioeventfd\(\)"):
        Mine()


def test_a_doorbell_is_initialised_once() -> None:
    fd = os.eventfd(0)
    for bell in (Doorbell(), Doorbell(fd)):
        before = descriptors()

        with pytest.raises(RuntimeError, match="initialised once"):
            bell.__init__(fd)  # type: ignore[misc]

        assert descriptors() == before
    os.close(fd)


def test_the_doorbell_of_an_entry_cannot_be_initialised_again() -> None:
    fd = os.eventfd(0)
    with Vm() as vm:
        vm.ioeventfd(0x80, 1, fd=Doorbell())
        bell = vm.ioeventfds[0].doorbell
        assert bell is not None

        with pytest.raises(RuntimeError, match="initialised once"):
            bell.__init__(fd)  # type: ignore[misc]
    os.close(fd)


def test_a_drainer_is_initialised_once() -> None:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    drainer = _core.Drainer(fd)
    with pytest.raises(RuntimeError, match="initialised once"):
        drainer.__init__(fd)  # type: ignore[misc]
    drainer.stop()
    os.close(fd)


@pytest.mark.parametrize(("fd", "error"), [("x", TypeError), (-1, OSError), (1 << 70, OSError)])
def test_a_drainer_that_fails_closes_nothing(fd: Any, error: type[Exception]) -> None:
    for number in (0, 1, 2):
        os.fstat(number)

    with pytest.raises(error):
        _core.Drainer(fd)

    gc.collect()
    for number in (0, 1, 2):
        os.fstat(number)


@pytest.mark.parametrize("n", [-1, 1 << 64, 1 << 70])
def test_the_loops_of_the_measurements_have_an_end(n: int) -> None:
    with pytest.raises(ValueError, match="the number of"):
        _core.write_floor(0, n)
    with pytest.raises(ValueError, match="the number of"):
        _core.add_chain(n)


# -- copies ---------------------------------------------------------------------------------------


def irqfd() -> object:
    vm = Vm(irqchip=True)
    fd = os.eventfd(0)
    entry = vm.irqfd(5, fd)
    os.close(fd)
    vm.close()
    return entry


OWNERS: dict[str, Callable[[], object]] = {
    **{
        cls.__name__: REAL[cls]
        for cls in (Doorbell, IoEventFd, MemorySlot, Vcpu, _core.Drainer, _core.Vm)
    },
    "pyx86emu.Vm": Vm,
    "IrqFd": irqfd,
}


@pytest.mark.parametrize("name", OWNERS)
def test_what_owns_a_descriptor_or_memory_is_not_copied(name: str) -> None:
    thing = OWNERS[name]()
    ways: list[Callable[[], object]] = [lambda: copy.copy(thing), lambda: copy.deepcopy(thing)]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        ways.append(lambda protocol=protocol: pickle.dumps(thing, protocol))  # type: ignore[misc]

    for way in ways:
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            way()


# -- what is dropped ------------------------------------------------------------------------------


@contextmanager
def no_leak() -> Iterator[None]:
    """As many descriptors and threads afterwards as before."""
    before, threads = descriptors(), threading.active_count()
    yield
    wait_until(lambda: descriptors() == before)
    wait_until(lambda: threading.active_count() == threads)


def refused(wanted: type[Exception], call: Callable[[], object]) -> None:
    with pytest.raises(wanted):
        call()


def drop_irqfd(fd: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        vm = Vm(irqchip=True)
        vm.irqfd(5, fd, resample=fd)
        del vm
        gc.collect()


DROPPED: dict[str, Callable[[int], object]] = {
    "Vm": lambda fd: Vm(irqchip=True).create_vcpu(),
    "ioeventfd": lambda fd: Vm().ioeventfd(0x80, 1),
    "ioeventfd of somebody": lambda fd: Vm().ioeventfd(0x80, 1, fd=fd),
    "doorbell": lambda fd: Vm().ioeventfd(0x80, 1, fd=Doorbell(fd)).doorbell,
    "irqfd with resample": drop_irqfd,
    "drainer": _core.Drainer,
    "no eventfd": lambda fd: refused(OSError, lambda: Vm().ioeventfd(0x80, 1, fd=0)),
    "collision": lambda fd: refused(OSError, lambda: collide(Vm())),
    "doorbell without eventfd": lambda fd: refused(OSError, lambda: Doorbell(0)),
    "resample without eventfd": lambda fd: refused(
        OSError, lambda: Vm(irqchip=True).irqfd(5, fd, resample=0)
    ),
    "no line": lambda fd: refused(OSError, lambda: Vm(irqchip=True).irqfd(16, fd)),
    "busy": lambda fd: refused(OSError, lambda: busy(fd)),
    "drainer of nothing": lambda fd: refused(OSError, lambda: _core.Drainer(-1)),
}


def collide(vm: Vm) -> None:
    vm.ioeventfd(0x80, 1)
    vm.ioeventfd(0x80, 1)


def busy(fd: int) -> None:
    with Vm(irqchip=True) as vm:
        vm.irqfd(5, fd)
        vm.irqfd(6, fd, resample=fd)


@pytest.mark.parametrize("name", DROPPED)
def test_what_is_dropped_or_fails_leaves_no_descriptor_and_no_thread(name: str) -> None:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    with no_leak():
        for _ in range(5):
            DROPPED[name](fd)
    os.close(fd)


def test_a_vm_with_irqfds_that_is_dropped_warns() -> None:
    fd = os.eventfd(0)
    vm = Vm(irqchip=True)
    vm.irqfd(5, fd)

    with pytest.warns(ResourceWarning, match="dropped without close"):
        del vm
        gc.collect()
    os.close(fd)


def test_a_doorbell_of_an_entry_is_freed_with_its_last_holder() -> None:
    """The face of a bell once kept a counter of its own that nobody freed."""
    with Vm() as vm:
        vm.ioeventfd(0x80, 1, fd=Doorbell())
        for _ in range(3):
            bell = vm.ioeventfds[0].doorbell
            assert bell is not None
            bell.ring()
        assert bell.count == 3


# -- flags ----------------------------------------------------------------------------------------


class Endless:
    def __len__(self) -> int:
        return 1 << 70


@pytest.mark.parametrize(
    ("take", "name"),
    [
        (lambda flag: EventFd(blocking=flag), "blocking"),
        (lambda flag: EventFd(semaphore=flag), "semaphore"),
        (lambda flag: Disk(b"", write_back=flag), "write_back"),
        (lambda flag: Disk(bytes(512)).close(discard=flag), "discard"),
        (lambda flag: Machine(no_reboot=flag), "no_reboot"),
        (lambda flag: Vm().ioeventfd(0x80, coalesce=flag), "coalesce"),
        (lambda flag: Vm().pio.attach(PostPort(), 0x80, pull=flag), "pull"),
        (lambda flag: Keyboard8042().key("a", flag), "down"),
        (lambda flag: Uart16550A().set_modem(cts=flag), "a line of the modem"),
    ],
)  # fmt: skip
def test_a_flag_that_is_neither_true_nor_false_is_a_value_error(
    take: Callable[[Any], object], name: str
) -> None:
    with pytest.raises(ValueError, match=f"{name}=Endless is neither true nor false"):
        take(Endless())
