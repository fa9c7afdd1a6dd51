"""Profile: how many instructions the guest has executed in which functions, exactly.

The vCPU logs the first instruction after each jump, and what is delivered; after every 32,768
instructions the log is read. So each instruction counts, and nothing is sampled.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import models
from ..exits import ExitReason
from ..memory import load
from ..observe import How, Observers, of_core
from .profile_flow import MOST, Flow, flow
from .profile_stack import Arrival, Delivery, Key, Stacks

if TYPE_CHECKING:
    from .._core import Exit
    from ..pc.machine import Machine
    from ..symbols import Symbols

#: Instructions from one look at the log to the next, and events that it keeps: an instruction
#: begins at most one block and one interrupt, and a delivery counts as one.
CHUNK, CAPACITY = 32768, 65536
#: Bytes that are read first to find the end of straight code.
FIRST = 64
FAULTS = {
    0: "#DE",
    1: "#DB",
    4: "#OF",
    5: "#BR",
    6: "#UD",
    7: "#NM",
    8: "#DF",
    9: "#MP",
    10: "#TS",
    11: "#NP",
    12: "#SS",
    13: "#GP",
    14: "#PF",
    16: "#MF",
    17: "#AC",
}
NMI = 2
DELIVERED = {How.HARDWARE: "irq", How.FAULT: "fault"}
Run = Callable[..., "Exit"]


class Profile:
    """What the guest of a machine executes from now on, by its call stack, until `close()` or the
    end of a `with`; the counts stay. `m.profile()` makes it; a machine has one at a time.

    Observing changes nothing for the guest. Only the thread that runs the guest uses it, or any
    while it does not run. OSError EOPNOTSUPP: on KVM. RuntimeError: there is one already.

    >>> from pyx86emu import Machine
    >>> code = bytes.fromhex("e80200 fa f4 40 c3")      # call f; cli; hlt; f: inc ax; ret
    >>> with Machine(code) as m:
    ...     _ = m.boot()
    ...     with m.profile() as profile:
    ...         _ = m.run()
    ...     print(profile.collapsed())
    0000:7c00 3
    0000:7c00;0000:7c05 2
    """

    def __init__(self, machine: "Machine") -> None:
        self._vcpu = of_core(machine.vcpu, "profile")
        if machine._profile is not None:
            raise RuntimeError("this machine has a profile already: close() that one")
        self._level = models.MODELS.index(self._vcpu.model)
        self._machine = machine
        self._stacks = Stacks(self._flow)
        self._pending = list[Delivery]()
        observers = Observers(self._vcpu)
        self._blocks = observers.block(do="log", capacity=CAPACITY)
        self._interrupts = observers.interrupt(do="log", capacity=CAPACITY)
        self.resync()
        machine._profile = self

    # -- what was found ----------------------------------------------------------------------------

    @property
    def instructions(self) -> int:
        """How many instructions it has counted: as many as were executed."""
        self.drain()
        return sum(count for _, count in self._stacks.counts())

    def stacks(self) -> dict[tuple[str, ...], int]:
        """Each stack from its root, by the names of its frames, and how many instructions were
        executed in its last frame.

        A frame is the label of what was called, of `Machine.symbols` or our BIOS, or its CS:IP;
        `int21h` for INT 21h, `[irq0]` for an interrupt of hardware, `[#UD]` for a fault, `[nmi]`.
        """
        self.drain()
        labels = self._machine.labels()
        names: dict[Key, str] = {}
        found: dict[tuple[str, ...], int] = {}
        for keys, count in self._stacks.counts():
            for key in keys:
                if key not in names:
                    names[key] = _name(key, labels)
            path = tuple([names[key] for key in keys])
            found[path] = found.get(path, 0) + count
        return found

    def collapsed(self) -> str:
        """The stacks as speedscope and flamegraph.pl read them: lines `main;sub;int21h 1234`."""
        rows = sorted((";".join(names), count) for names, count in self.stacks().items())
        return "\n".join(f"{names} {count}" for names, count in rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `collapsed()` to a file. OSError: it cannot be written."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.collapsed() + "\n")

    def close(self) -> None:
        """End it. Twice is harmless."""
        if self._machine._profile is self:
            self.drain()
            self._machine._profile = None
        self._blocks.remove()
        self._interrupts.remove()

    def __enter__(self) -> "Profile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Profile of {self.instructions} instructions>"

    # -- for the machine ---------------------------------------------------------------------------

    def running(self, run: Run) -> Run:
        """A function that runs as `run` does, and reads the log in time."""
        vcpu = self._vcpu

        def chunks(budget: int | None, **limits: Any) -> "Exit":
            end = None if budget is None else vcpu.spent + budget
            while True:
                exit = run(CHUNK if end is None else min(CHUNK, end - vcpu.spent), **limits)
                self.drain()
                over = end is not None and vcpu.spent >= end
                if exit.reason is not ExitReason.BUDGET or over:
                    return exit

        return chunks

    def drain(self) -> None:
        """Read the log."""
        if self._machine._profile is not self:
            return
        blocks, seen = self._blocks.events, self._blocks.count
        due = [*self._pending, *self._due()]
        self._blocks.clear()
        columns = (
            blocks["instructions"],
            blocks["cs"].astype(int) << 16 | blocks["ip"],
            blocks["ss"],
            blocks["esp"] & 0xFFFF,
        )
        arrivals = zip(*[each.tolist() for each in columns], strict=True)
        if seen > len(blocks):  # the host has run the vCPU for long, without the machine
            first = Arrival(*next(arrivals))
            self._stacks.lose(first)
            due = [each for each in due if each.n > first.n]
        self._stacks.take(arrivals, due)
        self._pending = due
        self._stacks.catch_up(self._vcpu.instructions)

    def _due(self) -> list[Delivery]:
        """What was delivered since."""
        if not self._interrupts.count:
            return []
        events = self._interrupts.events
        self._interrupts.clear()
        events = events[(events["how"] == How.HARDWARE) | (events["how"] == How.FAULT)]
        names = ["instructions", "how", "vector", "cs", "ip", "ss", "esp"]
        return [
            Delivery(n, (DELIVERED[how], vector), cs << 16 | ip, ss, esp & 0xFFFF)
            for n, how, vector, cs, ip, ss, esp in events[names].tolist()
        ]

    def resync(self) -> None:
        """The guest is elsewhere: it was restored."""
        regs = self._vcpu.regs
        self._blocks.clear()
        self._interrupts.clear()
        self._pending.clear()
        at = regs.cs << 16 | regs.ip
        self._stacks.begin(Arrival(self._vcpu.instructions, at, regs.ss, regs.sp))

    def _flow(self, cs: int, ip: int) -> Flow:
        """How the code at a place ends, as it is now."""
        size = FIRST
        while True:
            code = load(self._vcpu.vm, (cs << 4) + ip, min(size, 0x10000 - ip))
            found = flow(code, cs, ip, self._level)
            inside = (found.last - ip & 0xFFFF) + 16 < len(code)
            if inside or size >= MOST:
                return found
            size *= 4


def _name(key: Key, labels: "Symbols") -> str:
    """What a frame is called."""
    kind, value = key
    if kind == "code":
        cs, ip = value >> 16, value & 0xFFFF
        at = (cs << 4) + ip
        label = labels.at(at)
        if label is None and any(each.at(at) is not None for each in labels.listings):
            label = str(labels.label(at) or "") or None
        return label or f"{cs:04x}:{ip:04x}"
    if kind == "int":
        return f"int{value:02x}h"
    if kind == "lost":
        return "[not seen]"
    if kind == "fault":
        return f"[{FAULTS.get(value, f'fault {value:02x}h')}]"
    if value == NMI:
        return "[nmi]"
    for base, first in ((0x08, 0), (0x70, 8)):
        if base <= value < base + 8:
            return f"[irq{first + value - base}]"
    return f"[vector_{value:02x}h]"
