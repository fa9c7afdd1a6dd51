"""Guest memory from the host: numbers, buffers, copies, and code that must not stay stale."""

from __future__ import annotations

import array
import gc
import hashlib
import io
import mmap
import random
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, MemorySlot, Vm
from tests.harness import LONG, Liar, Running, advance, another, python

MakeVm = Callable[..., Vm]


class Index:
    """A number that is no int, as those of numpy."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value

    def __add__(self, other: object) -> int:
        return 0  # as a numpy.uint16 that wraps

    __mod__ = __radd__ = __add__


# -- numbers --------------------------------------------------------------------------------------


def test_any_integer_is_an_address(vm: MakeVm) -> None:
    v = vm()
    slot = v.add_memory(Index(0x8000), Index(0x8000))

    slot[Index(0xFFFF)] = Index(7)

    assert (slot.addr, slot.size) == (0x8000, 0x8000)
    assert slot[0xFFFF] == slot[Liar(0xFFFF)] == 7
    assert slot[Index(0xFFFE) : Index(0x10000) : True] == b"\0\7"
    assert v.read(Index(0xFFFF), Index(1)) == b"\7"
    with pytest.raises(FileExistsError):
        v.add_memory(Index(0xF000), Index(0x2000))
    slot.move(Index(0x10000))
    assert slot.addr == 0x10000


@pytest.mark.parametrize("junk", [1.0, 4096.5, float("nan"), "0", None, b"\0", [], object()])
def test_what_is_no_integer_is_no_address(vm: MakeVm, junk: Any) -> None:
    v = vm()
    slot = v.add_memory(0, 0x10000)
    calls: list[Callable[[], object]] = [
        lambda: v.add_memory(junk, 0x1000),
        lambda: v.add_memory(0x20000, [] if junk is None else junk),
        lambda: slot.move(junk),
        lambda: slot[junk],
        lambda: slot.__setitem__(junk, 0),
        lambda: slot.__setitem__(0, junk),
        lambda: slot[[] if junk is None else junk :],
        lambda: slot[:: [] if junk is None else junk],
        lambda: v.read(junk, 1),
        lambda: v.read(0, junk),
        lambda: v.write(junk, b""),
        lambda: v.code_changed(junk, 1),
        lambda: v.code_changed(0, junk),
    ]

    for call in calls:
        with pytest.raises(
            (TypeError, ValueError), match=r"must be an integer, not|addr '0': write"
        ):
            call()

    assert v.slots == (slot,)


@pytest.mark.parametrize(
    ("addr", "size"),
    [
        (-4096, 4096),
        (4095, 4096),
        (0x20000, 0),
        (0x20000, -4096),
        (0x20000, 4097),
        (0x20000, 1 << 60),
        (1 << 52, 4096),
        (1 << 70, 4096),
        (0x20000, 1 << 70),
        (Liar(1 << 63), 4096),
    ],
)
def test_a_slot_must_have_a_place(vm: MakeVm, addr: int, size: int) -> None:
    v = vm()
    slot = v.add_memory(0, 0x1000)

    with pytest.raises(OSError, match="multiples of 4096"):
        v.add_memory(addr, size)
    if size == 4096:
        with pytest.raises(OSError, match="multiples of 4096"):
            slot.move(addr)

    assert v.slots == (slot,)
    assert slot.addr == 0


def test_more_memory_than_the_host_has_is_a_memory_error(vm: MakeVm) -> None:
    with pytest.raises(MemoryError, match="no memory for a slot of 0x800000000000 bytes"):
        vm().add_memory(0, 1 << 47)


@pytest.mark.parametrize(
    "key",
    [
        -1,
        0x1FFF,
        0x4000,
        1 << 64,
        Liar(1 << 45),
        slice(0, 0x3000),
        slice(0x3000, 0x5000),
        slice(0x3000, 0x2000),
        slice(Liar(1 << 45), Liar((1 << 45) + 8)),
        slice(-8, None),
        slice(None, 1 << 80),
    ],
)
def test_an_address_outside_the_slot_is_refused(vm: MakeVm, key: Any) -> None:
    slot = vm().add_memory(0x2000, 0x2000)

    with pytest.raises(IndexError, match="are not inside"):
        slot[key]
    with pytest.raises(IndexError):
        slot[key] = bytes(8) if isinstance(key, slice) else 0


@pytest.mark.parametrize("step", [0, 2, -1, Liar(2), 1 << 70])
def test_a_slot_has_no_step(vm: MakeVm, step: int) -> None:
    with pytest.raises(ValueError, match="has no step"):
        vm().add_memory(0, 0x1000)[0:8:step]


@pytest.mark.parametrize(("addr", "size"), [(-1, 1), (0, -1), (1 << 64, 0), (0, 1 << 64)])
def test_reading_needs_numbers_of_64_bits(vm: MakeVm, addr: int, size: int) -> None:
    v = vm()
    v.add_memory(0, 0x1000)

    with pytest.raises(ValueError, match="give 0 to 0xffffffffffffffff"):
        v.read(addr, size)
    with pytest.raises(ValueError, match="give 0 to 0xffffffffffffffff"):
        v.code_changed(addr, size)


@pytest.mark.parametrize(
    ("addr", "size", "hole"),
    [
        (0, (1 << 64) - 1, 0x2000),
        (0, 1 << 63, 0x2000),
        (0x1FFF, 2, 0x2000),
        ((1 << 64) - 1, 2, (1 << 64) - 1),
        (1 << 52, 1, 1 << 52),
    ],
)
def test_the_first_hole_is_named_before_memory_is_taken(
    vm: MakeVm, addr: int, size: int, hole: int
) -> None:
    v = vm()
    v.add_memory(0, 0x1000)
    v.add_memory(0x1000, 0x1000)

    for call in (v.read, v.code_changed):
        with pytest.raises(ValueError, match=f"^guest address {hole:#x} is in no memory slot$"):
            call(addr, size)
    if size < 9:
        with pytest.raises(ValueError, match=f"^guest address {hole:#x} is in no memory slot$"):
            v.write(addr, bytes(size))

    assert v.read(0x1FFF, 1) == b"\0"


def test_nothing_is_in_every_memory(vm: MakeVm) -> None:
    v = vm()

    assert v.read(5, 0) == b""
    v.write(5, b"")
    v.write(5, memoryview(b"")[0:0])
    v.code_changed(5, 0)
    slot = v.add_memory(0, 0x1000)
    slot[5:5] = b""
    slot[5:5] = array.array("H")
    assert slot[0x1000:0x1000] == b""


# -- buffers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("junk", ["ab", None, 5, 1.5, [1, 2], object()])
def test_memory_is_written_from_bytes(vm: MakeVm, junk: Any) -> None:
    v = vm()
    slot = v.add_memory(0, 0x1000)

    with pytest.raises(TypeError, match="memory is written from bytes or from a buffer, not from"):
        v.write(0, junk)
    with pytest.raises(TypeError, match="not from"):
        slot[0:2] = junk


def test_bytes_must_be_in_one_piece(vm: MakeVm) -> None:
    v = vm()
    slot = v.add_memory(0, 0x1000)
    every_second = memoryview(bytes(8))[::2]

    with pytest.raises(BufferError, match="in one piece: copy this memoryview first"):
        v.write(0, every_second)
    with pytest.raises(BufferError, match="in one piece"):
        slot[0:4] = every_second
    with pytest.raises(TypeError, match="must be bytes in one piece"):
        v.add_memory(0x2000, buffer=memoryview(mmap.mmap(-1, 0x2000))[::2])


def test_any_buffer_counts_in_bytes(vm: MakeVm) -> None:
    v = vm()
    slot = v.add_memory(0, 0x1000)

    slot[0:8] = array.array("I", [1, 2])
    v.write(8, memoryview(b"abcd").cast("B", (2, 2)))

    assert slot[0:12] == b"\1\0\0\0\2\0\0\0abcd"
    with pytest.raises(ValueError, match="8 bytes do not fit into 2: a memory slot keeps its size"):
        slot[0:2] = array.array("I", [1, 2])


@pytest.mark.parametrize("buffer", [bytes(4096), memoryview(bytes(4096)), "x" * 4096, 4096, [0]])
def test_a_slot_needs_a_writable_buffer(vm: MakeVm, buffer: Any) -> None:
    with pytest.raises(TypeError, match="the buffer of a memory slot must be"):
        vm().add_memory(0, buffer=buffer)


def test_a_buffer_must_be_large_enough_and_begin_at_a_page(vm: MakeVm) -> None:
    v = vm()
    memory = mmap.mmap(-1, 0x2000)

    for size in (0x3000, 1 << 70):
        with pytest.raises(OSError, match="the buffer has 8192 bytes, the slot asks for"):
            v.add_memory(0, size, buffer=memory)
    for buffer in (memoryview(memory)[1:0x1001], bytearray(0)):
        with pytest.raises(OSError):
            v.add_memory(0, buffer=buffer)
    assert v.add_memory(0, 0x1000, buffer=memory).size == 0x1000


def test_a_buffer_stays_as_long_as_its_slot(vm: MakeVm) -> None:
    v = vm()
    memory = mmap.mmap(-1, 0x1000)
    slot = v.add_memory(0, buffer=memory)
    slot.delete()

    with pytest.raises(BufferError):
        memory.close()
    assert slot[0] == 0
    del slot
    memory.close()


def test_the_garbage_collector_sees_the_buffer_of_a_slot() -> None:
    class Memory(mmap.mmap):
        vm: Vm

    memory = Memory(-1, 0x1000)
    memory.vm = Vm()
    memory.vm.add_memory(0, buffer=memory)
    gone = weakref.ref(memory.vm)

    del memory
    gc.collect()

    assert gone() is None


def test_a_slot_that_the_garbage_collector_clears_leaves_its_buffer_alone() -> None:
    """It clears references in any order, the slot's to its buffer too."""
    child = """
import gc, mmap
from pyx86emu import Vm
memory = mmap.mmap(-1, 0x1000)
for shared in (False, True):
    vm = Vm()
    ring = [vm, vm.add_memory(0, buffer=memory), vm.add_memory(0x1000, 0x1000, shared=shared)]
    vm.set_timer(1, lambda ring=ring: ring)
    ring.append(ring)
    del ring, vm
    assert gc.collect() > 3
memory[5] = 7
print(memory[5])
"""

    assert python("-c", child).stdout == "7\n"


def test_slots_are_made_by_add_memory() -> None:
    with pytest.raises(TypeError, match=r"made by Vm\.add_memory"):
        MemorySlot()
    with pytest.raises(TypeError, match=r"made by Vm\.add_memory"):
        MemorySlot.__new__(MemorySlot)


# -- copies of what is there already ---------------------------------------------------------------


def test_overlapping_copies_are_as_if_read_first(vm: MakeVm) -> None:
    """Within a slot, and into the next one when both lie in one buffer."""
    v, rng = vm(), random.Random(1)
    memory = mmap.mmap(-1, 0x4000)
    slots = [v.add_memory(at, buffer=memoryview(memory)[at : at + 0x1000]) for at in (0, 0x1000)]
    slots.append(v.add_memory(0x2000, buffer=memoryview(memory)[0x2000:]))
    for _ in range(300):
        memory[:] = rng.randbytes(0x4000)
        size = rng.randrange(0x3000)
        source, to = rng.randrange(0x4000 - size), rng.randrange(0x4000 - size)
        expected = bytearray(memory)
        expected[to : to + size] = expected[source : source + size]

        v.write(to, memoryview(memory)[source : source + size])

        assert memory[:] == expected
    slot = slots[2]
    expected[0x2001:0x4000] = expected[0x2000:0x3FFF]

    slot[0x2001:0x4000] = memoryview(slot)[:0x1FFF]

    assert memory[:] == expected


# -- stale code -----------------------------------------------------------------------------------


class Coder:
    """`mov bl,11h; hlt` at 0:1000, in a buffer that several slots show, decoded and run twice."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.memory = mmap.mmap(-1, 0x10000)
        self.low = vm.add_memory(0, buffer=self.memory)
        self.near = vm.add_memory(0x80000, buffer=self.memory)
        self.high = vm.add_memory(0x200000, buffer=self.memory)
        self.deleted = vm.add_memory(0x300000, buffer=self.memory)
        self.deleted.delete()
        self.vcpu = vm.create_vcpu()
        vm.write(0x1000, bytes.fromhex("b311f4"))
        assert [self.run(), self.run()] == [0x11, 0x11]

    def run(self) -> int:
        """What the code moves to BL."""
        self.vcpu.regs.cs, self.vcpu.regs.ip = 0, 0x1000
        assert self.vcpu.run().reason is ExitReason.HLT
        return self.vcpu.regs.bl


@pytest.fixture
def coder(vm: MakeVm) -> Coder:
    """A guest in a buffer."""
    return Coder(vm())


def _view(slot: MemorySlot) -> None:
    memoryview(slot)[0x1001] = 0x22


def _view_of_a_view(slot: MemorySlot) -> None:
    memoryview(memoryview(slot)[0x1000:])[1:2] = b"\x22"


def _array(slot: MemorySlot) -> None:
    numpy = pytest.importorskip("numpy")
    numpy.frombuffer(slot, numpy.uint8)[0x1001] = 0x22


def _read_into(slot: MemorySlot) -> None:
    data = bytearray(slot[:])
    data[0x1001] = 0x22
    io.BytesIO(data).readinto(slot)


STORES: list[Callable[[Coder], object]] = [
    lambda c: c.vm.write(0x1001, b"\x22"),
    lambda c: c.vm.write(0x81001, b"\x22"),
    lambda c: c.vm.write(0x201001, b"\x22"),
    lambda c: c.low.__setitem__(0x1001, 0x22),
    lambda c: c.high.__setitem__(0x201001, 0x22),
    lambda c: c.high.__setitem__(slice(0x200F00, 0x201002), c.high[0x200F00:0x201001] + b"\x22"),
    lambda c: c.deleted.__setitem__(0x301001, 0x22),
    lambda c: c.deleted.__setitem__(slice(0x301001, 0x301002), b"\x22"),
    *(
        lambda c, name=name, store=store: store(getattr(c, name))  # type: ignore[misc]
        for name in ("low", "near", "high", "deleted")
        for store in (_view, _view_of_a_view, _array, _read_into)
    ),
    lambda c: (c.memory.__setitem__(0x1001, 0x22), c.vm.code_changed(0x1001, 1)),
    lambda c: (c.memory.__setitem__(0x1001, 0x22), c.vm.code_changed(0x81001, 1)),
    lambda c: (c.memory.__setitem__(0x1001, 0x22), c.vm.code_changed(0x200000, 0x10000)),
]


@pytest.mark.parametrize("store", STORES, ids=range(len(STORES)))
def test_code_that_the_host_changed_is_decoded_again(
    coder: Coder, store: Callable[[Coder], object]
) -> None:
    store(coder)

    assert coder.run() == 0x22


def test_a_view_that_outlives_its_slot_is_still_seen(coder: Coder) -> None:
    view = memoryview(coder.high)
    coder.high.delete()
    coder.run()

    view[0x1001] = 0x22

    assert coder.run() == 0x22


@pytest.mark.parametrize("read", [len, hash, str, repr, bool])
def test_what_only_looks_at_a_slot_leaves_the_code(coder: Coder, read: Callable[..., Any]) -> None:
    read(coder.low)
    coder.vm.read(0, 0x10000)
    assert coder.low[0x1001] == 0x11
    hashlib.sha256(coder.low)
    with open("/dev/null", "wb", buffering=0) as sink:
        sink.write(coder.low)

    coder.memory[0x1001] = 0x22  # without code_changed: only code that was forgotten sees it

    assert coder.run() == 0x11


@pytest.mark.parametrize("name", ["low", "high", "deleted"])
@pytest.mark.parametrize("late", [False, True])
def test_views_cost_nothing_once_they_are_released(coder: Coder, name: str, late: bool) -> None:
    """The decoded code is kept by later runs, which a raw store shows."""
    slot: MemorySlot = getattr(coder, name)
    view = memoryview(slot)
    if late and slot.vm is not None and name != "low":
        slot.delete()
    view.release()
    assert coder.run() == 0x11

    coder.memory[0x1001] = 0x22

    assert coder.run() == 0x11
    coder.vm.code_changed(0x1001, 1)
    assert coder.run() == 0x22


def test_a_view_of_a_slot_outlives_its_vm() -> None:
    vm = Vm()
    slot = vm.add_memory(0, 0x1000)
    view, gone = memoryview(slot), weakref.ref(vm)
    vm.close()

    del vm
    gc.collect()

    assert gone() is None
    view[5] = 7
    view.release()
    assert slot[5] == 7


@pytest.mark.parametrize("how", ["view", "write", "alias"])
def test_a_running_vcpu_sees_what_another_thread_stored(vm: MakeVm, how: str) -> None:
    v = vm()
    memory = mmap.mmap(-1, 0x1000)
    low, high = (v.add_memory(at, buffer=memory) for at in (0, 0x200000))
    low[0x100:0x102] = b"\xeb\xfe"  # jmp $
    vcpu = another(v, 0x100)
    run = Running(vcpu.run)
    advance(vcpu, LONG)

    if how == "view":
        view = memoryview(high)
        view[0x100] = 0xF4
        view.release()
    elif how == "write":
        v.write(0x200100, b"\xf4")
    else:
        high[0x200100] = 0xF4

    try:
        assert run.result().reason is ExitReason.HLT
    finally:
        vcpu.kick()
