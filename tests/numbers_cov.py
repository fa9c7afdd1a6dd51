"""The numbers of listings, coverage and profiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyx86emu.listing import Listing, read
from tests.numbers import Place, World, place

LISTED = "     1 00000000 90                      start: nop\n"


def made() -> Listing:
    """A listing with a line."""
    found = read(LISTED)
    assert found is not None
    return found


def loaded(world: World) -> Callable[[Any], object]:
    """Listing.load, of a file."""
    path = Path(world.enter_context(TemporaryDirectory())) / "a.lst"
    path.write_text(LISTED)
    return lambda at: Listing.load(path, at=at)


PLACES: dict[str, Place] = {
    "Listing.load": place(loaded, at=1),
    "Listing.moved": place(lambda w: made().moved, by=1),
    "Listing.at": place(lambda w: made().at, address=1),
}

EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        ("Stacks.take", "Stacks.catch_up", "profile_flow.flow"),
        "called by Profile, with numbers of events",
    ),
    "files.contents": "called with a constant",
    "listing.line_at": "called by Listing.at and Program.at",
    "lcov.of_lines": "called with the lines that a run has counted",
}
