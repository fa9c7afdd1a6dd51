"""VirtQueue: take chains, give them back. What a hostile driver writes breaks the queue only."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable

import pytest

from pyx86emu import Vm
from pyx86emu._core import GuestMap, VirtQueue
from pyx86emu.virtio.numbers import EVENT_IDX, IN_ORDER, INDIRECT_DESC, VERSION_1
from tests.virtio.driver import INDIRECT, NEXT, WRITE, Ring

SIZE = 0x40000


@pytest.fixture(params=["vm", "areas"])
def memory(request: pytest.FixtureRequest) -> GuestMap:
    """Guest memory, of a Vm or mapped by somebody else."""
    if request.param == "areas":
        return GuestMap([(0, SIZE, mmap.mmap(-1, SIZE))])
    vm = Vm()
    vm.add_memory(0, SIZE)
    request.addfinalizer(vm.close)
    return GuestMap(vm)


def pair(memory: GuestMap, size: int = 8, features: int = VERSION_1) -> tuple[Ring, VirtQueue]:
    """Both sides of one queue."""
    ring = Ring(memory, size)
    return ring, VirtQueue(memory, size, *ring.addresses, features=features)


def test_a_chain_is_read_and_written_in_order(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    memory.write(0x1000, b"hello ")
    memory.write(0x2000, b"world")
    head = ring.add([(0x1000, 6, False), (0x2000, 5, False), (0x3000, 2, True), (0x3100, 6, True)])

    assert queue.pop_many() == [(head, b"hello world", 8)]
    assert queue.push(head, b"abcdef", b"z") is True

    assert memory.read(0x3000, 2) + memory.read(0x3100, 6) == b"abcdef\0z"
    assert ring.reap() == [(head, 6)]


def test_a_tail_that_ends_a_full_buffer_counts(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    head = ring.add([(0x3000, 4, True)])
    queue.pop()

    queue.push(head, b"abc", b"!")

    assert memory.read(0x3000, 4) == b"abc!"
    assert ring.reap() == [(head, 4)]


def test_many_requests_come_in_one_batch_and_wrap(memory: GuestMap) -> None:
    ring, queue = pair(memory, 4)
    total = 0
    for turn in range(100_000 // 4):
        ring.free = list(range(4))
        heads = [ring.chain([(0x1000, 1, False)]) for _ in range(4)]
        ring.offer(*heads)
        assert [each[0] for each in queue.pop_many()] == heads
        queue.push_many([(head, b"") for head in heads])
        total += len(ring.reap())
        if turn > 20_000:
            break

    assert total > 65_536  # both indexes have wrapped
    assert queue.popped == queue.pushed == total & 0xFFFF


def test_an_indirect_table_is_followed(memory: GuestMap) -> None:
    ring, queue = pair(memory, features=VERSION_1 | INDIRECT_DESC)
    memory.write(0x1000, b"in")
    memory.write(0x5000, struct.pack("<QIHH", 0x1000, 2, NEXT, 1))
    memory.write(0x5010, struct.pack("<QIHH", 0x2000, 7, WRITE, 0))
    ring.describe(3, 0x5000, 32, INDIRECT)
    ring.offer(3)

    assert queue.pop() == (3, b"in", 7)


def test_requests_may_be_given_back_in_any_order(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    heads = [ring.add([(0x1000, 4, True)]) for _ in range(3)]
    queue.pop_many()

    for head in reversed(heads):
        queue.push(head)

    assert [head for head, _ in ring.reap()] == heads[::-1]
    assert queue.in_flight == 0


def test_with_in_order_they_come_in_the_order_of_the_driver(memory: GuestMap) -> None:
    ring, queue = pair(memory, features=VERSION_1 | IN_ORDER)
    heads = [ring.add([(0x1000, 4, True)]) for _ in range(3)]
    queue.pop_many()

    assert queue.push(heads[2]) is False  # nothing is visible yet
    assert ring.reap() == []
    queue.push(heads[0])
    assert [head for head, _ in ring.reap()] == heads[:1]
    queue.push(heads[1])

    assert [head for head, _ in ring.reap()] == heads[1:]


def test_a_driver_that_wants_no_interrupt_gets_none(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    memory.write(ring.avail, b"\1\0")
    head = ring.add([(0x1000, 1, True)])
    queue.pop()

    assert queue.push(head) is False


def test_with_event_idx_the_interrupt_comes_at_the_index(memory: GuestMap) -> None:
    ring, queue = pair(memory, features=VERSION_1 | EVENT_IDX)
    heads = [ring.add([(0x1000, 1, True)]) for _ in range(5)]
    queue.pop_many()
    ring.interrupt_after(2)

    wanted = [queue.push(head) for head in heads]

    assert wanted == [True, False, True, False, False]  # the first always interrupts


def test_notify_says_whether_something_came_meanwhile(memory: GuestMap) -> None:
    for features in (VERSION_1, VERSION_1 | EVENT_IDX):
        ring, queue = pair(memory, features=features)
        assert queue.notify(False) is False
        flags = memory.read(ring.used, 2)
        ring.add([(0x1000, 1, True)])

        assert queue.notify(True) is True
        queue.pop_many()
        assert queue.notify(True) is False

        assert flags == (b"\0\0" if features & EVENT_IDX else b"\1\0")
        assert memory.read(ring.used, 2) == b"\0\0"
        if features & EVENT_IDX:
            assert memory.read(ring.used + 4 + 8 * ring.size, 2) == b"\1\0"


# -- hostile drivers -----------------------------------------------------------------------------


def loop(ring: Ring) -> None:
    ring.describe(0, 0x1000, 1, NEXT, 1)
    ring.describe(1, 0x1000, 1, NEXT, 0)
    ring.offer(0)


def beyond(ring: Ring) -> None:
    ring.describe(0, 0x1000, 1, NEXT, ring.size)
    ring.offer(0)


def bad_head(ring: Ring) -> None:
    ring.offer(ring.size)


def jump(ring: Ring) -> None:
    ring.made = ring.size + 1
    ring.memory.write(ring.avail + 2, struct.pack("<H", ring.size + 1))


def outside(ring: Ring) -> None:
    ring.add([(SIZE - 1, 2, False)])


def overflow(ring: Ring) -> None:
    ring.add([((1 << 64) - 1, 2, True)])


def read_after_write(ring: Ring) -> None:
    ring.add([(0x1000, 1, True), (0x1000, 1, False)])


def empty_read_after_write(ring: Ring) -> None:
    ring.add([(0x1000, 1, True), (0x1000, 0, False)])


def nested(ring: Ring) -> None:
    ring.memory.write(0x5000, struct.pack("<QIHH", 0x5000, 16, INDIRECT, 0))
    ring.describe(0, 0x5000, 16, INDIRECT)
    ring.offer(0)


def indirect_and_next(ring: Ring) -> None:
    ring.describe(0, 0x5000, 16, INDIRECT | NEXT, 1)
    ring.offer(0)


def odd_table(ring: Ring) -> None:
    ring.describe(0, 0x5000, 17, INDIRECT)
    ring.offer(0)


def empty_table(ring: Ring) -> None:
    ring.describe(0, 0x5000, 0, INDIRECT)
    ring.offer(0)


def table_outside(ring: Ring) -> None:
    ring.describe(0, (1 << 64) - 16, 32, INDIRECT)
    ring.offer(0)


def table_too_long(ring: Ring) -> None:
    ring.describe(0, 0x5000, 16 * (ring.size + 1), INDIRECT)
    ring.offer(0)


def twice(ring: Ring) -> None:
    ring.describe(0, 0x1000, 1, WRITE)
    ring.offer(0, 0)


def too_much(ring: Ring) -> None:
    ring.add([(0x0, SIZE, False)] * ring.size)
    for i in range(ring.size):
        ring.describe(i, 0, SIZE, 0 if i == ring.size - 1 else NEXT, i + 1)


HOSTILE = {
    loop: "longer than the queue",
    beyond: "beyond its table",
    bad_head: "beyond its table",
    jump: "ahead",
    outside: "not in memory",
    overflow: "not in memory",
    read_after_write: "after one to write",
    empty_read_after_write: "after one to write",
    nested: "indirect table in an indirect table",
    indirect_and_next: "goes on after an indirect table",
    odd_table: "no multiple of 16",
    empty_table: "is empty",
    table_outside: "not in one slot",
    table_too_long: "longer than the queue",
    twice: "in flight",
}


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack.__name__)
def test_a_hostile_ring_breaks_the_queue_and_nothing_else(
    memory: GuestMap, attack: Callable[[Ring], None]
) -> None:
    ring, queue = pair(memory, features=VERSION_1 | INDIRECT_DESC)
    attack(ring)

    found = queue.pop_many()

    assert len(found) == (1 if attack is twice else 0)
    assert queue.broken is not None and HOSTILE[attack] in queue.broken
    assert queue.pop() is None
    for head, _, _ in found:
        assert queue.push(head, b"x") is False  # dropped
    assert memory.read(0x1000, 1) == b"\0"


def test_indirect_needs_its_feature(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    ring.describe(0, 0x5000, 16, INDIRECT)
    ring.offer(0)

    assert queue.pop() is None
    assert "not negotiated" in str(queue.broken)


def test_a_chain_reads_at_most_16_mib(memory: GuestMap) -> None:
    ring, queue = pair(memory, 128)
    ring.chain([(0x0, SIZE, False)] * 65)
    ring.offer(0)

    assert queue.pop() is None
    assert "16 MiB" in str(queue.broken)


def test_rings_outside_memory_break_the_queue(memory: GuestMap) -> None:
    places = [(SIZE - 16, 0x1000, 0x2000), (0, SIZE - 4, 0x2000), (0, (1 << 64) - 2, 0x1000)]
    for desc, avail, used in places:
        queue = VirtQueue(memory, 8, desc, avail, used)
        if desc:
            memory.write(avail + 2, b"\1\0")

        assert queue.pop() is None
        assert "not in one slot" in str(queue.broken)
    assert VirtQueue(memory, 8, 0, 0x1000, SIZE - 8).notify(True) is False


def test_what_is_misaligned_breaks_the_queue(memory: GuestMap) -> None:
    for place in ((8, 0x100, 0x200), (0, 0x101, 0x200), (0, 0x100, 0x202)):
        assert VirtQueue(memory, 8, *place).broken is not None


def test_read_only_memory_is_not_written() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x20000)
        rom = vm.add_memory(0xF0000, 0x1000)
        rom.readonly = True
        memory = GuestMap(vm)
        ring, queue = pair(memory)
        ring.add([(0xF0000, 4, True)])

        assert queue.pop() is None
        assert "can be written" in str(queue.broken)
        assert VirtQueue(memory, 8, 0, 0x1000, 0xF0000).notify(True) is False
        with pytest.raises(ValueError, match="can be written"):
            memory.write(0xF0FFF, b"x")


def test_a_slot_that_goes_away_breaks_the_queue() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x20000)
        buffers = vm.add_memory(0x30000, 0x1000)
        memory = GuestMap(vm)
        ring, queue = pair(memory)
        head = ring.add([(0x30000, 4, True)])
        assert queue.pop() == (head, b"", 4)
        buffers.delete()

        assert queue.push(head, b"data") is False

        assert "any more" in str(queue.broken)


def test_a_store_of_the_device_is_seen_by_decoded_code() -> None:
    with Vm() as vm:
        ram = vm.add_memory(0, 0x20000)
        ram[0x1000:0x1004] = bytes.fromhex("40 ebfd f4")  # again: inc ax; jmp again
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
        vcpu.run(1000)
        memory = GuestMap(vm)
        ring, queue = pair(memory)
        head = ring.add([(0x1000, 2, True)])
        queue.pop()

        queue.push(head, b"\xf4\xf4")

        assert vcpu.run(1000).reason.name == "HLT"


def test_a_store_of_the_device_is_seen_by_a_restore() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x20000)
        vm.create_vcpu()
        memory = GuestMap(vm)
        ring, queue = pair(memory)
        head = ring.add([(0x1000, 4, True)])
        state = vm.save()
        queue.pop()
        queue.push(head, b"data")
        assert memory.read(0x1000, 4) == b"data"

        vm.restore(state)

        assert memory.read(0x1000, 4) == bytes(4)
        assert memory.read(ring.used, 16) == bytes(16)


# -- wrong use ---------------------------------------------------------------------------------


def test_wrong_use_is_refused(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    head = ring.add([(0x1000, 4, True)])
    with pytest.raises(ValueError, match="not in flight"):
        queue.push(head)
    queue.pop()
    with pytest.raises(ValueError, match="takes 4 bytes, not 5"):
        queue.push(head, b"12345")
    with pytest.raises(ValueError, match="takes 4 bytes, not 6"):
        queue.push(head, b"123", b"456")
    with pytest.raises(ValueError, match="head"):
        queue.push(8)
    with pytest.raises(TypeError):
        queue.push(head, "text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="power of two"):
        VirtQueue(memory, 3, 0, 0x100, 0x200)
    with pytest.raises(RuntimeError, match="once"):
        queue.__init__(memory, 8, 0, 0x100, 0x200)  # type: ignore[misc]
    queue.push(head, b"1234")
    with pytest.raises(ValueError, match="not in flight"):
        queue.push(head)


def test_a_map_refuses_areas_that_cannot_be() -> None:
    room = mmap.mmap(-1, 0x2000)
    wrong = {
        "overlaps": [(0, 0x1000, room), (0xFFF0, 16, room), (0xFF0, 16, room)],
        "has a buffer of": [(0, 0x3000, room)],
        "modulo 16": [(8, 16, room)],
        "size of an area": [(0, 0, room)],
        "address of an area": [(1 << 64, 1, room)],
        "at most 512": [(16 * i, 16, room) for i in range(513)],
    }
    for message, areas in wrong.items():
        with pytest.raises(ValueError, match=message):
            GuestMap(areas)


def test_requests_in_flight_are_popped_again_after_a_load(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    heads = [ring.add([(0x1000 + 16 * i, 4, True)]) for i in range(3)]
    queue.pop_many(2)
    queue.push(heads[1], b"two!")
    state = queue.state()
    assert state["in_flight"] == (heads[0],)

    other = VirtQueue(memory, 8, *ring.addresses, features=VERSION_1)
    other.load(state)

    assert other.pop_many() == [(heads[0], b"", 4), (heads[2], b"", 4)]
    other.push_many([(heads[0], b"one!"), (heads[2], b"tri!")])
    assert [head for head, _ in ring.reap()] == [heads[1], heads[0], heads[2]]


def test_a_load_leaves_broken_what_is_misaligned(memory: GuestMap) -> None:
    queue = VirtQueue(memory, 8, 0, 0x101, 0x200)
    state = {**queue.state(), "broken": None}

    queue.load(state)

    assert "odd" in str(queue.broken)
    assert queue.pop() is None


def test_large_requests_are_copied_whole(memory: GuestMap) -> None:
    ring, queue = pair(memory)
    data = bytes(range(256)) * 300
    memory.write(0x20000, data)
    head = ring.add([(0x20000, len(data), False), (0x2C000, len(data), True)])
    memory.write(0x3F000, b"end")

    assert queue.pop() == (head, data, len(data))
    queue.push(head, data[::-1])

    assert memory.read(0x2C000, len(data)) == data[::-1]
    assert memory.read(0x3F000, 3) == b"end"


def test_no_call_follows_chains_without_end() -> None:
    """Given the longest queue, whose chains share their descriptors, which are all empty: when the
    device asks for all requests, then it gets a few at a time."""
    size = 32768
    memory = GuestMap([(0, 0x200000, mmap.mmap(-1, 0x200000))])
    memory.write(0, b"".join(struct.pack("<QIHH", 0, 0, 1, i + 1) for i in range(size - 1)))
    memory.write(0x80000, struct.pack(f"<{size + 2}H", 0, size - 1, *range(size)))
    queue = VirtQueue(memory, size, 0, 0x80000, 0x100000)

    first = queue.pop_many()
    second = queue.pop_many()

    assert 0 < len(first) < 16 and first[0] == (0, b"", 0)
    assert second and second[0][0] == len(first)
    assert queue.broken is None
