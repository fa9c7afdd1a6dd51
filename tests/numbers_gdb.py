"""The numbers of the gdb server."""

from __future__ import annotations

from collections.abc import Callable

from pyx86emu.tools.gdb import GdbServer
from tests.numbers import Place, World, place


def server(world: World) -> Callable[..., object]:
    """The `run` of a server, which is closed at the end."""
    return world.enter_context(GdbServer(world.machine, "127.0.0.1:0")).run


PLACES: dict[str, Place] = {"GdbServer.run": place(server, timeout=0.0, wall=0.0)}

EXEMPT: dict[str, str] = {
    "unixsocket.listen": "called by the gdb server and by serial lines; socket looks at the number",
    "Exit.because.jumped_from": "called by the machine, with a place of the vCPU",
    **dict.fromkeys(
        ("Points.ask", "Points.others"),
        "called by the machine and the gdb server; Vcpu.debug looks at the numbers",
    ),
    **dict.fromkeys(
        (
            *("Breakpoints.add", "Breakpoints.remove", "Breakpoints.at", "Breakpoints.accessed"),
            *("Control.run", "Control.close", "Link.wait"),
            *("description.memory_map", "registers.read", "registers.write", "registers.jump"),
            *("Stub.place", "Stub.stopped", "Stub.stop_of"),
            *("target.seen", "target.read", "target.write"),
            *("CallStack.read", "Code.follow", "Code.word", "frames.walk", "frames.sets_up"),
        ),
        "called by the gdb server only, with numbers of a packet or an exit",
    ),
}
