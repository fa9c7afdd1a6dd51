"""Guest memory as numpy arrays: read without a copy, write in a block, dirty pages."""

from __future__ import annotations

import copy
import gc
import mmap
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyx86emu import ExitReason, MemorySlot, Vm
from tests.harness import Running, python, wait_until

MakeVm = Callable[..., Vm]
AT = 0x20000
SIZE = 0x2000


class Coder:
    """`mov bl,11h; hlt` at 0:1000h, decoded, in a buffer that the Vm cannot see change."""

    def __init__(self, vm: Vm) -> None:
        self.memory = mmap.mmap(-1, 0x10000)
        self.slot = vm.add_memory(0, buffer=self.memory)
        self.alias = vm.add_memory(0x80000, buffer=self.memory)
        self.vcpu = vm.create_vcpu()
        vm.write(0x1000, bytes.fromhex("b311f4"))
        assert self.run() == 0x11

    def run(self) -> int:
        """What the code moves to BL."""
        self.vcpu.regs.cs, self.vcpu.regs.ip = 0, 0x1000
        assert self.vcpu.run().reason is ExitReason.HLT
        return self.vcpu.regs.bl

    @property
    def keeps_code(self) -> bool:
        """Does a run take what was decoded? The last byte stored is not seen then."""
        before = self.run()
        self.memory[0x1001] = before ^ 0xFF
        kept = self.run() == before
        self.memory[0x1001] = before
        return kept


@pytest.fixture
def coder(vm: MakeVm) -> Coder:
    """A guest in a buffer."""
    return Coder(vm())


@pytest.fixture
def slot(vm: MakeVm) -> MemorySlot:
    """RAM that does not begin at 0."""
    return vm().add_memory(AT, SIZE)


# -- reading --------------------------------------------------------------------------------------


def test_numpy_is_imported_by_the_first_array() -> None:
    code = """
import sys
from pyx86emu import Machine, Vm
with Machine(bytes(512)) as machine, Vm() as vm:
    slot = vm.add_memory(0, 0x1000, dirty_log=True)
    slot[0:2] = bytearray(b"ab")
    slot.dirty(), memoryview(slot)[0], slot.writing
    assert "numpy" not in sys.modules
    slot.array
    assert "numpy" in sys.modules
"""

    done = python("-c", code)

    assert done.returncode == 0, done.stderr


def test_an_array_shows_the_memory_without_a_copy(slot: MemorySlot) -> None:
    array = slot.array
    slot[AT + 2 : AT + 5] = b"abc"

    assert array.dtype == np.uint8
    assert array.shape == (SIZE,)
    assert array[:6].tolist() == [0, 0, 97, 98, 99, 0]
    assert np.shares_memory(array, slot.array)


def test_an_array_shows_what_the_guest_stores_while_it_runs(vm: MakeVm) -> None:
    v = vm()
    slot = v.add_memory(0, 0x1000)
    slot[0x100:0x109] = bytes.fromhex("fec0 a20002 ebf9 9090")  # again: inc al; mov [200h],al; jmp
    vcpu = v.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x100
    array = slot.array
    running = Running(vcpu.run)

    wait_until(lambda: len({int(array[0x200]) for _ in range(100)}) > 1)

    vcpu.kick()
    running.result()


@pytest.mark.parametrize(
    "store",
    [
        lambda a: a.__setitem__(0, 1),
        lambda a: a.fill(1),
        lambda a: a.setflags(write=True),
        lambda a: a[4:8].setflags(write=True),
        lambda a: a.view(np.uint16).__setitem__(0, 1),
        lambda a: np.copyto(a, 1),
        lambda a: memoryview(a).__setitem__(0, 1),
        lambda a: memoryview(a.base).__setitem__(0, 1),
        lambda a: np.frombuffer(a.base, np.uint8).__setitem__(0, 1),
        lambda a: np.ndarray(SIZE, np.uint8, a.base).__setitem__(0, 1),
    ],
)
def test_an_array_cannot_be_written(
    slot: MemorySlot, store: Callable[[NDArray[np.uint8]], object]
) -> None:
    with pytest.raises((ValueError, TypeError)):
        store(slot.array)

    assert not slot.array.any()
    with pytest.raises(AttributeError):
        slot.array = np.zeros(SIZE, np.uint8)  # type: ignore[misc]


def test_an_array_outlives_its_slot_and_its_vm() -> None:
    vm = Vm()
    slots = [vm.add_memory(AT, SIZE), vm.add_memory(2 * AT, SIZE)]
    arrays = [slot.array for slot in slots]
    for at, slot in zip((AT, 2 * AT), slots, strict=True):
        slot[at] = 7
    slots[0].delete()
    vm.close()
    gone = weakref.ref(vm)

    del vm, slot, slots
    gc.collect()

    assert gone() is None
    assert [int(array[0]) for array in arrays] == [7, 7]


def test_an_array_of_a_deleted_slot_shows_what_is_stored_there(slot: MemorySlot) -> None:
    slot.delete()
    array = slot.array

    slot[AT] = 5
    with slot.writing() as writable:
        writable[1] = 6

    assert array[:2].tolist() == [5, 6]


def test_a_buffer_stays_as_long_as_an_array_of_it(vm: MakeVm) -> None:
    memory = mmap.mmap(-1, 0x1000)
    slot = vm().add_memory(0, buffer=memory)
    array = slot.array
    slot.delete()
    del slot

    with pytest.raises(BufferError):
        memory.close()

    assert array[0] == 0
    del array
    memory.close()


def test_arrays_to_read_cost_no_run_its_code(coder: Coder) -> None:
    arrays = [coder.slot.array, coder.alias.array[0x1000:]]

    assert coder.keeps_code

    assert arrays[0][0x1000] == arrays[1][0] == 0xB3
    del arrays
    assert coder.keeps_code


# -- slot[a:b] = array ----------------------------------------------------------------------------

DTYPES = ("u1", "i1", "bool", "<u2", ">u2", "<i4", "<u8", "<f4")
ARRAYS = st.builds(
    lambda data, dtype: np.frombuffer(data[: len(data) // 8 * 8], "u1").view(dtype),
    st.binary(max_size=256),
    st.sampled_from(DTYPES),
)


@given(array=ARRAYS, offset=st.integers(-300, SIZE + 8), miss=st.sampled_from((0, 0, 0, 1, -1)))
def test_storing_an_array_is_storing_its_bytes(array: NDArray[Any], offset: int, miss: int) -> None:
    data = array.tobytes()
    with Vm() as vm:
        slot = vm.add_memory(AT, SIZE)
        expected = bytearray(SIZE)
        end = offset + len(data) + miss

        if not 0 <= offset <= end <= SIZE:
            with pytest.raises(IndexError, match="are not inside"):
                slot[AT + offset : AT + end] = array
        elif miss:
            with pytest.raises(ValueError, match="a memory slot keeps its size"):
                slot[AT + offset : AT + end] = array
        else:
            slot[AT + offset : AT + end] = array
            expected[offset:end] = data

        assert slot[:] == slot.array.tobytes() == expected


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(8, np.uint8)[::2],
        np.zeros((2, 2), np.uint8)[:, :1],
        np.asfortranarray(np.zeros((2, 2), np.uint8)),
    ],
    ids=["step", "column", "fortran"],
)
def test_an_array_in_pieces_is_refused(slot: MemorySlot, array: NDArray[np.uint8]) -> None:
    with pytest.raises(BufferError, match="in one piece: copy this ndarray first"):
        slot[AT : AT + array.size] = array


def test_an_element_is_a_byte_and_an_index_may_be_of_numpy(slot: MemorySlot) -> None:
    numbers: Any = slot
    numbers[np.int64(AT)] = np.uint8(200)
    numbers[np.uint32(AT + 1) : np.uint64(AT + 3)] = np.array([1, 2], np.uint8)

    assert slot[AT : AT + 3] == bytes((200, 1, 2))
    with pytest.raises(ValueError, match="a byte of memory"):
        numbers[AT] = np.int16(-1)


def test_an_array_may_be_copied_over_itself(slot: MemorySlot) -> None:
    slot[AT : AT + 4] = b"abcd"

    slot[AT + 2 : AT + 6] = slot.array[:4]

    assert slot[AT : AT + 6] == b"ababcd"


# -- writing --------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, SIZE), st.binary(max_size=32)), max_size=8))
def test_writing_an_array_is_writing_bytes(stores: list[tuple[int, bytes]]) -> None:
    with Vm() as vm:
        one, two = vm.add_memory(0, SIZE), vm.add_memory(AT, SIZE)

        with one.writing() as array:
            for at, data in stores:
                part = array[at : at + len(data)]
                part[:] = np.frombuffer(data, np.uint8)[: len(part)]
        for at, data in stores:
            data = data[: SIZE - at]
            two[AT + at : AT + at + len(data)] = data

        assert one[:] == two[:]


def test_after_the_block_the_array_can_only_be_read(slot: MemorySlot) -> None:
    array: Any
    with slot.writing() as array:
        array[:] = 3

    for write in (
        lambda: array.fill(1),
        lambda: array.setflags(write=True),
        lambda: array.base.setflags(write=True),
        lambda: array[5:].fill(1),
        lambda: np.ndarray(SIZE, np.uint8, array.base.base).fill(1),
    ):
        with pytest.raises(ValueError):
            write()
    assert slot[:] == array.tobytes() == bytes([3]) * SIZE


def _assign(coder: Coder) -> None:
    with coder.slot.writing() as array:
        array[0x1001] = 0x22


def _alias(coder: Coder) -> None:
    with coder.alias.writing() as array:
        array[0x1001] = 0x22


def _deleted(coder: Coder) -> None:
    coder.alias.delete()
    _alias(coder)


def _raise(coder: Coder) -> None:
    with pytest.raises(ZeroDivisionError), coder.slot.writing() as array:
        array[0x1001] = 0x22
        raise ZeroDivisionError


def _without_a_name(coder: Coder) -> None:
    block = coder.slot.writing()
    block.__enter__()[0x1001] = 0x22
    block.__exit__(None, None, None)


def _nested(coder: Coder) -> None:
    with coder.slot.writing() as array:
        with coder.alias.writing() as other:
            other[0x1001] = 0x33
        array[0x1001] = 0x22


@pytest.mark.parametrize(
    "write",
    [_assign, _alias, _deleted, _raise, _without_a_name, _nested],
    ids=lambda write: write.__name__.strip("_"),
)
def test_leaving_the_block_drops_decoded_code_once(
    coder: Coder, write: Callable[[Coder], object]
) -> None:
    write(coder)

    assert coder.run() == 0x22
    assert coder.keeps_code


def test_code_is_dropped_by_the_end_of_the_block_also_without_stores(coder: Coder) -> None:
    with coder.slot.writing():
        coder.memory[0x1001] = 0x22  # which alone nobody sees

    assert coder.run() == 0x22


def test_a_run_in_the_block_sees_what_was_stored(coder: Coder) -> None:
    with coder.slot.writing() as array:
        for value in (0x22, 0x33):
            array[0x1001] = value

            assert coder.run() == value

    assert coder.keeps_code


def test_a_part_that_outlives_the_block_is_still_seen(coder: Coder) -> None:
    with coder.slot.writing() as array:
        part = array[0x1000:].reshape(-1, 16)[0, :4]

    for value in (0x22, 0x33):
        part[1] = value
        assert coder.run() == value
    assert not array.flags.writeable

    del part, array
    assert coder.keeps_code


def test_a_part_that_ends_with_the_block_costs_nothing(coder: Coder) -> None:
    with coder.slot.writing() as array:
        part = array[0x1000:]
        part[1] = 0x22
        del part

    assert coder.run() == 0x22
    assert coder.keeps_code
    assert array[0x1001] == 0x22


def test_a_block_that_is_never_left_ends_with_its_array(coder: Coder) -> None:
    block = coder.slot.writing()
    array = block.__enter__()
    array[0x1001] = 0x22
    assert coder.run() == 0x22
    assert not coder.keeps_code

    del block, array

    assert coder.keeps_code


def test_a_block_that_is_never_left_keeps_no_vm() -> None:
    vm = Vm()
    vm.add_memory(0, 0x1000).writing().__enter__()
    gone = weakref.ref(vm)

    del vm
    gc.collect()

    assert gone() is None


def test_a_block_is_entered_once_and_left_once(slot: MemorySlot) -> None:
    block = slot.writing()
    with pytest.raises(RuntimeError, match="is not open"):
        block.__exit__(None, None, None)

    with block, pytest.raises(RuntimeError, match="call writing\\(\\) again"):
        block.__enter__()

    for again in (block.__enter__, block.__exit__):
        with pytest.raises(RuntimeError):
            again()


def test_without_numpy_no_log_is_taken_and_no_code_is_dropped() -> None:
    code = """
import mmap, sys

class Missing:
    def find_spec(self, name, path, target=None):
        if name == "numpy":
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
from pyx86emu import Vm
vm = Vm()
memory = mmap.mmap(-1, 0x10000)
slot = vm.add_memory(0, buffer=memory, dirty_log=True)
slot[0x1000:0x1006] = bytes.fromhex("b311 a20020 f4")  # mov bl,11h; mov [2000h],al; hlt
vcpu = vm.create_vcpu()
block = slot.writing()

def run():
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    vcpu.run()
    return vcpu.regs.bl

run()
memory[0x1001] = 0x22  # not seen by code that was decoded
for use in (lambda: slot.array, block.__enter__, slot.dirty_pages):
    try:
        use()
    except ImportError:
        assert run() == 0x11
    else:
        raise AssertionError(use)
del block
assert run() == 0x11
assert slot.dirty() == bytes([4, 0])
"""

    done = python("-c", code)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps], ids=lambda f: f.__name__)
def test_a_block_is_not_copied(slot: MemorySlot, how: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="memory of a Vm"):
        how(slot.writing())


def test_a_read_only_slot_can_be_written_by_the_host(vm: MakeVm) -> None:
    rom = vm().add_memory(0xF0000, 0x1000, readonly=True)

    with rom.writing() as array:
        array[:3] = (1, 2, 3)

    assert rom[0xF0000:0xF0003] == b"\1\2\3"


def test_a_running_guest_sees_new_code_at_the_end_of_the_block(vm: MakeVm) -> None:
    v = vm()
    slot = v.add_memory(0, 0x1000)
    slot[0x100:0x102] = b"\xeb\xfe"  # jmp $
    vcpu = v.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x100
    running = Running(vcpu.run)
    wait_until(lambda: vcpu.instructions > 100_000)

    with slot.writing() as array:
        array[0x100] = 0xF4
        stored = vcpu.instructions
        wait_until(lambda: vcpu.instructions > stored + 1_000_000)
        assert running.going

    exit = running.result()
    assert getattr(exit, "reason", None) is ExitReason.HLT


def test_many_threads_write_and_run(vm: MakeVm) -> None:
    """Blocks come and go in four threads; the guest counts on, and at the end code is kept."""
    v = vm()
    coder = Coder(v)
    blocks = 200

    def write(at: int) -> None:
        for n in range(blocks):
            with coder.alias.writing() as array:
                array[at] = n & 0xFF
                array[0x1001] = 0x22

    threads = [Running(lambda at=at: write(0x4000 + at)) for at in range(4)]  # type: ignore[misc]
    for _ in range(blocks):
        assert coder.run() in (0x11, 0x22)
    for thread in threads:
        thread.result()

    assert coder.run() == 0x22
    assert coder.keeps_code
    assert coder.slot.array[0x4000:0x4004].tolist() == [(blocks - 1) & 0xFF] * 4


# -- dirty pages ----------------------------------------------------------------------------------


@pytest.fixture
def logged(vm: MakeVm) -> Iterator[tuple[MemorySlot, Callable[[set[int]], None]]]:
    """Eleven pages with a log, and a guest that stores to some of them."""
    v = vm()
    v.add_memory(0, 0x1000)
    slot = v.add_memory(AT, 11 * 0x1000, dirty_log=True)
    vcpu = v.create_vcpu()

    def store(pages: set[int]) -> None:
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.ds = 0, 0x100, AT >> 4
        code = b"".join(b"\xa2" + (page << 12).to_bytes(2, "little") for page in sorted(pages))
        v.write(0x100, code + b"\xf4")
        assert vcpu.run().reason is ExitReason.HLT

    yield slot, store


@pytest.mark.parametrize("pages", [set(), {0}, {10}, {1, 7, 8}, set(range(11))], ids=str)
def test_dirty_pages_are_the_bits_of_the_log(
    logged: tuple[MemorySlot, Callable[[set[int]], None]], pages: set[int]
) -> None:
    slot, store = logged
    slot.dirty()
    store(pages)

    found = slot.dirty_pages()

    assert found.dtype == np.bool_
    assert found.shape == (11,)
    assert set(np.flatnonzero(found).tolist()) == pages
    assert not slot.dirty_pages().any()  # the log was taken
    assert slot.array.reshape(-1, 0x1000)[found].shape == (len(pages), 0x1000)
    store(pages)
    assert slot.dirty() == np.packbits(found, bitorder="little").tobytes()


def test_a_block_of_writing_makes_nothing_dirty(
    logged: tuple[MemorySlot, Callable[[set[int]], None]],
) -> None:
    slot, _ = logged
    slot.dirty()

    with slot.writing() as array:
        array[:] = 1

    assert not slot.dirty_pages().any()


def test_dirty_pages_need_a_log(slot: MemorySlot) -> None:
    with pytest.raises(FileNotFoundError, match="has no dirty log"):
        slot.dirty_pages()


def test_an_array_of_python_objects_is_refused(vm: MakeVm) -> None:
    """Its bytes are addresses of the host's."""
    slot = vm().add_memory(AT, SIZE)

    with pytest.raises(TypeError, match="not from Python objects in a ndarray"):
        slot[AT : AT + 8] = np.array([object()])

    assert slot[AT : AT + 8] == bytes(8)
