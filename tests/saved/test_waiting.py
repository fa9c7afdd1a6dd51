"""What waits for the host when a state is saved: it is in the state, or the save says why not."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_MEMORY = """
from _testcapi import remove_mem_hooks, set_nomemory
from pyx86emu import StateError, Vm
refused = 0
for n in range(1, 400):
    with Vm() as vm:
        got = []
        vm.add_memory(0, 0x2000)[0x1000:0x1006] = bytes.fromhex("e610 e611 e4 12")
        vm.coalesce(0x10, 2, bus="pio", on_drain=got.extend)
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.al = 0, 0x1000, 7
        set_nomemory(n, n + 1)
        try:
            vcpu.run()
        except MemoryError:
            pass
        finally:
            remove_mem_hooks()
        if vm.coalesced.count != 2 or got:
            continue
        try:
            vm.save()
        except StateError as error:
            assert str(error).startswith("2 coalesced writes wait for an on_drain"), error
            refused += 1
        else:  # the on_drain was called, and had no memory itself: nothing waits
            vcpu.run()
            assert not got, f"{n}: the state lacks {got}"
            continue
        vcpu.run()
        assert got == [("pio", 0x10, 1, 7), ("pio", 0x11, 1, 7)], got
        vm.save()
assert refused
"""


@pytest.mark.release
def test_writes_that_on_drain_has_not_got_for_lack_of_memory_refuse_the_save() -> None:
    """Each of Python's allocations of a run fails in turn."""
    pytest.importorskip("_testcapi")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY], capture_output=True, text=True, timeout=120
    )

    assert (done.returncode, done.stderr) == (0, "")
