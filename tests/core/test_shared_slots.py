"""Shared slots: memory of the guest that another process maps."""

from __future__ import annotations

import errno
import fcntl
import gc
import mmap
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from pyx86emu import Vm
from tests.harness import CODE, another, descriptors, in_child, program

MakeVm = Callable[..., Vm]


def test_what_the_guest_stores_is_seen_through_the_descriptor(vm: MakeVm) -> None:
    v = vm()
    ram = v.add_memory(0, 0x4000, shared=True, dirty_log=True)
    vcpu = another(v)
    ram[CODE : CODE + 6] = program("a20020 a00120  ; mov [0x2000],al; mov al,[0x2001]")

    with mmap.mmap(ram.fileno(), 0x4000) as seen:
        seen[0x2001] = 7
        vcpu.regs.al = 5
        vcpu.run(2)

        assert (seen[0x2000], vcpu.regs.al) == (5, 7)
    assert ram.dirty() == b"\x04"
    assert os.fstat(ram.fileno()).st_size == 0x4000
    assert os.readlink(f"/proc/self/fd/{ram.fileno()}").startswith("/memfd:")


def test_another_process_maps_the_memory(vm: MakeVm) -> None:
    ram = vm().add_memory(0x10000, 0x2000, shared=True)
    ram[0x10010] = 41
    ours, theirs = socket.socketpair()
    peer = """
import mmap, socket
line = socket.socket(fileno=0)
_, (fd,), _, _ = socket.recv_fds(line, 1, 1)
with mmap.mmap(fd, 0x2000) as memory:
    memory[0x1FFF] = memory[0x10] + 1
"""

    with ours, theirs, subprocess.Popen([sys.executable, "-c", peer], stdin=theirs) as process:
        socket.send_fds(ours, [b"x"], [ram.fileno()])
        assert process.wait(60) == 0

    assert ram[0x11FFF] == 42


def test_no_peer_can_make_the_memory_shorter(vm: MakeVm) -> None:
    ram = vm().add_memory(0, 0x4000, shared=True)
    peer = os.dup(ram.fileno())

    for size in (0, 0x3000, 0x8000):
        with pytest.raises(PermissionError):
            os.ftruncate(peer, size)
    with pytest.raises(PermissionError):
        fcntl.fcntl(peer, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)

    os.close(peer)
    assert not os.get_inheritable(ram.fileno())
    ram[0x3FFF] = 1


def test_other_slots_have_no_descriptor(vm: MakeVm) -> None:
    v = vm()
    for slot in (v.add_memory(0, 0x1000), v.add_memory(0x1000, buffer=mmap.mmap(-1, 0x1000))):
        with pytest.raises(OSError, match="has no descriptor: add it with shared=True") as caught:
            slot.fileno()
        assert caught.value.errno == errno.EOPNOTSUPP


def test_a_shared_slot_has_memory_of_its_own(vm: MakeVm) -> None:
    v = vm()
    fds = descriptors()

    with pytest.raises(ValueError, match="leave `buffer` out"):
        v.add_memory(0, buffer=mmap.mmap(-1, 0x1000), shared=True)
    with pytest.raises(MemoryError, match="0x4000000000000 bytes"):
        v.add_memory(0, 1 << 50, shared=True)
    v.add_memory(0, 0x1000, shared=True)
    with pytest.raises(FileExistsError):
        v.add_memory(0, 0x1000, shared=True)

    assert descriptors() == fds + 1


def test_the_descriptor_goes_with_the_last_reference_to_the_memory() -> None:
    before = descriptors()
    vm = Vm()
    slot = vm.add_memory(0, 0x2000, shared=True)
    slot[5] = 5
    deleted = vm.add_memory(0x4000, 0x1000, shared=True)
    deleted.delete()
    assert descriptors() == before + 2
    vm.close()
    assert os.fstat(slot.fileno()).st_size == 0x2000
    view = memoryview(slot)

    del deleted, slot, vm
    gc.collect()

    assert descriptors() == before + 1
    assert view[5] == 5
    view.release()
    del view
    gc.collect()
    assert descriptors() == before


def test_a_vm_that_is_forgotten_leaves_nothing() -> None:
    before = descriptors()
    for _ in range(50):
        Vm().add_memory(0, 1 << 20, shared=True)
    gc.collect()

    assert descriptors() == before


@pytest.mark.forks
def test_a_forked_child_shares_the_memory(vm: MakeVm) -> None:
    v = vm()
    shared, private = v.add_memory(0, 0x1000, shared=True), v.add_memory(0x1000, 0x1000)

    def child() -> None:
        shared[0], private[0x1000] = 1, 1
        v.close()

    assert in_child(child) == 0
    assert (shared[0], private[0x1000]) == (1, 0)
    assert os.fstat(shared.fileno()).st_size == 0x1000


@pytest.mark.forks
def test_without_a_descriptor_left_it_says_so() -> None:
    def child() -> None:
        with Vm() as vm:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors(), hard))
            with pytest.raises(OSError) as caught:
                for page in range(1000):
                    vm.add_memory(page << 12, 0x1000, shared=True)
            assert caught.value.errno == errno.EMFILE
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            vm.add_memory(1 << 30, 0x1000, shared=True)

    assert in_child(child) == 0
