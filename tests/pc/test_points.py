"""Points: each user has its own breakpoints, and none takes another's."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason, State
from pyx86emu.pc.points import Points
from tests.harness import CODE, Guest

NOPS = bytes.fromhex("90909090 f4")


def test_what_two_ask_for_is_joined() -> None:
    with Guest(NOPS) as guest:
        points = Points(guest.vcpu)
        points.ask("one", [CODE + 1, CODE + 2])
        points.ask("two", [CODE + 2, CODE + 3])

        stops = [guest.run() for _ in range(4)]

        assert [exit.pc - CODE for exit in stops[:3]] == [1, 2, 3]
        assert stops[3].reason is ExitReason.HLT


def test_who_asks_again_or_drops_takes_nothing_from_others() -> None:
    with Guest(NOPS) as guest:
        points = Points(guest.vcpu)
        points.ask("one", [CODE + 1])
        points.ask("two", [CODE + 2])
        points.ask("two", [CODE + 3])
        points.drop("two")
        points.drop("nobody")

        assert guest.run().pc == CODE + 1
        assert guest.run().reason is ExitReason.HLT


def test_thousands_of_breakpoints_stop_the_guest_where_they_are_also_after_a_restore() -> None:
    """In any order, and several times at one address. DR6 names the place in what was given."""
    others = range(0x80000, 0x80000 + 20_000)
    given = [*reversed(others), CODE + 2, *others, CODE + 3, CODE, CODE + 2]
    with Guest(NOPS) as guest:
        guest.vcpu.debug(breakpoints=given)
        state = State.from_bytes(guest.vm.save().to_bytes())

        stops = [guest.run() for _ in range(4)]
        guest.vcpu.debug()
        guest.vm.restore(state)
        again = [guest.run() for _ in range(4)]

    for exits in (stops, again):
        assert [exit.reason for exit in exits] == [ExitReason.DEBUG] * 3 + [ExitReason.HLT]
        assert [exit.pc for exit in exits[:3]] == [CODE, CODE + 2, CODE + 3]
        assert [exit.dr6 & 15 for exit in exits[:3]] == [
            1 << (given.index(at) & 3) for at in (CODE, CODE + 2, CODE + 3)
        ]


def test_what_is_refused_changes_nothing() -> None:
    with Guest(NOPS) as guest:
        points = Points(guest.vcpu)
        points.ask("one", [CODE + 1])

        with pytest.raises(ValueError, match="more than 65536 breakpoints"):
            points.ask("two", range(0x10000, 0x20000))

        assert guest.run().pc == CODE + 1
        assert not points.others("one", 5)
