"""Forwarded ranges: a device whose accesses go to another process. Knows no socket.

A write is posted or waited for, a read is always waited for. If the run of the vCPU has to end
while the peer has not answered, a read is left for the next run, which executes the instruction
again and finds the answer; a write is done, and the next run begins with what is left of it.
"""

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from .._core import truth, whole
from ..device import MmioDevice, PioDevice
from ..errors import NotYet
from ..state import Values
from . import wire
from .peer import Exchange, Peer, peer_of

if TYPE_CHECKING:
    from ..address import Address
    from ..backend import BusBackend
    from ..bus import Attachment, Bus, Outside

#: In which order an access of another size is sent: as accesses of 1, 2, 4 or 8 bytes.
PIECES = {3: (2, 1), 5: (4, 1), 6: (4, 2), 7: (4, 2, 1)}


class _Forwarded:
    """What both buses have. A device calls these methods, in the thread of a vCPU or of the
    host."""

    max_size = 8
    deterministic = False

    def __init__(
        self,
        bus: "Bus",
        length: int,
        peer: Peer,
        posted: bool,
        user_data: int,
        name: str,
    ) -> None:
        self.name = name
        self.length = length
        self.user_data = user_data
        self.posted = posted
        self.peer = peer
        self._kind = bus.kind
        self._vm: BusBackend = bus._vm
        self._base = 0
        self._outside: weakref.ref[Outside] | None = None
        #: Reads that are not over, of this run or of one that has left them.
        self._late: list[Exchange] = []

    def where(self) -> str:
        """The range, as messages name it."""
        last = self._base + self.length - 1
        cookie = f", user_data {self.user_data:#x}" if self.user_data else ""
        return (
            f"'{self.name}' ({self._kind} {self._base:#x}-{last:#x}{cookie}, "
            f"socket {self.peer.number})"
        )

    def placed(self, attachment: "Attachment") -> None:
        """It is on the bus."""
        self._base = attachment.base
        if attachment.outside is not None:
            self._outside = weakref.ref(attachment.outside)

    def reset(self) -> None:
        """What an earlier run has left is for nobody. The peer is not told."""
        self._late.clear()

    def _read(self, offset: int, size: int) -> int:
        if size in PIECES:
            return self._read_pieces(offset, size)
        same = (r for r in self._late if (r.offset, r.size, r.running) == (offset, size, False))
        if (late := next(same, None)) is None:
            message = wire.Command(False, size, True, self.user_data, offset, 0).pack()
            late = Exchange(self.peer, self._vm, self, message, size, True, offset)
            self._late.append(late)  # Ctrl-C may come at any moment
        late.running = True
        try:
            done = late.go()
        except Exception:
            self._forget(late)  # there will be no answer
            raise
        finally:
            late.running = False
        if not done:
            raise NotYet
        self._forget(late)
        assert late.answer is not None
        return late.answer

    def _forget(self, late: Exchange) -> None:
        with suppress(ValueError):  # a reset has forgotten it
            self._late.remove(late)

    def _read_pieces(self, offset: int, size: int) -> int:
        """A read of 3, 5, 6 or 7 bytes, which the format does not have. If it ends too early, the
        pieces that have come wait with the others."""
        value, at, come = 0, 0, []
        try:
            for n in PIECES[size]:
                piece = self._read(offset + at, n)
                come.append((offset + at, n, piece))
                value |= piece << 8 * at
                at += n
        except BaseException:
            for where, n, piece in come:
                kept = Exchange(self.peer, self._vm, self, b"\0", n, True, where)
                kept.answer = piece
                self._late.append(kept)
            raise
        return value

    def _write(self, offset: int, size: int, value: int) -> None:
        exponent = wire.EXPONENT.get(size)
        if self.posted and exponent is not None:
            message = wire.pack_command(1, exponent, b"", self.user_data, offset, value)
            if self.peer.post(message):
                return
        answered = not self.posted
        parts, at = [], 0
        for n in PIECES.get(size, (size,)):
            part = value >> 8 * at & (1 << 8 * n) - 1
            message = wire.Command(True, n, answered, self.user_data, offset + at, part).pack()
            parts.append(Exchange(self.peer, self._vm, self, message, n, answered, offset + at))
            at += n
        while parts:
            try:
                if not parts[0].go():
                    break
            except Exception:
                raise
            except BaseException:  # Ctrl-C
                self._owe(parts)
                raise
            del parts[0]
        self._owe(parts)

    def _owe(self, parts: list[Exchange]) -> None:
        """The next run waits for what is left of a write."""
        for each in parts:
            self._vm.owe(each.go)

    # -- states ------------------------------------------------------------------------------------

    def _recorded(self) -> bool:
        outside = None if self._outside is None else self._outside()
        return outside is not None and outside.instead is not None

    def state(self) -> Values:
        """Nothing, while the machine is recorded: the recording has the answers. Else ValueError:
        its state is in another process."""
        if not self._recorded():
            raise ValueError(
                "its state is in another process: detach it first, or record() the machine"
            )
        return {}

    def load(self, values: Values) -> None:
        """As `state`."""
        if not self._recorded():
            raise ValueError("its state is in another process: detach it first")
        self._late.clear()


class ForwardedPio(_Forwarded, PioDevice):
    """Ports whose accesses go to another process. Made by `Bus.forward`."""

    pio_read = _Forwarded._read
    pio_write = _Forwarded._write


class ForwardedMmio(_Forwarded, MmioDevice):
    """Addresses whose accesses go to another process. Made by `Bus.forward`."""

    mmio_read = _Forwarded._read
    mmio_write = _Forwarded._write


def forward(
    bus: "Bus",
    addr: "Address",
    length: int,
    sock: object,
    posted: bool,
    user_data: int,
    name: str,
) -> "Attachment":
    """`Bus.forward`."""
    posted = truth(posted, "posted")
    user_data = whole(user_data, "user_data", 0, 2**64 - 1)
    base = bus._place(addr, "addr")
    length = whole(length, "length", 1, 1 << 32)
    if type(name) is not str:
        raise TypeError(f"a name is text (str), not {type(name).__name__}")
    make = ForwardedPio if bus.kind == "pio" else ForwardedMmio
    device = make(bus, length, peer_of(sock), posted, user_data, name)
    attachment = bus.attach(device, base)
    device.placed(attachment)
    return attachment
