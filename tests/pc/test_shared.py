"""Machine(shared=True): RAM that another process can map."""

from __future__ import annotations

import errno
import mmap

import pytest

from pyx86emu import ExitReason, Machine

#: mov ax,1234h; mov [8000h],ax; cli; hlt
STORES = bytes.fromhex("31c0 8ed8 b83412 a30080 faf4")


def test_ram_that_is_shared_has_descriptors_and_a_rom_has_none() -> None:
    with Machine(STORES, shared=True, memory=2 << 20) as m:
        low, rom, high = m.vm.slots
        with mmap.mmap(low.fileno(), low.size) as seen:
            assert m.run().reason is ExitReason.HLT

            assert seen[0x8000:0x8002] == b"\x34\x12"
        assert high.size == 1 << 20
        assert high.fileno() != low.fileno()
        with pytest.raises(OSError, match="shared=True") as error:
            rom.fileno()
        assert error.value.errno == errno.EOPNOTSUPP


def test_ram_is_private_by_default() -> None:
    with Machine(STORES) as m, pytest.raises(OSError, match="no descriptor"):
        m.vm.slots[0].fileno()


def test_a_fork_has_shared_memory_of_its_own() -> None:
    with Machine(STORES, shared=True) as m:
        m.boot()
        with m.fork() as twin:
            assert twin.run().reason is ExitReason.HLT

            assert twin.vm.read(0x8000, 2) == b"\x34\x12"
            assert m.vm.read(0x8000, 2) == b"\0\0"
            assert twin.vm.slots[0].fileno() != m.vm.slots[0].fileno()
