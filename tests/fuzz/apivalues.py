"""Hostile values for the API: what no caller should pass, by label. Know no function."""

from __future__ import annotations

import io
import math
import mmap
import os
import random
import re
import socket
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy

from pyx86emu import Doorbell, EventFd, ExitReason, MmioDevice, PioDevice

#: Makes a value; what it may use for calls back into the API is passed in.
Make = Callable[["Reenter"], Any]
Reenter = Callable[[], Any]


class Boom(Exception):
    """What hostile objects raise: it may come out of any call."""


class Liar(int):
    """An int that compares, hashes and adds as it likes."""

    def _yes(self, other: object) -> bool:
        return True

    def _no(self, other: object) -> bool:
        return False

    def _own(self, *_: object) -> int:
        return 0

    __lt__ = __le__ = _yes
    __gt__ = __ge__ = __eq__ = _no
    __add__ = __radd__ = __sub__ = __rsub__ = __and__ = __rshift__ = __mod__ = _own
    __hash__ = int.__hash__

    def __index__(self) -> int:
        return 0

    def __int__(self) -> int:
        return 0


class Hostile:
    """What Python may call on an argument: it raises, calls back, or answers oddly."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self._act = act

    def _do(self, *_: Any) -> Any:
        return self._act()


def hostile(names: str, act: Callable[[], Any]) -> Any:
    """An object with just these special methods."""
    methods = dict.fromkeys(names.split(), Hostile._do)
    return type("Hostile", (Hostile,), methods)(act)


def boom(*_: Any) -> Any:
    raise Boom("from a hostile object")


INDEX = "__index__"
NUMBER = (
    "__index__ __int__ __lt__ __le__ __gt__ __ge__ __add__ __radd__ __and__ __rand__ __rshift__"
)
LENGTH = "__len__ __getitem__ __iter__"
TEXT = "__repr__ __str__ __fspath__ __format__"
EQUAL = "__eq__ __hash__ __bool__"


def device(**attributes: Any) -> Any:
    """A device with odd attributes."""
    kind = type("Odd", (PioDevice, MmioDevice), attributes)
    return kind()


def closed_descriptor() -> int:
    fd = os.eventfd(0)
    os.close(fd)
    return fd


def dead_socket(kind: int) -> socket.socket:
    """Connected once; the other end is closed."""
    here, there = socket.socketpair(socket.AF_UNIX, kind)
    there.close()
    return here


def released() -> memoryview:
    view = memoryview(bytearray(8))
    view.release()
    return view


def pages(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size)


def then(act: Reenter, answer: Any) -> Callable[..., Any]:
    """Something to call that acts first, whatever it is called with."""

    def call(*_: Any) -> Any:
        act()
        return answer

    return call


def _same(value: Any) -> Make:
    return lambda _: value


NUMBERS: tuple[int, ...] = (
    0, 1, 2, 7, 8, 15, 16, 64, 255, 256, 4096, 0x1001, 0xFFFF, 0x10000, 1 << 20, -1, -4096,
    (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 52, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
    1 << 64, 1 << 200, -(1 << 31), -(1 << 63), -(1 << 64),
)  # fmt: skip
TEXTS = (
    "", "pio", "mmio", "hypercall", "x", "\0", "\ud800", "é", "x" * 5000, "80386", "8086",
    "virtual", "host", "interp", "disk.img", "short.img", "fifo", "directory", "missing.img",
    "a.png", "b.txt", "{enter}", "a", "{", "(", "٣", "/dev/null", "/dev/zero",
)  # fmt: skip

VALUES: dict[str, Make] = {
    **{f"{n:#x}" if abs(n) > 9 else str(n): _same(n) for n in NUMBERS},
    **{repr(text[:20]): _same(text) for text in TEXTS},
    "None": _same(None),
    "True": _same(True),
    "1.5": _same(1.5),
    "4096.0": _same(4096.0),
    "nan": _same(math.nan),
    "inf": _same(math.inf),
    "1j": _same(1j),
    "1e300": _same(1e300),
    "Fraction": _same(Fraction(3, 2)),
    "Liar(5000000)": _same(Liar(5000000)),
    "Liar(-3)": _same(Liar(-3)),
    "Liar(1 << 70)": _same(Liar(1 << 70)),
    "int32(4096)": _same(numpy.int32(4096)),
    "uint64(big)": _same(numpy.uint64((1 << 64) - 1)),
    "int64(-1)": _same(numpy.int64(-1)),
    "uint8(255)": _same(numpy.uint8(255)),
    "float32": _same(numpy.float32(2)),
    "bool_": _same(numpy.bool_(True)),
    "2-D array": lambda _: numpy.zeros((4, 8), numpy.uint8),
    "strided array": lambda _: numpy.zeros(64, numpy.uint8)[::2],
    "empty array": lambda _: numpy.zeros(0, numpy.uint32),
    "object array": lambda _: numpy.array([None]),
    "b''": _same(b""),
    "b'ab'": _same(b"ab"),
    "512 bytes": _same(bytes(512)),
    "5000 bytes": _same(bytes(5000)),
    "bytearray": lambda _: bytearray(512),
    "memoryview": lambda _: memoryview(bytearray(512)),
    "2-D view": lambda _: memoryview(bytes(32)).cast("B", (4, 8)),
    "view of longs": lambda _: memoryview(bytes(32)).cast("q"),
    "read-only view": lambda _: memoryview(bytes(4096)),
    "released view": lambda _: released(),
    "backward view": lambda _: memoryview(bytearray(16))[::-1],
    "mmap": lambda _: pages(8192),
    "page": lambda _: pages(4096),
    "[]": lambda _: [],
    "[1]": lambda _: [1],
    "(1, 2)": _same((1, 2)),
    "(40, 2, 9)": _same((40, 2, 9)),
    "{}": lambda _: {},
    "range": _same(range(3)),
    "long range": _same(range(1 << 40)),
    "set": lambda _: {1},
    "ends": lambda _: iter(()),
    "slice": _same(slice(0, 10)),
    "odd slice": _same(slice(10, 0, -3)),
    "slice of lies": _same(slice(Liar(0), Liar(1 << 40))),
    "slice of floats": _same(slice(0.0, 10.0)),
    "object": lambda _: object(),
    "int": _same(int),
    "bytes": _same(bytes),
    "Exception": _same(Exception),
    "lambda": lambda _: lambda *_: None,
    "lambda 1": lambda _: lambda *_: 1,
    "boom": _same(boom),
    "pattern": _same(re.compile("x")),
    "bytes pattern": _same(re.compile(b"x")),
    "Path": _same(Path("disk.img")),
    "datetime": _same(datetime(2020, 2, 29)),
    "datetime.min": _same(datetime.min),
    "datetime.max": _same(datetime.max),
    "ExitReason": _same(ExitReason.IO),
    "NotImplemented": _same(NotImplemented),
    "Ellipsis": _same(...),
    "index booms": lambda _: hostile(INDEX, boom),
    "number booms": lambda _: hostile(NUMBER, boom),
    "length booms": lambda _: hostile(LENGTH, boom),
    "text booms": lambda _: hostile(TEXT, boom),
    "equality booms": lambda _: hostile(EQUAL, boom),
    "fileno booms": lambda _: hostile("fileno", boom),
    "call booms": lambda _: hostile("__call__", boom),
    "buffer booms": lambda _: hostile("__buffer__ __bytes__", boom),
    "index re-enters": lambda again: hostile(INDEX, then(again, 1)),
    "number re-enters": lambda again: hostile(NUMBER, then(again, 1)),
    "text re-enters": lambda again: hostile(TEXT, then(again, "")),
    "equality re-enters": lambda again: hostile("__eq__ __bool__", then(again, True)),
    "length re-enters": lambda again: hostile("__len__ __iter__", then(again, 1)),
    "fileno re-enters": lambda again: hostile("fileno", then(again, 0)),
    "call re-enters": lambda again: hostile("__call__", again),
    "index is text": lambda _: hostile(INDEX, lambda: "4"),
    "length is -1": lambda _: hostile(LENGTH, lambda: -1),
    "length is huge": lambda _: hostile("__len__", lambda: 1 << 70),
    "repr is 5": lambda _: hostile(TEXT, lambda: 5),
    "fileno is text": lambda _: hostile("fileno", lambda: "x"),
    "fileno is huge": lambda _: hostile("fileno", lambda: 1 << 70),
    "fileno is a lie": lambda _: hostile("fileno", lambda: Liar(3)),
    "fileno is -1": lambda _: hostile("fileno", lambda: -1),
    "fileno is None": lambda _: hostile("fileno", lambda: None),
    "closed descriptor": lambda _: closed_descriptor(),
    "descriptor 1023": _same(1023),
    "EventFd": lambda _: EventFd(),
    "blocking EventFd": lambda _: EventFd(blocking=True),
    "full EventFd": lambda _: EventFd(0xFFFF_FFFE),
    "closed EventFd": lambda _: _closed(EventFd()),
    "Doorbell": lambda _: Doorbell(),
    "file": lambda _: io.FileIO("disk.img"),
    "dead socket": lambda _: dead_socket(socket.SOCK_STREAM),
    "dead socket of packets": lambda _: dead_socket(socket.SOCK_SEQPACKET),
    "dead socket of datagrams": lambda _: dead_socket(socket.SOCK_DGRAM),
    "socket of nobody": lambda _: socket.socket(socket.AF_UNIX),
    "device": lambda _: device(),
    "device booms": lambda _: device(pio_read=boom, pio_write=boom, mmio_read=boom),
    "device without name": lambda _: device(name=None),
    "device of -1": lambda _: device(length=-1),
    "device of 1.5": lambda _: device(length=1.5),
    "device of 2^64": lambda _: device(length=1 << 64),
    "device twice": lambda _: device(ranges=((0, 8), (4, 8))),
    "device of text": lambda _: device(ranges="abc"),
    "device ranges boom": lambda _: device(ranges=property(boom)),
    "device max 3": lambda _: device(max_size=3),
    "device max None": lambda _: device(max_size=None),
    "device of nothing": lambda _: device(ranges=()),
    "device reset booms": lambda _: device(reset=boom),
    "device name booms": lambda _: device(name=property(boom)),
    "device re-enters": lambda again: device(
        pio_read=then(again, 0),
        pio_write=then(again, None),
        reset=then(again, None),
    ),
}


def _closed(event: EventFd) -> EventFd:
    event.close()
    return event


#: Sensible values for parameters of a name, so that calls come beyond the first check.
SENSIBLE: dict[str, tuple[Any, ...]] = {
    "addr": (0, 0x1000, 0x7C00, 0xB8000, 0x300, 0x20),
    "size": (0, 1, 2, 4, 0x1000),
    "length": (0, 1, 2, 4, 8),
    "base": (0, 0x300, 0x20000),
    "port": (0x300, 0x20, None),
    "gsi": (0, 5, 15, None),
    "value": (0, 1, 0xFF),
    "n": (0, 1, 2, 5),
    "ns": (0, 1000),
    "deadline": (None, 0, 100000),
    "max_instructions": (0, 1, 100),
    "model": ("80386", "80486", "8086"),
    "bus": ("pio", "mmio", "hypercall"),
    "kind": ("pio", "mmio"),
    "datamatch": (None, 0, 5),
    "readonly": (True, False),
    "dirty_log": (True, False),
    "shared": (True, False),
    "clear": (True, False),
    "first_page": (0, 1, 15, 16),
    "count": (0, 1, 16),
    "bits": (None, b"\xff", b"\xff\1"),
    "blocking": (False,),
    "vector": (0, 8, 255),
    "lba": (0, 1, 719),
    "data": (b"", bytes(512), bytes(1024)),
    "text": ("a", "{enter}"),
    "name": ("a", "enter"),
    "unit": (0, 1),
    "offset": (0, 1, 2),
    "timeout": (0, 0.001, None),
    "wall": (0.01,),
    "until": ("x", None),
    "key": (0, 0x1000, slice(0, 4)),
    "breakpoints": ((), (5, 0x7C00)),
    "watch": ((), [(0x7000, 0x1000, "w"), (0, 4, "rw")], [(0, 1 << 64, "rw")]),
    "boot": (None, bytes(512)),
    "source": (bytes(512), "disk.img"),
    "path": ("a.png", "b.txt"),
    "memory": (0x100000, 0x10000),
    "shift": (0, 7, 20),
    "accel": ("interp",),
    "clock": ("virtual", "host"),
    "irqchip": (True, False),
    "write_back": (False, True),
    "coalesce": (True, False),
    "flags": (0, 1, 2, 4),
    "buffer": (None,),
    "channel": (0, 2),
    "level": (True, False),
}


def value(rng: random.Random, name: str, others: list[Any], again: Reenter) -> tuple[str, Any]:
    """A label and a value for a parameter of this name; `others` are objects of the API."""
    chance = rng.random()
    if chance < 0.45 and name in SENSIBLE:
        choice = rng.choice(SENSIBLE[name])
        return repr(choice)[:40], choice
    if chance < 0.6 and others:
        thing = rng.choice(others)
        return f"a {type(thing).__name__}", thing
    label = rng.choice(list(VALUES))
    return label, VALUES[label](again)
