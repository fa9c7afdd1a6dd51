"""A guest that rings an irqfd of its own Vm is interrupted at that instruction, in every run."""

from __future__ import annotations

import ctypes
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pyx86emu import Doorbell, ExitReason, IoEventFd, IrqFd
from tests.harness import (
    Guest,
    advance,
    another,
    count_of,
    descriptors,
    open_line,
    program,
    running,
    switches_every,
    wait_until,
)

GSI = 5
TIMES = 12
LOG = 0x5000
#: Notes SI at SS:[DI]: which ring was the last one before the interrupt.
HANDLER = program(
    """
    368935     ; mov ss:[di],si
    83c702     ; add di,2
    50 b020    ; push ax; mov al,20h
    e620 58 cf ; out 20h,al; pop ax; iret
    """
)
RINGS = {
    "pio": "e680",  # out 80h,al
    "wide": "e780",  # out 80h,ax
    "mmio": "a30000",  # mov [0],ax, where DS is a hole
    "hypercall": "0f01c1",  # vmcall
}


def ringing(how: str, before: str = "fb") -> bytes:
    """Ring so many times. SI is the number of rings before the last one. `before`: sti."""
    ring = RINGS[how]
    back = 256 - (len(ring) // 2 + 3)
    return open_line(GSI) + program(
        f"""
        b9{TIMES:02x}00 31f6 31c0   ; mov cx,TIMES; xor si,si; xor ax,ax
        bf{LOG.to_bytes(2, "little").hex()} {before}  ; mov di,LOG
        {ring} 46 e2{back:02x}      ; again: ring; inc si; loop again
        fb 90 faf4                  ; sti; nop; cli; hlt
        """
    )


class Outcome(NamedTuple):
    interrupted_at: list[int]
    instructions: int
    hits: int
    left: int
    resampled: int


class Case:
    """A guest, an eventfd that is an ioeventfd and an irqfd, and how they came about."""

    def __init__(
        self,
        how: str = "pio",
        *,
        model: str = "80486",
        irqfd_first: bool = False,
        coalesce: bool = True,
        resample: bool = False,
        count: int = 0,
        flags: int = os.EFD_NONBLOCK,
        entries: int = 1,
        before: str = "fb",
    ) -> None:
        self.guest = Guest(ringing(how, before), irqchip=True, model=model)
        self.guest.ram[0x700 : 0x700 + len(HANDLER)] = HANDLER
        self.guest.vector(0x20 + GSI, 0x700)
        if how == "mmio":
            self.guest.vcpu.regs.ds = 0x2000
        self.fd = os.eventfd(count, flags)
        self.resample = os.eventfd(0, os.EFD_NONBLOCK) if resample else None
        self.how, self.coalesce, self.entries = how, coalesce, entries
        self.made: list[IoEventFd] = []
        self.irqfd: IrqFd | None = None
        steps: list[Callable[[], object]] = [self.assign, self.assign_irqfd]
        for step in reversed(steps) if irqfd_first else steps:
            step()

    def assign(self) -> None:
        bus = self.how if self.how in ("mmio", "hypercall") else "pio"
        addr = {"mmio": 0x20000, "hypercall": 0}.get(bus, 0x80)
        size = {"pio": 1, "hypercall": 4}.get(self.how, 2)
        for n in range(self.entries):
            match = None if self.entries == 1 else n  # AX is 0: the first one rings
            assign = self.guest.vm.ioeventfd
            entry = assign(addr, size, bus=bus, fd=self.fd, coalesce=self.coalesce, datamatch=match)
            self.made.append(entry)

    def assign_irqfd(self) -> None:
        self.irqfd = self.guest.vm.irqfd(GSI, self.fd, self.resample)

    def run(self, steps: bool = False) -> Outcome:
        if steps:
            assert all(exit.reason is ExitReason.DEBUG for exit in self.guest.steps())
        else:
            assert self.guest.text() == "HLT"
        return self.outcome()

    def outcome(self) -> Outcome:
        end = self.guest.vcpu.regs.di
        log = [self.guest.word(at) for at in range(LOG, end, 2)]
        resampled = 0 if self.resample is None else count_of(self.resample)
        hits = sum(entry.hits for entry in self.made)
        return Outcome(log, self.guest.vcpu.instructions, hits, count_of(self.fd), resampled)

    def close(self) -> None:
        self.guest.close()
        os.close(self.fd)
        if self.resample is not None:
            os.close(self.resample)


@contextmanager
def case(*args: Any, **options: Any) -> Iterator[Case]:
    made = Case(*args, **options)
    try:
        yield made
    finally:
        made.close()


ALL = list(range(TIMES))


def everything(left: int = 0, resampled: int = 0, instructions: int = 0) -> Outcome:
    """Each ring was one interrupt, before the next instruction."""
    return Outcome(ALL, instructions, TIMES, left, resampled)


# -- exact ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("irqfd_first", [False, True])
@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize("how", RINGS)
def test_each_ring_interrupts_at_its_instruction(
    how: str, resample: bool, coalesce: bool, irqfd_first: bool
) -> None:
    options = {"resample": resample, "coalesce": coalesce, "irqfd_first": irqfd_first}

    seen = set()
    for steps in (False, True, False):
        with case(how, **options) as one:
            outcome = one.run(steps)
            seen.add(outcome.instructions)
            assert outcome == everything(0, TIMES * resample, outcome.instructions)

    assert len(seen) == 1, "runs repeat exactly"


@pytest.mark.parametrize("how", ["pio", "mmio"])
@pytest.mark.parametrize("model", ["8086", "80186", "80286", "80386", "80486"])
def test_each_model_is_interrupted_at_the_instruction(model: str, how: str) -> None:
    seen = set()
    for steps in (False, True):
        with case(how, model=model) as one:
            outcome = one.run(steps)
            seen.add(outcome.instructions)
            assert outcome == everything(0, 0, outcome.instructions)
    assert len(seen) == 1


@pytest.mark.parametrize("budget", [1, 7, 50])
def test_short_runs_change_nothing(budget: int) -> None:
    with case() as one:
        while one.guest.vcpu.run(budget).reason is ExitReason.BUDGET:
            pass
        outcome = one.outcome()
    with case() as whole:
        assert whole.run() == outcome


@pytest.mark.parametrize("resample", [False, True])
def test_rings_with_interrupts_off_are_one_interrupt(resample: bool) -> None:
    with case(before="fa", resample=resample) as one:
        outcome = one.run()
    assert outcome[:1] + outcome[2:] == ([TIMES], TIMES, 0, int(resample))


def test_several_entries_of_one_irqfd_all_interrupt() -> None:
    with case(entries=3) as one:
        for n, entry in enumerate(one.made):
            assert entry.datamatch == n
        one.guest.vm.ioeventfd(0x80, 2, fd=one.fd)
        outcome = one.run()
        assert outcome == everything(0, 0, outcome.instructions)


def test_a_ring_before_a_halt_ends_it() -> None:
    code = open_line(GSI) + program("31f6 bf0050 fa e680 fb f4 46 faf4")  # cli; ring; sti; hlt
    with case() as one:
        one.guest.start(code)

        assert one.guest.text() == "HLT"

        assert one.outcome()[0::2] == ([0], 1, 0)
        assert one.guest.vcpu.regs.si == 1


def test_rep_outs_rings_once_an_element() -> None:
    code = open_line(GSI) + program(
        f"""
        b9{TIMES:02x}00 31f6 ba8000  ; mov cx,TIMES; xor si,si; mov dx,80h
        bf{LOG.to_bytes(2, "little").hex()} fb f36e faf4  ; mov di,LOG; sti; rep outsb; cli; hlt
        """
    )
    with case() as one:
        one.guest.start(code)
        outcome = one.run()
        assert outcome.interrupted_at == [n + 1 for n in ALL]  # SI is the index of the next one
        assert (outcome.hits, outcome.left) == (TIMES, 0)


#: Notes at [DI] where the guest was interrupted.
NOTE_IP = program(
    """
    50 55 89e5      ; push ax; push bp; mov bp,sp
    8b4604 8905     ; mov ax,[bp+4]; mov [di],ax
    83c702          ; add di,2
    b020 e620       ; mov al,20h; out 20h,al
    5d 58 cf        ; pop bp; pop ax; iret
    """
)


def mixture(rng: random.Random) -> bytes:
    """Rings of two irqfds, among what holds interrupts off and lets them through."""
    code = open_line(5) + bytes.fromhex("ba8000 b000 e621")  # no line is masked
    for _ in range(60):
        mask = f"b0{rng.choice((0, 0x20, 0x08, 0xFF)):02x} e621"
        code += bytes.fromhex(
            rng.choice(
                (
                    *("e680", "e680", "e681", "e681", "e780", "90", "fb", "fb", "fa", mask),
                    *("9c", "fb 16 17", "b90300 f36e", "9c 9d", "b80300 48 75fd", "ba8100 ee"),
                )
            )
        )
    return code + bytes.fromhex("b000 e621 fb 90 90 faf4")


@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("model", ["80186", "80286", "80486"])
@pytest.mark.parametrize("seed", range(8))
def test_any_program_is_interrupted_at_the_same_places(seed: int, model: str, vcpus: int) -> None:
    code = mixture(random.Random(seed))

    def outcome(way: str) -> tuple[object, ...]:
        fds = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
        with Guest(code, irqchip=True, model=model) as guest:
            for _ in range(vcpus - 1):
                guest.vm.create_vcpu(model)
            for vector in (0x23, 0x25):
                guest.vector(vector, 0x700)
            guest.ram[0x700 : 0x700 + len(NOTE_IP)] = NOTE_IP
            guest.vcpu.regs.di = LOG
            guest.vm.ioeventfd(0x80, fd=fds[0])
            guest.vm.irqfd(5, fds[0])
            guest.vm.irqfd(3, fds[1], fds[2])
            guest.vm.ioeventfd(0x81, 1, fd=fds[1], coalesce=False)
            if way == "steps":
                assert all(exit.reason is ExitReason.DEBUG for exit in guest.steps())
            else:
                while guest.vcpu.run(int(way)).reason is not ExitReason.HLT:
                    pass
            instructions, log = guest.vcpu.instructions, guest.ram[LOG : guest.vcpu.regs.di]
        counts = [count_of(fd) for fd in fds]
        for fd in fds:
            os.close(fd)
        return log, instructions, counts

    first = outcome("1000000")

    assert first[0], "it was interrupted"
    for way in ("1000000", "steps", "1", "7"):
        assert outcome(way) == first, way


# -- counts from before ---------------------------------------------------------------------------


@pytest.mark.parametrize("irqfd_first", [False, True])
@pytest.mark.parametrize(("flags", "left"), [(0, 0), (os.EFD_SEMAPHORE, 3)])
def test_the_first_ring_takes_a_count_that_was_there(
    flags: int, left: int, irqfd_first: bool
) -> None:
    """KVM reads the eventfd at each ring: all of it, or 1 of a semaphore."""
    flags |= os.EFD_NONBLOCK
    with case(count=3, flags=flags, irqfd_first=irqfd_first) as one:
        assert one.guest.text() == "HLT"
        # The registration has raised line 5, but ICW1 of the guest cleared the request.
        outcome = one.outcome()
        assert outcome.interrupted_at == ALL
        assert outcome.left + sum(count_of(one.fd) for _ in range(left)) == left


def test_a_write_to_a_semaphore_is_one_interrupt_and_takes_1() -> None:
    """As KVM does: it reads the eventfd once at each write."""
    with case(flags=os.EFD_NONBLOCK | os.EFD_SEMAPHORE) as one:
        guest = one.guest
        guest.start(open_line(GSI) + program("fb ebfe  ; sti; here: jmp here"))
        guest.vcpu.regs.di = LOG
        guest.vcpu.run(100)
        for n, (written, left) in enumerate([(5, 4), (1, 4), (3, 6)], 1):
            os.eventfd_write(one.fd, written)
            wait_until(lambda: guest.vm.pio.read(0x20, 1) == 1 << GSI)
            assert shown_count(one.fd) == left
            guest.vcpu.run(100)
            assert guest.vcpu.regs.di == LOG + 2 * n


def shown_count(fd: int) -> int:
    """The count of an eventfd, which stays."""
    info = Path(f"/proc/self/fdinfo/{fd}").read_text()
    return int(info.partition("eventfd-count:")[2].split()[0], 16)


# -- what comes and goes --------------------------------------------------------------------------


def test_after_deassign_of_the_irqfd_rings_are_counted() -> None:
    with case() as one:
        assert one.irqfd is not None
        one.irqfd.deassign()
        assert one.run()[2:] == (TIMES, TIMES, 0)
        assert one.guest.vcpu.regs.di == LOG

        one.assign_irqfd()
        one.guest.start()
        assert one.run()[0] == ALL


def test_after_deassign_of_the_ioeventfd_others_still_interrupt() -> None:
    with case(before="fb") as one:
        one.made[0].deassign()
        guest = one.guest
        assert guest.run().reason is ExitReason.IO
        os.eventfd_write(one.fd, 1)
        wait_until(lambda: one.guest.vm.pio.read(0x20, 1) == 1 << GSI)

        one.assign()
        guest.start()
        outcome = one.run()

        assert outcome.interrupted_at[1:] == ALL[1:]
        assert outcome.hits == TIMES


@pytest.mark.parametrize("irqfd_first", [False, True])
def test_the_descriptor_may_be_closed(irqfd_first: bool) -> None:
    with case(irqfd_first=irqfd_first) as one:
        kept = os.dup(one.fd)
        os.close(one.fd)
        one.fd = kept
        outcome = one.run()
        assert outcome == everything(0, 0, outcome.instructions)


def test_what_comes_and_goes_leaves_no_descriptor() -> None:
    before = descriptors()
    with case() as one:
        started = descriptors()
        for _ in range(5):
            assert one.irqfd is not None
            one.irqfd.deassign()
            one.made.pop().deassign()
            one.assign_irqfd()
            one.assign()
        assert descriptors() == started
    del one  # an IoEventFd keeps its eventfd
    assert descriptors() == before


def test_irqfds_come_and_go_while_the_guest_rings() -> None:
    """Each ring is an interrupt or a count, or neither for one that was pending."""
    code = open_line(GSI) + program("fb e680 ebfc  ; sti; again: out 80h,al; jmp again")
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    with Guest(code, irqchip=True) as guest:
        guest.ram[0x700:0x706] = bytes.fromhex("43 b020 e620 cf")  # inc bx; EOI; iret
        guest.vector(0x20 + GSI, 0x700)
        entry = guest.vm.ioeventfd(0x80, 1, fd=fd)
        counted = 0
        with switches_every(1e-5), running(guest.vcpu):
            for _ in range(50):
                irqfd = guest.vm.irqfd(GSI, fd)
                advance(guest.vcpu, 1000)
                irqfd.deassign()
                counted += count_of(fd)
                advance(guest.vcpu, 1000)
                counted += count_of(fd)
        counted += count_of(fd)

        assert counted > 0
        assert guest.vcpu.regs.bx > 0
        assert 0 < counted < entry.hits
    os.close(fd)


# -- several vCPUs and Vms ------------------------------------------------------------------------


@pytest.mark.parametrize("coalesce", [False, True])
def test_a_ring_of_the_first_of_two_vcpus_is_exact_too(coalesce: bool) -> None:
    with case(coalesce=coalesce) as one:
        another(one.guest.vm)
        outcome = one.run()
        assert outcome == everything(0, 0, outcome.instructions)


@pytest.mark.parametrize("resample", [False, True])
def test_a_ring_of_the_second_vcpu_interrupts_the_first(resample: bool) -> None:
    with case(resample=resample) as one:
        guest = one.guest
        guest.start(open_line(GSI) + program("fb ebfe  ; sti; here: jmp here"))
        guest.vcpu.regs.di = LOG
        guest.ram[0x3000:0x3003] = bytes.fromhex("e680 f4")  # out 80h,al; hlt
        second = another(guest.vm, 0x3000)
        with running(guest.vcpu):
            for n in range(1, 20):
                second.regs.ip = 0x3000
                second.run(1)
                wait_until(lambda: guest.vcpu.regs.di == LOG + 2 * n)  # noqa: B023
        outcome = one.outcome()

    assert (outcome.hits, outcome.left, outcome.resampled) == (19, 0, 19 * resample)


def test_a_ring_of_another_vm_interrupts_soon() -> None:
    with case() as one, Guest(ringing("pio"), irqchip=True) as other:
        other.vm.ioeventfd(0x80, 1, fd=one.fd)
        one.guest.start(open_line(GSI) + program("fb ebfe  ; sti; here: jmp here"))
        one.guest.vcpu.regs.di = LOG
        with running(one.guest.vcpu):
            assert other.text() == "HLT"
            wait_until(lambda: one.guest.vcpu.regs.di > LOG)
        assert one.outcome().left == 0


def test_a_doorbell_that_notifies_an_irqfd_interrupts_soon() -> None:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    with case(before="fb") as one:
        one.made.pop().deassign()
        one.guest.vm.irqfd(GSI + 1, fd)
        bell = Doorbell(notify=fd)
        one.guest.vm.ioeventfd(0x80, 1, fd=bell)

        assert one.run().interrupted_at == []

        wait_until(lambda: (one.guest.vm.pio.read(0x20, 1) or 0) & 1 << GSI + 1)
        assert bell.count == TIMES
    os.close(fd)


# -- other writers --------------------------------------------------------------------------------


def test_a_write_interrupts_while_another_thread_computes_python() -> None:
    """What takes the write needs no GIL. This thread keeps it until the guest was interrupted.

    The vCPU wants the GIL about every 5 ms, for signals; so a turn is short, and there are many.
    """
    keeping = ctypes.PyDLL(None, use_errno=True)
    with case() as one:
        guest = one.guest
        guest.start(open_line(GSI) + program("fb ebfe  ; sti; here: jmp here"))
        guest.vcpu.regs.di = LOG
        for _ in range(1000):
            guest.ram[LOG : LOG + 2] = b"\xff\xff"
            guest.vcpu.regs.di = LOG
            with running(guest.vcpu), switches_every(1000):
                keeping.eventfd_write(one.fd, ctypes.c_uint64(1))
                end = time.monotonic_ns() + 3_000_000
                while guest.word(LOG) and time.monotonic_ns() < end:
                    pass
                seen = guest.word(LOG) == 0
            if seen:
                return
        raise AssertionError("the guest was never interrupted while this thread had the GIL")
