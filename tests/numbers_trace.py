"""The numbers of traces: none of them comes from a caller."""

from __future__ import annotations

from tests.numbers import Place

PLACES: dict[str, Place] = {}

_RECORDS = ("step", "port", "access", "line", "request", "lost")

EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        (
            *(f"{writer}.{name}" for writer in ("Json", "Text") for name in _RECORDS),
            *("Names.label", "Names.code", "Names.owner", "qemu.lost", "Requests.move"),
            *("Drained.__init__", "Accesses.__init__"),
        ),
        "called by a trace, with numbers of the core or those that wanted() has looked at",
    ),
    **dict.fromkeys(
        ("requests.of", "requests.result", "requests.values_in_hex"),
        "called by disk controllers, with bytes of the guest",
    ),
    "wanted.wanted": "labels, whose addresses Symbols has looked at",
}
"""The numbers that no place has, and why."""
