"""Guest: run a program and say what it did. The result is values: its Vm is already closed."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property

from .._core import whole
from ..address import Address, linear
from ..listing import Line
from ..tools.batch.reports import printable
from ..tools.coverage import Coverage
from . import mnemonics
from .problems import GuestFailed
from .program import Program
from .running import BASE, MEMORY, MOST_CODE, RETURN, Ended, Run, Start, Step, repeats

LIMIT = 1_000_000
MOST_LIMIT = 1 << 40
#: A report looks at so many of the last instructions, one by one.
MOST_STEPS = 20_000
HISTORY = 16
WIDTHS = {
    **dict.fromkeys(("al", "ah", "bl", "bh", "cl", "ch", "dl", "dh"), 8),
    **dict.fromkeys(("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"), 32),
    **dict.fromkeys(("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip", "flags"), 16),
    **dict.fromkeys(("cs", "ds", "es", "ss", "fs", "gs"), 16),
}
#: Bits of FLAGS.
FLAGS = {
    "cf": 0,
    "pf": 2,
    "af": 4,
    "zf": 6,
    "sf": 7,
    "tf": 8,
    "if_": 9,
    "df": 10,
    "of": 11,
}
GIVEN = {
    **dict.fromkeys(("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "flags"), 16),
    **dict.fromkeys(("ds", "es", "ss", "fs", "gs"), 16),
    **dict.fromkeys(("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"), 32),
}


class Result:
    """What a program left: registers and flags as attributes (`r.cx`, `r.al`, `r.eax`, `r.zf`,
    `r.if_`), memory, output, and which instructions it has executed.

    `instructions` is their number, `ended` says how it ended ("RET", "HLT", ...).
    `output` is what it printed, by INT 21h/02h or /09h, INT 10h/0Eh or port E9h.
    """

    def __init__(self, start: Start, limit: int) -> None:
        self._start = start
        self.program = start.program
        """The program: bytes, lines and labels."""
        self._read: list[str] = []
        run = Run(start)
        try:
            run.go(limit)
            self._values = dict(zip(run.names, run.values(), strict=True))
            self.instructions: int = run.count
            self.memory: bytes = run.memory()
            """All of memory, by linear address."""
            self.output: str = bytes(run.output).decode("cp437")
            self.loop: list[tuple[int, int]] | None = None
            """CS:IP of each instruction of the endless loop that it is proved to be in."""
            ended = run.ended
            if ended is None:
                self.loop = repeats(run)
                ended = Ended(False, f"not ended after {limit:,} instructions", limit=True)
            self._ended = ended
        finally:
            run.close()
        self.ended: str = ended.text
        """How it ended, in words."""

    def __getattr__(self, name: str) -> int:
        """A register or a flag."""
        values = self.__dict__.get("_values")
        if values is None or name.startswith("_"):
            raise AttributeError(name)
        if name in FLAGS:
            self._read.append("eflags")
            return int(values["eflags"] >> FLAGS[name] & 1)
        width = WIDTHS.get(name)
        if width == 16 and name in values:
            full = name
        elif width is not None:
            full = f"e{name}" if width == 16 else f"e{name[0]}x" if width == 8 else name
        if width is None or full not in values:
            raise AttributeError(
                f"a result has no {name!r}: it has registers (ax ... eax, al, cs ...), flags "
                "(cf pf af zf sf if_ df of), memory, output, instructions"
            )
        self._read.append(full)
        value = int(values[full])
        if width == 8:
            return value >> (8 if name[1] == "h" else 0) & 0xFF
        return value & 0xFFFF if width == 16 else value

    # -- memory ------------------------------------------------------------------------------------

    def read(self, at: Address, size: int) -> bytes:
        """`size` bytes of memory at an address: a label of the program, "SEG:OFF", or a linear
        address. ValueError: it is none, or outside the first MiB."""
        size = whole(size, "size", 0, MEMORY)
        place = linear(at, symbols=labels(self.program))
        if place + size > MEMORY:
            raise ValueError(f"{size} bytes at {place:#x}: the guest has 1 MiB")
        return self.memory[place : place + size]

    def byte(self, at: Address) -> int:
        """The byte at an address. ValueError as `read`."""
        return self.read(at, 1)[0]

    def word(self, at: Address) -> int:
        """The word at an address. ValueError as `read`."""
        return int.from_bytes(self.read(at, 2), "little")

    # -- instructions ------------------------------------------------------------------------------

    @cached_property
    def _counts(self) -> Counter[tuple[int, int, bytes]]:
        counts: Counter[tuple[int, int, bytes]] = Counter()

        def see(step: Step) -> None:
            counts[step.cs, step.ip, step.code] += 1

        self._again(see)
        return counts

    def _again(self, see: Callable[[Step], object], skip: int = 0) -> None:
        """Run it once more, in single steps after the first `skip` instructions."""
        run = Run(self._start)
        try:
            run.go(skip)
            # One more: an instruction that faults is not counted.
            run.steps(self.instructions + (not self._ended.limit), see)
        finally:
            run.close()

    def first(self, count: int) -> list[Step]:
        """The first `count` instructions."""
        steps: list[Step] = []
        count = whole(count, "count", 0, MOST_STEPS)
        run = Run(self._start)
        try:
            run.steps(min(count, self.instructions + (not self._ended.limit)), steps.append)
        finally:
            run.close()
        return steps

    def reached(self) -> set[int]:
        """The offsets in the program's segment of all instructions that were executed."""
        run = Run(self._start)
        try:
            with Coverage(run.vcpu) as covered:
                run.go(self.instructions + (not self._ended.limit))
                return {at - BASE for at in covered.addresses} - {RETURN, run.end}
        finally:
            run.close()

    @cached_property
    def executed(self) -> dict[int, int]:
        """By offset in the program's segment, how often the instruction there was executed."""
        found: Counter[int] = Counter()
        for (cs, ip, _), count in self._counts.items():
            found[(cs << 4) + ip - BASE] += count
        return dict(sorted(found.items()))

    @cached_property
    def mnemonics(self) -> dict[str, int]:
        """By mnemonic, how often it was executed, as capstone names it. GuestFailed: capstone is
        missing."""
        decode = mnemonics.decoder()
        found: Counter[str] = Counter()
        for (_, ip, code), count in self._counts.items():
            found[mnemonics.words(decode, code, ip)[0]] += count
        return dict(found.most_common())

    def used(self, *names: str) -> bool:
        """Was an instruction with one of these mnemonics executed? "jz" and "je" are the same;
        "movs" is "movsb" and "movsw"; "rep" is a prefix. One that is in the program and was not
        reached, or was jumped over, does not count. GuestFailed: capstone is missing. ValueError:
        no instruction is called so.
        """
        known = mnemonics.known(mnemonics.decoder())
        wanted = {mnemonics.SAME.get(name.lower(), name.lower()) for name in names}
        for name in sorted(wanted - known):
            raise ValueError(f"no instruction of x86 is called {name!r}: is it misspelled?")
        return any(wanted & mnemonics.names(each) for each in self.mnemonics)

    def history(self, count: int = HISTORY) -> list[Step]:
        """The last `count` instructions, oldest first."""
        steps: list[Step] = []
        count = whole(count, "count", 0, MOST_STEPS)
        self._again(steps.append, max(0, self.instructions - count))
        return steps[-count:] if count else []

    def line(self, cs: int, ip: int) -> Line | None:
        """The line of the source that made the instruction at CS:IP."""
        return self.program.at((cs << 4) + ip - BASE)

    def steps(self, see: Callable[[Step], object]) -> None:
        """Call a function with each of the last steps of the run, at most 20,000."""
        self._again(see, max(0, self.instructions - MOST_STEPS))

    def __repr__(self) -> str:
        return f"<Result of {printable(self.program.name)}: {self.ended}>"


def labels(program: Program) -> Mapping[str, int]:
    """The linear address of each label."""
    return {name: BASE + at for name, at in program.symbols.items()}


def start_of(
    program: Program,
    registers: Mapping[str, int | None],
    memory: Mapping[Address, bytes] | None,
    model: str | None,
) -> Start:
    """What a run begins with. TypeError, ValueError: a register, an address or memory that cannot
    be; GuestFailed: the program is too long."""
    if program.origin + len(program.code) > MOST_CODE:
        raise GuestFailed(
            f"{program.name} ends at {program.origin + len(program.code):#x}: a guest has one "
            f"segment, its code ends below {MOST_CODE:#x}; `boot` takes more"
        )
    given = {}
    for name, value in registers.items():
        if value is None:
            continue
        bits = GIVEN[name]
        number = whole(value, name, -(1 << (bits - 1)), (1 << bits) - 1)
        given[name] = number & ((1 << bits) - 1)
    parts = []
    for at, data in (memory or {}).items():
        place = linear(at, symbols=labels(program), what="an address of memory")
        content = bytes(data) if not isinstance(data, (int, str)) else None
        if content is None:
            raise TypeError(f"memory at {at!r} is bytes, not {type(data).__name__}")
        if place + len(content) > MEMORY:
            raise ValueError(f"memory at {at!r}: {len(content)} bytes there end above 1 MiB")
        parts.append((place, content))
    return Start(program, given, tuple(parts), model)
