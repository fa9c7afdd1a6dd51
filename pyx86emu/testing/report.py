"""Reports: say what a guest did, for a test that failed. Escape its text, change nothing."""

import shlex
from pathlib import Path
from typing import Any

from ..pc.ending import ending
from ..tools.batch.reports import printable
from ..tools.trail import trail, trail_of
from . import mnemonics
from .guest import FLAGS, HISTORY, MOST_STEPS, Result
from .machine import TestMachine
from .program import Program
from .running import Step

BOOT = 0x7C00
TAIL = 20
MOST_LOOP = 12


def of_result(result: Result) -> str:
    """Registers, flags, last instructions with their lines, and who wrote what was read."""
    lines = [f"{printable(result.program.name)}: {result.ended}"]
    lines += loop(result)
    names = [name for name in result._values if name != "eflags"]
    lines += _registers({name: result._values[name] for name in names}, result._values["eflags"])
    steps = result.history(HISTORY)
    if steps:
        # One that faults is shown, and is not counted.
        of = max(result.instructions, len(steps))
        lines += ["", f"the last {len(steps)} of {of:,} instructions:"]
        lines += [shown(result, step) for step in steps]
    lines += _writers(result)
    if result.output:
        lines += ["", "output:", *_tail(result.output)]
    return "\n".join(lines)


def loop(result: Result) -> list[str]:
    """The lines of an endless loop, or of what ran last when the limit was reached."""
    if not result._ended.limit:
        return []
    if result.loop is not None:
        where = result.loop
        first = "an endless loop: registers and memory come back to what they were. It is:"
    else:
        steps = result.history(200)
        where = list(dict.fromkeys((step.cs, step.ip) for step in steps))
        first = "it looks like an endless loop. The last instructions were:"
    found = []
    for cs, ip in where:
        line = result.line(cs, ip)
        text = f"{cs:04x}:{ip:04x}" if line is None else printable(str(line))
        if text not in found:
            found.append(text)
    found.sort(key=lambda text: [int(w) if w.isdigit() else 0 for w in text.split(":")[1:2]])
    more = [f"  and {len(found) - MOST_LOOP} more"] if len(found) > MOST_LOOP else []
    return [first, *(f"  {each}" for each in found[:MOST_LOOP]), *more]


def shown(result: Result, step: Step) -> str:
    """One instruction: where, what, and what it changed."""
    line = result.line(step.cs, step.ip)
    place = printable(f"{line.file}:{line.number}") if line else ""
    # The source says more than a disassembly; without one, capstone if it is there.
    if line is not None:
        text = printable(line.text.strip())
    elif mnemonics.available():
        text = " ".join(mnemonics.words(mnemonics.decoder(), step.code, step.ip))
    else:
        text = step.code[:8].hex(" ")
    changed = "  ".join(_changes(result, step))
    return f"  {step.cs:04x}:{step.ip:04x}  {place:<14} {text:<28} {changed}".rstrip()


def _changes(result: Result, step: Step) -> list[str]:
    found = []
    for name, before, after in zip(result._values, step.before, step.after, strict=True):
        if before == after or name in ("eip", "cs"):
            continue
        if name == "eflags":
            now = [
                f"{flag.strip('_')}={after >> bit & 1}"
                for flag, bit in FLAGS.items()
                if (before ^ after) >> bit & 1
            ]
            found.append(" ".join(now))
        elif name[0] == "e" and len(name) == 3 and not (before | after) >> 16:
            found.append(f"{name[1:]}={after:04x}")
        else:
            found.append(f"{name}={after:0{8 if len(name) == 3 else 4}x}")
    return found


def _writers(result: Result) -> list[str]:
    """For each register that the test has read, the line that wrote it last."""
    wanted = [name for name in dict.fromkeys(result._read) if name not in ("eip", "cs")]
    if not wanted:
        return []
    names = list(result._values)
    last: dict[str, Step] = {}

    def see(step: Step) -> None:
        for name in wanted:
            at = names.index(name)
            if step.before[at] != step.after[at]:
                last[name] = step

    result.steps(see)
    lines = ["", "who changed last what the test has read:"]
    for name in wanted:
        label = "flags" if name == "eflags" else name
        if name not in last:
            few = result.instructions <= MOST_STEPS
            when = "" if few else f", of the last {MOST_STEPS:,}"
            lines.append(f"  {label}: no instruction{when} has changed it")
            continue
        step = last[name]
        line = result.line(step.cs, step.ip)
        where = printable(str(line)) if line else f"{step.cs:04x}:{step.ip:04x}"
        at = names.index(name)
        lines.append(f"  {label}: {where}   ({step.before[at]:#x} -> {step.after[at]:#x})")
    return lines


def _registers(values: dict[str, int], flags: int) -> list[str]:
    wide = any(value >> 16 for value in values.values())
    general = [name for name in values if len(name) == 3]
    segments = [name for name in values if len(name) == 2]
    rows = [
        " ".join(
            f"{name}={values[name]:08x}" if wide else f"{name[1:]}={values[name] & 0xFFFF:04x}"
            for name in general
        ),
        " ".join(f"{name}={values[name]:04x}" for name in segments)
        + f" flags={flags & 0xFFFF:04x} "
        + " ".join(f"{name.strip('_')}={flags >> bit & 1}" for name, bit in FLAGS.items()),
    ]
    return rows


def of_machine(
    m: TestMachine, keep: Path, image: str | None, options: dict[str, Any], program: Program | None
) -> str:
    """Screen, registers, how it ended, texts, and what repeats it. `keep` is where files go: its
    name is what they begin with. `program` is what was assembled for it."""
    lines = []
    if m.last_exit is not None:
        lines.append(f"{m.last_exit.reason.name}: {printable(ending(m, m.last_exit).text)}")
    regs = m.vcpu.regs
    names = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip")
    segments = ("cs", "ds", "es", "ss", "fs", "gs")
    values = {name: getattr(regs, name) for name in (*names, *segments) if hasattr(regs, name)}
    lines += _registers(values, regs.flags)
    lines += _last(m, program)
    text = m.screen.text
    if text is None:
        path = keep.with_name(f"{keep.name}.png")
        lines += ["", f"screen ({m.screen.mode_name}): {_written(path, m.screen.png())}"]
    elif text.strip():
        lines += ["", "screen:", *(f"  | {row}" for row in printable(text.rstrip()).split("\n"))]
    else:
        lines += ["", "screen: blank"]
    for what, log in (("serial", m.serial_text), ("debug", m.debug_text)):
        if log:
            lines += ["", f"{what}, the last lines:", *_tail(log)]
    lines += _repeat(m, keep, image, options)
    return "\n".join(lines)


def _last(m: TestMachine, program: Program | None) -> list[str]:

    def source(cs: int, ip: int) -> str | None:
        line = None if program is None else program.at(offset_of(program, cs, ip))
        return None if line is None else printable(str(line))

    if m.last_exit is None:
        found = trail(m, shown=HISTORY, source=source)
    else:
        found = trail_of(m, m.last_exit, waiting=True, shown=HISTORY, source=source)
    return ["", "the last instructions:", *(f"  {each}" for each in found)] if found else []


def offset_of(program: Program, cs: int, ip: int) -> int:
    """The offset in a program that was booted at 7C00h of what is at CS:IP."""
    return (cs << 4) + ip - BOOT + program.origin


#: Options of `boot` and how the command line spells them.
SPELLED = {
    "memory": "-m",
    "model": "-cpu",
    "accel": "-accel",
    "order": "-boot",
    "clock": "--clock",
    "fda": "-fda",
    "fdb": "-fdb",
    "hda": "-hda",
    "hdb": "-hdb",
}


def _repeat(m: TestMachine, keep: Path, image: str | None, options: dict[str, Any]) -> list[str]:
    """The command that runs on from the state before the last run."""
    if m.before is None:
        return []
    path = keep.with_name(f"{keep.name}.state")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        m.before.save(path)
    except (OSError, ValueError) as error:
        return ["", f"no state was written: {printable(str(error))}"]
    words = ["python", "-m", "pyx86emu", *([] if image is None else [image])]
    for name, value in options.items():
        if name not in SPELLED or not isinstance(value, (int, str, Path)):
            return ["", f"state before the last run: {path} (m.restore(State.load(...)))"]
        size = isinstance(value, int) and name == "memory"
        shown = f"{int(str(value)) >> 10}K" if size else str(value)
        words += [SPELLED[name], shown]
    words += ["--load-state", str(path)]
    return ["", "to run on from the state before its last run:", f"  {shlex.join(words)}"]


def _written(path: Path, data: bytes) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        return f"not written, {error}"
    return str(path)


def _tail(text: str) -> list[str]:
    """The last lines, escaped; none is very long."""
    rows = printable(text[-TAIL * 400 :].replace("\r\n", "\n")).rstrip("\n").split("\n")
    return [f"  | {row[-200:]}" for row in rows[-TAIL:]]
