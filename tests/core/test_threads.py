"""Several threads at one Vm: vCPUs that change each other's code, hosts that change all."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from pyx86emu import BusError, Doorbell, ExitReason, PioDevice, Vcpu, Vm
from tests.harness import (
    CODE,
    Guest,
    Running,
    another,
    descriptors,
    program,
    running,
    switches_every,
    wait_until,
)

#: What run() may end with when a host does as it likes.
ENDS = {
    *(ExitReason.INTR, ExitReason.BUDGET, ExitReason.IO, ExitReason.MMIO, ExitReason.HLT),
    *(ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR, ExitReason.DEADLINE),
}


@pytest.fixture(autouse=True)
def quick_switches() -> Iterator[None]:
    """Let Python change threads as often as it can."""
    with switches_every(1e-5):
        yield


# -- everything at once ---------------------------------------------------------------------------

#: Counts, locks, calls, writes over its own and its neighbour's immediate, asks devices and bells.
BUSY = program(
    """
    f0ff060040  ; again: lock inc word [0x4000]
    b81234      ; mov ax,0x3412
    a30610      ; mov [0x1006],ax
    a30620      ; mov [0x2006],ax
    e690        ; out 0x90,al
    e680        ; out 0x80,al
    bf0050      ; mov di,0x5000
    b92000      ; mov cx,32
    f3ab        ; rep stosw
    e80200      ; call sub
    ebde        ; jmp again
    51          ; sub: push cx
    59          ; pop cx
    c3          ; ret
    """
)


class Shaker(PioDevice):
    """Does to its Vm what a device may do, while the others run."""

    def __init__(self, guest: Guest, seed: int) -> None:
        self.guest = guest
        self.rng = random.Random(seed)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if self.rng.random() < 0.02:
            shake(self.guest, self.rng)


def shake(guest: Guest, rng: random.Random) -> None:
    """One random change; what is impossible just now is refused."""
    vm, port = guest.vm, 0x200 + rng.randrange(64)
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    actions: list[Callable[[], object]] = [
        lambda: vm.add_memory(0x20000 + (rng.randrange(8) << 12), 0x1000, dirty_log=True),
        lambda: [slot.delete() for slot in vm.slots[1:][:1]],
        lambda: [slot.dirty() for slot in vm.slots[1:]],
        lambda: setattr(vm, "a20", not vm.a20),
        lambda: vm.ioeventfd(port, 1, fd=rng.choice((fd, Doorbell()))),
        lambda: [entry.deassign() for entry in vm.ioeventfds[1:][:1]],
        lambda: vm.pio.attach(PioDevice(), port).detach(),
        lambda: vm.write(CODE + 6, rng.randbytes(2)),
        lambda: vm.irqfd(5, fd).deassign(),
        lambda: vm.irq_line(rng.randrange(16), rng.random() < 0.5),
        lambda: vm.set_timer(vm.time + 1000, lambda: None),
        lambda: rng.choice(vm.vcpus).nmi(),
    ]
    try:
        rng.choice(actions)()
    except (OSError, BusError):
        pass
    finally:
        os.close(fd)


def everything_at_once(seed: int, seconds: float) -> None:
    """Three vCPUs and two hosts; then close() while all of them are at it."""
    guest = Guest(BUSY, irqchip=True)
    guest.ram[0x2000 : 0x2000 + len(BUSY)] = BUSY
    guest.ram[0x600:0x700] = b"\xcf" * 256  # IRET for every vector
    guest.vm.pio.attach(Shaker(guest, seed), 0x90)
    guest.vm.ioeventfd(0x80, 1, fd=Doorbell())
    vcpus = [guest.vcpu, another(guest.vm, 0x2000), another(guest.vm, 0x2000)]
    end = time.monotonic() + seconds

    def run(vcpu: Vcpu) -> None:
        while time.monotonic() < end + 10:
            try:
                exit = vcpu.run(100_000)
            except OSError:  # closed
                return
            assert exit.reason in ENDS, exit

    def host(n: int) -> None:
        rng = random.Random(f"{seed} {n}")
        while time.monotonic() < end:
            shake(guest, rng)
            if rng.random() < 0.1:
                rng.choice(vcpus).kick()

    running = [Running(partial(run, vcpu)) for vcpu in vcpus]
    for hosting in [Running(partial(host, n)) for n in range(2)]:
        hosting.result(60)
    guest.vm.close()
    for each in running:
        each.result(60)


@pytest.mark.parametrize("seed", range(3))
def test_everything_at_once(seed: int) -> None:
    everything_at_once(seed, 0.7)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_everything_at_once_for_long(seed: int) -> None:
    everything_at_once(seed, 6)


# -- what one does, the other sees ----------------------------------------------------------------


def test_code_that_another_vcpu_rewrites() -> None:
    """The writer puts n into the reader's immediate and waits until the reader has stored it."""
    reader = program("b80000 a30040 ebf8  ; again: mov ax,0; mov [0x4000],ax; jmp again")
    writer = program(
        """
        b92c01      ; mov cx,300
        890e0110    ; again: mov [0x1001],cx
        390e0040    ; wait_: cmp [0x4000],cx
        75fa        ; jne wait_
        e2f4        ; loop again
        f4          ; hlt
        """
    )
    with Guest(reader) as guest:
        guest.ram[0x2000 : 0x2000 + len(writer)] = writer
        other = another(guest.vm, 0x2000)
        with running(guest.vcpu):
            assert Running(other.run).result(60).reason is ExitReason.HLT


def test_code_that_the_host_rewrites() -> None:
    with (
        Guest(
            program("b80000 a30040 ebf8  ; again: mov ax,0; mov [0x4000],ax; jmp again")
        ) as guest,
        running(guest.vcpu),
    ):
        for n in range(300):
            guest.ram[CODE + 1 : CODE + 3] = n.to_bytes(2, "little")
            wait_until(lambda n=n: guest.word(0x4000) == n)


def test_a20_is_switched_when_the_setter_returns() -> None:
    code = program(
        """
        b8ffff      ; mov ax,0xffff
        8ed8        ; mov ds,ax
        a15000      ; again: mov ax,[0x50]
        36a30040    ; mov [ss:0x4000],ax
        ebf7        ; jmp again
        """
    )
    with Guest(code) as guest:
        guest.ram[0x40:0x42] = b"\x11\x11"
        guest.vm.add_memory(0x100000, 0x1000)[0x100040:0x100042] = b"\x22\x22"
        with running(guest.vcpu):
            for n in range(200):
                guest.vm.a20 = bool(n % 2)
                guest.ram[0x4000:0x4002] = b"\0\0"
                # At most one store of the old value is on its way.
                wait_until(lambda n=n: guest.word(0x4000) == (0x2222 if n % 2 else 0x1111))
                assert guest.word(0x4000) == (0x2222 if n % 2 else 0x1111)


def test_no_write_escapes_the_dirty_log() -> None:
    code = program("b80020 8ed8 ff060000 ebfa  ; mov ax,0x2000; mov ds,ax; again: inc word [0]")
    with Guest(code + b"\xeb\xfa") as guest:
        slot = guest.vm.add_memory(0x20000, 0x1000, dirty_log=True)
        with running(guest.vcpu):
            for _ in range(300):
                slot.dirty()
                seen = slot[0x20000:0x20002]
                wait_until(lambda seen=seen: slot[0x20000:0x20002] != seen)
                assert slot.dirty() == b"\1"


def test_a_store_that_is_seen_is_in_the_dirty_log() -> None:
    # Others hold the lock most of the time, so that the vCPU waits for it after its store.
    code = program("b80020 8ed8 ff060000 ebfa  ; mov ax,0x2000; mov ds,ax; again: inc word [0]")
    with Guest(code) as guest, contextlib.ExitStack() as stack:
        slot = guest.vm.add_memory(0x20000, 0x1000, dirty_log=True)
        other = guest.vm.add_memory(0x30000, 0x1000, dirty_log=True)
        stack.enter_context(running(guest.vcpu))
        over = threading.Event()
        stack.callback(over.set)

        def look() -> None:
            while not over.is_set():
                other.dirty(clear=False)

        lookers = [Running(look) for _ in range(3)]
        for _ in range(1500):
            slot.dirty()
            seen = slot[0x20000:0x20002]
            wait_until(lambda seen=seen: slot[0x20000:0x20002] != seen)
            assert slot.dirty() == b"\1"
        over.set()
        for each in lookers:
            each.result()


# -- devices come and go --------------------------------------------------------------------------


def test_devices_are_attached_while_one_is_called() -> None:
    with Guest(program("e690 e490 ebfa  ; again: out 0x90,al; in al,0x90; jmp again")) as guest:
        guest.vm.pio.attach(PioDevice(), 0x90)
        with running(guest.vcpu) as run:
            for _ in range(1500):
                guest.vm.pio.attach(PioDevice(), 0x200).detach()

            assert run.going


def test_two_threads_attach_devices() -> None:
    with Vm() as vm:

        def churn(base: int) -> None:
            for n in range(1500):
                vm.pio.attach(PioDevice(), base + n % 7).detach()

        for each in [Running(partial(churn, b)) for b in (0x100, 0x200, 0x300)]:
            each.result(60)


def test_device_that_is_called_goes_away() -> None:
    with Guest(program("e490 ebfc  ; again: in al,0x90; jmp again")) as guest:
        exits = {ExitReason.IO: 0, ExitReason.BUDGET: 0}
        over = threading.Event()

        def run() -> None:
            while not over.is_set():
                exits[guest.run(1000).reason] += 1

        runs = Running(run)
        try:
            for _ in range(200):
                before = sum(exits.values())
                guest.vm.pio.attach(PioDevice(), 0x90).detach()
                wait_until(lambda before=before: sum(exits.values()) > before or not runs.going)
        finally:
            over.set()
        runs.result()


# -- reset, HLT -----------------------------------------------------------------------------------


def test_reset_from_another_thread_is_whole() -> None:
    code = program("ea00000010  ; jmp 0x1000:0")
    loop = program("40 43 41 42 e80000 58 ebf6  ; again: inc ax ... call $+3; pop ax; jmp again")
    with Guest() as guest:
        rom = guest.vm.add_memory(0xF0000, 0x10000)
        rom[:] = b"\xf4" * 0x10000  # where half a reset would go
        rom[0xFFFF0:0xFFFF5] = code
        guest.vm.add_memory(0x10000, 0x1000)[0x10000 : 0x10000 + len(loop)] = loop
        guest.vcpu.reset()
        guest.vcpu.regs.ss, guest.vcpu.regs.sp = 0, 0x8000
        with running(guest.vcpu) as run:
            for _ in range(300):
                guest.vcpu.reset()
                assert run.going
        assert run.result().reason is ExitReason.INTR
        assert guest.vcpu.regs.cs in (0x1000, 0xF000)


@pytest.mark.parametrize("code", ["fa f4", "fb f4"], ids=["if=0", "if=1"])
def test_two_halted_vcpus_do_not_wait_for_each_other(code: str) -> None:
    delay = bytes.fromhex("66b900000003 6667e2fd")  # mov ecx,0x3000000; again: loop again
    with Guest(delay + bytes.fromhex(code), irqchip=True) as guest:
        vcpus = [guest.vcpu, another(guest.vm)]

        runs = [Running(vcpu.run) for vcpu in vcpus]

        assert [run.result().reason for run in runs] == [ExitReason.HLT] * 2


# -- check and act --------------------------------------------------------------------------------


def test_two_threads_cannot_put_different_models_into_one_vm() -> None:
    def make(vm: Vm, gate: threading.Barrier, model: str) -> None:
        gate.wait()
        with contextlib.suppress(ValueError):
            vm.create_vcpu(model)

    with switches_every(1e-6):
        for _ in range(300):
            vm, gate = Vm(), threading.Barrier(2)
            for maker in [Running(partial(make, vm, gate, m)) for m in ("8086", "80486")]:
                maker.result()
            assert len({vcpu.model for vcpu in vm.vcpus}) == 1


def test_a_vcpu_that_is_refused_leaves_the_others_as_they_were() -> None:
    with Vm() as vm:
        vm.add_memory(0xF0000, 0x10000)
        vm.write(0xFFFF0, program("ebfe  ; here: jmp here"))
        first = vm.create_vcpu("8086")
        for _ in range(100):
            with pytest.raises(ValueError, match="address lines"):
                vm.create_vcpu("80486")

        assert vm.vcpus == (first,)
        assert first.run(10).reason is ExitReason.BUDGET
        assert not vm.a20


# -- what is dropped goes away --------------------------------------------------------------------


def with_device(vm: Vm) -> None:
    vm.pio.attach(PioDevice(), 0x90)


def with_exit(vm: Vm) -> None:
    vm.kept = vm.vcpus[0].run(1)  # type: ignore[attr-defined]


def with_irqfd(vm: Vm) -> None:
    fd = os.eventfd(0)
    vm.irqfd(5, fd)
    os.close(fd)


def with_ioeventfd(vm: Vm) -> None:
    vm.kept = vm.ioeventfd(0x80, 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("use", [with_device, with_exit, with_irqfd, with_ioeventfd])
def test_vm_that_is_dropped_without_close_goes_away(use: Callable[[Vm], None]) -> None:
    def life() -> weakref.ref[Vm]:
        vm = Vm(irqchip=True)
        vm.add_memory(0xF0000, 0x10000)
        vm.create_vcpu()
        use(vm)
        return weakref.ref(vm)

    gc.collect()
    before, threads = descriptors(), threading.active_count()

    lives = [life() for _ in range(5)]

    gc.collect()
    assert [one() for one in lives] == [None] * 5
    wait_until(lambda: threading.active_count() == threads)
    wait_until(lambda: descriptors() == before)


def test_unknown_irqfds_cost_no_descriptor() -> None:
    fd = os.eventfd(0)
    with Vm(irqchip=True) as vm:
        before = descriptors()
        for _ in range(10):
            vm.irqfd_deassign(5, fd)
        assert descriptors() == before
    os.close(fd)
