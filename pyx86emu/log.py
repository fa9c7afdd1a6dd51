"""A log keeps the newest bytes that the guest sent. Does not know from which port they came."""

from ._core import exact, whole
from .state import Values, take, take_whole

#: How many bytes a log keeps by default.
LIMIT = 16 << 20
LARGEST = (1 << 63) - 1


class Log:
    """The newest `limit` bytes of those that were written.

    `bytes(log)` returns them and `len(log)` their number. `total` counts all bytes ever written,
    `dropped` those of them that are no longer kept. The thread that runs the guest writes; any
    thread may read.

    TypeError: `limit` is not an integer; ValueError: it is less than 0.

    >>> log = Log(limit=4)
    >>> log.write(b"hello")
    >>> bytes(log), len(log), log.total, log.dropped
    (b'ello', 4, 5, 1)
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = whole(limit, "the limit of a log in bytes", 0, LARGEST)
        self._data = bytearray()
        self._cut = 0  # how many bytes were taken off the start
        self._loads = 0
        # Old bytes are dropped many at a time: so the cost of a byte does not depend on the limit.
        self._room = self.limit + max(self.limit // 4, 4096)

    def write(self, data: bytes) -> None:
        """Add `data` and drop the oldest bytes above the limit."""
        kept = self._data
        kept += data
        if len(kept) > self._room:
            self._drop()

    def append(self, byte: int) -> None:
        """Add one byte, as `write()` does."""
        kept = self._data
        kept.append(byte)
        if len(kept) > self._room:
            self._drop()

    def _drop(self) -> None:
        old = len(self._data) - self.limit
        self._cut += old
        del self._data[:old]

    @property
    def total(self) -> int:
        """How many bytes were ever written."""
        return self._cut + len(self._data)

    @property
    def dropped(self) -> int:
        """How many bytes, the oldest ones, are no longer kept."""
        return self.total - len(self)

    def tail(self, n: int) -> bytes:
        """The newest `n` bytes, or all if there are fewer. TypeError: `n` is not an integer."""
        data, n = self._data, exact(n, "n")
        return bytes(data[max(0, len(data) - min(n, self.limit)) :])

    def text(self, n: int | None = None) -> str:
        """All, or the newest `n` bytes, as text: UTF-8 if they are valid UTF-8, else code page 437.
        Line ends are \\n. A character whose first bytes were dropped is left out."""
        data = self.tail(self.limit if n is None else n)
        start = 0
        if len(data) < self.total:
            while start < min(3, len(data)) and data[start] & 0xC0 == 0x80:
                start += 1
        try:
            text = data[start:].decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("cp437")
        return text.replace("\r\n", "\n").replace("\r", "")

    def state(self) -> Values:
        """The kept bytes, and how many were written; see `state.Stateful`."""
        return {"data": bytes(self), "total": self.total}

    def check(self, values: Values) -> bytes:
        """The bytes of a state that `state()` returned. ValueError: it is none."""
        data = take(values, "data", bytes)
        take_whole(values, "total", len(data), LARGEST)
        return data

    def load(self, values: Values) -> None:
        """Restore what `state()` returned, the newest `limit` bytes of it. ValueError: it is no
        such state; nothing has changed."""
        data, total = self.check(values), take_whole(values, "total", 0, LARGEST)
        kept = data[max(0, len(data) - self.limit) :]
        self._data[:] = kept
        self._cut = total - len(kept)
        self._loads += 1

    def mark(self) -> tuple[int, int, int]:
        """Where the log is now. While it is the same, so are its bytes."""
        return self._loads, self._cut, len(self._data)

    def rewind(self, mark: tuple[int, int, int]) -> bool:
        """Forget what was written after a `mark()`. False, and nothing changes: that cannot be
        done, since older bytes were dropped meanwhile, or it has loaded a state."""
        loads, cut, length = mark
        if loads != self._loads or cut != self._cut or length > len(self._data):
            return False
        del self._data[length:]
        return True

    def __bytes__(self) -> bytes:
        return self.tail(self.limit)

    def __len__(self) -> int:
        return min(len(self._data), self.limit)

    def __repr__(self) -> str:
        return f"<Log of {len(self)} bytes, {self.dropped} dropped>"
