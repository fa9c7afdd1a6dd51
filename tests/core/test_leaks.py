"""Machines that come and go: memory and descriptors are given back."""

from __future__ import annotations

import gc
import os
import random
import time
from functools import partial

import pytest

from pyx86emu import ExitReason, PioDevice, Vm
from tests.core.test_budgets import BUSY
from tests.harness import BUDGET, Guest, Running, descriptors, vcpu


def resident() -> int:
    """Resident memory in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def live_and_die() -> None:
    """One machine's life: memory, a device, a descriptor, a doorbell, a run, the end."""
    with Vm(irqchip=True) as vm:
        v = vcpu(vm, "e680 e690 faf4")  # out 80h,al; out 90h,al; cli; hlt
        vm.pio.attach(PioDevice(), 0x90)
        entry = vm.ioeventfd(0x80, 1)
        assert v.run(1000).reason is ExitReason.HLT
        assert entry.read() == 1


def live(count: int) -> None:
    """So many lives. A Vm and its parts know each other: what is left waits for the collector."""
    for number in range(count):
        live_and_die()
        if number % 50 == 0:
            gc.collect()


def check_no_leak(cycles: int, warm_up: int, allowed: int) -> None:
    live(warm_up)
    fds, memory = descriptors(), resident()

    live(cycles)

    assert descriptors() == fds
    assert resident() - memory < allowed


@pytest.mark.release  # the sanitizer keeps freed memory for a while
def test_closing_gives_memory_and_descriptors_back() -> None:
    check_no_leak(cycles=300, warm_up=150, allowed=8 << 20)


@pytest.mark.slow
@pytest.mark.release
def test_ten_thousand_lives_leak_nothing() -> None:
    check_no_leak(cycles=10_000, warm_up=500, allowed=8 << 20)


@pytest.mark.slow
def test_ten_threads_with_ten_machines() -> None:
    """Ten seconds; in each thread ten machines of which now one, now another runs."""
    fds = descriptors()
    end = time.monotonic() + 10

    def work(seed: int) -> int:
        rng = random.Random(seed)
        rounds = 0
        machines = [Guest(BUSY) for _ in range(10)]
        while time.monotonic() < end:
            i = rng.randrange(10)
            if rng.random() < 0.05:
                machines[i].close()
                machines[i] = Guest(BUSY)
            machines[i].start(BUSY)
            exit = machines[i].run(rng.choice((7, 70, BUDGET)))
            assert exit.reason in (ExitReason.HLT, ExitReason.BUDGET)
            rounds += 1
        for machine in machines:
            machine.close()
        return rounds

    runs = [Running(partial(work, seed)) for seed in range(10)]

    assert all(run.result(60) for run in runs)
    assert descriptors() == fds
