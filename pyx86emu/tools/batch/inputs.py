"""Inputs: run one saved state with many inputs, a few thousand instructions each.

A worker makes the machine once and restores the state for each input, which copies what the last
run has changed. Inputs travel many at a time.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Any, NamedTuple, Protocol

from ..._core import Vcpu, whole
from ...address import Address, linear
from ...clock import LAST
from ...models import canonical
from ...pc.machine import Machine
from ...saved.state import State
from ...vm import Vm
from .contents import Content
from .guest import machine_of
from .jobs import Job
from .schedule import Executors, Order, Schedule

#: Registers by name, as `vcpu.regs` has them.
REGISTERS = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"),
    *("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip", "flags"),
    *("al", "bl", "cl", "dl", "ah", "bh", "ch", "dh"),
    *("cs", "ds", "es", "ss", "fs", "gs"),
)
#: A vCPU has so many breakpoints.
MOST_STOPS = 4
MOST_CHUNK = 1 << 16
#: A process keeps so many machines between two tasks.
MOST_IDLE = 8
MOST_MEMORY = 1 << 32


@dataclass(frozen=True, slots=True)
class BareVm:
    """A Vm with `memory` bytes of RAM from address 0 and one vCPU, and nothing else."""

    memory: int = 0x10000
    model: str | None = None
    irqchip: bool = False

    def __post_init__(self) -> None:
        whole(self.memory, "memory", 0x1000, MOST_MEMORY)
        if self.model is not None:
            canonical(self.model)


class Ran(NamedTuple):
    """How the run with one input ended."""

    number: int
    """Of the input, from 0."""
    reason: str
    """The name of the ExitReason: HLT, DEBUG (one of `stops`), BUDGET (max_instructions), IO and
    MMIO (of a BareVm, which has no devices), SHUTDOWN ... Or LOST (its worker ended each time) and
    ERROR (it could not run)."""
    cs: int
    ip: int
    instructions: int
    """Of this run."""
    registers: tuple[int, ...]
    """The values of `Case.registers`."""
    memory: tuple[bytes, ...]
    """The bytes of `Case.memory`."""
    message: str = ""
    edges: bytes = b""
    """With `Case.edges`: the numbers of the jumps that were made, 0-65535, in their order, two
    bytes each, low byte first: `numpy.frombuffer(ran.edges, "<u2")`."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is run with each input.

    `state` is that of a Machine or a Vm: a `State`, or its bytes or file; `on` is what that was
    made of: a Job (its images and options) or a `BareVm`. A Case of a State is made while its disks
    are open. Each input is written to memory `at`, its
    length into the register `length`. The run ends with HLT, at one of up to four addresses
    `stops`, or after `max_instructions`; then `registers` and `memory` (pairs of address and
    length) are read.

    ValueError, TypeError: an argument is wrong, by its name.
    """

    on: Job | BareVm
    state: Content
    at: Address
    length: str | None = None
    registers: tuple[str, ...] = ("ax",)
    memory: tuple[tuple[int, int], ...] = ()
    stops: tuple[int, ...] = ()
    max_instructions: int = 10_000
    edges: bool = False
    """Tell which jumps were made (`tools.coverage`)."""

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        if not isinstance(self.on, (Job, BareVm)):
            raise TypeError(f"on must be a Job or a BareVm, not {type(self.on).__name__}")
        given: Any = self.state
        put("state", Content.of(given.to_bytes() if isinstance(given, State) else given))
        put("at", linear(self.at, what="at"))
        for name in (*self.registers, *(() if self.length is None else (self.length,))):
            if name not in REGISTERS:
                raise ValueError(
                    f"there is no register {name!r}: give one of {', '.join(REGISTERS)}"
                )
        put("registers", tuple(self.registers))
        pairs = []
        for address, length in self.memory:
            most = whole(length, "a length in memory", 0, MOST_MEMORY)
            pairs.append((linear(address, what="an address in memory"), most))
        put("memory", tuple(pairs))
        put("stops", tuple(linear(each, what="an address in stops") for each in self.stops))
        if len(self.stops) > MOST_STOPS:
            raise ValueError(f"stops has {len(self.stops)} addresses: give at most {MOST_STOPS}")
        whole(self.max_instructions, "max_instructions", 1, LAST)
        if not isinstance(self.edges, bool):
            raise TypeError(f"edges must be True or False, not {self.edges!r}")

    @property
    def contents(self) -> tuple[Content, ...]:
        """The state, and the images of the machine."""
        images = self.on.contents if isinstance(self.on, Job) else ()
        return tuple(dict.fromkeys((self.state, *images)))

    @contextmanager
    def opened(self, data: bytes) -> Iterator[Machine | Vm]:
        """The machine with this input, as it is before the first instruction: to look at one run
        with a debugger, or to save it. It is closed at the end.

        ContentError, StateError, OSError: it cannot be made."""
        live = _Live(self)
        try:
            live.set(data)
            yield live.guest
        finally:
            live.close()


def _jumps(edges: Any) -> bytes:
    """The numbers of the edges that are not 0. Most are: eight are looked at together."""
    at = edges.view("<u8").nonzero()[0]
    row, place = edges.reshape(-1, 8)[at].nonzero()
    numbers: bytes = (8 * at[row] + place).astype("<u2").tobytes()
    return numbers


class _Live:
    """A machine of a case, which is restored for each input."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.guest: Machine | Vm
        self.vm: Vm
        on = case.on
        if isinstance(on, Job):
            self.guest = machine = machine_of(on)
            self.vm = machine.vm
        else:
            self.guest = self.vm = Vm(irqchip=on.irqchip)
        try:
            if isinstance(on, BareVm):
                self.vm.add_memory(0, on.memory)
                self.vm.create_vcpu(on.model) if on.model else self.vm.create_vcpu()
            self.guest.restore(State.from_bytes(case.state.read()))
            self.vcpu: Vcpu = self.vm.vcpus[0]
            if case.stops:
                self.vcpu.debug(breakpoints=list(case.stops))
            #: Of this machine: a restore of it copies what has changed only.
            self.state = self.guest.save()
            self.coverage = None
            if case.edges:
                from ..coverage import Coverage

                self.coverage = Coverage(self.vcpu, edges=True)
        except BaseException:
            self.close()
            raise

    def set(self, data: bytes) -> None:
        """Restore the state and write an input."""
        case = self.case
        self.guest.restore(self.state)
        assert isinstance(case.at, int)
        self.vm.write(case.at, data)
        if case.length is not None:
            setattr(self.vcpu.regs, case.length, len(data))

    def run(self, index: int, data: bytes) -> Ran:
        """Run with one input."""
        self.set(data)
        case, vcpu, vm = self.case, self.vcpu, self.vm
        before = vcpu.instructions or 0
        guest, coverage = self.guest, self.coverage
        if coverage is not None:
            coverage.edges[:] = 0
        if isinstance(guest, Machine):
            exit = guest.run(max_instructions=case.max_instructions)
        else:
            exit = vcpu.run(case.max_instructions)
        regs = vcpu.regs
        return Ran(
            index,
            exit.reason.name,
            exit.cs,
            exit.ip,
            (vcpu.instructions or 0) - before,
            tuple([getattr(regs, name) for name in case.registers]),
            tuple([vm.read(address, length) for address, length in case.memory]),
            exit.message or "",
            b"" if coverage is None else _jumps(coverage.edges),
        )

    def close(self) -> None:
        if (coverage := getattr(self, "coverage", None)) is not None:
            coverage.close()
        self.guest.close()


class _Closes(Protocol):
    def close(self) -> None: ...


class Idle:
    """Machines that no task uses now, by their case; a thread takes one out to use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Case, list[_Live]] = OrderedDict()
        self._count = 0

    def take(self, case: Case) -> _Live:
        """One of this case, or a new one."""
        with self._lock:
            if found := self._kept.get(case):
                self._count -= 1
                return found.pop()
        return _Live(case)

    def put(self, live: _Live) -> None:
        """Keep it for the next task; the oldest are closed."""
        dropped: list[_Closes] = []
        with self._lock:
            self._kept.setdefault(live.case, []).append(live)
            self._kept.move_to_end(live.case)
            self._count += 1
            while self._count > MOST_IDLE:
                oldest = next(iter(self._kept))
                if self._kept[oldest]:
                    dropped.append(self._kept[oldest].pop(0))
                    self._count -= 1
                if not self._kept[oldest]:
                    del self._kept[oldest]
        for each in dropped:
            each.close()

    def clear(self) -> None:
        """Close all of them."""
        with self._lock:
            kept, self._kept, self._count = self._kept, OrderedDict(), 0
        for lives in kept.values():
            for each in lives:
                each.close()


#: The machines of this process.
IDLE = Idle()


@dataclass(frozen=True, slots=True)
class Inputs:
    """A task: some inputs of a case."""

    case: Case
    start: int
    data: tuple[bytes, ...]

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(range(self.start, self.start + len(self.data)))

    @property
    def contents(self) -> tuple[Content, ...]:
        return self.case.contents

    def run(self) -> tuple[Ran, ...]:
        live = IDLE.take(self.case)
        try:
            run = live.run
            answers = tuple([run(index, each) for index, each in enumerate(self.data, self.start)])
        except BaseException:
            live.close()
            raise
        IDLE.put(live)
        return answers

    def split(self) -> "tuple[Inputs, ...]":
        return tuple(
            Inputs(self.case, index, (each,)) for index, each in enumerate(self.data, self.start)
        )

    def lost(self, message: str) -> tuple[Ran, ...]:
        return tuple(Ran(index, "LOST", 0, 0, 0, (), (), message) for index in self.indices)

    def broken(self, message: str) -> tuple[Ran, ...]:
        return tuple(Ran(index, "ERROR", 0, 0, 0, (), (), message) for index in self.indices)


def map_inputs(
    case: Case,
    inputs: Iterable[bytes],
    executor: Executors = None,
    *,
    workers: int | None = None,
    chunk: int = 256,
    losses: int = 3,
    order: Order = "jobs",
) -> Generator[Ran, None, None]:
    """Run a case with each input; how each run ended, one by one, each exactly once.

    `chunk` inputs are one task. The other arguments, and what is promised, are those of `run`.

    >>> from pyx86emu import Vm
    >>> with Vm() as vm:
    ...     ram = vm.add_memory(0, 0x10000)
    ...     ram[0x1000:0x1005] = bytes.fromhex("03060020 f4")  # add ax,[2000h]; hlt
    ...     vcpu = vm.create_vcpu()
    ...     vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.ax = 0, 0x1000, 5
    ...     case = Case(BareVm(), vm.save(), at=0x2000)
    >>> [ran.registers for ran in map_inputs(case, [b"\\x01", b"\\x10"], workers=1)]
    [(6,), (21,)]
    """
    size = whole(chunk, "chunk", 1, MOST_CHUNK)
    if order not in ("jobs", "completion"):
        raise ValueError(f"order={order!r}: give 'jobs' or 'completion'")
    if workers is not None:
        if executor is not None:
            raise ValueError("workers is for processes of ours: leave it or executor out")
        whole(workers, "workers", 1, 1024)
    if not isinstance(case, Case):
        raise TypeError(f"case must be a Case, not {type(case).__name__}")
    schedule = Schedule(
        _tasks(case, inputs, size),
        executor,
        workers=workers,
        losses=whole(losses, "losses", 1, 1000),
        order=order,
    )
    return _cleared(schedule)


def _cleared(schedule: Schedule) -> Generator[Ran, None, None]:
    """The answers; at the end no machine stays in this process."""
    try:
        yield from schedule.answers()
    finally:
        IDLE.clear()


def _tasks(case: Case, inputs: Iterable[bytes], size: int) -> Iterator[Inputs]:
    start, rest = 0, iter(inputs)
    while data := tuple(islice(rest, size)):
        for each in data:
            if not isinstance(each, (bytes, bytearray, memoryview)):
                raise TypeError(f"an input is bytes, not {type(each).__name__}")
        yield Inputs(case, start, tuple(bytes(each) for each in data))
        start += len(data)
