"""Irqfds live as long as the eventfd: the file counts, not the number of the descriptor."""

from __future__ import annotations

import errno
import gc
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyx86emu import ExitReason, Vm
from tests.harness import Guest, count_of, descriptors, in_child, open_line, program, wait_until

SPIN = open_line(5) + program("fb  ; sti\nebfe  ; here: jmp here")
HANDLER = bytes.fromhex("43 50 b020 e620 58 cf")  # inc bx; push ax; EOI; pop ax; iret


@pytest.fixture
def vm() -> Iterator[Vm]:
    with Vm(irqchip=True) as vm:
        yield vm


def eventfd(count: int = 0) -> int:
    return os.eventfd(count, os.EFD_NONBLOCK)


def requested(vm: Vm) -> int | None:
    return vm.pio.read(0x20, 1)


def interrupted(number: int) -> Guest:
    """A guest that counts the interrupts of line 5 in BX; the eventfd is `number`."""
    guest = Guest(SPIN, irqchip=True)
    guest.ram[0x700 : 0x700 + len(HANDLER)] = HANDLER
    guest.vector(0x25, 0x700)
    guest.vm.irqfd(5, number)
    guest.vcpu.run(100)
    return guest


def took(guest: Guest, interrupts: int) -> bool:
    assert guest.vcpu.run(1000).reason is ExitReason.BUDGET
    return guest.vcpu.regs.bx == interrupts


# -- the descriptor that was passed ---------------------------------------------------------------


def test_a_write_through_a_duplicate_interrupts_after_the_first_is_closed() -> None:
    number = eventfd()
    with interrupted(number) as guest:
        other = os.dup(number)
        os.close(number)

        os.eventfd_write(other, 1)

        wait_until(lambda: took(guest, 1))
        assert count_of(other) == 0
        os.close(other)


@pytest.mark.forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_write_of_another_process_interrupts_when_only_that_has_the_eventfd() -> None:
    number = eventfd()
    reader, writer = os.pipe()
    with interrupted(number) as guest:
        child = os.fork()
        if child == 0:
            os.read(reader, 1)
            os.eventfd_write(number, 1)
            os._exit(0)
        os.close(number)
        os.write(writer, b"x")

        wait_until(lambda: took(guest, 1))
        assert os.waitpid(child, 0)[1] == 0
    os.close(reader)
    os.close(writer)


def test_a_number_that_is_reused_is_another_eventfd(vm: Vm) -> None:
    number = eventfd()
    first = vm.irqfd(5, number)
    kept = os.dup(number)
    os.close(number)
    again = eventfd()
    assert again == number

    second = vm.irqfd(6, again)
    os.eventfd_write(kept, 1)
    wait_until(lambda: requested(vm) == 1 << 5)
    os.eventfd_write(again, 1)
    wait_until(lambda: requested(vm) == 1 << 5 | 1 << 6)

    vm.irqfd_deassign(5, again)  # line 5 is the other eventfd's: nothing happens
    os.eventfd_write(kept, 1)
    wait_until(lambda: count_of(kept) == 0)
    assert (first.fd, second.fd) == (number, again)
    os.close(kept)
    os.close(again)


def test_a_number_that_is_a_pipe_now_is_left_alone(vm: Vm) -> None:
    number = eventfd()
    vm.irqfd(5, number)
    kept = os.dup(number)
    os.close(number)
    reader, writer = os.pipe()
    assert number in (reader, writer)

    os.write(writer, b"mine")
    os.eventfd_write(kept, 1)

    wait_until(lambda: requested(vm) == 1 << 5)
    assert os.read(reader, 4) == b"mine"
    for fd in (kept, reader, writer):
        os.close(fd)


def test_an_irqfd_is_removed_by_any_descriptor_of_its_eventfd(vm: Vm) -> None:
    number = eventfd()
    other = os.dup(number)
    entry = vm.irqfd(5, number)
    assert repr(entry) == f"<IrqFd fd {number} -> line 5>"
    os.close(number)

    vm.irqfd_deassign(4, other)  # another line: no error, and nothing happens
    with pytest.raises(OSError, match="raises a line already") as busy:
        vm.irqfd(5, other)
    assert busy.value.errno == errno.EBUSY

    vm.irqfd_deassign(5, other)
    vm.irqfd_deassign(5, other)
    os.eventfd_write(other, 1)
    entry.deassign()

    assert count_of(other) == 1
    assert requested(vm) == 0
    vm.irqfd(7, other)
    os.close(other)


def test_the_resample_eventfd_may_be_closed_too() -> None:
    number, resample = eventfd(), eventfd()
    seen = os.dup(resample)
    with Guest(SPIN, irqchip=True) as guest:
        guest.ram[0x700 : 0x700 + len(HANDLER)] = HANDLER
        guest.vector(0x25, 0x700)
        entry = guest.vm.irqfd(5, number, resample=resample)
        assert entry.resample == resample
        os.close(resample)
        reused = eventfd()
        guest.vcpu.run(100)

        os.eventfd_write(number, 1)

        wait_until(lambda: took(guest, 1))
        assert (count_of(seen), count_of(reused)) == (1, 0)
    for fd in (number, seen, reused):
        os.close(fd)


# -- descriptors ----------------------------------------------------------------------------------


WAYS: dict[str, Callable[[Vm, Any, int], object]] = {
    "deassign": lambda vm, entry, fd: entry.deassign(),
    "by descriptor": lambda vm, entry, fd: vm.irqfd_deassign(5, fd),
    "close": lambda vm, entry, fd: vm.close(),
}


@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_the_duplicates_are_closed_with_the_irqfd(way: str, resample: bool) -> None:
    fd, other = eventfd(), eventfd()
    before = descriptors()
    vm = Vm(irqchip=True)
    vm.irqfd(6, other).deassign()  # the thread has started
    started = descriptors()

    for _ in range(3 if way != "close" else 1):
        entry = vm.irqfd(5, fd, resample=other if resample else None)
        assert descriptors() == started + 1 + resample
        WAYS[way](vm, entry, fd)

        assert descriptors() == (before if way == "close" else started)

    vm.close()
    assert descriptors() == before
    os.close(fd)
    os.close(other)


def test_a_vm_that_is_dropped_frees_its_eventfds_and_says_so() -> None:
    fd, before = eventfd(), descriptors()
    vm = Vm(irqchip=True)
    vm.irqfd(5, fd)

    with pytest.warns(ResourceWarning, match="1 irqfds was dropped without close"):
        del vm
        gc.collect()

    assert descriptors() == before
    with Vm(irqchip=True) as other:
        other.irqfd(5, fd)
    os.close(fd)


# -- one eventfd, one irqfd -----------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_an_eventfd_is_an_irqfd_of_one_vm_only(vm: Vm, way: str) -> None:
    fd = eventfd()
    with Vm(irqchip=True) as other:
        entry = other.irqfd(5, fd)
        again = os.dup(fd)
        for number in (fd, again):
            with pytest.raises(OSError, match="of this Vm or another one in this process") as busy:
                vm.irqfd(5, number)
            assert busy.value.errno == errno.EBUSY
        vm.irqfd_deassign(5, fd)  # not its own: no error, and nothing happens
        os.eventfd_write(fd, 1)
        wait_until(lambda: requested(other) == 1 << 5)
        assert requested(vm) == 0

        WAYS[way](other, entry, again)

        vm.irqfd(5, fd)
        os.eventfd_write(again, 1)
        wait_until(lambda: requested(vm) == 1 << 5)
    os.close(fd)
    os.close(again)


def test_threads_of_several_vms_agree_who_has_an_eventfd() -> None:
    fd = eventfd()
    owners: list[Vm] = []
    go = threading.Barrier(4)
    vms = [Vm(irqchip=True) for _ in range(4)]

    def ask(vm: Vm) -> None:
        go.wait()
        for _ in range(200):
            try:
                entry = vm.irqfd(5, fd)
            except OSError as error:
                assert error.errno == errno.EBUSY
                continue
            owners.append(vm)
            assert owners == [vm]
            owners.remove(vm)
            entry.deassign()

    threads = [threading.Thread(target=ask, args=(vm,)) for vm in vms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for vm in vms:
        vm.close()
    os.close(fd)


@pytest.mark.release  # not on the sanitizers' build, as in test_irqfd.py
@pytest.mark.forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_may_use_the_eventfds_of_its_parent(vm: Vm) -> None:
    fd, resample = eventfd(), eventfd()
    vm.pio.write(0x4D0, 1, 1 << 5)  # level-triggered
    vm.irqfd(5, fd, resample=resample)
    os.eventfd_write(fd, 1)
    wait_until(lambda: requested(vm) == 1 << 5)
    before = descriptors()

    def of_the_child() -> None:
        assert requested(vm) == 0  # nobody here would lower the line
        assert descriptors() < before
        with Vm(irqchip=True) as other:
            other.irqfd(6, fd).deassign()
        vm.irqfd(7, fd)
        vm.close()

    assert in_child(of_the_child) == 0

    assert requested(vm) == 1 << 5
    with pytest.raises(OSError, match="raises a line already"):
        vm.irqfd(6, fd)
    os.close(fd)
    os.close(resample)
