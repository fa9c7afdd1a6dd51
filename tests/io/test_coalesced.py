"""Coalesced zones and their ring, through the public API: what the conformance rows do not say."""

from __future__ import annotations

import copy
import errno
import gc
import pickle
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import (
    COALESCED,
    CoalescedRing,
    CoalescedZone,
    Doorbell,
    ExitReason,
    Machine,
    PioDevice,
    Vm,
)
from tests.harness import (
    Guest,
    Liar,
    program,
)

ZONE = 0xD0000
Bus = Literal["pio", "mmio"]
#: again: out 0x80,al; inc ax; jmp again
COUNTING = program("e680 40 ebfb")


def outs(n: int, port: int = 0x80) -> bytes:
    """mov al,i; out port,al for i in 0 to n - 1."""
    return b"".join(bytes([0xB0, i & 255, 0xE6, port]) for i in range(n))


def stores(*offsets: int) -> bytes:
    """mov [n],al in the segment of the zone."""
    return program("b800d0 8ed8") + b"".join(b"\xa2" + n.to_bytes(2, "little") for n in offsets)


def values(vm: Vm) -> list[int]:
    return [value for _, _, _, value in vm.coalesced.drain()]


# -- the ring -------------------------------------------------------------------------------------


def test_tuples_and_arrays_have_the_same_writes() -> None:
    code = program("b83412 e680 e781 66e780  ; mov ax,0x1234; out 0x80,al; 0x81,ax; 0x80,eax")
    with Guest(code + stores(0x10)) as guest:
        guest.vm.coalesce(0x80, 4, bus="pio")
        guest.vm.coalesce(ZONE, 0x1000)
        ring = guest.vm.coalesced

        assert guest.text() == "HLT"
        tuples = ring.drain()
        guest.start()
        assert guest.text() == "HLT"
        array = ring.drain_array()

        assert tuples == [
            ("pio", 0x80, 1, 0x34),
            ("pio", 0x81, 2, 0x1234),
            ("pio", 0x80, 4, 0x1234),
            ("mmio", ZONE + 0x10, 1, 0),
        ]
        assert array.dtype == np.dtype(COALESCED)
        assert array.dtype.itemsize == 24
        assert [("pio" if e["pio"] else "mmio", e["addr"], e["len"], e["data"]) for e in array] == (
            tuples
        )
        array["data"] = 7  # it is the caller's own
        assert (len(ring), ring.drain(), ring.drain_array().tolist()) == (0, [], [])
        assert ring.count == 8


@pytest.mark.parametrize("capacity", [1, 2, 7, 169, 5000])
def test_order_is_kept_round_the_end_of_the_ring(capacity: int) -> None:
    with Guest(COUNTING) as guest:
        ring = guest.vm.coalesced
        ring.capacity = capacity
        guest.vm.coalesce(0x80, 1, bus="pio")
        seen: list[int] = []
        for budget in (3, 30, 300, 1000, 3000, 1, 2):
            left = budget
            while left:
                before = guest.vcpu.instructions
                exit = guest.vcpu.run(left)
                left -= guest.vcpu.instructions - before
                seen += values(guest.vm)
                if exit.reason is ExitReason.IO:
                    seen.append(exit.value)

        assert len(seen) == (guest.vcpu.instructions + 2) // 3
        assert seen == [i & 255 for i in range(len(seen))]


def test_capacity_changes_and_the_writes_stay() -> None:
    with Guest(outs(100)) as guest:
        ring = guest.vm.coalesced
        guest.vm.coalesce(0x80, 1, bus="pio")
        guest.vcpu.run(120)
        assert values(guest.vm) == [*range(60)]  # the next one is in the middle of the ring
        guest.exits()

        for capacity in (1 << 22, 40, 169):
            ring.capacity = capacity
            assert (ring.capacity, len(ring)) == (capacity, 40)
        with pytest.raises(ValueError, match=r"capacity 39: the ring has 40 writes; call drain"):
            ring.capacity = 39

        assert ring.capacity == 169
        assert values(guest.vm) == [*range(60, 100)]


@pytest.mark.parametrize("capacity", [0, -1, (1 << 22) + 1, 1 << 64, Liar(0)])
def test_a_capacity_out_of_range_is_refused(capacity: int) -> None:
    ring = Vm().coalesced
    with pytest.raises(ValueError, match="capacity is"):
        ring.capacity = capacity
    assert ring.capacity == 169


def test_a_capacity_is_an_integer() -> None:
    ring: Any = Vm().coalesced
    for bad in (1.5, "9", None):
        with pytest.raises(TypeError, match="capacity must be an integer"):
            ring.capacity = bad
    with pytest.raises(AttributeError):
        del ring.capacity


def test_a_finalizer_that_drains_takes_nothing_twice() -> None:
    """Making so many tuples runs the garbage collector, which runs Python code, which drains."""
    n = 5000
    with Guest(COUNTING) as guest:
        ring = guest.vm.coalesced
        ring.capacity = n
        guest.vm.coalesce(0x80, 1, bus="pio")
        guest.vcpu.run(3 * n)
        inner: list[int] = []

        def collecting(phase: str, _: dict[str, int]) -> None:
            if phase == "start":
                inner.extend(value for _, _, _, value in ring.drain())

        before = gc.get_threshold()
        gc.callbacks.append(collecting)
        gc.set_threshold(10)
        try:
            outer = values(guest.vm)
        finally:
            gc.set_threshold(*before)
            gc.callbacks.remove(collecting)

        assert inner == [i & 255 for i in range(n)]
        assert outer == []


# -- who takes a write ----------------------------------------------------------------------------


class Ports(PioDevice):
    """Keeps what is written."""

    length = 1

    def __init__(self) -> None:
        self.seen: list[int] = []

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.seen.append(value)


def test_a_device_that_the_core_calls_wins_and_one_that_is_pulled_does_not() -> None:
    push, pull = Ports(), Ports()
    with Guest(program("b007 e680 e681 e782 e620"), irqchip=True) as guest:
        guest.vm.coalesce(0, 0x1000, bus="pio")
        guest.vm.pio.attach(push, 0x80)
        guest.vm.pio.attach(pull, 0x81, pull=True)
        guest.vm.pio.attach(Ports(), 0x82)  # not all of the word

        guest.exits()

        assert push.seen == [7]
        assert pull.seen == []
        assert guest.vm.coalesced.drain() == [("pio", 0x81, 1, 7), ("pio", 0x82, 2, 7)]


def test_each_doorbell_inside_a_zone_wins() -> None:
    with Guest(outs(3) + outs(2, 0x81)) as guest:
        guest.vm.coalesce(0x80, 2, bus="pio")
        bell = Doorbell()
        guest.vm.ioeventfd(0x80, 1, datamatch=1, fd=bell)

        assert guest.text() == "HLT"

        assert bell.drain() == 1
        assert values(guest.vm) == [0, 2, 0, 1]


def test_rom_is_a_hole_for_stores() -> None:
    with Guest(stores(3)) as guest:
        guest.vm.add_memory(ZONE, 0x1000, readonly=True)
        guest.vm.coalesce(ZONE, 0x1000)

        assert guest.text() == "HLT"

        assert guest.vm.coalesced.drain() == [("mmio", ZONE + 3, 1, 0)]


def test_a_store_over_a_page_is_two_writes() -> None:
    code = program("b800d0 8ed8 66b844332211 66a3fe0f  ; mov eax,0x11223344; mov [0xffe],eax")
    with Guest(code) as guest:
        zone = guest.vm.coalesce(ZONE, 0x1000)
        assert guest.exits() == ["MMIO w 0xd1000 len=2 data=2211", "HLT"]
        assert guest.vm.coalesced.drain() == [("mmio", ZONE + 0xFFE, 2, 0x3344)]

        guest.vm.coalesce(ZONE + 0x1000, 0x1000)
        zone.remove()
        guest.start()
        assert guest.exits() == ["MMIO w 0xd0ffe len=2 data=4433", "HLT"]
        assert guest.vm.coalesced.drain() == [("mmio", ZONE + 0x1000, 2, 0x1122)]


def test_strings_and_read_modify_write_are_collected_by_element() -> None:
    code = program(
        """
        b800d0 8ec0          ; mov ax,0xd000; mov es,ax
        bf1000 b90300 f3ab   ; mov di,0x10; mov cx,3; rep stosw
        be0040 b90200 f3a4   ; mov si,0x4000; mov cx,2; rep movsb
        be0040 ba8000        ; mov si,0x4000; mov dx,0x80
        b90300 f36e          ; mov cx,3; rep outsb
        26ff061000           ; inc word [es:0x10]
        """
    )
    with Guest(code) as guest:
        guest.ram[0x4000:0x4003] = b"abc"
        guest.vm.coalesce(ZONE, 0x100)
        guest.vm.coalesce(0x80, 1, bus="pio")

        assert guest.exits() == ["MMIO r 0xd0010 len=2", "HLT"]

        assert guest.vm.coalesced.drain() == [
            *(("mmio", ZONE + 0x10 + 2 * i, 2, 0xD000) for i in range(3)),
            *(("mmio", ZONE + 0x16 + i, 1, b"ab"[i]) for i in range(2)),
            *(("pio", 0x80, 1, byte) for byte in b"abc"),
            ("mmio", ZONE + 0x10, 2, 0xA5A6),
        ]


def test_an_exit_comes_after_what_the_ring_has() -> None:
    with Guest(program("b001 e680 e699 e681 e499 e680")) as guest:
        guest.vm.coalesce(0x80, 2, bus="pio")

        seen = [(guest.show(guest.run()), len(guest.vm.coalesced.drain())) for _ in range(3)]

        assert seen == [
            ("IO out port=0x99 size=1 count=1 data=01", 1),
            ("IO in port=0x99 size=1 count=1", 1),
            ("HLT", 1),
        ]


def test_writes_of_the_host_are_not_collected() -> None:
    with Guest() as guest:
        guest.vm.coalesce(0, 0x10000, bus="pio")
        guest.vm.coalesce(ZONE, 0x1000)

        guest.vm.pio.write(0x80, 1, 7)
        guest.vm.mmio.write(ZONE, 1, 7)

        assert guest.vm.coalesced.drain() == []


def test_the_address_is_what_the_guest_puts_on_the_bus() -> None:
    """FFFF:0010 is 100000h, and 0 with A20 closed: RAM is there."""
    with Guest(program("b8ffff 8ed8 a21000")) as guest:
        guest.vm.coalesce(0x100000, 0x10)
        assert guest.text() == "HLT"
        assert guest.vm.coalesced.drain() == [("mmio", 0x100000, 1, 0xFF)]

        guest.vm.a20 = False
        guest.start()
        assert guest.text() == "HLT"
        assert guest.vm.coalesced.drain() == []
        assert guest.ram[0:1] == b"\xff"


# -- many zones -----------------------------------------------------------------------------------

Range = tuple[int, int]
spots = st.integers(0xF8, 0x118)
ranges = st.tuples(spots, st.integers(1, 20))
changes = st.lists(st.one_of(ranges, st.integers(0, 9)), min_size=1, max_size=12)


def taker(zones: list[Range], port: int, size: int) -> Range | None:
    """The zone with the highest end; of those the one with the lowest start; then the oldest."""
    holding = [z for z in zones if z[0] <= port and port + size <= z[0] + z[1]]
    return min(holding, key=lambda z: (-z[0] - z[1], z[0]), default=None)


@settings(max_examples=200, deadline=None)
@given(changes, st.lists(st.tuples(spots, st.sampled_from([1, 2, 4])), min_size=1, max_size=8))
def test_zones_that_overlap_take_what_the_rule_says(
    changes: list[Range | int], accesses: list[Range]
) -> None:
    """Ports round 100h, where a block of the filter begins; zones come and go."""
    code = b"".join(
        b"\xba" + port.to_bytes(2, "little") + {1: b"\xee", 2: b"\xef", 4: b"\x66\xef"}[size]
        for port, size in accesses
    )
    with Guest(code) as guest:
        made: list[tuple[Range, CoalescedZone]] = []
        got: list[tuple[int, Range]] = []
        for change in changes:
            if isinstance(change, tuple):
                mark = len(made)  # of equal zones the list keeps apart which one got it

                def keep(writes: list[Any], mark: Any = (change, mark)) -> None:
                    got.extend((port, mark) for _, port, _, _ in writes)

                made.append((change, guest.vm.coalesce(*change, bus="pio", on_drain=keep)))
            elif change < len(made):
                made.pop(change)[1].remove()

            got.clear()
            guest.start(code)
            exits = [exit for exit in guest.exits() if exit != "HLT"]
            zones = [each for each, _ in made]
            wanted = [taker(zones, *access) for access in accesses]
            assert len(exits) == wanted.count(None)
            taken = [(port, zone) for (port, _), zone in zip(accesses, wanted, strict=True) if zone]
            assert sorted((port, mark[0]) for port, mark in got) == sorted(taken)
        assert [zone for _, zone in made] == [*guest.vm.coalesced.zones]


def test_of_equal_zones_the_oldest_takes_the_write() -> None:
    with Guest(outs(2)) as guest:
        got: list[str] = []
        first = guest.vm.coalesce(0x80, 4, bus="pio", on_drain=lambda _: got.append("first"))
        guest.vm.coalesce(0x80, 4, bus="pio", on_drain=lambda _: got.append("second"))
        guest.exits()
        first.remove()
        guest.start()
        guest.exits()

        assert got == ["first", "second"]


def test_among_thousands_of_zones_each_is_found() -> None:
    n = 5000
    code = program(
        """
        bb0010   ; mov bx,0x1000
        b800c0   ; next: mov ax,0xc000
        8ed8     ; mov ds,ax
        89d8     ; mov ax,bx
        8907     ; mov [bx],ax
        83c308   ; add bx,8
        81fb409c ; cmp bx,0x9c40
        72ee     ; jb next
        """
    )
    with Guest(code) as guest:
        zones = [guest.vm.coalesce(0xC1000 + 8 * i, 2) for i in range(n)]
        guest.vm.coalesced.capacity = n
        assert guest.text() == "HLT"
        writes = guest.vm.coalesced.drain()
        assert writes == [
            ("mmio", 0xC1000 + 8 * i, 2, 0x1000 + 8 * i) for i in range((0x9C40 - 0x1000) // 8)
        ]

        for zone in zones[::2]:
            zone.remove()
        guest.start()
        assert len(guest.exits()) == 1 + (len(writes) + 1) // 2
        assert guest.vm.coalesced.drain() == writes[1::2]


# -- zones as objects -----------------------------------------------------------------------------


def test_a_zone_is_removed_once_and_closed_any_number_of_times() -> None:
    with Guest(outs(1)) as guest:
        with guest.vm.coalesce(0x80, 4, bus="pio") as zone:
            assert (zone.addr, zone.length, zone.bus, zone.vm) == (0x80, 4, "pio", guest.vm)
            assert zone.registered
            assert repr(zone) == "<CoalescedZone pio 0x80, length 0x4>"
            assert repr(guest.vm.coalesced) == "<CoalescedRing 0 of 169 writes, 1 zones>"
        zone.close()

        assert not zone.registered
        assert repr(zone).endswith(", removed>")
        with pytest.raises(OSError, match="no such zone") as error:
            zone.remove()
        assert error.value.errno == errno.ENOENT
        assert guest.exits()[0].startswith("IO out")


def test_a_zone_stays_when_its_object_is_dropped() -> None:
    with Guest(outs(1)) as guest:
        guest.vm.coalesce(0x80, 4, bus="pio")
        gc.collect()

        assert guest.text() == "HLT"

        (zone,) = guest.vm.coalesced.zones
        zone.remove()
        assert guest.vm.coalesced.zones == ()
        assert values(guest.vm) == [0]


def test_after_close_the_ring_can_still_be_drained() -> None:
    guest = Guest(outs(3))
    zone = guest.vm.coalesce(0x80, 4, bus="pio")
    guest.exits()
    guest.close()
    ring = guest.vm.coalesced

    assert (len(ring), ring.zones, zone.registered, ring.count) == (3, (), False, 3)
    assert values(guest.vm) == [0, 1, 2]
    ring.capacity = 5
    zone.close()
    with pytest.raises(OSError, match="closed") as error:
        zone.remove()
    assert error.value.errno == errno.ENOENT
    with pytest.raises(OSError, match="closed") as error:
        guest.vm.coalesce(0x80, 4)
    assert error.value.errno == errno.EBADF


def test_the_garbage_collector_sees_through_zones() -> None:
    def make() -> tuple[weakref.ref[Guest], weakref.ref[Vm]]:
        guest = Guest(outs(1))
        guest.vm.coalesce(0x80, 4, bus="pio", on_drain=lambda _: guest)
        guest.exits()
        return weakref.ref(guest), weakref.ref(guest.vm)

    gone = make()
    gc.collect()

    assert [each() for each in gone] == [None, None]


def test_rings_and_zones_are_neither_made_nor_copied_by_python() -> None:
    vm = Vm()
    for thing, made_by in ((vm.coalesced, r"Vm\.coalesced"), (vm.coalesce(0, 1), "coalesce")):
        for action in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                action(thing)
        with pytest.raises(TypeError, match=made_by):
            type(thing)()
    assert isinstance(vm.coalesced, CoalescedRing)
    assert vm.coalesced is vm.coalesced


@pytest.mark.parametrize(
    ("arguments", "named", "error", "says"),
    [
        ((1.5, 4), {}, TypeError, "addr must be an integer"),
        ((0, "4"), {}, TypeError, "length of a zone must be an integer"),
        ((-1, 4), {}, OSError, "not a number of 64 bits"),
        ((0, 1 << 64), {}, OSError, "not a number of 64 bits"),
        ((5, (1 << 64) - 1), {}, OSError, r"reaches past 2\^64"),
        ((0, 4), {"bus": "hypercall"}, ValueError, "no bus 'hypercall' for coalesced zones"),
        ((0, 4), {"bus": None}, ValueError, "use 'pio' or 'mmio'"),
        ((0, 4), {"on_drain": 5}, TypeError, "on_drain is a function"),
        ((0, 4), {"array": True}, ValueError, "give on_drain"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: tuple[Any, ...], named: dict[str, Any], error: type[Exception], says: str
) -> None:
    vm: Any = Vm()
    with pytest.raises(error, match=says) as caught:
        vm.coalesce(*arguments, **named)
    if isinstance(caught.value, OSError):
        assert caught.value.errno == errno.EINVAL
    assert vm.coalesced.zones == ()


@pytest.mark.parametrize(
    ("addr", "length", "bus"),
    [
        *((addr, (1 << 64) - 1, "mmio") for addr in (0, 1)),
        ((1 << 64) - 1, 1, "mmio"),
        (1 << 40, 5, "mmio"),
        (0, (1 << 64) - 1, "pio"),
        (0xFFFF, 1 << 40, "pio"),
    ],
)
def test_zones_up_to_the_end_of_the_addresses_are_accepted(
    addr: int, length: int, bus: Bus
) -> None:
    with Guest(program("baffff ee  ; mov dx,0xffff; out dx,al") + stores(7)) as guest:
        with guest.vm.coalesce(addr, length, bus=bus):
            exits = guest.exits()
        taken = guest.vm.coalesced.drain()
        wanted = {("pio", 0xFFFF): "IO", ("mmio", ZONE + 7): "MMIO"}
        holds = {at for at in wanted if at[0] == bus and addr <= at[1] < addr + length}
        assert {(bus, at) for bus, at, _, _ in taken} == holds
        assert len(exits) == 3 - len(holds)
        guest.start()
        assert len(guest.exits()) == 3


@pytest.mark.parametrize(("addr", "length", "bus"), [(0, 0, "mmio"), (0x10000, 4, "pio")])
def test_a_zone_that_no_access_reaches_is_accepted_with_a_warning(
    addr: int, length: int, bus: Bus
) -> None:
    vm = Vm()
    with pytest.warns(RuntimeWarning, match="never collects"):
        zone = vm.coalesce(addr, length, bus=bus)
    assert vm.coalesced.zones == (zone,)
    zone.remove()
    assert vm.coalesced.zones == ()


# -- Machine --------------------------------------------------------------------------------------


@contextmanager
def booted(code: bytes) -> Iterator[Machine]:
    with Machine(code.ljust(510, b"\0") + b"\x55\xaa") as machine:
        machine.boot()
        yield machine


def test_stats_count_coalesced_writes() -> None:
    with booted(program("fa e680 e6f1 e6f2 f4")) as machine:
        machine.vm.coalesce(0xF1, 1, bus="pio")

        assert machine.run().reason is ExitReason.HLT

        assert machine.stats.coalesced == 1
        assert "1 coalesced writes" in repr(machine.stats)
        assert [port for _, port, _, _ in machine.vm.coalesced.drain()] == [0xF1]
        machine.stats.clear()
        assert machine.stats.coalesced == 0
