"""A trace as JSON Lines: an object for each record. Know neither the core nor files."""

from json import JSONEncoder
from typing import Any

from ...observe import Event, How
from ...pc.devices.requests import Request
from .names import REMEMBERED, Names

_encode = JSONEncoder(separators=(",", ":")).encode


class Json:
    """Writes objects. Each has "kind", "n" (instructions retired before it) and "t" (guest ns)."""

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
        return f'{{"kind":"exec","n":{n},"t":{time},{known}'

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

    def interrupt(self, event: Event) -> str:
        found: dict[str, Any] = {
            "kind": "int",
            "n": event.instructions,
            "t": event.time,
            "at": f"{event.cs:04x}:{event.ip:04x}",
            "vector": event.vector,
            "how": event.how.name.lower(),
            "depth": event.depth,
            "ax": event.ax,
            "ah": event.ah,
        }
        if event.how is How.RETURN:
            changed = event.changed
            found["changed"] = {name: list(both) for name, both in changed.items()}
            found["cf"] = event.value & 1
        else:
            found |= {name: getattr(event, name) for name in ("bx", "cx", "dx", "si", "di", "bp")}
            found |= {name: getattr(event, name) for name in ("ds", "es")}
            found["flags"] = event.flags
        return _encode(found) + "\n"

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
