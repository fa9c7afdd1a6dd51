"""A trace as text: a line for each record. Know neither the core nor files."""

from ...pc.devices.requests import Request
from .events import HOW, Interrupt
from .steps import Steps

WAYS = {True: "out", False: "in"}


class Text(Steps):
    """Writes lines: instructions retired before it, guest seconds, kind, what."""

    def step(self, n: int, time: int, cs: int, ip: int, code: bytes) -> str:
        return f"{n:>10} {time / 1e9:.9f} exec   {self._remembered(cs, ip, code)}"

    def _step(self, cs: int, ip: int, code: bytes) -> str:
        text = f"{cs:04x}:{ip:04x}  {code.hex():16} {self._names.code(cs, ip, code)}"
        label = self._names.label((cs << 4) + ip)
        return f"{text:52} ; {label}\n" if label is not None else f"{text.rstrip()}\n"

    def interrupt(self, event: Interrupt) -> str:
        e = event
        head = f"{e.n:>10} {e.time / 1e9:.9f} int    {HOW[e.how]} {e.vector:02X}h"
        if e.returns:
            changed = [_now(name, *both) for name, both in e.changed.items()]
            changed += [f"{flag.upper()}={value}" for flag, value in e.flags_changed.items()]
            words = " ".join(changed) or "nothing"
            return f"{head} at {e.cs:04x}:{e.ip:04x} CF={e.value & 1} changed: {words}\n"
        regs = (
            f"AX={e.eax & 0xFFFF:04x} BX={e.ebx & 0xFFFF:04x} "
            f"CX={e.ecx & 0xFFFF:04x} DX={e.edx & 0xFFFF:04x} DS={e.ds:04x} ES={e.es:04x}"
        )
        return f"{head} from {e.cs:04x}:{e.ip:04x} {regs}\n"

    def port(
        self, n: int, time: int, cs: int, ip: int, port: int, size: int, value: int, write: bool
    ) -> str:
        arrow = "<-" if write else "->"
        what = f"{WAYS[write]:3} {port:04x} {arrow} {value:0{2 * size}x}"
        owner = self._names.owner(port)
        return f"{n:>10} {time / 1e9:.9f} io     {what:20} at {cs:04x}:{ip:04x} {owner}\n"

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
    ) -> str:
        if write:
            what = f"write {addr:05x}: {old:0{2 * size}x} -> {value:0{2 * size}x}"
        else:
            what = f"read  {addr:05x}: {value:0{2 * size}x}"
        return f"{n:>10} {time / 1e9:.9f} mem    {what} at {cs:04x}:{ip:04x}\n"

    def line(
        self, n: int, time: int, line: int, event: str, vector: int, masked: bool, served: bool
    ) -> str:
        waits = event in ("raised", "pulsed")
        more = " (masked)" if masked and waits else " (in service)" if served and waits else ""
        what = f"IRQ {line} {event}, vector {vector:02X}h{more}"
        return f"{n:>10} {time / 1e9:.9f} irq    {what}\n"

    def request(
        self, n: int, time: int, kind: str, began: int, request: Request, result: str, moved: int
    ) -> str:
        parts = [request.drive, request.name]
        if request.chs is not None:
            parts.append("CHS {},{},{}".format(*request.chs))
        if request.lba is not None:
            parts.append(f"LBA {request.lba}")
        if request.sectors is not None:
            parts.append(f"{request.direction} {moved} of {request.sectors}")
        what = f"{' '.join(parts)}: {result} (began after {began})"
        return f"{n:>10} {time / 1e9:.9f} {kind:6} {what}\n"

    def lost(self, n: int, time: int, kind: str, count: int) -> str:
        return f"{n:>10} {time / 1e9:.9f} lost   {count} records of {kind}\n"


def _now(name: str, before: int, now: int) -> str:
    """A register: its lower half, if the upper one is 0."""
    if (before | now) >> 16:
        return f"{name.upper()}={now:08x}"
    return f"{name[1:].upper()}={now:04x}"
