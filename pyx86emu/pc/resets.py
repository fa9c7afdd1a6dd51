"""Resets: note how often a guest has reset its PC, and how. Say nothing of what that means."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..backend import VcpuBackend
    from ..executed import Executed

#: The ways in which a guest resets its PC.
TRIPLE_FAULT = "triple fault"
PULSE_8042 = "8042 reset pulse"
PORT_92 = "port 92h"
JUMP = "jump to the reset vector"

#: The segment of our BIOS.
BIOS = 0xF000
#: So many instructions before a reset are kept.
KEPT = 1024


class Reset(NamedTuple):
    """A reset that the guest caused: how, at which instruction, and when."""

    kind: str
    """TRIPLE_FAULT, PULSE_8042, PORT_92 or JUMP."""
    cs: int
    ip: int
    """Of a jump: of the instruction that jumped; on KVM, which does not say it, of our BIOS."""
    time: float
    """Guest seconds since power-on."""
    detail: str | None = None
    """Of a triple fault: the chain of faults, `Exit.fault`. None on KVM, which does not say it."""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind} at {self.cs:04x}:{self.ip:04x}{detail}"


class Astray(NamedTuple):
    """The first time that the guest came to a place where no program should be."""

    name: str
    """As in `stop_on`."""
    steps: "tuple[Executed, ...]"
    """The last instructions before it."""


class Resets:
    """How often the guest has reset the machine, and the last time."""

    def __init__(self) -> None:
        self.count = 0
        self.last: Reset | None = None
        self.steps: tuple[Executed, ...] = ()
        """The last instructions before it; empty if the vCPU keeps no history."""

    def note(self, reset: Reset) -> None:
        """One more."""
        self.count += 1
        self.last = reset

    def __repr__(self) -> str:
        return f"<{self.count} resets, the last: {self.last}>"


def jump_to_reset(vcpu: "VcpuBackend") -> tuple[int, int] | None:
    """The CS:IP of the last jump to where a PC restarts; None: it is not known."""
    return next((came for name, _, _, came, _, _ in vcpu.arrivals if name == "reset"), None)
