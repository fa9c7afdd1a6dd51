"""The numbers of addresses, disassembly and inspection."""

from __future__ import annotations

from pyx86emu.address import linear, located
from tests.numbers import Place, place

PLACES: dict[str, Place] = {
    "address.linear": place(lambda w: linear, at=1, called={"at": "address"}),
    "address.located": place(lambda w: located, at=1, called={"at": "address"}),
}
EXEMPT: dict[str, str] = {
    "Bus.unclaimed": "called with the port of an exit",
    "_core.stop_exit": "called by Ports, with numbers of an exit",
    "Scan.address": "called by the screen, with numbers that it has looked at",
}
