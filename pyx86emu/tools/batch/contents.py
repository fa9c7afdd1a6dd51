"""Contents: name an image or a state by its SHA-256, find its bytes in this process.

A job holds `Content`, which is pickled as its name only. How the bytes come to another process is
not decided here (carriers.py); what has come is kept here, so that it comes once.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from ...errors import Pyx86Error

Bytes = bytes | bytearray | memoryview
Source = Bytes | str | os.PathLike[str]

#: A process keeps at most so many bytes of contents that came from another one; the ones that were
#: used last stay.
MOST_KEPT = 1 << 30
PIECE = 1 << 20


class ContentError(Pyx86Error, LookupError):
    """The bytes of a content are not in this process, or the file has changed."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of this host, as it was when it was read for its SHA-256."""

    path: str
    size: int
    changed: int
    """When it was last written, in ns (st_mtime_ns)."""

    def check(self) -> None:
        """ContentError: the file is another one now. OSError: there is none."""
        now = os.stat(self.path)
        if (now.st_size, now.st_mtime_ns) != (self.size, self.changed):
            raise ContentError(f"{self.path} was changed after the batch had read it: start again")


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of an image or of a state, known by their SHA-256.

    `Content.of(source)` makes one of bytes or of the path of a file. Equal bytes are equal
    contents. A pickled Content is about 100 bytes, however large the image is. Any thread may use
    it.

    >>> Content.of(b"boot code").size
    9
    """

    sha256: str
    """In hexadecimal digits."""
    size: int
    """In bytes."""
    name: str = field(default="", compare=False)
    """Where the bytes come from, for messages."""
    source: bytes | File | None = field(default=None, compare=False, repr=False)
    """The bytes or their file; None in another process."""

    @classmethod
    def of(cls, source: "Source | Content", name: str = "") -> "Content":
        """The content of bytes or of a file. OSError: the file cannot be read; TypeError: it is
        neither."""
        if isinstance(source, Content):
            return source
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            return cls(hashlib.sha256(data).hexdigest(), len(data), name or "bytes", data)
        if not isinstance(source, (str, os.PathLike)):
            raise TypeError(f"give bytes or the path of a file, not {type(source).__name__}")
        path = os.path.abspath(os.fsdecode(source))
        with open(path, "rb") as file:
            digest = hashlib.sha256()
            while piece := file.read(PIECE):
                digest.update(piece)
            read = os.fstat(file.fileno())
        kept = File(path, read.st_size, read.st_mtime_ns)
        return cls(digest.hexdigest(), read.st_size, name or os.fsdecode(source), kept)

    def __reduce__(self) -> tuple[type["Content"], tuple[str, int, str]]:
        return Content, (self.sha256, self.size, self.name)

    def read(self) -> bytes:
        """The bytes. ContentError: they are not in this process, or the file has changed."""
        source = self.source
        if isinstance(source, bytes):
            return source
        if isinstance(source, File):
            source.check()
            with open(source.path, "rb") as file:
                data = file.read()
        else:
            kept = CACHE.get(self.sha256)
            if isinstance(kept, bytes):
                return kept
            if kept is None:
                raise ContentError(f"the bytes of {self.name or self.sha256} are not here")
            kept.check()
            with open(kept.path, "rb") as file:
                data = file.read()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ContentError(f"{self.name} has other bytes than its SHA-256 says")
        return data

    def image(self) -> bytes | str:
        """What a Disk is made of: the path of a file of this host, else the bytes. Errors as
        `read`."""
        kept = self.source if self.source is not None else CACHE.get(self.sha256)
        if isinstance(kept, File):
            kept.check()
            return kept.path
        return self.read()


class Cache:
    """The contents that came from another process, the newest `most` bytes of them. Any thread may
    use it."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.most = most
        self._kept: OrderedDict[str, bytes | File] = OrderedDict()
        self._lock = Lock()
        self.taken = 0
        """How many contents came."""

    def get(self, sha256: str) -> bytes | File | None:
        """The content of this name; None: it is not here."""
        with self._lock:
            if (found := self._kept.get(sha256)) is not None:
                self._kept.move_to_end(sha256)
            return found

    def take(self, carried: Mapping[str, bytes | File]) -> None:
        """Keep what came with a task. ContentError: bytes that are not those of their name."""
        for sha256, data in carried.items():
            if self.get(sha256) is not None:
                continue
            if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() != sha256:
                raise ContentError(f"a content came damaged: its SHA-256 is not {sha256}")
            with self._lock:
                self._kept[sha256] = data
                self.taken += 1
                while len(self._kept) > 1 and self._size() > self.most:
                    self._kept.popitem(last=False)

    def _size(self) -> int:
        return sum(len(each) for each in self._kept.values() if isinstance(each, bytes))

    def missing(self, wanted: Iterable[Content]) -> tuple[str, ...]:
        """The names of the contents that are not here."""
        return tuple(
            dict.fromkeys(
                each.sha256
                for each in wanted
                if each.source is None and self.get(each.sha256) is None
            )
        )


#: What this process was given. Each worker has one.
CACHE = Cache()
