"""Breakpoints: what gdb sets, what the core gets, and which one a stop has hit."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason
from pyx86emu.tools.gdb.breakpoints import (
    LONGEST,
    MOST_BREAKPOINTS,
    MOST_WATCHES,
    Breakpoints,
    Kind,
    Point,
)
from pyx86emu.tools.gdb.registers import Refused
from tests.harness import CODE, Guest

LOAD, STORE, BOTH = "a10030", "a30030", "ff060030"  # mov ax,[3000h]; mov [3000h],ax; inc [3000h]


@pytest.mark.parametrize(
    ("kind", "code", "hit"),
    [
        (Kind.WRITE, STORE, True),
        (Kind.WRITE, LOAD, False),
        (Kind.READ, STORE, False),
        (Kind.READ, LOAD, True),
        (Kind.READ, BOTH, True),
        (Kind.ACCESS, STORE, True),
        (Kind.ACCESS, LOAD, True),
    ],
)
def test_a_watchpoint_is_hit_by_its_kind_of_access_only(kind: Kind, code: str, hit: bool) -> None:
    points = Breakpoints()
    points.add(kind, 0x3000, 2)
    with Guest(bytes.fromhex(code + "f4")) as guest:
        guest.vcpu.debug(watch=points.watch)

        exit = guest.run()

        found = None
        if exit.reason is ExitReason.DEBUG:
            assert exit.watch is not None and exit.watch_addr is not None
            found = points.accessed(exit.watch, exit.watch_addr)
    assert (found == Point(kind, 0x3000, 2)) == hit


def test_a_breakpoint_that_is_set_twice_is_there_once() -> None:
    points = Breakpoints()
    points.add(Kind.SOFTWARE, CODE, 1)
    points.add(Kind.HARDWARE, CODE, 1)
    points.add(Kind.SOFTWARE, CODE, 1)

    assert points.addresses == [CODE]
    points.remove(Kind.SOFTWARE, CODE, 1)
    assert points.at(CODE) == Point(Kind.HARDWARE, CODE)
    points.remove(Kind.HARDWARE, CODE, 1)
    points.remove(Kind.HARDWARE, CODE, 1)
    assert points.at(CODE) is None


def test_more_breakpoints_than_the_core_has_are_refused() -> None:
    points = Breakpoints()
    for number in range(MOST_BREAKPOINTS):
        points.add(Kind.SOFTWARE, number, 1)
    points.add(Kind.HARDWARE, 0, 1)  # at the same place: no more room is needed

    with pytest.raises(Refused, match="no more than 65000 breakpoints fit"):
        points.add(Kind.SOFTWARE, MOST_BREAKPOINTS, 1)


def test_more_watchpoints_than_fit_are_refused() -> None:
    points = Breakpoints()
    for number in range(MOST_WATCHES):
        points.add(Kind.WRITE, number, 1)

    with pytest.raises(Refused, match="no more than 1024 watchpoints fit"):
        points.add(Kind.WRITE, MOST_WATCHES, 1)


@pytest.mark.parametrize(
    ("kind", "address", "length"),
    [(5, 0, 1), (2, 0, 0), (2, 0, LONGEST + 1), (0, 1 << 32, 1)],
)
def test_what_is_no_breakpoint_is_refused(kind: int, address: int, length: int) -> None:
    with pytest.raises(Refused):
        Breakpoints().add(kind, address, length)
