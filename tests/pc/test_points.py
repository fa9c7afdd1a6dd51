"""Points: each user has its own breakpoints, and none takes another's."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason
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


def test_what_is_refused_changes_nothing() -> None:
    with Guest(NOPS) as guest:
        points = Points(guest.vcpu)
        points.ask("one", [CODE + 1])

        with pytest.raises(ValueError, match="more than 64 breakpoints"):
            points.ask("two", range(64))

        assert guest.run().pc == CODE + 1
        assert not points.others("one", 5)
