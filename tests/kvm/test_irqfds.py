"""KVM as a back end: who has the eventfd of an irqfd, and until when."""

from __future__ import annotations

import errno
import gc
import os
from collections.abc import Callable

import pytest

from pyx86emu import Vm
from tests.harness import descriptors, in_child

Kvm = Callable[..., Vm]


def test_a_vm_that_is_dropped_frees_its_eventfds_and_says_so(usable_kvm: None) -> None:
    fd, before = os.eventfd(0), descriptors()
    vm = Vm("kvm", irqchip=True)
    vm.create_vcpu()
    vm.irqfd(5, fd)

    with pytest.warns(ResourceWarning, match="1 irqfds was dropped without close"):
        del vm
        gc.collect()

    assert descriptors() == before
    with Vm("kvm", irqchip=True) as other:
        other.irqfd(5, fd)
    os.close(fd)


@pytest.mark.forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_nothing_of_its_parents_irqfds(kvm: Kvm) -> None:
    vm, fd = kvm(irqchip=True), os.eventfd(0)
    vm.irqfd(5, fd)
    before = descriptors()

    def of_the_child() -> None:
        assert descriptors() == before - 2  # the Vm's, and the duplicate
        with pytest.raises(OSError, match="raises a line already"):  # the kernel says so
            Vm("kvm", irqchip=True).irqfd(6, fd)
        vm.close()

    assert in_child(of_the_child) == 0

    with pytest.raises(OSError, match="raises a line already"):
        vm.irqfd(6, fd)
    os.close(fd)


@pytest.mark.parametrize("first", ["interp", "kvm"])
def test_an_eventfd_raises_one_line_whatever_runs_the_other_vm(kvm: Kvm, first: str) -> None:
    second = "interp" if first == "kvm" else "kvm"
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    again = os.dup(fd)
    with Vm(first, irqchip=True) as one, Vm(second, irqchip=True) as other:
        made = one.irqfd(5, fd)

        with pytest.raises(OSError, match="raises a line already") as refused:
            other.irqfd(5, again)
        assert refused.value.errno == errno.EBUSY

        made.deassign()
        other.irqfd(5, fd)
        with pytest.raises(OSError, match="raises a line already"):
            one.irqfd(6, fd)
    os.close(fd)
    os.close(again)
