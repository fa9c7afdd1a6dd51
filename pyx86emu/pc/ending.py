"""Endings: say what the state of a machine shows at the end of a run. Read it, change nothing.

What is said comes from the registers, the memory and the resets; from the last faults, and from how
the vCPU came to places where no program should be (`Vcpu.arrivals`).
"""

import struct
from typing import TYPE_CHECKING, NamedTuple

from ..exits import ExitReason
from ..memory import load
from ..models import MODELS
from ..vm import Vm
from .firmware import rom, symbol
from .resets import BIOS, Reset
from .stops import HINT

if TYPE_CHECKING:
    from .. import _core
    from .machine import Machine

FLAG_TF, FLAG_IF = 0x100, 0x200
SIGNATURE = 0x7DFE
#: So many equal bytes at CS:IP are no program.
EMPTY = 16
#: Endless loops that do nothing.
LOOPS = (b"\xeb\xfe", b"\xe9\xfd\xff")
KEY_WAIT = "(kbd_wait of"
IRET = b"\xcf"
#: Faults of real mode, whose handler returns to the instruction that raised them.
FAULTS = {
    6: "#UD, invalid opcode",
    0: "#DE, divide error",
    5: "#BR, bound range exceeded",
    7: "#NM, no coprocessor",
    12: "#SS, stack fault",
    13: "#GP, general protection",
}
#: Kinds of endings of `Exit.stop`.
STOPPED = {
    "zeros": "zeros",
    "signature": "past the boot sector",
    "loop": "loop",
    "null-vector": "null vector",
    "stack": "stack",
    "port": "port",
}
#: Kinds of endings where the guest has lost its way.
STRAYED = ("zeros", "empty", "past the boot sector", "vectors", "fault")
#: What `Vcpu.arrivals` means, before the address.
ARRIVED = {
    "zeros": "came to zeros at",
    "signature": "executed the boot signature at",
    "null-vector": "executed the vector table at",
    "stack": "pushed over code at",
}
#: A guest that resets so many times, and goes on doing it, does nothing else.
AGAIN = 3
#: A loop is no longer than this, in bytes.
NEAR = 64
HANDLERS = 0xFACE
#: What a step in real mode can touch.
COPIED = 0x110000
REGISTERS = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eflags"),
    *("ds", "es", "ss", "fs", "gs"),
)


class Ending(NamedTuple):
    """How a run ended. `kind` is one of the words below, `text` says it in a sentence."""

    kind: str
    text: str


def ending(m: "Machine", exit: "_core.Exit") -> Ending:
    """What happened at the end of a run that ended with `exit`. The thread that runs the guest
    calls it.

    Kinds: "exit" (isa-debug-exit), "no boot", "halted", "reset", "unsupported", "loop", "zeros",
    "empty", "past the boot sector", "vectors", "fault", "null vector", "stack", "port", "stopped",
    "resets", "running".

    >>> from pyx86emu import Machine
    >>> with Machine(bytes.fromhex("fa ebfe")) as m:             # cli; jmp $
    ...     print(ending(m, m.run(timeout=1)).text)
    an endless loop, jmp $ at 0000:7c01 with interrupts off (IF=0): only a reset or an NMI ends it
    """
    cs, ip = exit.cs, exit.ip
    reason = exit.reason
    if m.exit_status is not None:
        return Ending("exit", f"the guest ended the run with status {m.exit_status & 0xFF}")
    if reason is ExitReason.INTERNAL_ERROR:
        text = f"{exit.message or 'unsupported'}{_stack(m)}{_before(m)}"
        return Ending("unsupported", text)
    if reason is ExitReason.DEBUG and exit.message is not None:
        return Ending(STOPPED.get(exit.stop or "", "stopped"), exit.message)
    last = m.resets.last
    if reason is ExitReason.SHUTDOWN and last is not None:
        return Ending("reset", f"the guest reset the machine: {last}{_before(m)}")
    if m.boot_tried and cs == BIOS:
        return Ending("no boot", f"nothing boots: {m.boot_tried}")
    interrupts, back = _interrupts(m), None
    if reason is ExitReason.HLT:
        where = f"HLT at {cs:04x}:{ip - 1 & 0xFFFF:04x}"
        return Ending("halted", f"{where} with {interrupts}{_last_fault(m)}")
    found = _code(m, cs, ip) or _fault(m)
    if found is None and exit.fault is not None:
        found = Ending("fault", f"a fault is raised again and again: {exit.fault}")
    if found is None:
        found = _port(m, cs, ip)
    if found is None and cs == BIOS and (back := _returning(m)):  # look at whom it served
        found = _code(m, *back[:2])
    if found is None:
        where = place(m, cs, ip)
        what = "waits for a key" if KEY_WAIT in where else "runs"
        to = f", which returns to {back[0]:04x}:{back[1]:04x}," if cs == BIOS and back else ""
        found = Ending("running", f"it {what} at {where}{to} with {interrupts}")
    if found.kind in STRAYED:
        found = found._replace(text=found.text + _before(m))
    elif found.kind == "loop":
        found = found._replace(text=found.text + _last_fault(m))
    if found.kind == "running" and last is not None and _resets_on(m, last):
        found = Ending(
            "resets",
            f"the guest resets the machine again and again, {m.resets.count:,} times, the last "
            f"time: {last}",
        )
    elif m.resets.count:
        times = "once" if m.resets.count == 1 else f"{m.resets.count} times"
        text = f"{found.text}; the guest has reset the machine {times}, the last time: {last}"
        found = found._replace(text=text)
    return found


def place(m: "Machine", cs: int, ip: int) -> str:
    """CS:IP, in our BIOS with the name of the routine."""
    where = f"{cs:04x}:{ip:04x}"
    if cs == BIOS and load(m.vm, BIOS << 4, 0x10000) == rom("bios"):
        name = symbol(ip)
        return f"{where} ({name} of the BIOS)" if name else where
    return where


def _since_boot(m: "Machine", instructions: int) -> bool:
    """Did it happen in the guest's own time, not in the BIOS before it?"""
    return m.booted and instructions >= m._boot_instructions


def _resets_on(m: "Machine", last: Reset) -> bool:
    """Has it reset the machine often, the last time no longer ago than it takes on average?"""
    count = m.resets.count
    return count >= AGAIN and (m.time - last.time) * count <= 2 * m.time


def _before(m: "Machine") -> str:
    """How the guest came to places where no program should be."""
    notes = []
    for name, cs, ip, _, cause, instructions in m.vcpu.arrivals:
        if name not in ARRIVED or not _since_boot(m, instructions):
            continue
        notes.append(f"it {ARRIVED[name]} {cs:04x}:{ip:04x}{cause}")
    return f"; before that {'; '.join(notes)}" if notes else ""


def _last_fault(m: "Machine") -> str:
    """The last fault that the guest has raised."""
    for vector, cs, ip, times, instructions in reversed(m.vcpu.faults):
        if _since_boot(m, instructions) and vector in FAULTS:
            often = f", {times:,} times" if times > 1 else ""
            return f"; the last fault was {FAULTS[vector]} at {cs:04x}:{ip:04x}{often}"
    return ""


def _port(m: "Machine", cs: int, ip: int) -> Ending | None:
    """A port that nobody answers, read in a loop near CS:IP."""
    ports = m._places.ports
    seen = ports.seen
    if seen.times < HINT or seen.cs != cs or abs(seen.ip - ip) > NEAR:
        return None
    if not m.pio.unclaimed(seen.port, 1):
        return None
    return Ending("port", f"{ports.message}; it reads FFh")


def _interrupts(m: "Machine") -> str:
    on = m.vcpu.regs.flags & FLAG_IF
    return "interrupts on" if on else "interrupts off (IF=0)"


def _code(m: "Machine", cs: int, ip: int) -> Ending | None:
    """What the bytes at CS:IP are, if they are no program."""
    at = (cs << 4) + ip
    code = load(m.vm, at, EMPTY, 0xFF)
    where = f"{cs:04x}:{ip:04x}"
    if code.startswith(LOOPS):
        off = not m.vcpu.regs.flags & FLAG_IF
        why = ": only a reset or an NMI ends it" if off else ""
        return Ending("loop", f"an endless loop, jmp $ at {where} with {_interrupts(m)}{why}")
    if SIGNATURE + 2 <= at < SIGNATURE + 0x10000 and _past_the_boot_sector(m, at):
        return Ending(
            "past the boot sector",
            f"code ran over the boot signature at 0000:7dfe (55 AA is PUSH BP, STOSB) and on into "
            f"zeros, now at {where}{_stack(m)}",
        )
    if not any(code):
        return Ending("zeros", f"it executes zeros at {where} (00 00 is ADD [BX+SI],AL){_stack(m)}")
    if code == b"\xff" * EMPTY:
        return Ending("empty", f"it executes FFh bytes at {where}{_stack(m)}")
    if at < 0x400:
        return Ending("vectors", f"it executes the interrupt vectors at {where}{_stack(m)}")
    return None


def _fault(m: "Machine") -> Ending | None:
    """An instruction that faults, whose handler returns to it. One step of a copy shows it."""
    regs = m.vcpu.regs
    at = _returning(m) or (regs.cs, regs.ip, regs.sp)  # it may be in the handler now
    vector, handler = _step(m, *at)
    if vector is None:
        return None
    cs, ip, sp = at
    frame = struct.unpack("<2H", load(m.vm, (regs.ss << 4) + (sp - 6 & 0xFFFF), 4))
    if frame != (ip, cs):
        return None
    code = load(m.vm, (cs << 4) + ip, 4).hex(" ")
    return Ending(
        "fault",
        f"the instruction at {cs:04x}:{ip:04x} ({code}) raises {FAULTS[vector]}, again and again: "
        f"the handler of vector {vector:02x}h, {place(m, *handler)}, returns to it",
    )


def _returning(m: "Machine") -> tuple[int, int, int] | None:
    """CS, IP and SP after the IRET that comes next; None: it is no IRET."""
    regs = m.vcpu.regs
    if load(m.vm, (regs.cs << 4) + regs.ip, 1) != IRET:
        return None
    ip, cs = struct.unpack("<2H", load(m.vm, (regs.ss << 4) + regs.sp, 4))
    return cs, ip, regs.sp + 6 & 0xFFFF


def _step(m: "Machine", cs: int, ip: int, sp: int) -> tuple[int | None, tuple[int, int]]:
    """The fault that the instruction at CS:IP raises, and its handler; None: it raises none."""
    with Vm() as copy:
        copy.add_memory(0, COPIED)
        copy.write(0, load(m.vm, 0, COPIED))
        vcpu = copy.create_vcpu(m.vcpu.model if m.vcpu.model in MODELS else None)
        for name in REGISTERS:
            setattr(vcpu.regs, name, getattr(m.vcpu.regs, name))
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.sp = cs, ip, sp
        vcpu.regs.flags &= ~FLAG_TF
        for vector in FAULTS:  # each with its own handler, to tell them apart
            copy.write(4 * vector, struct.pack("<2H", vector, HANDLERS))
        vcpu.step()
        vector = vcpu.regs.ip
        if vcpu.regs.cs != HANDLERS or vector not in FAULTS:
            return None, (0, 0)
    offset, segment = struct.unpack("<2H", load(m.vm, vector * 4, 4))
    return vector, (segment, offset)


def _past_the_boot_sector(m: "Machine", at: int) -> bool:
    """Nothing but the signature and zeros from the end of the boot sector up to here."""
    data = load(m.vm, SIGNATURE, at - SIGNATURE + 2)
    # STOSB and ADD [BX+SI],AL have changed a byte each.
    return data.startswith(b"\x55\xaa") and len(data) - data.count(0) <= 4


def _stack(m: "Machine") -> str:
    """The top of the stack: after a CALL or an interrupt, where it came from."""
    regs = m.vcpu.regs
    words = struct.unpack("<3H", load(m.vm, (regs.ss << 4) + regs.sp, 6, 0))
    shown = " ".join(f"{word:04x}" for word in words)
    return f"; on the stack at {regs.ss:04x}:{regs.sp:04x}: {shown}"
