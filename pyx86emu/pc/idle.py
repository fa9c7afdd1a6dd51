"""Idle: see that a guest only waits for a key, and let the host's processor rest meanwhile.

A guest in HLT rests by itself. Many programs wait in a loop instead, and ask for a key each turn:

| in the loop           | what it asks                                  |
| --------------------- | --------------------------------------------- |
| INT 16h AH=01h or 11h | is a key there?                               |
| INT 28h               | DOS says that it waits for a key              |
| INT 2Fh AX=1680h      | the program offers its time to others         |

A request counts only while the BIOS's key buffer is empty.

Between two frames the guest runs a few thousand instructions with breakpoints at the addresses to
which these three vectors lead. It is idle in one of two cases:

- *It repeats.* At two equal requests all registers and the first 640 KiB of memory are equal, and
  the screen has not changed. So the guest will do the same again until an interrupt or a device
  changes something.
- *It does little else.* 64 requests follow each other with at most 128 instructions from one to the
  next, without a change of the screen. Loops that count while they wait are of this kind.

An idle guest is not run for at most 16 ms, or one period of the 8254's channel 0 if that is less.
Input of the host ends this at once.

Only on the host's clock: there, time passes also while nothing runs. With the virtual clock nothing
is looked at, and every run is the same. Breakpoints do not change what the guest sees.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..exits import ExitReason
from ..memory import load
from .limits import Limits

if TYPE_CHECKING:
    from .. import _core
    from .machine import Machine

#: An idle guest is not run for so many seconds at a time.
REST = 0.016
#: A guest must show within so many instructions that it is idle; if none are counted, in this time.
LOOK, LOOK_SECONDS = 8192, 0.005
#: A guest that repeats: its memory is compared at every so many rests.
COMPARED = 8
#: A guest that does little else: so many requests, with so many instructions from one to the next.
#: After a rest a few are enough.
REQUESTS, FEW, APART = 64, 4, 128
KEYBOARD, DOS_IDLE, MULTIPLEX = 0x16, 0x28, 0x2F
RELEASE_SLICE = 0x1680
INT = 0xCD
BUFFER = 0x41A  # of keys: the address of its head, then of its tail
BASE_MEMORY = 640 << 10
PIT_HZ = 1193182


class Idle:
    """Run a guest for a display; while the guest only waits for a key, wait for it on the host.

    `wait(seconds)` waits for input of the host, and returns True if there is some. The thread that
    runs the guest calls `run()`.
    """

    def __init__(self, machine: "Machine", wait: Callable[[float], bool]) -> None:
        self._machine = machine
        self._wait = wait
        self._known: tuple[object, ...] | None = None
        self._little = False
        self._rests = 0
        self._rest = REST

    def run(self, limits: Limits, seconds: float) -> "_core.Exit":
        """Run within the limits as `Limits.run(seconds)` does. It may return earlier: when the host
        has input."""
        m = self._machine
        end = m.time + seconds
        if m.host_clock and m.booted:
            while not m.keyboard.typing:
                idle, exit = self._look(limits)
                if exit is not None:
                    return exit
                if not idle:
                    break
                left = end - m.time
                if left <= self._rest / 2 or self._wait(min(self._rest, left)):
                    return limits.run(0)
        return limits.run(max(0.0, end - m.time))

    def _look(self, limits: Limits) -> "tuple[bool, _core.Exit | None]":
        """(True if the guest is idle, the exit if its run has ended)."""
        m = self._machine
        vectors = self._vectors()
        m._points.ask("idle", set(vectors.values()))
        try:
            return self._requests(limits, vectors)
        finally:
            m._points.drop("idle")

    def _requests(
        self, limits: Limits, vectors: dict[int, int]
    ) -> "tuple[bool, _core.Exit | None]":
        m = self._machine
        counted = m.vm.capabilities.max_instructions
        until, start = m.time + LOOK_SECONDS, m.vcpu.spent or 0
        shown, seen = m.screen.version, dict[tuple[object, ...], bytes]()
        last, close = start, 0
        while True:
            if counted:
                left = max(0, start + LOOK - (m.vcpu.spent or 0))
                exit = limits.run(instructions=left)
                over = exit.reason is ExitReason.BUDGET and not limits.spent
            else:
                exit = limits.run(max(0.0, until - m.time))
                over = exit.reason is ExitReason.DEADLINE and not limits.over
            if exit.reason is not ExitReason.DEBUG or exit.stop is not None:
                self._known, self._little = None, False
                return False, None if over else exit
            at = self._request(vectors)
            if at is None:
                continue
            if m.keyboard.typing or m.screen.version != shown:
                self._known, self._little = None, False
                return False, None
            if at == self._known and self._rests % COMPARED:
                self._rests += 1
                return True, None
            memory = b"" if at not in seen else load(m.vm, 0, BASE_MEMORY)
            if memory and seen[at] == memory:
                self._known, self._rests = at, 1
                self._measure()
                return True, None
            seen[at] = memory
            now = m.vcpu.spent or 0
            close = close + 1 if now - last <= APART else 0
            last = now
            if counted and close >= (FEW if self._little else REQUESTS):
                self._little = True
                self._measure()
                return True, None

    def _measure(self) -> None:
        """Set the length of a rest: a guest with a fast timer is run at each of its periods."""
        self._rest = min(REST, self._machine.vm.pit.channels[0].count / PIT_HZ)

    def _vectors(self) -> dict[int, int]:
        """Vector -> the linear address to which it leads."""
        table = load(self._machine.vm, 0, 0x400)
        addresses = {}
        for vector in (KEYBOARD, DOS_IDLE, MULTIPLEX):
            offset, segment = struct.unpack_from("<HH", table, vector * 4)
            addresses[vector] = segment * 16 + offset
        return addresses

    def _request(self, vectors: dict[int, int]) -> tuple[object, ...] | None:
        """The registers of a request for a key; None if the guest asks for something else."""
        regs = self._machine.vcpu.regs
        at, ax = regs.cs * 16 + regs.ip, regs.ax
        asked = {
            KEYBOARD: ax >> 8 in (0x01, 0x11),
            DOS_IDLE: True,
            MULTIPLEX: ax == RELEASE_SLICE,
        }
        called = self._called(regs.ss * 16 + regs.sp)
        for vector, address in vectors.items():
            if at == address and asked[vector] and called in (None, vector) and self._no_key():
                break
        else:
            return None
        general = (regs.eax, regs.ebx, regs.ecx, regs.edx, regs.esi, regs.edi, regs.ebp, regs.esp)
        return (*general, regs.cs, regs.ip, regs.ss, regs.ds, regs.es, regs.flags)

    def _called(self, stack: int) -> int | None:
        """The number in the INT that led here; None if it was another instruction. Vectors of a
        guest without DOS lead to one address."""
        offset, segment = struct.unpack("<HH", load(self._machine.vm, stack, 4))
        opcode, number = load(self._machine.vm, segment * 16 + (offset - 2 & 0xFFFF), 2)
        return number if opcode == INT else None

    def _no_key(self) -> bool:
        buffer = load(self._machine.vm, BUFFER, 4)
        return buffer[:2] == buffer[2:]
