"""Where the records of a trace come from: rings of the core, and disk controllers.

A ring of the core calls when it is half full, between two instructions. Then all rings are taken at
once, and their records are sorted by the order in which the core has counted them.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ...observe import Drained, Kind
from ...pc.devices.requests import Request
from .events import LAYOUT, Interrupt

if TYPE_CHECKING:
    from ...pc.machine import Machine

#: A line of the trace, and when it was counted.
Ordered = tuple[int, str]
Wake = Callable[[], object]

#: Parts of struct Seen of the core (core/base/looks.pxi).
STEP = struct.Struct("<2Q8x16s8x2I2H88xI")
_PORT = struct.Struct("<4Q16x2I2H88xI")
_ACCESS = struct.Struct("<5Q8x2I2H88xI")
#: struct LineNote of the core (core/chips/lines.pxi).
_NOTE = struct.Struct("<2Q2I4H")
#: Events that fit into a ring.
MANY, SOME = 1 << 17, 1 << 15
LINES = ("lowered", "raised", "pulsed", "delivered")
LAST = 0x10FFEF
UNKNOWN = (1 << 64) - 1


class Writer(Protocol):
    """Writes records. Each method returns the text of one, with its line end; "": none.

    `n` instructions were retired before it, at `time` guest ns, at `cs`:`ip`.
    """

    def step(self, n: int, time: int, cs: int, ip: int, code: bytes, /) -> str: ...

    def interrupt(self, event: Interrupt, /) -> str: ...

    def port(
        self, n: int, time: int, cs: int, ip: int, port: int, size: int, value: int, write: bool, /
    ) -> str: ...

    def access(
        self,
        n: int,
        time: int,
        cs: int,
        ip: int,
        addr: int,
        size: int,
        value: int,
        old: int,
        write: bool,
        /,
    ) -> str: ...

    def line(
        self, n: int, time: int, line: int, event: str, vector: int, masked: bool, served: bool, /
    ) -> str: ...

    def request(
        self, n: int, time: int, kind: str, began: int, request: Request, result: str, moved: int, /
    ) -> str: ...

    def lost(self, n: int, time: int, kind: str, count: int, /) -> str:
        """Records are missing here."""


#: `Writer.lost`.
Lost = Callable[[int, int, str, int], str]


class Source(Protocol):
    """Something that is traced."""

    kind: str

    def take(self) -> tuple[list[Ordered], int]:
        """What is new, and how many records are lost."""

    def close(self) -> None: ...


class Ring:
    """A ring of the core."""

    def __init__(self, ring: Drained, kind: str) -> None:
        self._ring = ring
        self.kind = kind

    def take(self) -> tuple[list[Ordered], int]:
        """What is new, and how many records are lost."""
        data, lost = self._ring.drain()
        return self._lines(data), lost

    def _lines(self, data: bytes) -> list[Ordered]:
        raise NotImplementedError

    def close(self) -> None:
        """It is no longer traced."""
        self._ring.remove()


class Steps(Ring):
    """Each instruction."""

    def __init__(self, m: "Machine", writer: Writer, wake: Wake) -> None:
        super().__init__(Drained(m.vcpu, Kind.EACH, 0, LAST, MANY, wake), "exec")
        self._show = writer.step

    def _lines(self, data: bytes) -> list[Ordered]:
        show = self._show
        return [
            (order, show(n, time, cs, ip, code[:size]))
            for n, time, code, size, _, cs, ip, order in STEP.iter_unpack(data)
        ]


class Interrupts(Ring):
    """Interrupts and their returns."""

    def __init__(self, m: "Machine", writer: Writer, wake: Wake) -> None:
        super().__init__(Drained(m.vcpu, Kind.INTERRUPT, 0, 255, SOME, wake), "int")
        self._show = writer.interrupt

    def _lines(self, data: bytes) -> list[Ordered]:
        show = self._show
        events = map(Interrupt._make, LAYOUT.iter_unpack(data))
        return [(event.order, show(event)) for event in events]


class Ports(Ring):
    """IN and OUT."""

    def __init__(self, m: "Machine", writer: Writer, wake: Wake) -> None:
        super().__init__(Drained(m.vcpu, Kind.IO, 0, 0xFFFF, MANY, wake), "io")
        self._show = writer.port

    def _lines(self, data: bytes) -> list[Ordered]:
        show = self._show
        return [
            (order, show(n, time, cs, ip, port, size, value, bool(write)))
            for n, time, port, value, size, write, cs, ip, order in _PORT.iter_unpack(data)
        ]


class Accesses(Ring):
    """Loads or stores of some bytes."""

    def __init__(
        self, m: "Machine", writer: Writer, wake: Wake, what: Kind, first: int, length: int
    ) -> None:
        super().__init__(Drained(m.vcpu, what, first, first + length - 1, SOME, wake), "mem")
        self._show = writer.access

    def _lines(self, data: bytes) -> list[Ordered]:
        show = self._show
        return [
            (order, show(n, time, cs, ip, addr, size, value, old, bool(write)))
            for n, time, addr, value, old, size, write, cs, ip, order in _ACCESS.iter_unpack(data)
        ]


class Lines:
    """The lines of the interrupt controller."""

    kind = "irq"

    def __init__(self, m: "Machine", writer: Writer, wake: Wake) -> None:
        self._ring = Drained(m.vcpu, Kind.LINE, 0, 0, 0, wake)
        self._m = m
        self._show = writer.line

    def take(self) -> tuple[list[Ordered], int]:
        """What is new, and how many records are lost."""
        m, show = self._m, self._show
        data, lost = m.vcpu._line_notes()
        found = []
        for time, n, order, line, what, vector, masked, served in _NOTE.iter_unpack(data):
            if n == UNKNOWN:  # another thread has raised it, or host time counts no instructions
                n = m.vcpu.instructions
            text = show(n, time or m.vm.time, line, LINES[what], vector, bool(masked), bool(served))
            found.append((order, text))
        return found, lost

    def close(self) -> None:
        """It is no longer traced."""
        self._ring.remove()


class Requests:
    """The requests to the drives of a controller: a Watcher."""

    def __init__(
        self, m: "Machine", kind: str, writer: Writer, put: Callable[[str], object]
    ) -> None:
        self.kind = kind
        self._m, self._show, self._put = m, writer.request, put
        self._open: Request | None = None
        self._began = self._moved = 0
        self._watched = (
            [drive for drive in m.ata.drives if drive is not None] if kind == "disk" else [m.floppy]
        )
        for each in self._watched:
            if each.watcher is not None:
                raise RuntimeError(f"there is a trace of {kind} already: close it")
        for each in self._watched:
            each.watcher = self

    def begin(self, request: Request) -> None:
        """A command begins."""
        if self._open is not None:
            self.end("abandoned")
        self._open, self._moved = request, 0
        self._began = self._m.vcpu.instructions

    def move(self, sectors: int) -> None:
        """It has moved sectors."""
        self._moved += sectors

    def end(self, result: str) -> None:
        """It ends."""
        n = self._m.vcpu.instructions
        request = self._open or Request("-", 0, "begun before the trace", "none")
        began = n if self._open is None else self._began
        text = self._show(n, self._m.vm.time, self.kind, began, request, result, self._moved)
        self._open, self._moved = None, 0
        self._put(text)

    def reset(self) -> None:
        """The controller is reset."""
        if self._open is not None:
            self.end("reset")

    def take(self) -> tuple[list[Ordered], int]:
        """Nothing waits: each is written when it ends."""
        return [], 0

    def close(self) -> None:
        """It is no longer watched; a request that has not ended is written."""
        for each in self._watched:
            if each.watcher is self:
                each.watcher = None
        if self._open is not None:
            self.end("not ended")
