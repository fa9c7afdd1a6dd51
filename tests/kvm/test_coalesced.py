"""KVM as a back end: coalesced zones and their ring."""

from __future__ import annotations

import errno
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import ExitReason, PioDevice, Vm
from pyx86emu.kvm.coalesced import CAPACITY, without
from tests.harness import vcpu

Kvm = Callable[..., Vm]
#: mov ax,d000h; mov ds,ax
MM = "b800d0 8ed8 "
#: mov cx,N; again: out 80h,al; inc ax; loop again; hlt
OUTS = "b9{:02x}{:02x} e680 40 e2fb f4"


def outs(n: int) -> str:
    return OUTS.format(n & 0xFF, n >> 8)


def test_writes_are_collected_in_order_and_the_guest_runs_on(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, MM + "a20000 a30100 e680 66a30800 f4")
    ring = machine.coalesced
    machine.coalesce(0xD0000, 0x100)
    machine.coalesce(0x80, 1, bus="pio")

    assert cpu.run().reason is ExitReason.HLT
    assert len(ring) == ring.count == 4
    assert ring.drain() == [
        ("mmio", 0xD0000, 1, 0),
        ("mmio", 0xD0001, 2, 0xD000),
        ("pio", 0x80, 1, 0),
        ("mmio", 0xD0008, 4, 0xD000),
    ]
    assert (len(ring), ring.count, ring.drain()) == (0, 4, [])


def test_an_array_has_the_bytes_of_each_write_only(kvm: Kvm) -> None:
    numpy = pytest.importorskip("numpy")
    machine = kvm()
    cpu = vcpu(machine, MM + "66b8ffffffff 66a30800 a20000 f4")
    ring = machine.coalesced
    machine.coalesce(0xD0000, 0x100)
    for _ in range(100):  # the places of the ring are used again
        cpu.regs.ip = 0x1000
        assert cpu.run().reason is ExitReason.HLT
        array = ring.drain_array()
        assert array.dtype.names == ("addr", "len", "pio", "data")
        assert array.tolist() == [(0xD0008, 4, 0, 0xFFFFFFFF), (0xD0000, 1, 0, 0xFF)]
    assert array.dtype.itemsize == 24
    assert array.flags.writeable
    assert isinstance(array, numpy.ndarray)


def test_what_is_partly_outside_or_read_exits(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "ba8300 ef ec ee f4")  # mov dx,83h; out dx,ax; in al,dx; out dx,al
    machine.coalesce(0x80, 4, bus="pio")

    assert [(e.reason.name, e.write) for e in (cpu.run(), cpu.run(), cpu.run())] == [
        ("IO", True),
        ("IO", False),
        ("HLT", False),
    ]
    assert machine.coalesced.drain() == [("pio", 0x83, 1, 0)]


def test_a_full_ring_lets_writes_exit_and_a_drained_one_goes_on_in_order(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, outs(CAPACITY + 5))
    ring = machine.coalesced
    machine.coalesce(0x80, 1, bus="pio")

    exits = [cpu.run() for _ in range(2)]
    assert [e.value for e in exits] == [n & 0xFF for n in (CAPACITY, CAPACITY + 1)]
    assert len(ring) == ring.capacity == CAPACITY
    assert [value for *_, value in ring.drain()] == [n & 0xFF for n in range(CAPACITY)]

    assert cpu.run().reason is ExitReason.HLT
    assert [value for *_, value in ring.drain()] == [
        n & 0xFF for n in range(CAPACITY + 2, CAPACITY + 5)
    ]


def test_an_on_drain_gets_its_writes_before_the_exit_and_no_ring_is_full(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, outs(3 * CAPACITY))
    seen: list[int] = []
    others = machine.coalesce(0x81, 1, bus="pio")
    zone = machine.coalesce(
        0x80, 1, bus="pio", on_drain=lambda writes: seen.extend(value for *_, value in writes)
    )

    assert cpu.run().reason is ExitReason.HLT
    assert seen == [n & 0xFF for n in range(3 * CAPACITY)]
    assert len(machine.coalesced) == 0
    assert machine.coalesced.zones == (others, zone)


def test_what_an_on_drain_raises_comes_out_of_run_and_then_the_exit(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "e680 e490 f4")
    zone = machine.coalesce(0x80, 1, bus="pio", on_drain=lambda writes: 1 / 0)

    with pytest.raises(ZeroDivisionError) as raised:
        cpu.run()
    assert "in on_drain of <CoalescedZone pio 0x80" in raised.value.__notes__[0]
    exit = cpu.run()
    assert (exit.reason, exit.port) == (ExitReason.IO, 0x90)
    exit.reply(0x77)
    zone.remove()
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.al == 0x77


def test_a_zone_that_is_removed_leaves_overlapping_ones(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "e680 f4")
    wide = machine.coalesce(0x70, 0x20, bus="pio")
    narrow = machine.coalesce(0x80, 1, bus="pio")
    narrow.remove()
    assert (narrow.registered, wide.registered) == (False, True)
    with pytest.raises(OSError, match="no such zone") as gone:
        narrow.remove()
    assert gone.value.errno == errno.ENOENT
    narrow.close()

    assert cpu.run().reason is ExitReason.HLT
    with wide:
        pass
    cpu.regs.ip = 0x1000
    assert cpu.run().reason is ExitReason.IO
    assert machine.coalesced.drain() == [("pio", 0x80, 1, 0)]


@pytest.mark.parametrize("first", ["zone", "entry"])
@pytest.mark.parametrize(
    ("start", "length"), [(0x80, 1), (0x80, 0), (0x70, 1), (0x70, 0), (0x7F, 0)]
)
def test_an_ioeventfd_takes_its_write_before_a_zone(
    kvm: Kvm, first: str, start: int, length: int
) -> None:
    machine = kvm()
    cpu = vcpu(machine, "e680 e681 e77f f4")  # out 80h,al; out 81h,al; out 7fh,ax; hlt
    zone: list[Any] = []
    make = [
        lambda: zone.append(machine.coalesce(start, 0x20, bus="pio")),
        lambda: zone.append(machine.ioeventfd(0x80, length)),
    ]
    for act in make if first == "zone" else make[::-1]:
        act()
    entry = zone[first == "zone"]

    exits = []
    while (exit := cpu.run()).reason is not ExitReason.HLT:
        exits.append(exit.port)
    wide = [] if start == 0x80 else [("pio", 0x7F, 2, 0)]
    assert entry.read() == 1
    assert machine.coalesced.drain() == [("pio", 0x81, 1, 0), *wide]
    assert exits == ([] if wide else [0x7F])
    entry.close()
    cpu.regs.ip = 0x1000
    cpu.run()
    assert machine.coalesced.drain()[0] == ("pio", 0x80, 1, 0)


class Counts(PioDevice):
    """How many writes were in the ring when it was written."""

    length = 1

    def __init__(self, vm: Vm) -> None:
        self.vm = vm

    def reset(self) -> None:
        self.found: list[int] = []

    def pio_read(self, offset: int, size: int) -> int:
        return 0

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.found.append(len(self.vm.coalesced))


@pytest.mark.parametrize("early", [False, True])
def test_a_device_that_is_called_takes_its_write_before_a_zone(kvm: Kvm, early: bool) -> None:
    machine = kvm()
    device, cpu = Counts(machine), vcpu(machine, "e680 e681 e682 f4")
    if early:
        machine.pio.attach(device, 0x81)
    machine.coalesce(0x80, 3, bus="pio")
    if not early:
        machine.pio.attach(device, 0x81)

    assert cpu.run().reason is ExitReason.HLT
    assert device.found == [1]
    assert [addr for _, addr, *_ in machine.coalesced.drain()] == [0x80, 0x82]
    machine.pio.detach(device)
    cpu.regs.ip = 0x1000
    assert cpu.run().reason is ExitReason.HLT
    assert len(machine.coalesced) == 3


def test_a_ring_that_nobody_drains_stays_bounded_beside_an_on_drain(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "e680 e681 ebfa")  # again: out 80h,al; out 81h,al; jmp again
    machine.coalesce(0x80, 1, bus="pio")
    seen: list[Any] = []
    machine.coalesce(0x81, 1, bus="pio", on_drain=seen.extend)

    for _ in range(20):
        assert cpu.run().port == 0x80
    assert len(machine.coalesced) <= 2 * CAPACITY
    assert len(machine.coalesced.drain()) >= CAPACITY
    before = len(seen)
    cpu.run()
    assert len(seen) > before + 10


def test_an_exit_before_a_device_has_the_writes_that_came_before(kvm: Kvm) -> None:
    machine = kvm()
    device = Counts(machine)
    cpu = vcpu(machine, "e680 e690 e680 e690 f4")
    machine.pio.attach(device, 0x90)
    machine.coalesce(0x80, 1, bus="pio")

    assert cpu.run().reason is ExitReason.HLT
    assert device.found == [1, 2]


def test_after_the_end_the_writes_can_still_be_taken(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "e680 f4")
    zone = machine.coalesce(0x80, 1, bus="pio")
    assert cpu.run().reason is ExitReason.HLT

    machine.close()

    assert machine.coalesced.drain() == [("pio", 0x80, 1, 0)]
    with pytest.raises(OSError, match="no such zone"):
        zone.remove()
    zone.close()
    with pytest.raises(OSError, match="closed"):
        machine.coalesce(0x80, 1)


def test_what_is_no_zone_is_refused(kvm: Kvm) -> None:
    machine: Any = kvm()
    with pytest.raises(ValueError, match="no bus"):
        machine.coalesce(0, 1, bus="hypercall")
    with pytest.raises(OSError, match="past 2\\^64"):
        machine.coalesce(2**64 - 1, 2)
    with pytest.raises(OSError, match="64 bits"):
        machine.coalesce(-1, 2)
    with pytest.raises(TypeError, match="length of a zone"):
        machine.coalesce(0, 1.5)
    with pytest.raises(TypeError, match="on_drain"):
        machine.coalesce(0, 1, on_drain=5)
    with pytest.raises(ValueError, match="array=True"):
        machine.coalesce(0, 1, array=True)
    with pytest.warns(RuntimeWarning, match="never collects"):
        machine.coalesce(0, 0)
    with pytest.warns(RuntimeWarning, match="never collects"):
        machine.coalesce(0x10000, 1, bus="pio")
    with pytest.raises(OSError, match="drain it more often") as refused:
        machine.coalesced.capacity = 4096
    assert refused.value.errno == errno.EOPNOTSUPP


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("first", [(0x80, 2), (0x80, 3)], ids=["neighbours", "overlapping"])
def test_a_write_that_two_zones_have_only_together_exits(
    usable_kvm: None, accel: str, first: tuple[int, int]
) -> None:
    with Vm(accel) as machine:
        cpu = vcpu(machine, "66e780 66e781 e783 f4")  # out 80h,eax; out 81h,eax; out 83h,ax; hlt
        machine.coalesce(*first, bus="pio")
        machine.coalesce(0x82, 3, bus="pio")

        exits = [cpu.run() for _ in range(3)]

        assert [(each.reason, each.size) for each in exits[:2]] == [(ExitReason.IO, 4)] * 2
        assert exits[2].reason is ExitReason.HLT
        assert [write[1:3] for write in machine.coalesced.drain()] == [(0x83, 2)]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8),
)
def test_what_kvm_is_told_is_the_zones_without_the_holes(
    spans: list[tuple[int, int]], holes: list[tuple[int, int]]
) -> None:
    pieces = without(spans, holes)

    inside = {at for start, end in spans for at in range(start, end)}
    inside -= {at for start, end in holes for at in range(start, end)}
    told = [at for start, end in pieces for at in range(start, end)]
    assert sorted(inside) == told
    assert all(end <= start for (_, end), (start, _) in pairwise(pieces))
    assert all(any(a <= start and end <= b for a, b in spans) for start, end in pieces)


def test_of_too_many_pieces_kvm_is_told_the_longest() -> None:
    spans = [(10 * n, 10 * n + 1 + n % 2) for n in range(400)]

    assert len(without(spans, [])) == 256
    assert set(spans[1::2]) <= set(without(spans, []))
