"""Guard pages: in the sanitizer build an access beside a slot's memory ends the process."""

from __future__ import annotations

import os
import signal

import pytest

from tests.harness import python

SIZE = 0x3000

pytestmark = pytest.mark.skipif(
    os.environ.get("PYX86EMU_BUILD") != "sanitize", reason="only the sanitizer build has them"
)

#: Writes a byte at an offset of the middle one of three slots.
TOUCH = f"""
import ctypes, sys
from pyx86emu import Vm

offset = int(sys.argv[1])
vm = Vm()
slots = [vm.add_memory(n * {SIZE}, {SIZE}) for n in range(3)]
at = ctypes.addressof(ctypes.c_char.from_buffer(slots[1]))
ctypes.memset(at + offset, 0x5A, 1)
assert slots[1][{SIZE} + offset] == 0x5A
"""


def touch(offset: int) -> int:
    """The exit status of a process that writes there; the sanitizers let it die by itself."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
    return python("-c", TOUCH, offset, env=os.environ | {"ASAN_OPTIONS": options}).returncode


@pytest.mark.parametrize("offset", [0, SIZE - 1])
def test_the_slot_itself_is_there(offset: int) -> None:
    assert touch(offset) == 0


@pytest.mark.parametrize("offset", [-4096, -1, SIZE, SIZE + 4095])
def test_a_byte_beside_it_ends_the_process(offset: int) -> None:
    assert touch(offset) == -signal.SIGSEGV
