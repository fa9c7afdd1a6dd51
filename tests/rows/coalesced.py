"""Rows C: coalesced zones, their ring, and who takes a write first."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from pyx86emu import ExitReason, Vm
from tests.harness import Guest, another, count_of, program
from tests.rows.case import ROWS, Case, result, row

ZONE = 0xD0000
#: mov ax,0xd000; mov ds,ax
DS = program("b800d0 8ed8")
#: mov [n],al; mov [n],ax; mov [n],eax
BYTE, WORD, DWORD = b"\xa2", b"\xa3", b"\x66\xa3"


def store(size: bytes, *offsets: int) -> bytes:
    """Stores to the segment DS, of `size` at each offset."""
    return b"".join(size + offset.to_bytes(2, "little") for offset in offsets)


def collected(vm: Vm) -> str:
    """What is in the ring, taken out, as the rows write it."""
    return str(
        [
            f"{'pio:' * (bus == 'pio')}{addr:#x}/{size}={value.to_bytes(size, 'little').hex()}"
            for bus, addr, size, value in vm.coalesced.drain()
        ]
    )


def ring(vm: Vm) -> str:
    """The ring of kvm_run: first, last, slots, entries. Nothing was taken out, so first is 0."""
    last, slots = len(vm.coalesced), vm.coalesced.capacity + 1
    return f"ring (0, {last}, {slots}, {collected(vm)})"


def zone(vm: Vm, addr: int = ZONE, length: int = 0x1000, bus: Any = "mmio") -> str:
    return result(lambda: vm.coalesce(addr, length, bus=bus))


def both_orders(case: Case, offset: int) -> str:
    """An ioeventfd in a zone, registered before it and after it; a store there."""
    seen = []
    for bell_first in (True, False):
        guest, fd = case.guest(DS + store(DWORD, offset)), case.eventfd()
        if bell_first:
            case.ring(guest.vm, ZONE + offset, 4, bus="mmio", fd=fd)
        zone(guest.vm)
        if not bell_first:
            case.ring(guest.vm, ZONE + offset, 4, bus="mmio", fd=fd)
        seen.append(f"{guest.text()} ring {collected(guest.vm)} counter {count_of(fd)}")
    return "; ".join(seen)


@row("C01", ROWS["C01"]["result"].removesuffix("; run size 0x3000"))
def c01_three_stores_are_in_the_ring(case: Case) -> str:
    """Without the size of kvm_run: there is none."""
    guest = case.guest(DS + store(BYTE, 0) + store(WORD, 1) + store(DWORD, 8))
    return f"{zone(guest.vm)}; {guest.text()}; {ring(guest.vm)}"


@row("C02")
def c02_a_write_that_finds_the_ring_full_exits(case: Case) -> str:
    guest = case.guest(DS + store(BYTE, *range(200)))
    zone(guest.vm)
    *exits, end = guest.exits()
    kept = guest.vm.coalesced
    assert [addr for _, addr, _, _ in kept.drain()] == [ZONE + i for i in range(169)]
    return (
        f"ring slots {kept.capacity + 1}; coalesced {kept.count}; exits MMIO {len(exits)}; "
        f"end {end.lower()}"
    )


@row("C03")
def c03_the_ring_is_drained_before_each_exit(case: Case) -> str:
    guest = case.guest(DS + store(BYTE, *range(400)))
    zone(guest.vm)
    order, direct, drained = [], 0, 0
    while (exit := guest.run()).reason is ExitReason.MMIO:
        writes = guest.vm.coalesced.drain()
        drained += len(writes)
        order += [*(addr for _, addr, _, _ in writes), exit.addr]
        direct += 1
    rest = guest.vm.coalesced.drain()
    order += [addr for _, addr, _, _ in rest]
    assert order == [ZONE + i for i in range(400)]
    return (
        f"drained {drained + len(rest)} in order before each exit; direct MMIO exits {direct}; "
        f"end {guest.show(exit).lower()}"
    )


@row("C04")
def c04_a_read_exits_and_leaves_the_ring(case: Case) -> str:
    code = DS + store(BYTE, 0) + program("8a1e0400  ; mov bl,[4]") + store(BYTE, 1)
    guest = case.guest(code)
    zone(guest.vm)
    return f"{guest.text()}; {ring(guest.vm)}"


@row("C05")
def c05_a_write_partly_outside_exits(case: Case) -> str:
    guest = case.guest(DS + store(DWORD, 0, 2))
    zone(guest.vm, length=4)
    return f"{guest.text()}; {ring(guest.vm)}"


@row("C06")
def c06_ports_have_zones_too(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b80500    ; mov ax,5
            e680      ; out 0x80,al
            e780      ; out 0x80,ax
            e681      ; out 0x81,al
            e480      ; in al,0x80
            be0040    ; mov si,0x4000
            ba8000    ; mov dx,0x80
            b90300    ; mov cx,3
            f36e      ; rep outsb
            """
        )
    )
    return f"{zone(guest.vm, 0x80, 4, 'pio')}; {guest.text()}; {ring(guest.vm)}"


@row(
    "C07",
    "ValueError; size0 0 with a warning; dup 0 0; removed twice -ENOENT; superset 0; subset 0",
)
def c07_a_zone_is_removed_by_its_object(case: Case) -> str:
    """A zone object names exactly itself. What it contains, or is inside of, stays."""
    vm = case.guest().vm
    try:
        other = zone(vm, bus="hypercall")
    except ValueError as error:
        other = type(error).__name__
    with warned() as caught:
        empty = zone(vm, length=0)
    dup = f"{zone(vm, length=0x100)} {zone(vm, length=0x100)}"
    alone = vm.coalesce(ZONE + 0x800, 0x100)
    alone.remove()
    twice = result(alone.remove)
    superset = result(vm.coalesce(ZONE, 0x1000).remove)
    subset = result(vm.coalesce(ZONE, 1).remove)
    assert [it.length for it in vm.coalesced.zones] == [0, 0x100, 0x100]
    return (
        f"{other}; size0 {empty}{' with a warning' * len(caught)}; dup {dup}; "
        f"removed twice {twice}; superset {superset}; subset {subset}"
    )


@contextlib.contextmanager
def warned() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield caught


@row("C08", "HLT; ring ['0xd0800/1=00']")
def c08_removing_a_subset_leaves_the_zone(case: Case) -> str:
    guest = case.guest(DS + store(BYTE, 0x800))
    zone(guest.vm)
    guest.vm.coalesce(ZONE + 0x800, 1).remove()
    return f"{guest.text()}; ring {collected(guest.vm)}"


@row("C09")
def c09_removing_a_superset_leaves_the_zone(case: Case) -> str:
    guest = case.guest(DS + store(BYTE, 0x800))
    zone(guest.vm)
    guest.vm.coalesce(ZONE - 0x1000, 0x3000).remove()
    return f"{guest.text()}; ring {collected(guest.vm)}"


@row("C10")
def c10_an_ioeventfd_at_the_start_of_a_zone_wins(case: Case) -> str:
    return both_orders(case, 0)


@row("C11", "HLT ring [] counter 1; HLT ring [] counter 1")
def c11_an_ioeventfd_inside_a_zone_wins(case: Case) -> str:
    return both_orders(case, 0x10)


@row("C12", "HLT; ring ['0xd0004/4=00d00000', '0xd0100/4=00d00000']")
def c12_a_zone_works_on_both_sides_of_ioeventfds(case: Case) -> str:
    guest = case.guest(DS + store(DWORD, 4, 0x100))
    zone(guest.vm)
    for offset in (0x10, 0x20):
        case.ring(guest.vm, ZONE + offset, 4, bus="mmio", fd=case.eventfd())
    return f"{guest.text()}; ring {collected(guest.vm)}"


@row("C13", "HLT; ring ['0xd0100/4=00d00000'] counter 1")
def c13_an_ioeventfd_for_any_size_wins_at_its_address_only(case: Case) -> str:
    guest, fd = case.guest(DS + store(DWORD, 0x10, 0x100)), case.eventfd()
    zone(guest.vm)
    case.ring(guest.vm, ZONE + 0x10, 0, bus="mmio", fd=fd)
    return f"{guest.text()}; ring {collected(guest.vm)} counter {count_of(fd)}"


@row("C14")
def c14_ram_wins(case: Case) -> str:
    guest = case.guest(program("c606002007  ; mov byte [0x2000],7"))
    zone(guest.vm, 0x2000)
    return f"{guest.text()}; ring {collected(guest.vm)} ram {guest.ram[0x2000:0x2001].hex()}"


@row("C15", "coalesced 0, ioeventfd 180, exits 0")
def c15_an_ioeventfd_never_needs_the_ring(case: Case) -> str:
    guest, fd = case.guest(DS + store(BYTE, 0) * 180), case.eventfd()
    zone(guest.vm)
    case.ring(guest.vm, ZONE, 1, bus="mmio", fd=fd)
    exits = guest.exits()[:-1]
    return f"coalesced {guest.vm.coalesced.count}, ioeventfd {count_of(fd)}, exits {len(exits)}"


@row("C16")
def c16_all_vcpus_have_one_ring(case: Case) -> str:
    guest = case.guest(DS + store(BYTE, 0))
    zone(guest.vm)
    code = DS + store(WORD, 4) + b"\xf4"
    guest.ram[0x2000 : 0x2000 + len(code)] = code
    other = another(guest.vm, 0x2000)
    guest.exits()
    end = guest.show(other.run())
    kept = other.vm.coalesced
    return f"{end}; ring via vcpu1 (0, {len(kept)}); via vcpu0 {collected(guest.vm)}"


def after_writing_an_index(guest: Guest, *names: str) -> str:
    """Try to set the indices of the ring, then store once: it has none that count."""
    zone(guest.vm)
    for name in names:
        with contextlib.suppress(AttributeError):
            setattr(guest.vm.coalesced, name, 400)
    return f"{guest.text()} last={len(guest.vm.coalesced)}"


@row("C17")
def c17_the_index_of_the_first_entry_is_private(case: Case) -> str:
    guests = [case.guest(DS + store(BYTE, 0)) for _ in range(2)]
    return "; ".join(after_writing_an_index(guest, "first", "taken") for guest in guests)


@row("C18", "HLT last=1")
def c18_the_index_of_the_last_entry_is_private(case: Case) -> str:
    return after_writing_an_index(case.guest(DS + store(BYTE, 0)), "last", "put", "count")
