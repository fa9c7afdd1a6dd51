"""Codec: write plain values as bytes and read them back, checked. Knows no state.

docs/STATE.md describes the bytes. Equal bytes objects are written once. What is read is bounded
before memory is taken for it: by `limit`, and by MOST_VALUES.
"""

import struct
import zlib
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from .._core import whole
from ..errors import StateError
from ..state import Plain

if TYPE_CHECKING:
    from typing_extensions import Buffer

Compression = Literal["zlib", "zstd", "none"]

MAGIC = b"pyx86st\n"
VERSION = 1
HEADER = struct.Struct("<8sHBBQI")
METHODS: tuple[Compression, ...] = ("none", "zlib", "zstd")
#: How many bytes a state may have without compression, unless its reader allows more.
LIMIT = 1 << 28
MOST_LIMIT = 1 << 40
MOST_VALUES = 1 << 21
MOST_DEPTH = 24
#: Bytes of the longest integer.
INTEGER = 16


def _zstd() -> Any:
    """The module of Python 3.14. StateError: there is none."""
    from importlib import import_module

    try:
        return import_module("compression.zstd")
    except ImportError:
        raise StateError(
            "this Python has no compression.zstd, which Python 3.14 has: use compression='zlib'"
        ) from None


def dump(value: Plain, compression: Compression = "zlib") -> bytes:
    """The bytes of a plain value. StateError: it has a value that is not plain, too deep, or an
    integer of more than 127 bits; or `compression` is not known here."""
    if compression not in METHODS:
        raise StateError(f"unknown compression {compression!r}: choose 'zlib', 'zstd' or 'none'")
    raw = _Writer().written(value)
    if compression == "zlib":
        data = zlib.compress(raw, 1)
    elif compression == "zstd":
        data = _zstd().compress(raw)
    else:
        data = raw
    method = METHODS.index(compression)
    return HEADER.pack(MAGIC, VERSION, method, 0, len(raw), zlib.crc32(raw)) + data


def load(data: "Buffer", limit: int = LIMIT) -> Plain:
    """The value of bytes that `dump` made. StateError: they are no such bytes, or more than `limit`
    without compression."""
    most = whole(limit, "limit", 0, MOST_LIMIT)
    try:
        view = memoryview(data).cast("B")
    except (TypeError, ValueError, BufferError):
        raise TypeError(f"a state is read from bytes, not from {type(data).__name__}") from None
    if len(view) < HEADER.size:
        raise StateError("these bytes are too short for a state: it has been cut off, or is none")
    magic, version, method, zero, length, crc = HEADER.unpack_from(view)
    if magic != MAGIC:
        raise StateError("these bytes are no state of pyx86emu: they begin in another way")
    if version != VERSION:
        raise StateError(f"a state of version {version}: this pyx86emu reads version {VERSION}")
    if method >= len(METHODS) or zero:
        raise StateError("a state that is damaged: its header names no compression")
    if length > most:
        raise StateError(f"a state of {length} bytes, more than the limit of {most}: pass limit=")
    raw = _expanded(view[HEADER.size :], METHODS[method], length)
    if len(raw) != length or zlib.crc32(raw) != crc:
        raise StateError("a state that is damaged: its length or its checksum is wrong")
    return _Reader(raw).value_alone()


def _expanded(data: memoryview, method: Compression, length: int) -> bytes:
    """At most `length + 1` bytes: what is longer is refused by the caller."""
    if method == "none":
        return bytes(data[: length + 1])
    if method == "zlib":
        expander: Any = zlib.decompressobj()
        failures: tuple[type[Exception], ...] = (zlib.error,)
    else:
        zstd = _zstd()
        expander = zstd.ZstdDecompressor()
        failures = (zstd.ZstdError, EOFError)
    try:
        raw: bytes = expander.decompress(data, length + 1)
    except failures:
        raise StateError("a state that is damaged: it cannot be decompressed") from None
    if len(raw) <= length and (not expander.eof or expander.unused_data):
        raise StateError("a state that is damaged: it is cut off, or has bytes after its end")
    return raw


class _Writer:
    """Values as bytes: the table of bytes objects first, then the tree."""

    def __init__(self) -> None:
        self.blobs: dict[bytes, int] = {}
        self.out = bytearray()
        self.count = 0

    def written(self, value: Plain) -> bytes:
        self.put(value, 0)
        head = bytearray()
        _number(head, len(self.blobs))
        for blob in self.blobs:
            _number(head, len(blob))
            head += blob
        return bytes(head + self.out)

    def put(self, value: Plain, depth: int) -> None:
        out = self.out
        self.count += 1
        if depth > MOST_DEPTH or self.count > MOST_VALUES:
            raise StateError("a value of a state is too deep, or has too many parts")
        if value is None or value is True or value is False:
            out += b"N" if value is None else b"T" if value else b"F"
        elif type(value) is int:
            size = value.bit_length() // 8 + 1
            if size > INTEGER:
                raise StateError("an integer of a state has more than 127 bits")
            out += b"I" + bytes([size]) + value.to_bytes(size, "little", signed=True)
        elif type(value) is float:
            out += b"D" + struct.pack("<d", value)
        elif type(value) is str:
            _text(out, value)
        elif type(value) is bytes:
            out += b"B"
            _number(out, self.blobs.setdefault(value, len(self.blobs)))
        elif type(value) is list or type(value) is tuple:
            out += b"L" if type(value) is list else b"U"
            _number(out, len(value))
            for each in value:
                self.put(each, depth + 1)
        elif type(value) is dict:
            out += b"M"
            _number(out, len(value))
            for key, each in value.items():
                if type(key) is not str:
                    raise StateError(f"a key of a state is text, not {type(key).__name__}")
                _text(out, key)
                self.put(each, depth + 1)
        else:
            raise StateError(f"a state has plain values only, not {type(value).__name__}")


def _number(out: bytearray, n: int) -> None:
    """A length: seven bits a byte, the lowest first."""
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)


def _text(out: bytearray, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    out += b"S"
    _number(out, len(raw))
    out += raw


class _Reader:
    """The other direction. Each length is compared with the bytes that are left."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0
        self.count = 0
        self.blobs: list[bytes] = []

    def value_alone(self) -> Plain:
        for _ in range(self.number(1)):
            self.blobs.append(self.take(self.number()))
        value = self.value(0)
        if self.at != len(self.raw):
            self.damaged("there are bytes after its end")
        return value

    def damaged(self, why: str) -> NoReturn:
        raise StateError(f"a state that is damaged: {why}")

    def take(self, n: int) -> bytes:
        if n > len(self.raw) - self.at:
            self.damaged("a part is longer than what is left")
        part = self.raw[self.at : self.at + n]
        self.at += n
        return part

    def number(self, each: int = 0) -> int:
        """A length; `each`: the fewest bytes that one of so many things takes."""
        n = shift = 0
        while True:
            byte = self.take(1)[0]
            n |= (byte & 127) << shift
            if not byte & 128:
                break
            shift += 7
            if shift > 42:
                self.damaged("a length is too long")
        if n * each > len(self.raw) - self.at:
            self.damaged("a list is longer than what is left")
        return n

    def text(self) -> str:
        try:
            return self.take(self.number()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            self.damaged("a text is no UTF-8")

    def value(self, depth: int) -> Plain:
        self.count += 1
        if depth > MOST_DEPTH or self.count > MOST_VALUES:
            self.damaged("it is too deep, or has too many parts")
        tag = self.take(1)
        if tag == b"N":
            return None
        if tag == b"T" or tag == b"F":
            return tag == b"T"
        if tag == b"I":
            size = self.take(1)[0]
            if not 1 <= size <= INTEGER:
                self.damaged("an integer is too long")
            return int.from_bytes(self.take(size), "little", signed=True)
        if tag == b"D":
            return float(struct.unpack("<d", self.take(8))[0])
        if tag == b"S":
            return self.text()
        if tag == b"B":
            index = self.number()
            if index >= len(self.blobs):
                self.damaged("it names bytes that it does not have")
            return self.blobs[index]
        if tag == b"L" or tag == b"U":
            items = [self.value(depth + 1) for _ in range(self.number(1))]
            return items if tag == b"L" else tuple(items)
        if tag == b"M":
            return self.table(depth)
        self.damaged("it has a value of an unknown kind")

    def table(self, depth: int) -> dict[str, Plain]:
        table: dict[str, Plain] = {}
        for _ in range(self.number(3)):
            if self.take(1) != b"S":
                self.damaged("a key is no text")
            key = self.text()
            if key in table:
                self.damaged("a key is there twice")
            table[key] = self.value(depth + 1)
        return table
