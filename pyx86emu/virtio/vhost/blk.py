"""VhostUserBlk: a virtio block device whose requests another process carries out.

Know what the driver sees: features, configuration, queues. The link does the rest; the vCPU's
thread waits for it only when the driver resets the device.
"""

import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import ref

from ..._core import truth, whole
from ...events import EventFd
from ..blk import F_MQ
from ..device import Transport, VirtioDevice, Vring
from ..numbers import ID_BLOCK, RING_FEATURES, VERSION_1
from .link import Link, Queue
from .messages import ProtocolError
from .numbers import Protocol
from .regions import memory_of, shared_slots
from .seconds import seconds
from .session import Session, duplicate
from .sockets import Caller, Listener, Way

if TYPE_CHECKING:
    from ...vm import Vm

#: Features that pass from the back end to the driver: those of the device type (bits 0 to 23), and
#: those of split rings.
PASSED = (1 << 24) - 1 | RING_FEATURES
#: Bytes of the configuration space of a block device (virtio 1.2, 5.2.4), and where it says
#: whether its cache is on (`writeback`) and how many queues there are.
CONFIG_SIZE, WCE, NUM_QUEUES = 60, 32, 34
F_CONFIG_WCE = 1 << 11
#: Host seconds that the driver's reset waits for the back end.
RESET = 1.0


class VhostUserBlk(VirtioDevice):
    """A virtio block device behind a vhost-user socket, as qemu-storage-daemon serves one.

    `path` is the Unix socket of the back end; with `server=True` this side listens there, with mode
    0600, and the back end connects. Its constructor waits up to `timeout` host seconds for the back
    end. `queues`: at most so many queues, by default all that the back end has; `queue_size`: the
    most descriptors of each, a power of two up to 1024. `reconnect`: if the back end dies, connect
    again, with at most so many host seconds between two attempts, and submit again what was in
    flight; None: the device needs a reset then.

    The machine must have `shared=True`, since the back end maps the guest's RAM. A request takes no
    exit: the kick is an ioeventfd, the interrupt an irqfd, and both go to the other process.

    `error` is what ended the last connection, or None. `connections` counts them. Any thread may
    read both, and call `memory_changed()` and `close()`.

    OSError: there is no back end at `path`, or none answers in time (TimeoutError); ProtocolError
    (a ConnectionError): what answers is no vhost-user back end for a block device; ValueError,
    TypeError: a number out of range, or none. (The document "Vhost-user Protocol" of QEMU; virtio
    1.2, 5.2.)
    """

    device_id = ID_BLOCK
    name = "vhost-user-blk"
    deterministic = False

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        *,
        server: bool = False,
        timeout: float = 10.0,
        reconnect: float | None = 1.0,
        queues: int | None = None,
        queue_size: int = 256,
    ) -> None:
        most = 256 if queues is None else whole(queues, "queues", 1, 256)
        size = whole(queue_size, "queue_size", 4, 1024)
        if size & size - 1:
            raise ValueError(f"queue_size={size}: give a power of two from 4 to 1024")
        wait = seconds(timeout, "timeout")
        again = None if reconnect is None else seconds(reconnect, "reconnect")
        self.path = os.fspath(path)
        way: Way = (
            Listener(self.path)
            if truth(server, "server")
            else Caller(self.path, ", or listen for it with server=True")
        )
        self._way = way
        self._fds: list[int] = []
        self._wce: bytes | None = None
        self._config = self._first = b""
        self._features = 0
        mine = ref(self)

        def failed(error: Exception) -> None:
            if (device := mine()) is not None:
                device._failed(error)

        def greet(session: Session) -> None:
            if (device := mine()) is not None:
                device._greet(session)

        self._link = Link(
            way.connect,
            patience=min(wait, 5.0),
            reconnect=again,
            on_failure=failed,
            on_session=greet,
        )
        try:
            session = self._link.open(wait)
            count = session.queues()
            if not session.offered & F_MQ:
                count = 1
            self.queue_sizes = (size,) * min(count, most)
            super().__init__(served="outside")
            self._learn(session)
        except BaseException:
            self.close()
            raise

    # -- what the driver sees --------------------------------------------------------------------

    @property
    def offered(self) -> int:
        """What the back end offers, without what this side does not pass on."""
        return self._features

    @property
    def config(self) -> bytes:
        """The configuration space of the back end."""
        return self._config

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver writes there. Of a block device it may write `writeback`, with CONFIG_WCE: the
        back end gets it."""
        if (offset, len(data)) == (WCE, 1) and self.negotiated & F_CONFIG_WCE and data[0] < 2:
            self._wce = data
            self._config = self._config[:WCE] + data + self._config[WCE + 1 :]
            self._link.set_config(WCE, data)

    # -- the back end ------------------------------------------------------------------------------

    @property
    def error(self) -> Exception | None:
        """What ended the last connection; None: it works."""
        return self._link.error

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return self._link.sessions

    def memory_changed(self) -> None:
        """Shared memory was added to the Vm or deleted: the back end gets it, while it goes on."""
        self._link.memory_changed()

    def settle(self, timeout: float = 10.0) -> bool:
        """Wait until the back end knows what was done so far, at most `timeout` host seconds.
        Returns whether it does."""
        return self._link.settle(seconds(timeout, "timeout"))

    def _greet(self, session: Session) -> None:
        """Another connection: the queues must be there, and what the driver has set is set again.
        That the features are there is checked when they are set."""
        if (count := session.queues()) < len(self.queue_sizes):
            raise ProtocolError(
                f"the back end at {self.path} has {count} queues now, not {len(self.queue_sizes)}"
            )
        before = self._first
        self._learn(session)
        if self._wce is not None:
            session.set_config(WCE, self._wce)
            self._config = self._config[:WCE] + self._wce + self._config[WCE + 1 :]
        if before != self._first and self.transport is not None:
            self.generation = self.generation + 1 & 0xFFFFFFFF
            self.transport.config_changed()

    def _learn(self, session: Session) -> None:
        """Take over features and configuration of the back end."""
        if not session.has(Protocol.CONFIG):
            raise ProtocolError(
                f"the back end at {self.path} has no CONFIG: a vhost-user block device needs it"
            )
        if not session.offered & VERSION_1:
            raise ProtocolError(f"the back end at {self.path} does not offer VERSION_1 (virtio 1)")
        self._features = session.offered & PASSED
        config = bytearray(session.config(CONFIG_SIZE))
        struct.pack_into("<H", config, NUM_QUEUES, len(self.queue_sizes))
        self._config = bytes(config)
        self._first = self._config

    def _failed(self, error: Exception) -> None:
        """The back end cannot be used any more. Called by the link's thread."""
        transport = self.transport
        if transport is not None:
            with suppress(OSError):  # the Vm is closed
                transport.needs_reset(f"{self.name}: {error}")

    # -- its life ----------------------------------------------------------------------------------

    def plugged(self, vm: "Vm") -> None:
        """MachineError: the RAM is not shared."""
        shared_slots(vm)

    def activate(self, transport: Transport, queues: Sequence[Vring]) -> None:
        """The driver is ready. The back end gets everything from another thread; what the driver
        kicks until then stays in its eventfds."""
        vm = transport.vm
        if vm is None:
            transport.needs_reset(f"{self.name}: it is attached to no Vm")
            return
        shared_slots(vm)  # MachineError now, where the user sees it
        self.transport = transport
        rings = []
        for each in queues:
            kick = duplicate(transport.notifier(each.index))
            self._fds.append(kick)
            self._fds.append(self._call(transport, each.index))
            rings.append(Queue(each, kick, self._fds[-1]))
        memory = memory_of(vm)
        # Back ends know no legacy drivers. On x86 their rings and requests are the same.
        self._link.start(self.negotiated | VERSION_1, rings, memory)

    @staticmethod
    def _call(transport: Transport, index: int) -> int:
        """A descriptor of the call; without an interrupt line one that interrupts nobody."""
        try:
            return duplicate(transport.call(index))
        except RuntimeError:
            with EventFd() as event:
                return duplicate(event.fileno())

    def kicked(self, index: int) -> None:
        """Never called: the eventfd goes to the back end."""

    def reset(self) -> None:
        """The driver's reset: the back end stops, or loses its connection."""
        self._link.stop(RESET)
        self._release()
        if self._wce is not None:
            self._wce, self._config = None, self._first
            self._link.set_config(WCE, self._first[WCE : WCE + 1])
        super().reset()

    def _release(self) -> None:
        fds, self._fds = self._fds, []
        for fd in fds:
            with suppress(OSError):
                os.close(fd)

    def close(self) -> None:
        """End the connection. A second call does nothing."""
        self._link.close()
        self._way.close()
        self._release()

    def __del__(self) -> None:
        if "_link" in self.__dict__:
            self.close()
