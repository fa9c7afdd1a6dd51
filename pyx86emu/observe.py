"""Observers: stop, call or keep what a running guest does. The core sees it; this gives it words.

An observer costs nothing while it is off. While it is on, blocks are decoded with probes where they
are needed, and watched pages take the slow path; the guest sees no difference, and the counts of
instructions stay the same.
"""

import errno
import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from ._core import Sight, Vcpu, whole
from .address import Address, linear

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Do = Literal["stop", "call", "log"]


class Kind(IntEnum):
    """What an observer looks for (LOOK_* of the core)."""

    EXEC = 1
    INTERRUPT = 2
    IO = 4
    WRITE = 8
    READ = 16
    BLOCK = 32
    EACH = 512
    """Each instruction of a range; its events are EXEC."""
    DECODE = 1024
    """An instruction is decoded, for the first time or again."""
    LINE = 2048
    """The log of the interrupt lines has to be drained."""


class How(IntEnum):
    """How an interrupt began, or that it ends."""

    SOFTWARE = 0
    """INT n, INT3, INTO or INT1, before it is executed."""
    HARDWARE = 1
    """INTR, NMI, or injected by the host; at the first instruction of its handler."""
    FAULT = 2
    """At the first instruction of its handler."""
    RETURN = 3
    """IRET or RETF 2, before it is executed."""


ACTIONS: dict[str, int] = {"log": 0, "stop": 1, "call": 2}
#: Of a tracer: keep it, and call before the ring is full.
DRAIN = 3
#: How many events an observer keeps by default.
CAPACITY = 1024
REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
SEGMENTS = ("es", "_cs", "ss", "ds", "fs", "gs")
#: struct Seen of the core, field by field: name, format of `struct`, format of numpy.
FIELDS = (
    *(("instructions", "Q"), ("time", "Q"), ("addr", "Q"), ("value", "Q"), ("old", "Q")),
    *(("kind", "I"), ("how", "I"), ("size", "I"), ("write", "I")),
    *(("cs", "H"), ("ip", "H"), ("vector", "H"), ("depth", "H")),
    *((name, "I") for name in REGISTERS),
    *((name, "H") for name in SEGMENTS),
    ("flags", "I"),
    *((f"was_{name}", "I") for name in REGISTERS),
    ("was_flags", "I"),
    ("order", "I"),
)
SEEN = struct.Struct("<" + "".join(form for _, form in FIELDS))
NUMPY = {"Q": "<u8", "I": "<u4", "H": "<u2"}
#: Names of parts of registers: (number of the register, shift, bits).
PARTS: dict[str, tuple[int, int, int]] = {
    **{name: (number, 0, 0xFFFF_FFFF) for number, name in enumerate(REGISTERS)},
    **{name[1:]: (number, 0, 0xFFFF) for number, name in enumerate(REGISTERS)},
    **{f"{letter}l": (number, 0, 0xFF) for number, letter in enumerate("acdb")},
    **{f"{letter}h": (number, 8, 0xFF) for number, letter in enumerate("acdb")},
}
#: Of these FLAGS a change is told.
FLAG_NAMES = {"cf": 0, "pf": 2, "af": 4, "zf": 6, "sf": 7, "tf": 8, "if": 9, "df": 10, "of": 11}


#: The flags that are results: CF PF AF ZF SF OF.
STATUS = 0x8D5


class Event:
    """What was seen once: the fields of `Observer.events`, and names for parts of registers (`ax`,
    `ah` ...). `instructions` were retired before it, at `time` guest ns, at `cs`:`ip`.

    | kind | addr | value, old, size, write |
    | --- | --- | --- |
    | EXEC | linear address | |
    | BLOCK | linear address | `value`: the block before |
    | INTERRUPT | the vector, also `vector` | `how`; `depth` interrupts are open |
    | IO | port | `value` of `size` bytes; `write`: OUT |
    | WRITE, READ | first byte that was accessed | `value` of `size` bytes now, `old` before |

    Of a RETURN, `changed` says what the handler has changed, and `value` is FLAGS after it.

    Registers are those before the instruction; of WRITE and READ those after it.
    """

    __slots__ = ("_values",)

    def __init__(self, data: bytes) -> None:
        names = (name for name, _ in FIELDS)
        self._values: dict[str, int] = dict(zip(names, SEEN.unpack(data), strict=True))

    def __getattr__(self, name: str) -> int:
        if name.startswith("_"):  # a copy that has no values yet
            raise AttributeError(f"an event has no {name!r}")
        values = self._values
        if name in values:
            return values[name]
        if name in PARTS:
            number, shift, bits = PARTS[name]
            return values[REGISTERS[number]] >> shift & bits
        raise AttributeError(f"an event has no {name!r}")

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self._values, *PARTS]

    @property
    def kind(self) -> Kind:
        """What was looked for."""
        return Kind(self._values["kind"])

    @property
    def how(self) -> How:
        """How an interrupt began, or RETURN."""
        return How(self._values["how"])

    @property
    def changed(self) -> dict[str, tuple[int, int]]:
        """Of a RETURN: (before, now) of each register and flag that the handler has changed."""
        v = self._values
        if v["kind"] != Kind.INTERRUPT or v["how"] != How.RETURN:
            return {}
        found = {
            name: (v[f"was_{name}"], v[name])
            for name in REGISTERS
            if name != "esp" and v[f"was_{name}"] != v[name]
        }
        if (v["was_flags"] ^ v["value"]) & STATUS:
            found["flags"] = (v["was_flags"], v["value"])
        return found

    def __str__(self) -> str:
        v = self._values
        where = f"{v['cs']:04x}:{v['ip']:04x}"
        kind = self.kind
        if kind is Kind.INTERRUPT:
            vector = f"INT {v['vector']:02X}h"
            registers = f"AX={self.ax:04x} BX={self.bx:04x} CX={self.cx:04x} DX={self.dx:04x}"
            words = {
                How.SOFTWARE: f"{vector} at {where}",
                How.HARDWARE: f"interrupt {v['vector']:02X}h at {where}",
                How.FAULT: f"fault {v['vector']:02X}h at {where}",
                How.RETURN: f"return from {vector} at {where}",
            }
            return f"{words[self.how]} {registers}"
        if kind is Kind.IO:
            way = "OUT to" if v["write"] else "IN from"
            return f"{way} port {v['addr']:#x} at {where}: {v['value']:#0{2 + 2 * v['size']}x}"
        if kind in (Kind.WRITE, Kind.READ):
            width = 2 + 2 * v["size"]
            if v["write"]:
                change = f"{v['old']:#0{width}x} -> {v['value']:#0{width}x}"
                return f"write to {v['addr']:#07x} at {where}: {change}"
            return f"read of {v['addr']:#07x} at {where}: {v['value']:#0{width}x}"
        what = "block" if kind is Kind.BLOCK else "instruction"
        return f"{what} at {where}"

    def __repr__(self) -> str:
        return f"<{self} after {self._values['instructions']} instructions>"


class Observer:
    """One thing that is observed. Made by `Machine.on_...` and `Observers`.

    `remove()`, or the end of a `with`, ends it; what it has seen stays. Iterating gives the newest
    events, oldest first. Only the thread that runs the guest, or any while it does not run, makes
    and removes observers; any thread reads.
    """

    def __init__(
        self,
        vcpu: Vcpu,
        kind: Kind,
        first: int,
        last: int,
        what: str,
        call: Callable[[Event], object] | None,
        do: Do,
        conditions: list[tuple[int, int, int, int]],
        capacity: int,
    ) -> None:
        self._what = what
        self._do = do
        self._function = call
        self._sight: Sight = vcpu._look(
            int(kind), first, last, ACTIONS[do], conditions, capacity, self._called, self
        )

    def _called(self, data: bytes) -> None:
        if self._function is not None:
            self._function(Event(data))

    def _words(self, data: bytes) -> str:
        return str(Event(data))

    def remove(self) -> None:
        """It no longer observes. Twice is harmless. RuntimeError: another thread runs the vCPU."""
        self._sight.remove()

    @property
    def active(self) -> bool:
        """Is it on?"""
        return self._sight.on

    @property
    def count(self) -> int:
        """How often it has seen what it looks for."""
        return self._sight.count

    @property
    def dropped(self) -> int:
        """How many of the oldest events are no longer kept."""
        return self.count - len(self._sight.seen()) // SEEN.size

    @property
    def events(self) -> "NDArray[np.void]":
        """The newest events as a structured array of numpy, with the fields of `Event`."""
        import numpy as np

        kinds = [(name, NUMPY[form]) for name, form in FIELDS]
        return np.frombuffer(self._sight.seen(), dtype=np.dtype(kinds))

    def clear(self) -> None:
        """Forget the events."""
        self._sight.clear()

    def __iter__(self) -> Iterator[Event]:
        data = self._sight.seen()
        return (Event(data[at : at + SEEN.size]) for at in range(0, len(data), SEEN.size))

    def __len__(self) -> int:
        return len(self._sight.seen()) // SEEN.size

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> "Observer":
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        state = "" if self.active else ", removed"
        return f"<Observer of {self._what}: {self.count} events{state}>"


class Drained(Observer):
    """What a tracer observes: `wake` is called when the ring of `capacity` events is half full, so
    that `drain()` finds all of them. `kind` may also be EACH, DECODE and LINE."""

    def __init__(
        self,
        vcpu: Vcpu,
        kind: Kind,
        first: int,
        last: int,
        capacity: int,
        wake: Callable[[], object],
    ) -> None:
        self._what, self._do, self._function = kind.name.lower(), "log", None
        self._wake = wake
        core = of_core(vcpu, "trace")
        self._sight = core._look(int(kind), first, last, DRAIN, [], capacity, self._called, self)

    def _called(self, data: bytes) -> None:
        self._wake()

    def drain(self) -> tuple[bytes, int]:
        """The events since the last call, as bytes, and how many of them are lost."""
        return self._sight.drain()


class _Action(NamedTuple):
    call: Callable[[Event], object] | None
    do: Do


def of_core(vcpu: object, what: str) -> Vcpu:
    """A vCPU of the interpreter. OSError EOPNOTSUPP: it is another one."""
    if not isinstance(vcpu, Vcpu):
        raise OSError(errno.EOPNOTSUPP, f"KVM has no {what}: make the machine with accel='interp'")
    return vcpu


class Observers:
    """Makes observers of a vCPU. OSError EOPNOTSUPP: KVM has none."""

    def __init__(self, vcpu: Vcpu) -> None:
        self._vcpu = of_core(vcpu, "observers")

    def exec(
        self,
        at: Address,
        call: Callable[[Event], object] | None = None,
        *,
        do: Do | None = None,
        capacity: int = CAPACITY,
    ) -> Observer:
        """The instruction at a linear address is reached, and about to be executed."""
        where = whole(linear(at, what="at"), "at", 0, 0x10FFEF)
        what = f"the instruction at {where:#07x}"
        return self._make(Kind.EXEC, where, where, what, call, do, "stop", [], capacity)

    def block(
        self,
        call: Callable[[Event], object] | None = None,
        *,
        do: Do | None = None,
        capacity: int = CAPACITY,
    ) -> Observer:
        """The first instruction after a jump, call, return, interrupt, or after a conditional jump
        that is not taken."""
        return self._make(Kind.BLOCK, 0, 0, "blocks", call, do, "log", [], capacity)

    def interrupt(
        self,
        vector: int | None = None,
        call: Callable[[Event], object] | None = None,
        *,
        do: Do | None = None,
        capacity: int = CAPACITY,
        **registers: int,
    ) -> Observer:
        """An interrupt of this vector, of any if it is None, and the return that ends it: INT n
        before it is executed; a fault or an interrupt of hardware when it was delivered; IRET or
        RETF 2 with the frame of an interrupt that is open. `registers`, such as `ah=0x3D`: only if
        they have these values when it begins. TypeError: there is no such register."""
        first, last = (0, 255) if vector is None else (whole(vector, "vector", 0, 255),) * 2
        conditions = []
        for name, value in registers.items():
            if name not in PARTS:
                raise TypeError(f"no register {name!r} can be compared: give ah=, ax=, eax= ...")
            number, shift, bits = PARTS[name]
            conditions.append((number, shift, bits, whole(value, name, 0, bits)))
        what = "interrupts" if vector is None else f"interrupt {vector:02X}h"
        return self._make(Kind.INTERRUPT, first, last, what, call, do, "log", conditions, capacity)

    def io(
        self,
        port: int = 0,
        length: int = 0x10000,
        call: Callable[[Event], object] | None = None,
        *,
        do: Do | None = None,
        capacity: int = CAPACITY,
    ) -> Observer:
        """IN, OUT, INS and OUTS of `length` ports from `port` on, whoever answers them. An IN is
        seen when it has its value, an OUT before it is done; a stop comes after the instruction."""
        first = whole(port, "port", 0, 0xFFFF)
        size = whole(length, "length", 1, 0x10000)
        last = min(first + size - 1, 0xFFFF)
        what = f"ports {first:#x}-{last:#x}"
        return self._make(Kind.IO, first, last, what, call, do, "log", [], capacity)

    def write(
        self,
        addr: Address,
        length: int = 1,
        call: Callable[[Event], object] | None = None,
        *,
        do: Do | None = None,
        capacity: int = CAPACITY,
    ) -> Observer:
        """Stores of the guest to `length` bytes of guest-physical memory; seen after the
        instruction. What a device or the host stores is not seen."""
        return self._memory(Kind.WRITE, "writes to", addr, length, call, do, capacity)

    def read(
        self,
        addr: Address,
        length: int = 1,
        call: Callable[[Event], object] | None = None,
        *,
        do: Do | None = None,
        capacity: int = CAPACITY,
    ) -> Observer:
        """Loads of the guest from `length` bytes; seen after the instruction. To fetch an
        instruction is no load."""
        return self._memory(Kind.READ, "reads of", addr, length, call, do, capacity)

    def _memory(
        self,
        kind: Kind,
        words: str,
        addr: Address,
        length: int,
        call: Callable[[Event], object] | None,
        do: Do | None,
        capacity: int,
    ) -> Observer:
        first = whole(linear(addr, what="addr"), "addr", 0, (1 << 64) - 1)
        last = first + whole(length, "length", 1, (1 << 64) - first) - 1
        what = f"{words} {first:#07x}-{last:#07x}"
        return self._make(kind, first, last, what, call, do, "stop", [], capacity)

    def _make(
        self,
        kind: Kind,
        first: int,
        last: int,
        what: str,
        call: Callable[[Event], object] | None,
        do: Do | None,
        default: Do,
        conditions: list[tuple[int, int, int, int]],
        capacity: int,
    ) -> Observer:
        action = _action(call, do, default)
        return Observer(
            self._vcpu, kind, first, last, what, action.call, action.do, conditions, capacity
        )


def _action(call: Callable[[Event], object] | None, do: Do | None, default: Do) -> _Action:
    """What to do at an event. TypeError: `call` is no function; ValueError: another `do`."""
    if call is not None and not callable(call):
        raise TypeError(f"an observer calls a function, not {type(call).__name__}")
    if do is None:
        do = default if call is None else "call"
    if do not in ACTIONS:
        raise ValueError(f"unknown do={do!r}: choose 'stop', 'call' or 'log'")
    if (do == "call") != (call is not None):
        raise ValueError("do='call' needs call=, a function; and nothing else has one")
    return _Action(call, do)
