"""Several at once: vCPUs that share memory, hosts that change a Vm while its vCPUs run."""

from __future__ import annotations

import os
import threading
from functools import partial

import pytest

from pyx86emu import ExitReason, PioDevice
from tests.harness import Guest, MakeGuest, Running, another, count_of, program, running, wait_until

# -- machines and vCPUs ---------------------------------------------------------------------------


def test_machines_in_threads_do_not_meet() -> None:
    def one(n: int) -> int:
        with Guest(program("01d8 e2fc  ; again: add ax,bx; loop again")) as guest:
            guest.vcpu.regs.bx, guest.vcpu.regs.cx = n, 50_000
            assert guest.run().reason is ExitReason.HLT
            return int(guest.vcpu.regs.ax)

    runs = [Running(partial(one, n)) for n in range(6)]

    assert [run.result() for run in runs] == [n * 50_000 & 0xFFFF for n in range(6)]


LOCKED = program(
    "b9204e f066ff060040 e2f8  ; mov cx,20000; again: lock inc dword [0x4000]; loop again"
)
SPINLOCK = program(
    """
    b98813      ; mov cx,5000
    b001        ; again: mov al,1
    86061040    ; wait_: xchg al,[0x4010]
    84c0        ; test al,al
    75f8        ; jnz wait_
    66ff060040  ; inc dword [0x4000]
    c606104000  ; mov byte [0x4010],0
    e2ea        ; loop again
    """
)


@pytest.mark.parametrize(("code", "total"), [(LOCKED, 40_000), (SPINLOCK, 10_000)])
def test_two_vcpus_share_memory(make_guest: MakeGuest, code: bytes, total: int) -> None:
    guest = make_guest(code)
    other = another(guest.vm)

    runs = [Running(v.run) for v in (guest.vcpu, other)]

    assert [run.result(60).reason for run in runs] == [ExitReason.HLT] * 2
    assert int.from_bytes(guest.ram[0x4000:0x4004], "little") == total
    assert guest.vm.vcpus == (guest.vcpu, other)


# -- tables that change ---------------------------------------------------------------------------


def test_two_devices_on_two_vcpus_deregister_at_once(make_guest: MakeGuest) -> None:
    """Each waits for the other's vCPU, which waits in a device: neither may wait for ever."""
    guest = make_guest(program("b92c01 e690 e2fc  ; mov cx,300; again: out 0x90,al; loop again"))

    class Churn(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            port = 0x1000 + threading.get_ident() % 997 * 2
            guest.vm.ioeventfd(port, 1, fd=fd).deassign()

    fd = os.eventfd(0)
    guest.vm.pio.attach(Churn(), 0x90)
    other = another(guest.vm)

    runs = [Running(v.run) for v in (guest.vcpu, other)]

    assert [run.result(60).reason for run in runs] == [ExitReason.HLT] * 2
    os.close(fd)


def test_deregistering_with_the_gil_that_the_vcpu_wants(make_guest: MakeGuest) -> None:
    guest = make_guest(program("e680 e690 ebfa  ; again: out 0x80,al; out 0x90,al; jmp again"))
    guest.vm.pio.attach(PioDevice(), 0x90)
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    kept = guest.vm.ioeventfd(0x80, 1, fd=fd)
    run = Running(guest.vcpu.run)
    wait_until(lambda: count_of(fd) > 0)

    for _ in range(300):
        guest.vm.ioeventfd(0x84, 1, fd=fd).deassign()

    kept.deassign()
    assert run.result().reason is ExitReason.IO
    os.close(fd)


def test_devices_come_and_go_while_others_are_asked(make_guest: MakeGuest) -> None:
    guest = make_guest(program("e490 e694 ebfa  ; again: in al,0x90; out 0x94,al; jmp again"))
    guest.vm.pio.attach(PioDevice(), 0x90)
    guest.vm.pio.attach(PioDevice(), 0x94)

    def come_and_go(port: int) -> None:
        for _ in range(300):
            guest.vm.pio.attach(PioDevice(), port).detach()

    with running(guest.vcpu) as run:
        others = [Running(partial(come_and_go, port)) for port in (0x80, 0x98)]

        for other in others:
            other.result(60)
        assert run.going
    assert run.result().reason is ExitReason.INTR


def test_adding_and_deleting_memory_while_a_vcpu_runs(make_guest: MakeGuest) -> None:
    guest = make_guest(program("ff060040 ebfa  ; again: inc word [0x4000]; jmp again"))

    with running(guest.vcpu) as run:
        for _ in range(100):
            guest.vm.add_memory(0x20000, 0x1000).delete()

        assert run.going
    assert run.result().reason is ExitReason.INTR
