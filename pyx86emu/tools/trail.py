"""Trails: show the last instructions of a guest as assembly. Run nothing, judge nothing."""

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .._core import whole
from ..executed import Executed
from ..memory import load
from ..pc.ending import ending
from ..pc.handover import BOOT_SECTOR
from ..pc.resets import JUMP

if TYPE_CHECKING:
    from .._core import Exit
    from ..pc.machine import Machine
    from ..symbols import Symbols

#: So many instructions are shown.
SHOWN = 16
#: So many are looked at, to see what repeats.
LOOKED_AT = 4096
#: A loop of more instructions is shown as it ran.
LONGEST_LOOP = 12
#: So many equal instructions one after another are shown as one, zeros for instance.
EQUAL = 4
#: A label is shown up to so many bytes after it.
NEAR = 0x1000
#: Code from this segment on is in ROM.
ROMS = 0xC000
#: Kinds of endings of a guest that has come to a place where no program should be.
STRAYED = ("zeros", "past the boot sector", "vectors", "fault", "unsupported", "running")
RESET_VECTOR = ((0xFFFF, 0), (0xF000, 0xFFF0))
HLT = b"\xf4"
#: INT 16h asks for a key, INT 28h and 2Fh offer time to others.
WAITING = (0x16, 0x28, 0x2F)
ASM = "names of instructions need capstone: pip install 'pyx86emu[asm]'"

#: The source line of an address, by CS and IP; None: it has none.
Source = Callable[[int, int], str | None]


class Part(NamedTuple):
    """Instructions that were executed one after another, and what of them was left out."""

    steps: tuple[Executed, ...]
    note: str = ""


def steps_of(m: "Machine") -> list[Executed]:
    """The last 4096 instructions of a machine that keeps a history, else none."""
    vcpu = m.vcpu
    return list(vcpu.history(LOOKED_AT)) if vcpu.record_history else []


def trail(
    m: "Machine",
    steps: Sequence[Executed] | None = None,
    *,
    shown: int = SHOWN,
    source: Source | None = None,
) -> list[str]:
    """A line for each of the last `shown` instructions, the oldest first: CS:IP, bytes, assembly if
    capstone is installed, the label before it. A loop is shown once, with how often it ran.

    `steps` is by default the history of `m`. Empty: there is none. The thread that runs the guest
    calls it. TypeError: `shown` is no integer; ValueError: it is not 0 to 4096.

    >>> from pyx86emu import Machine
    >>> with Machine(bytes.fromhex("fa b90300 49 75fd f4")) as m:  # cli; mov cx,3; dec; jnz; hlt
    ...     _, m.vcpu.record_history = m.boot(), True
    ...     _ = m.run(timeout=1)
    ...     print("\\n".join(trail(m)))
    0000:7c00  fa               cli
    0000:7c01  b90300           mov cx, 3
    0000:7c04  49               dec cx
    0000:7c05  75fd             jne 0x7c04
               (these 2 instructions 3 times)
    0000:7c07  f4               hlt
    """
    shown = whole(shown, "shown", 0, LOOKED_AT)
    found = steps_of(m) if steps is None else list(steps)
    if not found:
        return []
    show = _Shower(m, source)
    lines: list[str] = []
    for part in _newest(parts(found), shown):
        lines += [show(step) for step in part.steps]
        if part.note:
            lines.append(f"           ({part.note})")
    if show.lacks_names:
        lines.append(f"({ASM})")
    return lines


def trail_of(
    m: "Machine",
    exit: "Exit",
    *,
    waiting: bool = False,
    shown: int = SHOWN,
    source: Source | None = None,
) -> list[str]:
    """What `trail` shows, of a run that has ended with `exit`: the guest's own instructions, from
    the boot sector on. If it resets the machine again and again, those before the last reset.

    Empty: there is no history, or nothing boots. Without `waiting` also if the guest only waits: it
    halts until an interrupt, asks for a key, or offers its time. Errors as for `trail`.
    """
    shown = whole(shown, "shown", 0, LOOKED_AT)
    if not m.vcpu.record_history:
        return []
    kind = ending(m, exit).kind
    if kind == "no boot":
        return []
    last = m.resets.last
    if last is not None and m.resets.steps and (kind == "resets" or last.kind == JUMP):
        steps = _before_the_bios(m.resets.steps)
    else:
        steps = steps_of(m)
        if not waiting and kind == "running" and _waits(m, steps):
            return []
        if kind in STRAYED and (before := _before_it_strayed(m, steps)):
            left = steps[0].instructions - before[-1].instructions - 1
            first = trail(m, _booted(before), shown=shown // 2, source=source)
            rest = trail(m, steps, shown=shown - shown // 2, source=source)
            return [*first, f"           (then {left:,} instructions that are not shown)", *rest]
    return trail(m, _booted(steps), shown=shown, source=source)


def _booted(steps: Sequence[Executed]) -> Sequence[Executed]:
    """Those from the boot sector on, if a ROM has started it among them."""
    for at in range(len(steps) - 1, 0, -1):
        linear = (steps[at].cs << 4) + steps[at].ip
        if linear == BOOT_SECTOR and steps[at - 1].cs >= ROMS:
            return steps[at:]
    return steps


def _before_it_strayed(m: "Machine", steps: Sequence[Executed]) -> Sequence[Executed]:
    """Those before the guest last came to such a place, if that is too long ago for the history."""
    kept = m._astray
    if kept is None or not kept.steps or not steps:
        return ()
    now = kept.steps[-1].instructions + 1
    last = any(name == kept.name and at == now for name, *_, at in m.vcpu.arrivals)
    return kept.steps if last and steps[0].instructions > now else ()


def _before_the_bios(steps: Sequence[Executed]) -> list[Executed]:
    """Those before the reset vector, if there are any."""
    for at in range(len(steps) - 1, 0, -1):
        if (steps[at].cs, steps[at].ip) in RESET_VECTOR and at > 1:
            return list(steps[:at])
    return list(steps)


def _waits(m: "Machine", steps: Sequence[Executed]) -> bool:
    """Has it halted, or called what a waiting program calls?"""
    vectors = [(cs, ip) for ip, cs in struct.iter_unpack("<HH", load(m.vm, 0, 0x400))]
    # An address to which other vectors lead, too, is that of no handler of its own.
    calls = {vectors[each] for each in WAITING if vectors.count(vectors[each]) == 1}
    return any(step.code == HLT or (step.cs, step.ip) in calls for step in steps)


def parts(steps: Sequence[Executed]) -> list[Part]:
    """The instructions, with the loops in them as one part each."""
    keys = [(step.cs, step.ip, step.code) for step in steps]
    found: list[Part] = []
    at, end = 0, len(steps)
    while at < end:
        size, times = _loop(keys, at)
        row = 1
        while at + row < end and keys[at + row][2] == keys[at][2]:
            row += 1
        if times > 1:
            what = f"these {size} instructions" if size > 1 else "this instruction"
            often = f"at least {times:,}" if at == 0 and size * times > end - size else f"{times:,}"
            part, used = Part(tuple(steps[at : at + size]), f"{what} {often} times"), size * times
        elif row >= EQUAL:
            last = steps[at + row - 1]
            note = f"and {row - 1:,} more of them, the last at {last.cs:04x}:{last.ip:04x}"
            part, used = Part((steps[at],), note), row
        else:
            part, used = Part((steps[at],)), 1
        found.append(part)
        at += used
    return found


def _newest(found: list[Part], shown: int) -> list[Part]:
    """The last `shown` instructions."""
    kept: list[Part] = []
    for part in reversed(found):
        if shown <= 0:
            break
        kept.append(part._replace(steps=part.steps[-shown:]))
        shown -= len(part.steps)
    return kept[::-1]


def _loop(keys: list[tuple[int, int, bytes]], at: int) -> tuple[int, int]:
    """How many instructions from `at` on are repeated at once, and how often they are there."""
    for size in range(1, LONGEST_LOOP + 1):
        end = at + size
        while keys[end : end + size] == keys[at : at + size] and end + size <= len(keys):
            end += size
        if end > at + size:
            return size, (end - at) // size
    return 1, 1


class _Shower:
    """Prints instructions of one machine."""

    def __init__(self, m: "Machine", source: Source | None) -> None:
        self._labels: Symbols = m.labels()
        self._model: str = m.vcpu.model
        self._source = source
        self.lacks_names = False

    def __call__(self, step: Executed) -> str:
        line = f"{step.cs:04x}:{step.ip:04x}  {step.code.hex():<16} {self._text(step)}".rstrip()
        note = self._note(step)
        if step.rewritten:
            note = f"{note}; rewritten since" if note else "rewritten since"
        return f"{line:<52} ; {note}" if note else line

    def _text(self, step: Executed) -> str:
        from .disasm import disassemble

        if self.lacks_names:
            return ""
        try:
            lines = disassemble(
                lambda at, size: step.code[:size],
                (step.cs, step.ip),
                1,
                model=self._model,
                symbols=self._labels,
            )
        except ImportError:
            self.lacks_names = True
            return ""
        if not lines or len(lines[0].code) == len(step.code):
            return lines[0].text if lines else ""
        return "db " + ", ".join(f"{byte:#04x}" for byte in step.code)  # no instruction

    def _note(self, step: Executed) -> str:
        """The source, or the label before it."""
        text = None if self._source is None else self._source(step.cs, step.ip)
        if text is not None:
            return text
        at = (step.cs << 4) + step.ip
        label = self._labels.label(at)
        found = "" if label is None or label.distance >= NEAR else str(label)
        line = self._labels.lines.get(at)
        if line is None:
            return found
        return f"{found}, line {line.number}: {line.text.strip()}".removeprefix(", ")
