"""irqfds: what they leave, what they survive, and what a full or blocking eventfd may do."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import EventFd, ExitReason, Vm
from tests.harness import (
    Guest,
    Liar,
    Running,
    count_of,
    descriptors,
    in_child,
    program,
    python,
    switches_every,
    wait_until,
)

FULL = 2**64 - 2
#: The handler of line 3: EOI, count in BX, IRET.
EOI = program(
    "43 50  ; inc bx; push ax\nb020 e620  ; mov al,0x20; out 0x20,al\n58 cf  ; pop ax; iret"
)
SPIN = program("fb  ; sti\nebfe  ; here: jmp here")


@pytest.fixture
def vm() -> Iterator[Vm]:
    with Vm(irqchip=True) as vm:
        yield vm


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    yield fd
    os.close(fd)


def requested(vm: Vm) -> int | None:
    """IRR of the master: nothing acknowledges here."""
    return vm.pio.read(0x20, 1)


@contextmanager
def many_descriptors(n: int) -> Iterator[list[int]]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n + 100:
        pytest.skip(f"only {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n + 100), hard))
    fds = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(n)]
    try:
        yield fds
    finally:
        for fd in fds:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_descriptor_beyond_1023_raises_its_line(vm: Vm) -> None:
    with many_descriptors(1100) as fds:
        high = fds[-1]
        assert high > 1024

        entry = vm.irqfd(5, high)
        os.eventfd_write(high, 1)

        wait_until(lambda: requested(vm) == 1 << 5)
        entry.deassign()


# -- nothing stays half done ----------------------------------------------------------------------


FAILURES: dict[str, Callable[[Vm, int], object]] = {
    "busy": lambda vm, fd: vm.irqfd(5, fd, resample=fd),
    "line 16": lambda vm, fd: vm.irqfd(16, fd),
    "line -1": lambda vm, fd: vm.irqfd(-1, fd),
    "line of 70 bits": lambda vm, fd: vm.irqfd(1 << 70, fd),
    "no eventfd": lambda vm, fd: vm.irqfd(5, 0),
    "not open": lambda vm, fd: vm.irqfd(5, 1 << 30),
    "no descriptor": lambda vm, fd: vm.irqfd(5, -1),
    "of 70 bits": lambda vm, fd: vm.irqfd(5, 1 << 70),
    "resample no eventfd": lambda vm, fd: vm.irqfd(5, fd, resample=0),
    "resample not open": lambda vm, fd: vm.irqfd(5, fd, resample=1 << 30),
    "deassign not open": lambda vm, fd: vm.irqfd_deassign(5, 1 << 30),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_irqfd_that_fails_leaves_nothing(vm: Vm, fd: int, name: str) -> None:
    first = vm.irqfd(5, fd)
    before = descriptors()

    for _ in range(3):
        with pytest.raises(OSError):
            FAILURES[name](vm, fd)

    assert descriptors() == before
    first.deassign()
    vm.irqfd(6, fd)
    os.eventfd_write(fd, 1)
    wait_until(lambda: requested(vm) == 1 << 6)


@pytest.mark.parametrize("bad", [1.0, "1", None, b"1", object()])
def test_numbers_of_irqfds_are_integers(vm: Vm, fd: int, bad: Any) -> None:
    class Odd:
        def fileno(self) -> Any:
            return bad

    with pytest.raises(TypeError):
        vm.irqfd(bad, fd)
    with pytest.raises(TypeError):
        vm.irqfd_deassign(bad, fd)
    with pytest.raises(TypeError):
        vm.irqfd(5, bad)
    with pytest.raises(TypeError):
        vm.irqfd(5, Odd())
    with pytest.raises(TypeError):
        vm.irqfd_deassign(5, Odd())
    if bad is not None:
        with pytest.raises(TypeError):
            vm.irqfd(5, fd, resample=bad)
    assert vm.irqfd(5, fd).gsi == 5


def test_a_lying_integer_is_looked_at_once(vm: Vm, fd: int) -> None:
    with pytest.raises(OSError, match="lines 0 to 15"):
        vm.irqfd(Liar(99), fd)
    with pytest.raises(OSError, match="lines 0 to 15"):
        vm.irq_line(Liar(99), True)


def test_what_an_irqfd_says_of_itself_cannot_be_changed(vm: Vm, fd: int) -> None:
    entry = vm.irqfd(5, fd)
    with pytest.raises(AttributeError):
        entry.gsi = 99  # type: ignore[misc]
    assert repr(entry) == f"<IrqFd fd {fd} -> line 5>"


def test_an_irqfd_of_a_vm_that_is_closed_meanwhile_leaves_nothing() -> None:
    vm = Vm(irqchip=True)
    fd = os.eventfd(0)
    before = descriptors(), threading.active_count()

    class Closing:
        def fileno(self) -> int:
            vm.close()
            return fd

    with pytest.raises(OSError, match="closed"):
        vm.irqfd(5, Closing())

    wait_until(lambda: (descriptors(), threading.active_count()) == before)
    os.close(fd)


def test_eventfds_come_and_go_in_several_threads(vm: Vm) -> None:
    """Several threads with one eventfd: one of them has it, the others hear EBUSY."""
    shared = os.eventfd(0, os.EFD_NONBLOCK)
    vm.irqfd(5, shared).deassign()
    before = descriptors()

    def storm() -> None:
        for _ in range(500):
            try:
                entry = vm.irqfd(5, shared, resample=shared)
            except OSError as error:
                assert "raises a line already" in str(error)
            else:
                entry.deassign()

    with switches_every(1e-6):
        threads = [Running(storm) for _ in range(4)]
        for thread in threads:
            thread.result(60)

    assert descriptors() == before
    vm.irqfd(5, shared)
    os.eventfd_write(shared, 1)
    wait_until(lambda: requested(vm) == 1 << 5)
    os.close(shared)


# -- a finalizer comes in -------------------------------------------------------------------------

REENTRANT = """
import faulthandler, gc, os
from pyx86emu import Vm
faulthandler.dump_traceback_later(30, exit=True)
vm = Vm(irqchip=True)
mine, other = os.eventfd(0), os.eventfd(0)
fired = 0
class Garbage:
    def __init__(self): self.me = self
    def __del__(self):
        global fired
        fired += 1
        vm.irqfd(6, other, resample=other).deassign()
        vm.irqfd_deassign(5, mine)
for k in range(1, 400):
    gc.disable(); gc.collect()
    Garbage()
    gc.set_threshold(k); gc.enable()
    for _ in range(2):
        try: vm.irqfd(5, mine, resample=other).deassign()
        except OSError as error: assert error.errno == 16, error
gc.disable()
fds = len(os.listdir("/proc/self/fd"))
vm.irqfd(5, mine).deassign()
assert len(os.listdir("/proc/self/fd")) == fds
vm.close()
print("fired", fired)
"""


def test_a_finalizer_that_uses_irqfds_waits_for_nobody() -> None:
    child = python("-c", REENTRANT, timeout=90)

    assert child.returncode == 0, child.stderr
    assert int(child.stdout.split()[1]) > 100


# -- resample -------------------------------------------------------------------------------------


def interrupted(resample: int, times: int) -> Guest:
    """A guest that takes and ends so many interrupts of an irqfd."""
    guest = Guest(SPIN, irqchip=True)
    guest.ram[0x700 : 0x700 + len(EOI)] = EOI
    guest.vector(3, 0x700)
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    guest.vm.irqfd(3, fd, resample=resample)
    for n in range(1, times + 1):
        os.eventfd_write(fd, 1)
        wait_until(lambda: _ran(guest) == n)  # noqa: B023
    os.close(fd)
    return guest


def _ran(guest: Guest) -> int:
    assert guest.vcpu.run(1000).reason is ExitReason.BUDGET
    return guest.vcpu.regs.bx


@pytest.mark.parametrize("flags", [0, os.EFD_NONBLOCK, os.EFD_SEMAPHORE])
@pytest.mark.parametrize("count", [0, 5, FULL - 1, FULL])
def test_a_full_or_blocking_resample_eventfd_never_stops_the_guest(count: int, flags: int) -> None:
    resample = os.eventfd(0, flags)
    if count:
        os.eventfd_write(resample, count)

    with interrupted(resample, 3):
        info = Path(f"/proc/self/fdinfo/{resample}").read_text()
    assert int(info.partition("eventfd-count:")[2].split()[0], 16) == min(count + 3, FULL)
    os.close(resample)


def test_a_resample_eventfd_that_is_closed_or_reused_harms_nobody() -> None:
    resample = os.eventfd(0, os.EFD_NONBLOCK)
    guest = Guest(SPIN, irqchip=True)
    with guest:
        guest.ram[0x700 : 0x700 + len(EOI)] = EOI
        guest.vector(3, 0x700)
        fd = os.eventfd(0, os.EFD_NONBLOCK)
        guest.vm.irqfd(3, fd, resample=resample)
        os.close(resample)
        reader, writer = os.pipe()  # gets the number

        os.eventfd_write(fd, 1)
        wait_until(lambda: _ran(guest) == 1)

        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
        os.close(reader)
        os.close(writer)
        os.close(fd)


def test_a_line_that_is_up_falls_with_the_last_irqfd_that_would_lower_it(vm: Vm, fd: int) -> None:
    other = os.eventfd(0, os.EFD_NONBLOCK)
    vm.pio.write(0x4D0, 1, 1 << 5)  # level-triggered: IRR shows the line itself
    first, second = vm.irqfd(5, fd, resample=fd), vm.irqfd(5, other, resample=fd)
    os.eventfd_write(fd, 1)
    wait_until(lambda: requested(vm) == 1 << 5)

    first.deassign()
    assert requested(vm) == 1 << 5
    second.deassign()

    assert requested(vm) == 0
    os.close(other)


# -- who may end a HLT ----------------------------------------------------------------------------


@pytest.mark.parametrize("resample", [False, True])
def test_a_halt_waits_for_no_irqfd_that_is_gone(fd: int, resample: bool) -> None:
    with Guest(program("fa  ; cli\nf4  ; hlt"), irqchip=True) as guest:
        guest.vm.irqfd(5, fd, resample=fd if resample else None).deassign()
        other = os.eventfd(0)
        guest.vm.irqfd(6, other)
        guest.vm.irqfd_deassign(6, other)
        os.close(other)

        assert Running(guest.vcpu.run).result(5).reason is ExitReason.HLT


# -- counts that were there before ----------------------------------------------------------------


def test_a_write_that_follows_a_kept_count_at_once_raises_the_line_again(vm: Vm) -> None:
    """The thread may see both as one event."""
    for _ in range(100):
        fd = os.eventfd(1, os.EFD_NONBLOCK)
        entry = vm.irqfd(5, fd)  # readable: raised at once, the count stays
        os.eventfd_write(fd, 1)  # raised again, and taken

        wait_until(lambda: count_of(fd) == 0)  # noqa: B023
        entry.deassign()
        os.close(fd)


def test_asking_for_an_eventfd_that_is_taken_raises_no_line(vm: Vm) -> None:
    fd = os.eventfd(1, os.EFD_NONBLOCK)
    vm.irqfd(5, fd)
    for _ in range(100):  # while the thread may be at the first event
        with pytest.raises(OSError, match="already"):
            vm.irqfd(6, fd)

    other = EventFd()
    vm.irqfd(7, other)
    other.write()

    wait_until(lambda: (requested(vm) or 0) & 1 << 7 != 0)
    assert count_of(fd) == 1
    os.close(fd)
    other.close()


# -- fork -----------------------------------------------------------------------------------------


# Not on the sanitizers' build: the thread of the irqfds may hold a lock of theirs at the fork.
@pytest.mark.release
@pytest.mark.forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_irqfds_of_its_own_and_leaves_the_parents_alone(vm: Vm, fd: int) -> None:
    entry = vm.irqfd(5, fd)

    def of_its_own() -> None:
        entry.deassign()
        mine = os.eventfd(0, os.EFD_NONBLOCK)
        vm.irqfd(6, mine)
        os.eventfd_write(mine, 1)
        wait_until(lambda: requested(vm) == 1 << 6)
        vm.close()

    assert in_child(of_its_own) == 0

    os.eventfd_write(fd, 1)

    wait_until(lambda: requested(vm) == 1 << 5)


def test_a_refused_irqfd_lowers_no_line(vm: Vm, fd: int) -> None:
    vm.irqfd(3, fd)
    vm.irq_line(5, True)
    again = os.eventfd(0, os.EFD_NONBLOCK)

    with pytest.raises(OSError, match="raises a line already"):
        vm.irqfd(5, fd, resample=again)

    os.close(again)
    assert requested(vm) == 1 << 5
