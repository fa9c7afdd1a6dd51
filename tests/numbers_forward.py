"""The numbers of forwarded ranges: call each function with good values, or say why not."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tests.numbers import Place, World, place


def forward(world: World) -> Callable[..., object]:
    """`Bus.forward` to a peer, which is detached again."""
    here, there = socket.socketpair()
    world.enter_context(here)
    world.enter_context(there)

    def call(**arguments: object) -> object:
        at = world.vm.mmio.forward(sock=here, **arguments)  # type: ignore[arg-type]
        at.detach()
        return at

    return call


PLACES: dict[str, Place] = {
    "Bus.forward": place(forward, addr=0xE0000, length=1, user_data=1),
    "Vm.wait_ends": place(lambda w: w.vm._backend.wait_ends, ns=1),
}

EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        ("Peer.__init__", "Exchange.__init__", "ranges.forward", "wire.response", "wire.answer"),
        "called inside of forward, with what Bus.forward or the format has checked",
    ),
    "server.serve": "the integers are keys of a mapping",
}
