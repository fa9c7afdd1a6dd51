"""Rows A, B, D: registering and deregistering, errnos included."""

from __future__ import annotations

import contextlib
import os
import select
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import MmioDevice, PioDevice
from tests.harness import count_of, program
from tests.rows.case import DATAMATCH, DEASSIGN, PIO, Bus, Case, assign, deassign, row, table


def lengths(case: Case, bus: Bus, *sizes: int) -> str:
    """Register every length, each at an address of its own."""
    vm = case.guest().vm
    return " ".join(
        assign(vm, 0x80 + 16 * i, size, case.eventfd(), bus) for i, size in enumerate(sizes)
    )


@row("A01")
def a01_a_length_of_0_is_for_ports(case: Case) -> str:
    return lengths(case, "pio", 0)


@row("A02")
def a02_lengths_of_an_access_are_for_ports(case: Case) -> str:
    return lengths(case, "pio", 1, 2, 4, 8)


@row("A03")
def a03_other_lengths_are_refused_for_ports(case: Case) -> str:
    return lengths(case, "pio", 3, 5, 6, 7, 9, 16, 0x80000001, 0xFFFFFFFF)


@row("A04")
def a04_lengths_of_an_access_are_for_memory(case: Case) -> str:
    return lengths(case, "mmio", 0, 1, 2, 4, 8)


@row("A05")
def a05_other_lengths_are_refused_for_memory(case: Case) -> str:
    return lengths(case, "mmio", 3, 16)


def with_flags(case: Case, *flags: int) -> str:
    vm = case.guest().vm
    return " ".join(assign(vm, 0x80, 1, case.eventfd(), flags=word) for word in flags)


@row("A06", "-EINVAL -EINVAL -EINVAL")
def a06_unknown_flags_are_refused(case: Case) -> str:
    return with_flags(case, 1 << 4, 1 << 5, 1 << 31)


@row("A07", "-EINVAL -EINVAL")
def a07_the_flag_of_s390_is_refused(case: Case) -> str:
    return with_flags(case, 1 << 3, PIO | 1 << 3)


def padded(call: Callable[..., object]) -> str:
    """What a call says to an argument that stands for an ioctl's padding."""
    with pytest.raises(TypeError, match="pad") as refused:
        call(0x80, 1, pad=b"\x01")
    return refused.type.__name__


@row("A08", "TypeError; registered: 0")
def a08_a_registration_has_no_padding(case: Case) -> str:
    vm = case.guest().vm
    return f"{padded(vm.ioeventfd)}; registered: {len(vm.ioeventfds)}"


@row("A09")
def a09_a_datamatch_needs_a_length(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    return " ".join(assign(vm, 0x80, 0, fd, bus, 5) for bus in ("mmio", "pio"))


@row("A10")
def a10_an_address_that_wraps_is_refused(case: Case) -> str:
    vm, top = case.guest().vm, (1 << 64) - 1
    cases = ((top, 1), (top, 0), (top - 7, 8), (top - 8, 8))
    return " ".join(assign(vm, addr, size, case.eventfd(), "mmio") for addr, size in cases)


@row("A11")
def a11_only_an_eventfd_is_a_descriptor_for_it(case: Case) -> str:
    """In place of KVM's own descriptor: an epoll, which is an anonymous inode too."""
    vm = case.guest().vm
    with (
        tempfile.TemporaryFile() as file,
        open("/dev/null", "rb") as device,
        select.epoll() as poll,
    ):
        reader, writer = os.pipe()
        case.later(reader)
        case.later(writer)
        closed = os.eventfd(0)
        os.close(closed)
        fds = (-1, file.fileno(), reader, closed, device.fileno(), poll.fileno())
        return " ".join(assign(vm, 0x80, 1, fd) for fd in fds)


@row("A14")
def a14_the_length_and_the_flags_are_looked_at_first(case: Case) -> str:
    vm = case.guest().vm
    return " ".join(
        (
            assign(vm, 0x80, 3, -1),
            assign(vm, 0x80, 1, -1, flags=PIO | 1 << 5),
            assign(vm, 0x80, 0, case.eventfd(), datamatch=5, flags=PIO | DATAMATCH | 1 << 5),
        )
    )


@row("A15")
def a15_the_descriptor_is_looked_at_before_a_duplicate(case: Case) -> str:
    vm = case.guest().vm
    return f"{assign(vm, 0x80, 1, case.eventfd())} {assign(vm, 0x80, 1, -1)}"


@row("A16")
def a16_ports_that_no_access_reaches_are_accepted(case: Case) -> str:
    """Accepted, and never hit: with a warning where that is so."""
    vm = case.guest().vm
    seen = []
    for port, length in ((0x10000, 1), (0x12345678, 1), (0xFFFF, 4)):
        warned = pytest.warns(RuntimeWarning, match="0xffff")
        with warned if port > 0xFFFF else contextlib.nullcontext():
            vm.ioeventfd(port, length, fd=case.eventfd())
        seen.append("0")
    return " ".join(seen)


@row("A17")
def a17_a_datamatch_wider_than_the_length_is_accepted(case: Case) -> str:
    vm = case.guest().vm
    with pytest.warns(RuntimeWarning, match="0x1234"):
        vm.ioeventfd(0x80, 1, datamatch=0x1234, fd=case.eventfd())
    return "0"


@row("A18")
def a18_without_the_flag_the_datamatch_is_ignored(case: Case) -> str:
    """Without the flag the datamatch is ignored: the entry is a wildcard."""
    guest = case.guest(program("b007 e680  ; mov al,7; out 0x80,al"))
    fd = case.eventfd()
    seen = assign(guest.vm, 0x80, 1, fd, datamatch=5, flags=PIO)
    assert guest.text() == "HLT" and count_of(fd) == 1
    return seen


@row("A19")
def a19_an_address_inside_ram_is_accepted(case: Case) -> str:
    return assign(case.guest().vm, 0x2000, 1, case.eventfd(), "mmio")


@row("A20")
def a20_semaphores_and_blocking_eventfds_are_accepted(case: Case) -> str:
    vm = case.guest().vm
    semaphore = case.eventfd(flags=os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
    blocking = case.eventfd(flags=0)
    return f"{assign(vm, 0x80, 1, semaphore)} {assign(vm, 0x81, 1, blocking)}"


@row("A21")
def a21_one_eventfd_serves_many_ports(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    seen = {assign(vm, 0x80 + i, 1, fd) for i in range(64)}
    return "all " + " ".join(seen)


@row("A22")
def a22_the_buses_have_numbers_of_their_own(case: Case) -> str:
    vm = case.guest().vm
    return f"{assign(vm, 0x80, 1, case.eventfd())} {assign(vm, 0x80, 1, case.eventfd(), 'mmio')}"


@row("A23")
def a23_thousands_fit_on_a_bus(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    ports = [assign(vm, port, 1, fd) for port in range(5000)]
    stores = [assign(vm, 0xD0000 + i, 0, fd, "mmio") for i in range(5000)]
    return "; ".join(
        f"{name}: {seen.count('0')} ok, then {'no error' if set(seen) == {'0'} else seen}"
        for name, seen in (("PIO", ports), ("MMIO", stores))
    )


@row("A24", "1100 zones and devices on each bus; ioeventfd MMIO 0; PIO 0")
def a24_zones_and_devices_take_no_place_from_ioeventfds(case: Case) -> str:
    vm = case.guest().vm
    for i in range(1100):
        vm.mmio.attach(MmioDevice(), 0x20000 + 16 * i)
        vm.pio.attach(PioDevice(), 0x100 + i)
        vm.coalesce(0xC0000 + 16 * i, 8)
        vm.coalesce(0x1000 + 16 * i, 8, bus="pio")
    assert len(vm.coalesced.zones) == 2200
    stores = assign(vm, 0xD0000, 1, case.eventfd(), "mmio")
    ports = assign(vm, 0x80, 1, case.eventfd())
    return f"1100 zones and devices on each bus; ioeventfd MMIO {stores}; PIO {ports}"


#: Per row: the entry that stands and the one beside it, as (addr, length, bus, datamatch).
BESIDE: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "B01": ((0x80, 1, "pio"), (0x80, 1, "pio")),
    "B03": ((0x80, 2, "pio"), (0x80, 1, "pio")),
    "B04": ((0x80, 1, "pio"), (0x80, 0, "pio")),
    "B05": ((0x80, 0, "pio"), (0x80, 1, "pio")),
    "B06": ((0x80, 1, "pio", 2), (0x80, 1, "pio", 1)),
    "B07": ((0x80, 1, "pio", 1), (0x80, 1, "pio", 1)),
    "B08": ((0x80, 1, "pio", 1), (0x80, 1, "pio")),
    "B09": ((0x80, 1, "pio"), (0x80, 1, "pio", 1)),
    "B10": ((0x80, 1, "pio", 0x101), (0x80, 1, "pio", 1)),
    "B11": ((0x80, 2, "pio", 1), (0x80, 1, "pio", 1)),
    "B12": ((0x81, 1, "pio"), (0x80, 4, "pio")),
    "B13": ((0xD0000, 4, "mmio"), (0xD0000, 0, "mmio")),
}


def beside(identity: str, case: Case, same_fd: bool = False) -> str:
    vm = case.guest().vm
    (addr, length, *first), (addr2, length2, *second) = BESIDE[identity]
    fd = case.eventfd()
    other = fd if same_fd else case.eventfd()
    stands = assign(vm, addr, length, fd, *first)
    return f"{stands} then {assign(vm, addr2, length2, other, *second)}"


table(BESIDE, beside)


@row("B02")
def b02_a_duplicate_with_the_same_eventfd_collides(case: Case) -> str:
    return beside("B01", case, same_fd=True)


#: Per row: the entry that stands, and how it is asked to go, as (addr, length, bus, datamatch).
GOING: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "D05": ((0x80, 1, "pio"), (0x80, 2, "pio")),
    "D06": ((0x80, 1, "pio"), (0x80, 0, "pio")),
    "D07": ((0x80, 1, "pio"), (0x80, 3, "pio")),
    "D08": ((0x80, 1, "pio"), (0x80, 1, "mmio")),
    "D09": ((0x80, 1, "pio", 5), (0x80, 1, "pio")),
    "D10": ((0x80, 1, "pio"), (0x80, 1, "pio", 5)),
    "D11": ((0x80, 1, "pio", 5), (0x80, 1, "pio", 6)),
}


def going(identity: str, case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    (addr, length, *first), (addr2, length2, *second) = GOING[identity]
    assert assign(vm, addr, length, fd, *first) == "0"
    gone = deassign(vm, addr2, length2, fd, *second)
    return f"{gone}; reassign other fd: {assign(vm, addr, length, case.eventfd(), *first)}"


table(GOING, going)


@row("D01")
def d01_what_is_gone_cannot_go_again(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd)
    first, second = deassign(vm, 0x80, 1, fd), deassign(vm, 0x80, 1, fd)
    return f"{first} then {second}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


def gone_through(case: Case, other: Callable[[int], int]) -> str:
    """Deregister through another descriptor, then look whether the place is free."""
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd)
    gone = deassign(vm, 0x80, 1, other(fd))
    return f"{gone}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


@row("D02")
def d02_another_eventfd_does_not_match(case: Case) -> str:
    return gone_through(case, lambda fd: case.eventfd())


@row("D03")
def d03_a_copy_of_the_descriptor_matches(case: Case) -> str:
    def duplicate(fd: int) -> int:
        copy = os.dup(fd)
        case.later(copy)
        return copy

    return gone_through(case, duplicate)


@row("D04")
def d04_no_descriptor_is_a_bad_one(case: Case) -> str:
    return gone_through(case, lambda fd: -1)


@row("D12", "-EINVAL; reassign other fd: -EEXIST")
def d12_an_unknown_flag_is_refused(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd)
    gone = deassign(vm, 0x80, 1, fd, flags=1 << 8)
    return f"{gone}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


@row("D13")
def d13_a_wildcard_ignores_the_datamatch(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd, datamatch=5, flags=PIO)
    gone = assign(vm, 0x80, 1, fd, datamatch=6, flags=PIO | DEASSIGN)
    return f"{gone}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


@row("D14", "TypeError; reassign other fd: -EEXIST")
def d14_a_deregistration_has_no_padding(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd)
    seen = padded(vm.ioeventfd_deassign)
    return f"{seen}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


@row("D15")
def d15_what_never_was_cannot_go(case: Case) -> str:
    return deassign(case.guest().vm, 0x80, 1, case.eventfd())


@row("D16")
def d16_the_port_exits_again_and_can_be_registered_again(case: Case) -> str:
    guest, fd = case.guest(program("b007 e680  ; mov al,7; out 0x80,al")), case.eventfd()
    entry = case.ring(guest.vm, fd=fd)
    seen = [guest.text()]
    entry.deassign()
    guest.start()
    seen.append(guest.text())
    case.ring(guest.vm, fd=fd)
    guest.start()
    seen.append(guest.text())
    return f"{'; '.join(seen)}; counter {count_of(fd)}"
