"""Coalesced zones while vCPUs run: several threads write, drain, and change the zones; forks."""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from contextlib import suppress

import pytest

from pyx86emu import Doorbell, ExitReason, Vm
from tests.harness import LONG, Guest, Running, another, in_child, program, running, wait_until

#: again: out 0x80,al; inc ax; jmp again
COUNTING = program("e680 40 ebfb")


def outs(n: int, port: int = 0x80) -> bytes:
    """mov al,i; out port,al for i in 0 to n - 1."""
    return b"".join(bytes([0xB0, i & 255, 0xE6, port]) for i in range(n))


def values(vm: Vm) -> list[int]:
    return [value for _, _, _, value in vm.coalesced.drain()]


def test_nothing_is_collected_after_remove_has_returned() -> None:
    with Guest(COUNTING) as guest:
        ring = guest.vm.coalesced
        ring.capacity = 1 << 16
        zone = guest.vm.coalesce(0x80, 1, bus="pio")
        run = Running(guest.vcpu.run)
        wait_until(lambda: ring.count > 100)

        zone.remove()
        count, seen = ring.count, values(guest.vm)

        exit = run.result()
        assert exit.reason is ExitReason.IO
        assert (ring.count, len(ring)) == (count, 0)
        assert [*seen, exit.value][:count] == [i & 255 for i in range(min(count, len(seen) + 1))]


def test_a_zone_works_at_once_in_a_vcpu_that_runs() -> None:
    with Guest(COUNTING) as guest:
        bell = guest.vm.ioeventfd(0x80, 1, fd=Doorbell())
        guest.vm.coalesced.capacity = 1 << 22
        with running(guest.vcpu):
            guest.vm.coalesce(0x80, 1, bus="pio")
            bell.deassign()  # from now on the zone has them: none exits
            wait_until(lambda: guest.vm.coalesced.count > 1000)


def test_several_vcpus_lose_nothing_while_python_drains() -> None:
    """Each writes 8-bit counts to a port of its own; zones come and go; the ring is often full."""
    ports, threads = (0x80, 0x81, 0x82), 3
    with Guest() as guest:
        ring = guest.vm.coalesced
        ring.capacity = 100
        zones = [guest.vm.coalesce(port, 1, bus="pio") for port in ports]
        vcpus = [guest.vcpu, another(guest.vm), another(guest.vm)]
        for i, vcpu in enumerate(vcpus):
            code = program(f"40 e6{ports[i]:02x} ebfb  ; again: inc ax; out port,al; jmp again")
            guest.ram[0x2000 + 0x100 * i : 0x2000 + 0x100 * i + len(code)] = code
            vcpu.regs.ip, vcpu.regs.ax = 0x2000 + 0x100 * i, 0
        exited: list[list[int]] = [[] for _ in vcpus]
        stop = threading.Event()

        def run(i: int) -> None:
            while not stop.is_set():
                exit = vcpus[i].run(20_000)
                if exit.reason is ExitReason.IO:
                    exited[i].append(exit.value)

        def change() -> None:
            while not stop.is_set():
                for i, port in enumerate(ports):
                    zones[i].remove()
                    zones[i] = guest.vm.coalesce(port, 1, bus="pio")

        seen: list[tuple[str, int, int, int]] = []
        others = [Running(lambda i=i: run(i)) for i in range(threads)] + [Running(change)]
        try:
            while sum(vcpu.instructions for vcpu in vcpus) < 5 * LONG:
                seen += ring.drain()
        finally:
            stop.set()
            for vcpu in vcpus:
                vcpu.kick()
            for each in others:
                each.result()
        seen += ring.drain()

        assert ring.count == len(seen)
        for i, port in enumerate(ports):
            mine = [value for _, at, _, value in seen if at == port]
            written = (vcpus[i].instructions + 1) // 3
            assert len(mine) + len(exited[i]) == written
            every = Counter(n & 255 for n in range(1, written + 1))
            assert Counter(mine) + Counter(exited[i]) == every


def test_each_vcpu_keeps_its_order() -> None:
    code = "40 e7{port:02x} 3d0010 75f8 f4  ; again: inc ax; out port,ax; cmp ax,0x1000; jne again"
    with Guest() as guest:
        guest.vm.coalesced.capacity = 20_000
        guest.vm.coalesce(0x80, 8, bus="pio")
        vcpus = [guest.vcpu, another(guest.vm), another(guest.vm)]
        for i, vcpu in enumerate(vcpus):
            data = program(code.format(port=0x80 + 2 * i))
            guest.ram[0x2000 + 0x100 * i : 0x2000 + 0x100 * i + len(data)] = data
            vcpu.regs.ip, vcpu.regs.ax = 0x2000 + 0x100 * i, 0

        runs = [Running(vcpu.run) for vcpu in vcpus]
        assert {run.result().reason for run in runs} == {ExitReason.HLT}

        writes = guest.vm.coalesced.drain()
        for i in range(3):
            mine = [value for _, port, _, value in writes if port == 0x80 + 2 * i]
            assert mine == [*range(1, 0x1001)]


def test_the_capacity_changes_while_a_vcpu_runs() -> None:
    with Guest(COUNTING) as guest:
        ring = guest.vm.coalesced
        guest.vm.coalesce(0x80, 1, bus="pio")
        seen: list[int] = []
        exited: list[int] = []

        def run() -> None:
            while (exit := guest.vcpu.run()).reason is ExitReason.IO:
                exited.append(exit.value)

        thread = Running(run)
        try:
            for capacity in (200, 1 << 12, 169, 1, 500) * 4:
                seen += ring.drain_array()["data"].tolist()
                with suppress(ValueError):  # more writes came in between
                    ring.capacity = capacity
                wait_until(lambda: len(ring))
        finally:
            guest.vcpu.kick()
            thread.result()
        seen += values(guest.vm)

        assert len(seen) == ring.count
        written = range((guest.vcpu.instructions + 2) // 3)
        assert Counter(seen) + Counter(exited) == Counter(n & 255 for n in written)


@pytest.mark.forks
def test_a_forked_child_has_a_ring_of_its_own() -> None:
    with Guest(outs(5)) as guest:
        guest.vm.coalesce(0x80, 4, bus="pio")
        guest.exits()

        def child() -> None:
            assert values(guest.vm) == [*range(5)]
            guest.start()
            assert guest.exits() == ["HLT"]
            assert values(guest.vm) == [*range(5)]

        assert in_child(child) == 0
        assert values(guest.vm) == [*range(5)]


@pytest.mark.forks
def test_a_child_forked_while_a_vcpu_writes_has_a_whole_ring() -> None:
    with Guest(COUNTING) as guest, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking a process with threads
        guest.vm.coalesce(0x80, 1, bus="pio")

        def run() -> None:
            while guest.vcpu.run().reason is ExitReason.IO:
                guest.vm.coalesced.drain_array()

        def child() -> None:
            guest.start(outs(20))
            guest.vm.coalesced.capacity = 1000
            assert guest.exits() == ["HLT"]
            assert values(guest.vm)[-20:] == [*range(20)]

        thread = Running(run)
        try:
            for _ in range(5):
                wait_until(lambda: len(guest.vm.coalesced))
                assert in_child(child) == 0
        finally:
            guest.vcpu.kick()
            thread.result()
