"""A front end's session: say the messages of vhost-user in their order, check each answer.

Know one connection: whoever calls this decides when to connect again. All methods wait for the back
end; one thread calls them at a time, and any may call `cancel()`.
"""

import fcntl
import os
import socket
from collections.abc import Iterable

from ...errors import MachineError
from ..device import Vring
from .channel import Channel
from .messages import (
    ADDR,
    CONFIG,
    INFLIGHT,
    ONE_REGION,
    STATE,
    U64,
    Message,
    ProtocolError,
    check_config,
    check_reply,
    table,
)
from .numbers import (
    F_LOG_ALL,
    F_PROTOCOL_FEATURES,
    MOST_REGIONS,
    NEED_REPLY,
    REPLIED,
    VRING_NO_FD,
    Protocol,
    Request,
)
from .regions import USER, Shared

#: The protocol features that a front end uses where they are offered.
WANTED = sum(each.bit for each in Protocol)
#: Host seconds for each answer.
PATIENCE = 5.0


class Inflight:
    """The memory in which a back end notes what is in flight. It outlives the back end. It owns a
    descriptor."""

    def __init__(self, fd: int, size: int, offset: int, queues: int, entries: int) -> None:
        self.fd, self.size, self.offset = fd, size, offset
        self.queues, self.entries = queues, entries

    def payload(self) -> bytes:
        return INFLIGHT.pack(self.size, self.offset, self.queues, self.entries)

    def close(self) -> None:
        """Close the descriptor. A second call does nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


class Session:
    """A session on a connected socket, which it owns.

    `features` are the virtio features of the back end, `protocol` the protocol features in use.
    ProtocolError, Closed (ConnectionError), TimeoutError from any method: the session is of no use
    any more, close it.
    """

    def __init__(self, sock: socket.socket, patience: float = PATIENCE) -> None:
        self.channel = Channel(sock)
        self._patience = patience
        self.features = self.protocol = 0
        self._regions: list[Shared] = []
        self._slots = MOST_REGIONS

    # -- one request -------------------------------------------------------------------------------

    def _ask(self, request: Request, payload: bytes = b"", fds: tuple[int, ...] = ()) -> Message:
        """A request with an answer, and the answer, checked."""
        acknowledged = request not in REPLIED
        flags = NEED_REPLY if acknowledged else 0
        self.channel.send(request, payload, fds, flags=flags, timeout=self._patience)
        message = self.channel.receive(self._patience)
        try:
            check_reply(message, request)
            if acknowledged and (status := message.u64()):
                raise ProtocolError(f"the back end refuses {request.name}, with status {status}")
        except BaseException:
            message.fds.close()
            raise
        return message

    def _tell(self, request: Request, payload: bytes = b"", fds: tuple[int, ...] = ()) -> None:
        """A request without an answer of its own: with REPLY_ACK wait for its status."""
        if self.has(Protocol.REPLY_ACK):
            self._ask(request, payload, fds)
        else:
            self.channel.send(request, payload, fds, timeout=self._patience)

    def has(self, feature: Protocol) -> bool:
        """Is the protocol feature in use?"""
        return bool(self.protocol & feature.bit)

    # -- the session -------------------------------------------------------------------------------

    def begin(self, wanted: int = WANTED) -> None:
        """Find out what the back end can do and choose the protocol features; become the owner."""
        self.features = self._ask(Request.GET_FEATURES).u64()
        if self.features & F_PROTOCOL_FEATURES:
            offered = self._ask(Request.GET_PROTOCOL_FEATURES).u64()
            chosen = offered & wanted & WANTED
            self.channel.send(
                Request.SET_PROTOCOL_FEATURES, U64.pack(chosen), timeout=self._patience
            )
            self.protocol = chosen
        self._tell(Request.SET_OWNER)
        if self.has(Protocol.CONFIGURE_MEM_SLOTS):
            self._slots = self._ask(Request.GET_MAX_MEM_SLOTS).u64()

    @property
    def offered(self) -> int:
        """The features for the driver: without those of vhost itself."""
        return self.features & ~(F_PROTOCOL_FEATURES | F_LOG_ALL)

    def queues(self) -> int:
        """How many queues the back end has; 1 without MQ, which does not say it."""
        if not self.has(Protocol.MQ):
            return 1
        count = self._ask(Request.GET_QUEUE_NUM).u64()
        if not 1 <= count <= 256:
            raise ProtocolError(f"the back end says that it has {count} queues: 1 to 256 expected")
        return count

    def config(self, size: int) -> bytes:
        """The first `size` bytes of the configuration space."""
        payload = CONFIG.pack(0, size, 0) + bytes(size)
        message = self._ask(Request.GET_CONFIG, payload)
        if not message.payload:
            raise ProtocolError("the back end refuses GET_CONFIG")
        offset, data = check_config(message)
        if (offset, len(data)) != (0, size):
            raise ProtocolError(
                f"GET_CONFIG for {size} bytes at offset 0 got {len(data)} at offset {offset}"
            )
        return data

    def set_config(self, offset: int, data: bytes) -> None:
        """The driver has written these bytes to the configuration space."""
        self._tell(Request.SET_CONFIG, CONFIG.pack(offset, len(data), 0) + data)

    def set_features(self, features: int) -> None:
        """What the driver has accepted."""
        extra = self.features & F_PROTOCOL_FEATURES
        if features & ~self.features:
            raise ProtocolError(
                f"the back end does not offer the features {features & ~self.features:#x} that the "
                "driver has accepted: it is another one than before"
            )
        self._tell(Request.SET_FEATURES, U64.pack(features | extra))

    # -- memory ------------------------------------------------------------------------------------

    def set_memory(self, shared: Iterable[Shared]) -> None:
        """The regions are these now. With CONFIGURE_MEM_SLOTS only what changed is said, so that
        requests in flight stay valid; without it all of them, by SET_MEM_TABLE. MachineError: they
        are more than the back end can map."""
        new = list(shared)
        if len(new) > self._slots:
            raise MachineError(
                f"the back end takes {self._slots} memory regions, the guest has {len(new)} shared "
                "slots: make fewer and larger ones"
            )
        if self._adds:
            for region, fd in new:
                if all(region != known for known, _ in self._regions):
                    self._tell(Request.ADD_MEM_REG, ONE_REGION.pack(0, *region), (fd,))
            for region, _ in self._regions:
                if all(region != still for still, _ in new):
                    self._tell(Request.REM_MEM_REG, ONE_REGION.pack(0, *region))
        elif new != self._regions:
            fds = tuple(fd for _, fd in new)
            self._tell(Request.SET_MEM_TABLE, table(region for region, _ in new), fds)
        self._regions = new

    @property
    def _adds(self) -> bool:
        return self.has(Protocol.CONFIGURE_MEM_SLOTS)

    def inflight(self, queues: int, entries: int) -> Inflight:
        """Get the memory for what is in flight. Only with INFLIGHT_SHMFD."""
        message = self._ask(Request.GET_INFLIGHT_FD, INFLIGHT.pack(0, 0, queues, entries))
        with_padding = message.payload.ljust(INFLIGHT.size, b"\0")
        size, offset, *counts = INFLIGHT.unpack(with_padding)
        if len(message.fds) != 1 or counts != [queues, entries] or not size:
            message.fds.close()
            raise ProtocolError(
                f"the back end answers GET_INFLIGHT_FD for {queues} queues of {entries} entries "
                f"with {size} bytes, {counts[0]} queues of {counts[1]}, {len(message.fds)} fds"
            )
        return Inflight(message.fds.take()[0], size, offset, queues, entries)

    def set_inflight(self, inflight: Inflight) -> None:
        """Give the memory back to a back end, perhaps to another process than before."""
        self._tell(Request.SET_INFLIGHT_FD, inflight.payload(), (inflight.fd,))

    # -- queues ------------------------------------------------------------------------------------

    def start_queue(self, ring: Vring, base: int, kick: int, call: int) -> None:
        """Let the back end work on a ring from entry `base` of the available ring on. `kick` and
        `call` are eventfds, which stay the caller's."""
        index = ring.index
        self._tell(Request.SET_VRING_NUM, STATE.pack(index, ring.size))
        self._tell(Request.SET_VRING_BASE, STATE.pack(index, base))
        places = (ring.desc + USER, ring.used + USER, ring.avail + USER)
        self._tell(Request.SET_VRING_ADDR, ADDR.pack(index, 0, *places, 0))
        self._tell(Request.SET_VRING_ERR, U64.pack(index | VRING_NO_FD))
        self._tell(Request.SET_VRING_CALL, U64.pack(index), (call,))
        self._tell(Request.SET_VRING_KICK, U64.pack(index), (kick,))
        self.enable_queue(index, True)

    def enable_queue(self, index: int, on: bool) -> None:
        """Enable or disable a ring; without protocol features all are enabled."""
        if self.features & F_PROTOCOL_FEATURES:
            self._tell(Request.SET_VRING_ENABLE, STATE.pack(index, int(on)))

    def stop_queue(self, index: int) -> int:
        """Stop a ring. Returns the entry of the available ring that it would have taken next."""
        asked = self._ask(Request.GET_VRING_BASE, STATE.pack(index, 0))
        got, base = asked.state()
        if got != index or base > 0xFFFF:
            raise ProtocolError(f"GET_VRING_BASE of queue {index} got entry {base} of queue {got}")
        return base

    def reset_device(self) -> None:
        """Reset the device, where the back end offers RESET_DEVICE."""
        if self.has(Protocol.RESET_DEVICE):
            self._tell(Request.RESET_DEVICE)

    # -- its end -----------------------------------------------------------------------------------

    def cancel(self) -> None:
        """End every wait, now and later. Any thread may call it."""
        self.channel.cancel()

    def close(self) -> None:
        """Close the socket. A second call does nothing."""
        self.channel.close()


def duplicate(fd: int) -> int:
    """Another number of the same descriptor, closed on exec."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 0)
