"""A trace as text: a line for each record. Know neither the core nor files."""

from ...observe import FLAG_NAMES, Event, How
from ...pc.devices.requests import Request
from .names import REMEMBERED, Names

#: The flags that are shown when they differ after an interrupt.
SHOWN_FLAGS = ("cf", "zf")
WAYS = {True: "out", False: "in"}


def changes(event: Event) -> dict[str, str]:
    """Of a return: what differs from when the interrupt began."""
    found = {}
    for name, (before, now) in event.changed.items():
        if name == "flags":
            for flag, bit in FLAG_NAMES.items():
                if (before ^ now) >> bit & 1 and flag in SHOWN_FLAGS:
                    found[flag] = f"{now >> bit & 1}"
        elif (before | now) >> 16 == 0:
            found[name[1:]] = f"{now:04x}"
        else:
            found[name] = f"{now:08x}"
    return found


class Text:
    """Writes lines: instructions retired before it, guest seconds, kind, what."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[tuple[int, int, bytes], str] = {}

    def step(self, n: int, time: int, cs: int, ip: int, code: bytes, first: bool) -> str:
        key = (cs, ip, code)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._step(cs, ip, code)
        return f"{n:>10} {time / 1e9:.9f} exec   {known}"

    def _step(self, cs: int, ip: int, code: bytes) -> str:
        text = f"{cs:04x}:{ip:04x}  {code.hex():16} {self._names.code(cs, ip, code)}"
        label = self._names.label((cs << 4) + ip)
        return f"{text:52} ; {label}\n" if label is not None else f"{text.rstrip()}\n"

    def interrupt(self, event: Event) -> str:
        where = f"{event.cs:04x}:{event.ip:04x}"
        vector = f"{event.vector:02X}h"
        if event.how is How.RETURN:
            found = " ".join(f"{name}={value}" for name, value in changes(event).items())
            cf = event.value & 1
            what = f"return {vector} at {where} changed: {found or 'nothing'}, CF={cf}"
        else:
            regs = f"AX={event.ax:04x} BX={event.bx:04x} CX={event.cx:04x} DX={event.dx:04x}"
            kind = event.how.name.lower()
            what = f"{kind} {vector} from {where} {regs} DS={event.ds:04x} ES={event.es:04x}"
        return f"{event.instructions:>10} {event.time / 1e9:.9f} int    {what}\n"

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
        if request.count is not None:
            parts.append(f"{request.direction} {moved} of {request.count}")
        what = f"{' '.join(parts)}: {result} (began after {began})"
        return f"{n:>10} {time / 1e9:.9f} {kind:6} {what}\n"

    def lost(self, n: int, time: int, kind: str, count: int) -> str:
        return f"{n:>10} {time / 1e9:.9f} lost   {count} records of {kind}\n"
