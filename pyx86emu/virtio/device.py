"""VirtioDevice: features, queues and configuration of one device. Knows no register and no bus."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Protocol
from weakref import ref

from .._core import VirtQueue, whole
from ..errors import MachineError
from ..state import take_whole
from .numbers import RING_FEATURES

if TYPE_CHECKING:
    from .._core import GuestMap
    from ..vm import Vm

#: Where the queues of a device are worked: by the thread of the vCPU between two instructions, by
#: a thread of the device, by an event loop, or outside: by who has the descriptors.
Served = Literal["vcpu", "thread", "outside"] | AbstractEventLoop
Values = dict[str, Any]
Request = tuple[int, bytes, int]


@dataclass(frozen=True, slots=True)
class Vring:
    """A queue as the driver has set it up: its index, the number of its descriptors, and the guest
    addresses of the descriptor table, the available ring and the used ring."""

    index: int
    size: int
    desc: int
    avail: int
    used: int

    def areas(self) -> tuple[tuple[int, int], ...]:
        """Address and size in bytes of each of the three (2.7)."""
        return (
            (self.desc, 16 * self.size),
            (self.avail, 6 + 2 * self.size),
            (self.used, 6 + 8 * self.size),
        )


#: What is taken of a queue before run() looks at its limits, or a thread whether it has to end:
#: requests, and as much as one for each 4 KiB that they carry.
MOST_AT_ONCE = 4096
#: The most descriptors of a queue (2.7).
MOST_DESCRIPTORS = 1 << 15


class Transport(Protocol):
    """What a device may ask of its transport. Any thread may call it."""

    @property
    def memory(self) -> "GuestMap":
        """The memory of the guest."""

    @property
    def vm(self) -> "Vm | None":
        """The Vm of the guest; its slots are for devices that another process serves."""

    def interrupt(self, index: int) -> None:
        """Interrupt the driver: the device has used buffers of this queue."""

    def again(self, index: int) -> bool:
        """Can the rest of this queue wait until who works it has looked whether something else is
        to be done? True: the device is called again then. False: it may go on."""

    def config_changed(self) -> None:
        """Interrupt the driver: the configuration has changed."""

    def needs_reset(self, reason: str) -> None:
        """Set DEVICE_NEEDS_RESET, and say so to the driver."""

    def notifier(self, index: int) -> int:
        """The eventfd that the driver's notifications of this queue are written to, since the first
        call of this. It belongs to the transport, and is closed at the next reset: dup() it."""

    def call(self, index: int) -> int:
        """An eventfd that interrupts the driver, for this queue: whoever writes to it needs no
        other call. It belongs to the transport, as the one of `notifier` does."""


class VirtioDevice:
    """A virtio device. A subclass sets what the class attributes below say, and has `kicked`.

    The driver finds it with the features that it offers (`features`, a mask of 64 bits; all of
    `RING_FEATURES` are added) and with `len(queue_sizes)` queues of at most so many descriptors.

    - `activate(transport, queues)`: the driver has set DRIVER_OK. `negotiated` has the features.
      The queues are made here, `self.queues`, None where the driver does not use one. A device
      whose queues are worked elsewhere has `served = "outside"` and an `activate` of its own, which
      takes addresses from `queues` and descriptors from `transport.notifier` and `.call`.
    - `kicked(index)`: the driver has notified. `served` says which thread calls it.
    - `reset()`: as after power on. A subclass calls `super().reset()`.
    - `state()`, `load(values)`: for saved states.

    `lock` is held while a method of the device is called. A device works at one transport, or for
    one `serve()`, at a time.

    TypeError, ValueError: a class attribute is no number, or none that the specification allows.
    """

    #: The device type (5): 1 to 65535.
    device_id: int = 0
    #: Its name in messages.
    name: str = "virtio"
    #: The most descriptors of each queue: powers of two up to 32,768, such as (64, 64).
    queue_sizes: tuple[int, ...] = ()
    #: The features of this device type, a mask.
    features: int = 0
    #: False: what it stores to memory depends on something outside of the machine, so that a
    #: machine with it cannot be recorded.
    deterministic: bool = True

    def __init__(self, *, served: Served = "vcpu") -> None:
        if served not in ("vcpu", "thread", "outside") and not isinstance(
            served, AbstractEventLoop
        ):
            raise ValueError(
                f"served={served!r}: give 'vcpu', 'thread', 'outside' or an event loop of asyncio"
            )
        self._check_attributes()
        self.served = served
        self.lock = RLock()
        self.transport: Transport | None = None
        self.negotiated = 0
        self.queues: list[VirtQueue | None] = [None] * len(self.queue_sizes)
        #: It changes with the configuration (4.2.2, ConfigGeneration).
        self.generation = 0
        #: The transport, or what serves it to other processes.
        self._user: ref[object] | None = None

    def _check_attributes(self) -> None:
        """What a subclass has forgotten or got wrong is an error, not a driver that waits."""
        cls = type(self).__name__
        if not isinstance(self.queue_sizes, tuple | list):
            raise TypeError(
                f"{cls}.queue_sizes is {self.queue_sizes!r}: give a tuple with the most "
                "descriptors of each queue, such as (64,)"
            )
        for size in self.queue_sizes:
            if whole(size, f"{cls}.queue_sizes", 1, MOST_DESCRIPTORS) & (size - 1):
                raise ValueError(
                    f"{cls}.queue_sizes has {size}: a queue has a power of two of descriptors"
                )
        if self.device_id == 0:
            raise ValueError(f"{cls} has no device_id: set the device type (Virtio 1.2, 5)")
        whole(self.device_id, f"{cls}.device_id", 1, 0xFFFF)
        whole(self.features, f"{cls}.features", 0, (1 << 64) - 1)

    def claim(self, user: object) -> None:
        """`user`, a transport or a back end, works with the device until it calls `release`.
        MachineError: another one does."""
        now = None if self._user is None else self._user()
        if now is not None and now is not user:
            raise MachineError(
                f"'{self.name}' is in use already, by {now!r}: detach or close that, or make "
                "another device"
            )
        self._user = ref(user)

    def release(self, user: object) -> None:
        """`user` works with it no more."""
        if self._user is not None and self._user() is user:
            self._user = None

    # -- what the driver sees --------------------------------------------------------------------

    @property
    def offered(self) -> int:
        """The features that the driver is offered."""
        return self.features | RING_FEATURES

    def accepts(self, features: int) -> bool:
        """May the driver use the device with these features? They were all offered."""
        return True

    @property
    def config(self) -> bytes:
        """The configuration space (2.5), little-endian."""
        return b""

    def read_config(self, offset: int, size: int) -> bytes:
        """What the driver reads there; beyond its end are zeros."""
        return self.config[offset : offset + size].ljust(size, b"\0")

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver writes there. By default ignored."""

    # -- its life ----------------------------------------------------------------------------------

    def plugged(self, vm: "Vm") -> None:
        """It is attached to a Vm. MachineError: it cannot be used there. By default it can."""

    def activate(self, transport: Transport, queues: Sequence[Vring]) -> None:
        """The driver has set DRIVER_OK with these queues."""
        self.transport = transport
        self.queues = [None] * len(self.queue_sizes)
        for ring in queues:
            where = ring.size, ring.desc, ring.avail, ring.used
            queue = VirtQueue(transport.memory, *where, features=self.negotiated)
            self.queues[ring.index] = queue
            self.check(queue)

    def kicked(self, index: int) -> None:
        """The driver has notified queue `index`: there may be something in it."""

    def reset(self) -> None:
        """The driver has reset the device, or the machine was reset."""
        self.transport = None
        self.negotiated = 0
        self.queues = [None] * len(self.queue_sizes)

    def close(self) -> None:
        """The device is detached for good: release what it has opened."""

    # -- what subclasses use -----------------------------------------------------------------------

    def check(self, queue: VirtQueue) -> bool:
        """False: the queue is broken. The driver is told so, once."""
        if (why := queue.broken) is None:
            return True
        if self.transport is not None:
            self.transport.needs_reset(f"{self.name}: {why}")
        return False

    def requests(self, index: int) -> Iterator[list[Request]]:
        """What is in a queue, in batches, until it is empty. Notifications are off meanwhile.

        A driver can see to it that a queue is never empty. So some thousands of requests are taken
        at most; the rest comes a little later."""
        queue = self.queues[index]
        if queue is None:
            return
        left = MOST_AT_ONCE
        while True:
            queue.notify(False)
            while batch := queue.pop_many(left):
                left -= len(batch) + (queue.carried >> 12)
                yield batch
                if self.queues[index] is not queue:  # it was reset meanwhile
                    return
                if left <= 0:
                    if self.transport is not None and self.transport.again(index):
                        return
                    left = MOST_AT_ONCE
            if not queue.notify(True):
                break
        self.check(queue)

    def done(self, index: int, batch: Sequence[Sequence[Any]]) -> None:
        """Give requests back, as `VirtQueue.push_many` does, and interrupt the driver if it wants
        that. After a reset meanwhile nothing happens."""
        queue, transport = self.queues[index], self.transport
        if queue is None or transport is None:
            return
        if queue.push_many(batch):
            transport.interrupt(index)
        self.check(queue)

    def config_is_new(self, change: Callable[[], object] = int) -> None:
        """Change the configuration with `change()`, and say so to the driver."""
        with self.lock:
            change()
            self.generation = self.generation + 1 & 0xFFFFFFFF
            if self.transport is not None:
                self.transport.config_changed()

    # -- saved states ------------------------------------------------------------------------------

    def state(self) -> Values:
        """What the device is now, with its queues, as values."""
        return {
            "negotiated": self.negotiated,
            "generation": self.generation,
            "queues": tuple([None if queue is None else queue.state() for queue in self.queues]),
        }

    def load(self, values: Values) -> None:
        """Become what `state()` returned. The transport has called `activate` if the device was
        active. ValueError, TypeError, KeyError: the values are damaged."""
        states = values["queues"]
        if type(states) is not tuple or len(states) != len(self.queues):
            raise ValueError(f"a state of '{self.name}' has other queues")
        for queue, state in zip(self.queues, states, strict=True):
            if (queue is None) != (state is None):
                raise ValueError(f"a state of '{self.name}' has other queues")
            if queue is not None:
                queue.load(state)
        self.generation = take_whole(values, "generation", 0, 0xFFFFFFFF)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}'>"
