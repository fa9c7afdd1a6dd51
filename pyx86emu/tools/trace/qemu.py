"""The log of QEMU's `-d int,in_asm,exec,cpu`: the same lines for what is the same here.

Addresses are those of a real-mode CPU; QEMU's own addresses of translated code are 0.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...observe import SEEN, Drained, Event, How, Kind
from .names import Names
from .sources import LAST, MANY, SOME, STEP, Ordered, Ring, Source, Wake
from .tracer import Trace, Where

if TYPE_CHECKING:
    from ...pc.machine import Machine

#: As `-d help` lists them.
ITEMS = {
    "in_asm": "show each block of the guest's code when it is decoded for the first time",
    "int": "show interrupts and exceptions, and the registers when they begin",
    "exec": "show each block before it is executed",
    "cpu": "show the registers before a block is executed",
}
#: FLAGS as QEMU shows them: bit and letter.
LETTERS = ((10, "D"), (11, "O"), (7, "S"), (6, "Z"), (4, "A"), (2, "P"), (0, "C"))
#: Blocks of code that are remembered, so that they are shown once.
MOST_KNOWN = 1 << 20


def items(text: str) -> frozenset[str]:
    """Read "int,in_asm". ValueError: an item that there is not.

    >>> sorted(items("int,in_asm"))
    ['in_asm', 'int']
    """
    found = frozenset(word.strip() for word in text.split(","))
    if unknown := sorted(found - set(ITEMS)):
        raise ValueError(f"{unknown[0][:60]!r} is none of {', '.join(ITEMS)}")
    return found


def help_text() -> str:
    """The list of items, as QEMU prints its own."""
    rows = [f"{name:<15} {what}" for name, what in ITEMS.items()]
    return "\n".join(["Log items (comma separated):", *rows])


def log(m: "Machine", asked: frozenset[str], file: Where) -> Trace:
    """From now on write the log of these items. Errors as for `Machine.trace`."""
    names = Names(m, "att")

    def sources(made: Trace) -> Iterable[Source]:
        if "in_asm" in asked:
            yield Code(m, names, made.flush)
        if "int" in asked:
            numbers = Numbers()
            yield Seen(m, Kind.INTERRUPT, lambda event: interrupt(m, event, numbers), made.flush)
        if asked & {"exec", "cpu"}:
            yield Seen(m, Kind.BLOCK, lambda event: block(m, names, event, asked), made.flush)

    return Trace(m, file, lost, sources)


def lost(n: int, time: int, kind: str, count: int) -> str:
    """Records are missing."""
    return f"lost {count} records of {kind}\n"


class Code(Ring):
    """Blocks of code, when they are decoded."""

    def __init__(self, m: "Machine", names: Names, wake: Wake) -> None:
        super().__init__(Drained(m.vcpu, Kind.DECODE, 0, LAST, MANY, wake), "in_asm")
        self._names = names
        self._known: set[tuple[tuple[int, int, bytes], ...]] = set()

    def _lines(self, data: bytes) -> list[Ordered]:
        blocks: list[tuple[int, list[tuple[int, int, bytes]]]] = []
        for _, _, code, size, first, cs, ip, order in STEP.iter_unpack(data):
            if first or not blocks:
                blocks.append((order, []))
            blocks[-1][1].append((cs, ip, code[:size]))
        return [(order, self._show(tuple(block))) for order, block in blocks]

    def _show(self, block: tuple[tuple[int, int, bytes], ...]) -> str:
        if block in self._known:
            return ""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(block)
        cs, ip, _ = block[0]
        lines = ["-" * 16, f"IN: {self._names.label((cs << 4) + ip) or ''}"]
        for cs, ip, code in block:
            words = self._names.code(cs, ip, code)
            lines.append(f"{(cs << 4) + ip:#010x}:  {code.hex(' '):<24} {words}".rstrip())
        return "\n".join([*lines, "", ""])


class Seen(Ring):
    """Events with all registers."""

    def __init__(self, m: "Machine", what: Kind, show: Callable[[Event], str], wake: Wake) -> None:
        last = 255 if what is Kind.INTERRUPT else 0
        super().__init__(Drained(m.vcpu, what, 0, last, SOME, wake), what.name.lower())
        self._show = show

    def _lines(self, data: bytes) -> list[Ordered]:
        size, show = SEEN.size, self._show
        events = [Event(data[at : at + size]) for at in range(0, len(data), size)]
        return [(event.order, show(event)) for event in events]


class Numbers:
    """Numbers the interrupts."""

    def __init__(self) -> None:
        self.next = 0

    def take(self) -> int:
        self.next += 1
        return self.next - 1


def interrupt(m: "Machine", event: Event, numbers: Numbers) -> str:
    """An interrupt that begins. Real mode has no error codes: e is 0."""
    if event.how is How.RETURN:
        return ""
    e = event
    where = f"IP={e.cs:04x}:{e.ip:08x} pc={(e.cs << 4) + e.ip:08x} SP={e.ss:04x}:{e.esp:08x}"
    soft = int(e.how is How.SOFTWARE)
    head = f"{numbers.take():6}: v={e.vector:02x} e=0000 i={soft} cpl=0 {where}"
    hard = f"Servicing hardware INT=0x{e.vector:02x}\n" if e.how is How.HARDWARE else ""
    return f"{hard}{head} env->regs[R_EAX]={e.eax:08x}\n{dump(m, e)}"


def block(m: "Machine", names: Names, event: Event, asked: frozenset[str]) -> str:
    """A block that is about to be executed."""
    e, text = event, ""
    if "exec" in asked:
        key = f"{e.cs << 4:08x}/{(e.cs << 4) + e.ip:08x}/{e.flags:08x}/00000000"
        text = f"Trace 0: 0x0 [{key}] {names.label((e.cs << 4) + e.ip) or ''}\n"
    return text + dump(m, e) if "cpu" in asked else text


def dump(m: "Machine", e: Event) -> str:
    """The registers."""
    letters = "".join(letter if e.flags >> bit & 1 else "-" for bit, letter in LETTERS)
    rows = [
        f"EAX={e.eax:08x} EBX={e.ebx:08x} ECX={e.ecx:08x} EDX={e.edx:08x}",
        f"ESI={e.esi:08x} EDI={e.edi:08x} EBP={e.ebp:08x} ESP={e.esp:08x}",
        f"EIP={e.ip:08x} EFL={e.flags:08x} [{letters}] CPL=0 II=0 A20={int(m.vm.a20)} SMM=0 HLT=0",
    ]
    for name in ("es", "cs", "ss", "ds", "fs", "gs"):
        value = getattr(e, name)
        kind = "00009b00" if name == "cs" else "00009300"
        rows.append(f"{name.upper()} ={value:04x} {value << 4:08x} 0000ffff {kind}")
    return "\n".join([*rows, ""])
