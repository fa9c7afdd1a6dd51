"""KVM as a back end: fork() while other threads use a Vm. What the child does harms no one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, Vm
from tests.harness import Running, in_child, vcpu, wait_until

Kvm = Callable[..., Vm]

pytestmark = [
    pytest.mark.forks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def locks(vm: Vm) -> dict[str, Any]:
    """What a thread holds while it takes writes out of the ring, changes slots, reads a log."""
    back: Any = vm._backend
    return {
        "ring": back._ring._lock,
        "writers": back._writers,
        "slots": back._changes,
        "log": vm.slots[0]._lock,
    }


@pytest.mark.parametrize("name", ["ring", "writers", "slots", "log"])
def test_a_child_does_not_wait_for_a_thread_of_its_parent(kvm: Kvm, name: str) -> None:
    vm = kvm()
    vcpu(vm, "f4")
    vm.slots[0].dirty_log = True
    vm.coalesce(0xD0000, 16)
    held, end = threading.Event(), threading.Event()

    def hold() -> None:
        with locks(vm)[name]:
            held.set()
            end.wait()

    holder = Running(hold)
    held.wait()

    def of_the_child() -> None:
        assert vm.coalesced.drain() == []
        with pytest.raises(OSError, match="stays with the process"):
            vm.slots[0].dirty()
        with pytest.raises(OSError, match="stays with the process"):
            vm.slots[0].dirty_log = False
        vm.slots[0].delete()
        vm.close()

    status = in_child(of_the_child)
    end.set()
    holder.result()

    assert status == 0


def test_a_child_changes_a_slot_although_its_parent_runs_a_vcpu(kvm: Kvm) -> None:
    vm = kvm()
    cpu = vcpu(vm, "ebfe")
    run = Running(cpu.run)
    wait_until(lambda: cpu._inside)  # type: ignore[attr-defined]

    def of_the_child() -> None:
        vm.slots[0].readonly = True

    status = in_child(of_the_child)
    cpu.kick()

    assert status == 0
    assert run.result().reason is ExitReason.INTR
    assert not vm.slots[0].readonly


def test_a_child_leaves_its_parents_ring_alone(kvm: Kvm) -> None:
    vm = kvm()
    cpu = vcpu(vm, "b007 e680 e681 f4")  # mov al,7; out 80h,al; out 81h,al; hlt
    vm.coalesce(0x80, 2, bus="pio")
    assert cpu.run().reason is ExitReason.HLT
    writes = [("pio", 0x80, 1, 7), ("pio", 0x81, 1, 7)]

    def of_the_child() -> None:
        assert vm.coalesced.drain() == writes

    assert in_child(of_the_child) == 0
    assert vm.coalesced.drain() == writes
