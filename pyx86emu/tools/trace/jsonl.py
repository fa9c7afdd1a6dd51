"""A trace as JSON Lines: an object for each record. Know neither the core nor files."""

from json import JSONEncoder
from typing import Any

from ...pc.devices.requests import Request
from .events import HOW, Interrupt
from .steps import Steps

_encode = JSONEncoder(separators=(",", ":")).encode


class Json(Steps):
    """Writes objects. Each has "kind", "n" (instructions retired before it) and "t" (guest ns)."""

    def step(self, n: int, time: int, cs: int, ip: int, code: bytes) -> str:
        return f'{{"kind":"exec","n":{n},"t":{time},{self._remembered(cs, ip, code)}'

    def _step(self, cs: int, ip: int, code: bytes) -> str:
        found: dict[str, Any] = {
            "at": f"{cs:04x}:{ip:04x}",
            "linear": (cs << 4) + ip,
            "bytes": code.hex(),
        }
        if self._names.disassembles:
            found["text"] = self._names.code(cs, ip, code)
        label = self._names.label((cs << 4) + ip)
        if label is not None:
            found["label"] = label
        return _encode(found)[1:] + "\n"

    def interrupt(self, event: Interrupt) -> str:
        e, ax = event, event.eax & 0xFFFF
        head = (
            f'{{"kind":"int","n":{e.n},"t":{e.time},"at":"{e.cs:04x}:{e.ip:04x}",'
            f'"vector":{e.vector},"how":"{HOW[e.how]}","depth":{e.depth},"ax":{ax},"ah":{ax >> 8}'
        )
        if e.returns:
            changed = {
                **e.changed,
                **{flag: (1 - now, now) for flag, now in e.flags_changed.items()},
            }
            return f'{head},"cf":{e.value & 1},"changed":{_encode(changed)}}}\n'
        return (
            f'{head},"bx":{e.ebx & 0xFFFF},"cx":{e.ecx & 0xFFFF},"dx":{e.edx & 0xFFFF},'
            f'"si":{e.esi & 0xFFFF},"di":{e.edi & 0xFFFF},"bp":{e.ebp & 0xFFFF},'
            f'"ds":{e.ds},"es":{e.es},"flags":{e.flags}}}\n'
        )

    def port(
        self, n: int, time: int, cs: int, ip: int, port: int, size: int, value: int, write: bool
    ) -> str:
        return (
            f'{{"kind":"io","n":{n},"t":{time},"at":"{cs:04x}:{ip:04x}","port":{port},'
            f'"size":{size},"direction":"{"out" if write else "in"}","value":{value},'
            f'"owner":{_encode(self._names.owner(port))}}}\n'
        )

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
        return (
            f'{{"kind":"mem","n":{n},"t":{time},"at":"{cs:04x}:{ip:04x}","addr":{addr},'
            f'"size":{size},"direction":"{"write" if write else "read"}","old":{old},'
            f'"value":{value}}}\n'
        )

    def line(
        self, n: int, time: int, line: int, event: str, vector: int, masked: bool, served: bool
    ) -> str:
        return (
            f'{{"kind":"irq","n":{n},"t":{time},"line":{line},"vector":{vector},'
            f'"event":"{event}","delivered":{_bool(event == "delivered")},'
            f'"masked":{_bool(masked)},"in_service":{_bool(served)}}}\n'
        )

    def request(
        self, n: int, time: int, kind: str, began: int, request: Request, result: str, moved: int
    ) -> str:
        found = {"kind": kind, "n": n, "t": time, "began": began, **request._asdict()}
        return _encode({**found, "moved": moved, "result": result}) + "\n"

    def lost(self, n: int, time: int, kind: str, count: int) -> str:
        return f'{{"kind":"lost","n":{n},"t":{time},"of":"{kind}","count":{count}}}\n'


def _bool(value: bool) -> str:
    return "true" if value else "false"
