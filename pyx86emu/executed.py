"""Executed: an instruction that a vCPU has executed, as `Vcpu.history` lists it. Knows no vCPU."""

from typing import NamedTuple


class Executed(NamedTuple):
    """An instruction that was executed."""

    cs: int
    ip: int
    """Where it is: `cs`:`ip`."""
    instructions: int
    """How many were retired before it."""
    code: bytes
    """Its bytes then."""
    rewritten: bool
    """Are other bytes there now? Also true of an instruction with an immediate that the guest
    rewrites often: `code` may have an older value of it."""

    def __str__(self) -> str:
        words = " (rewritten since)" if self.rewritten else ""
        return f"{self.cs:04x}:{self.ip:04x}  {self.code.hex()}{words}"
