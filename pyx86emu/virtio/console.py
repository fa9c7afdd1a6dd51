"""VirtioConsole: a console with one port. Knows bytes, no terminal. Virtio 1.2, 5.3."""

import struct
from collections.abc import Callable

from .._core import whole
from ..state import take
from .device import Served, Values, VirtioDevice
from .numbers import ID_CONSOLE

#: Features (5.3.3), as masks.
F_SIZE = 1 << 0
F_EMERG_WRITE = 1 << 2

RECEIVE, TRANSMIT = 0, 1
EMERG_WR = 8
#: Input that no buffer of the guest has taken: so much is kept.
MOST_INPUT = 1 << 20


class VirtioConsole(VirtioDevice):
    """A virtio console with one port: `m.attach(VirtioConsole(output=print))`.

    `output(data)` is called with the bytes that the guest sends, by the thread that serves the
    queues; None drops them. `send(data)` gives bytes to the guest. `size` is (columns, rows); set
    `console.size` to tell the guest a new one. `virtio.ends` connects a console to streams of
    asyncio, to a pty and to stdin and stdout. `served` as for every virtio device.

    TypeError: `output` cannot be called; ValueError: a size out of range.
    """

    device_id = ID_CONSOLE
    name = "virtio-console"
    queue_sizes = (64, 64)
    features = F_SIZE | F_EMERG_WRITE
    deterministic = False  # its input comes from the host

    def __init__(
        self,
        output: Callable[[bytes], object] | None = None,
        *,
        size: tuple[int, int] = (80, 25),
        served: Served = "vcpu",
    ) -> None:
        if output is not None and not callable(output):
            raise TypeError(f"output must be a function of bytes, not {type(output).__name__}")
        super().__init__(served=served)
        self.output = output
        self._size = _checked(size)
        self._input = bytearray()

    @property
    def size(self) -> tuple[int, int]:
        """(columns, rows), 0 to 65535 each. Any thread may set it."""
        return self._size

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        checked = _checked(size)

        def change() -> None:
            self._size = checked

        self.config_is_new(change)

    @property
    def config(self) -> bytes:
        """struct virtio_console_config (5.3.4)."""
        return struct.pack("<HHII", *self._size, 1, 0)

    def write_config(self, offset: int, data: bytes) -> None:
        """An emergency write: a character without a queue (5.3.4)."""
        if offset == EMERG_WR and data:
            self._put(data[:1])

    def _put(self, data: bytes) -> None:
        if data and self.output is not None:
            self.output(data)

    # -- both directions ---------------------------------------------------------------------------

    def kicked(self, index: int) -> None:
        """The guest has sent bytes, or has buffers for input."""
        if index == TRANSMIT:
            for batch in self.requests(TRANSMIT):
                self._put(b"".join([data for _, data, _ in batch]))
                self.done(TRANSMIT, [(head, b"") for head, _, _ in batch])
        elif index == RECEIVE:
            self._fill()

    def send(self, data: bytes) -> int:
        """Give bytes to the guest; returns how many were taken. At most 1 MiB waits for buffers of
        the guest. Any thread may call it."""
        with self.lock:
            taken = bytes(data)[: MOST_INPUT - len(self._input)]
            self._input += taken
            self._fill()
            return len(taken)

    @property
    def waiting(self) -> int:
        """How many bytes wait for buffers of the guest."""
        return len(self._input)

    def _fill(self) -> None:
        """Put input into buffers, as long as there are both."""
        queue = self.queues[RECEIVE]
        if queue is None:
            return
        filled = []
        while self._input and (request := queue.pop()) is not None:
            head, _, room = request
            filled.append((head, bytes(self._input[:room])))
            del self._input[:room]
        if filled:
            self.done(RECEIVE, filled)
        self.check(queue)
        queue.notify(bool(self._input))

    # -- saved states ------------------------------------------------------------------------------

    def state(self) -> Values:
        """The device, and what waits for buffers."""
        return {**super().state(), "input": bytes(self._input), "size": self._size}

    def load(self, values: Values) -> None:
        """Become what `state()` returned."""
        size, waiting = _checked(take(values, "size", tuple)), take(values, "input", bytes)
        if len(waiting) > MOST_INPUT:
            raise ValueError("a state of a console has more input than it can have")
        super().load(values)
        self._size, self._input = size, bytearray(waiting)


def _checked(size: tuple[int, ...]) -> tuple[int, int]:
    columns, rows = size
    return whole(columns, "columns", 0, 0xFFFF), whole(rows, "rows", 0, 0xFFFF)
