"""The harness: what it promises to tests about threads and forks."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from pyx86emu import ExitReason, Vm
from tests.harness import FOREVER, Guest, advance, entered, meanwhile, running, vcpu, wait_until


def test_a_test_that_forks_without_its_mark_fails() -> None:
    with pytest.raises(RuntimeError, match="mark a test that forks"):
        os.fork()


@pytest.mark.forks
def test_a_test_with_the_mark_forks() -> None:
    child = os.fork()
    if child == 0:
        os._exit(7)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_what_was_entered_waits_inside() -> None:
    for _ in range(50):
        seen: list[str] = []
        lock = threading.Lock()
        lock.acquire()

        def wait(seen: list[str] = seen, lock: threading.Lock = lock) -> None:
            for n in range(1000):
                seen.append(str(n))
            lock.acquire()
            seen.append("end")

        run = entered(wait)

        assert seen[-1:] == ["999"]
        lock.release()
        run.result()


def test_what_happens_meanwhile_happens_in_the_call() -> None:
    before = sys.getswitchinterval()
    with Vm() as vm:
        v = vcpu(vm, "ebfe")
        order: list[str] = []

        def act() -> None:
            order.append("act")
            advance(v)
            v.kick()

        with meanwhile(act):
            for _ in range(1000):
                order.append("before")
            assert v.run().reason is ExitReason.INTR

    assert order.index("act") == 1000
    assert sys.getswitchinterval() == before


def test_a_vcpu_that_is_running_has_run() -> None:
    with Guest(FOREVER) as guest, running(guest.vcpu) as run:
        assert run.going
        assert guest.vcpu.instructions > 0
    assert run.result().reason is ExitReason.INTR


def test_waiting_in_vain_is_an_error() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.01 s"):
        wait_until(lambda: False, 0.01)
