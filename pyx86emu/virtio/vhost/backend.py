"""A back end's side of one connection: carry out each request of the front end on a VirtioDevice.

Know messages, not sockets: `Connection.handle` takes a message and returns the answer. All methods
are called by one thread.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from ..._core import GuestMap, VirtQueue
from ...vm import Vm
from ..device import VirtioDevice, Vring
from .inflight import Tracked, area_size, new_memory
from .mapped import MOST_SLOTS, Mapped, mapped
from .messages import (
    ADDR,
    INFLIGHT,
    INFLIGHT_BARE,
    STATE,
    U64,
    Fds,
    Message,
    ProtocolError,
    check_config,
    check_request,
    regions_of,
)
from .numbers import F_PROTOCOL_FEATURES, MOST_ENTRIES, VRING_INDEX, Protocol, Request

#: The protocol features that are offered.
OFFERED = sum(each.bit for each in Protocol)


class Refused(Exception):
    """The request cannot be carried out; the connection goes on."""


class Line:
    """A queue, as the front end sets it up."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.num = self.base = 0
        self.user: tuple[int, int, int] | None = None
        """User addresses of descriptor table, available ring and used ring."""
        self.fds = {"kick": -1, "call": -1, "err": -1}
        self.enabled = self.running = False

    def put(self, which: str, fds: Fds) -> None:
        """Take the descriptor of a message in place of the one before, or none."""
        old = self.fds[which]
        if old >= 0:
            os.close(old)
        self.fds[which] = (*fds.take(), -1)[0]

    def ready(self, which: str) -> int:
        """The descriptor. It may be anything, and the front end may have changed its flags: no read
        and no write may wait."""
        os.set_blocking(self.fds[which], False)
        return self.fds[which]

    def ring(self, which: str) -> None:
        """Write to an eventfd, if there is one. Whatever the front end has sent is written to, and
        errors are its own."""
        if self.fds[which] >= 0:
            with suppress(OSError):
                os.write(self.ready(which), (1).to_bytes(8, "little"))

    def close(self) -> None:
        for which in self.fds:
            self.put(which, Fds())


class Connection:
    """One front end, and the device that serves it. It is the transport of the device.

    `watch(line)` and `ignore(line)` say when the kick of a queue is to be waited for; call
    `kicked(line)` then. `trouble` is what the driver has done wrong, or None.
    """

    vm: Vm | None = None

    def __init__(
        self,
        device: VirtioDevice,
        watch: Callable[[Line], object] = lambda line: None,
        ignore: Callable[[Line], object] = lambda line: None,
    ) -> None:
        self._device = device
        self._watch, self._ignore = watch, ignore
        self._mapped = Mapped()
        self._lines = [Line(index) for index in range(len(device.queue_sizes))]
        self.protocol = 0
        self._areas: list[memoryview] = []
        self._entries = 0
        self.trouble: str | None = None

    # -- Transport: what the device asks -----------------------------------------------------------

    @property
    def memory(self) -> GuestMap:
        """The memory of the guest, as far as the front end has sent it."""
        return self._mapped.guest

    def interrupt(self, index: int) -> None:
        """The device has used buffers of this queue: write to its call eventfd."""
        self._lines[index].ring("call")

    def again(self, index: int) -> bool:
        """Yes: what the front end asks for comes first."""
        self._lines[index].ring("kick")
        return True

    def config_changed(self) -> None:
        """The front end reads the configuration again when it connects again."""

    def needs_reset(self, reason: str) -> None:
        """The driver has broken a rule: write to the err eventfds."""
        if self.trouble is None:
            self.trouble = reason
            for line in self._lines:
                line.ring("err")

    def notifier(self, index: int) -> int:
        """The kick of a queue."""
        return self._lines[index].fds["kick"]

    def call(self, index: int) -> int:
        """The call of a queue."""
        return self._lines[index].fds["call"]

    # -- messages ----------------------------------------------------------------------------------

    def handle(self, message: Message) -> tuple[bytes, tuple[int, ...]] | None:
        """Carry out a request. Returns the payload of the answer and descriptors of it, which the
        caller closes; None: there is no answer. ProtocolError: close the connection."""
        try:
            request = check_request(message)
            call = _CALLS.get(request)
            try:
                answer = None if call is None else call(self, message)
            except Refused:
                if self._acknowledges(message):
                    return U64.pack(1), ()
                return None
        finally:
            message.fds.close()
        if answer is not None:
            return answer
        return (U64.pack(0), ()) if self._acknowledges(message) else None

    def _acknowledges(self, message: Message) -> bool:
        return message.need_reply and bool(self.protocol & Protocol.REPLY_ACK.bit)

    def _line(self, index: int) -> Line:
        if index >= len(self._lines):
            raise ProtocolError(
                f"queue {index} of '{self._device.name}', which has {len(self._lines)}"
            )
        return self._lines[index]

    # -- features and configuration ----------------------------------------------------------------

    def _get_features(self, message: Message) -> tuple[bytes, tuple[int, ...]]:
        return U64.pack(self._device.offered | F_PROTOCOL_FEATURES), ()

    def _set_features(self, message: Message) -> None:
        features = message.u64()
        mine = features & ~F_PROTOCOL_FEATURES
        if mine & ~self._device.offered or not self._device.accepts(mine):
            raise ProtocolError(f"SET_FEATURES {features:#x} has features that are not offered")
        if mine != self._device.negotiated and any(line.running for line in self._lines):
            raise ProtocolError("SET_FEATURES changes the features while a queue runs")
        self._device.negotiated = mine
        if not features & F_PROTOCOL_FEATURES:
            for line in self._lines:
                line.enabled = True

    def _get_protocol(self, message: Message) -> tuple[bytes, tuple[int, ...]]:
        return U64.pack(OFFERED), ()

    def _set_protocol(self, message: Message) -> None:
        if message.u64() & ~OFFERED:
            raise ProtocolError(
                f"SET_PROTOCOL_FEATURES {message.u64():#x} has more than {OFFERED:#x}"
            )
        self.protocol = message.u64()

    def _get_queue_num(self, message: Message) -> tuple[bytes, tuple[int, ...]]:
        return U64.pack(len(self._lines)), ()

    def _get_config(self, message: Message) -> tuple[bytes, tuple[int, ...]]:
        offset, data = check_config(message)
        with self._device.lock:
            found = self._device.read_config(offset, len(data))
        return message.payload[:12] + found[: len(data)].ljust(len(data), b"\0"), ()

    def _set_config(self, message: Message) -> None:
        offset, data = check_config(message)
        with self._device.lock:
            self._device.write_config(offset, data)

    # -- memory ------------------------------------------------------------------------------------

    def _memory(self, change: Callable[[], None]) -> None:
        """Change the regions; the queues go on in the new ones."""
        running = [line for line in self._lines if line.running]
        states = self._states()
        change()
        for line in running:  # ProtocolError: its ring is in no region any more
            self._vring(line)
        if running:
            self._activate(states)

    def _set_mem_table(self, message: Message) -> None:
        regions = regions_of(message)
        self._memory(lambda: self._mapped.replace(regions, message.fds))

    def _add_mem_reg(self, message: Message) -> None:
        (region,) = regions_of(message)
        self._memory(lambda: self._mapped.add(region, message.fds))

    def _rem_mem_reg(self, message: Message) -> None:
        (region,) = regions_of(message)
        self._memory(lambda: self._mapped.remove(region))

    def _max_mem_slots(self, message: Message) -> tuple[bytes, tuple[int, ...]]:
        return U64.pack(MOST_SLOTS), ()

    # -- queues ------------------------------------------------------------------------------------

    def _stopped(self, message: Message, index: int) -> Line:
        """The queue, which does not run now."""
        line = self._line(index)
        if line.running:
            raise ProtocolError(
                f"{message.name} of queue {index}, which runs: GET_VRING_BASE first"
            )
        return line

    def _set_num(self, message: Message) -> None:
        index, num = message.state()
        line = self._stopped(message, index)
        most = self._device.queue_sizes[index]
        if not 0 < num <= most or num & num - 1:
            raise ProtocolError(
                f"queue {index} with {num} descriptors: a power of two up to {most} is allowed"
            )
        line.num = num

    def _set_addr(self, message: Message) -> None:
        index, _, desc, used, avail, _ = ADDR.unpack(message.payload)
        line = self._line(index)
        before, line.user = line.user, (desc, avail, used)
        if line.running and before != line.user:
            raise ProtocolError(f"SET_VRING_ADDR moves queue {index}, which runs")

    def _set_base(self, message: Message) -> None:
        index, base = message.state()
        if base > 0xFFFF:
            raise ProtocolError(f"SET_VRING_BASE {base} of queue {index}: an index has 16 bits")
        self._stopped(message, index).base = base

    def _get_base(self, message: Message) -> tuple[bytes, tuple[int, ...]]:
        index, _ = message.state()
        line = self._line(index)
        self._stop(line)
        return STATE.pack(index, line.base), ()

    def _set_kick(self, message: Message) -> None:
        line = self._line(message.u64() & VRING_INDEX)
        self._ignore(line)
        line.put("kick", message.fds)
        if not line.running:
            self._start(line)
        if line.enabled:
            self._watch(line)
            if line.fds["kick"] < 0:
                raise ProtocolError("SET_VRING_KICK without an eventfd: polling is not supported")

    def _set_call(self, message: Message) -> None:
        line = self._line(message.u64() & VRING_INDEX)
        line.put("call", message.fds)

    def _set_err(self, message: Message) -> None:
        line = self._line(message.u64() & VRING_INDEX)
        line.put("err", message.fds)

    def _set_enable(self, message: Message) -> None:
        index, on = message.state()
        line = self._line(index)
        if on > 1:
            raise ProtocolError(f"SET_VRING_ENABLE of queue {index} with {on}: 0 or 1 expected")
        line.enabled = bool(on)
        if line.running:
            (self._watch if on else self._ignore)(line)

    def _vring(self, line: Line) -> Vring:
        """The queue with guest addresses. ProtocolError: it has none, or outside the regions."""
        if not line.num or line.user is None:
            raise ProtocolError(
                f"SET_VRING_KICK of queue {line.index} before SET_VRING_NUM and SET_VRING_ADDR"
            )
        areas = Vring(line.index, line.num, *line.user).areas()
        places = [self._mapped.guest_address(addr, size) for addr, size in areas]
        return Vring(line.index, line.num, *places)

    def _start(self, line: Line) -> None:
        """The queue runs from now on, with those that run already."""
        ring = self._vring(line)
        states = self._states()
        line.running = True
        self._activate(states)
        queue = self._device.queues[line.index]
        if queue is None:
            return
        used = int.from_bytes(self.memory.read(ring.used + 2, 2), "little")
        heads: list[int] = []
        popped = line.base
        if self._areas:
            tracked = self._track(line, queue)
            heads = tracked.recover(used)
            popped = used + len(heads) & 0xFFFF if heads else line.base
        fresh = {"popped": popped, "pushed": used, "told": None, "wants": True, "broken": None}
        with self._device.lock:
            queue.load({**queue.state(), **fresh, "in_flight": tuple(heads)})
        if heads:
            line.ring("kick")
        line.ring("call")  # for what another back end has used and not said

    def _track(self, line: Line, queue: VirtQueue) -> Tracked:
        """Let the device note what it has in flight."""
        if line.index >= len(self._areas) or line.num > self._entries:
            raise ProtocolError(f"the inflight memory has no room for queue {line.index}")
        tracked = Tracked(queue, self._areas[line.index])
        self._device.queues[line.index] = cast(VirtQueue, tracked)
        return tracked

    def _states(self) -> Mapping[int, Any]:
        """What each queue is now."""
        found = {}
        for line in self._lines:
            queue = self._device.queues[line.index]
            if line.running and queue is not None:
                found[line.index] = (queue, queue.state())
        return found

    def _activate(self, states: Mapping[int, Any]) -> None:
        """Give the device its queues, in the memory as it is now; those in `states` go on."""
        rings = [self._vring(line) for line in self._lines if line.running]
        device = self._device
        with device.lock:
            device.activate(self, rings)
            for index, (before, state) in states.items():
                queue = device.queues[index]
                if queue is None:
                    continue
                addresses = queue.addresses
                queue.load({**state, "addresses": addresses})
                if isinstance(before, Tracked):
                    before.queue = queue
                    device.queues[index] = cast(VirtQueue, before)

    def _stop(self, line: Line) -> None:
        if not line.running:
            return
        self._ignore(line)
        line.running = False
        line.put("kick", Fds())
        queue = self._device.queues[line.index]
        if queue is not None:
            line.base = queue.popped - queue.in_flight & 0xFFFF
            self._device.queues[line.index] = None

    def kicked(self, line: Line) -> None:
        """The driver has notified: the device works."""
        with suppress(BlockingIOError):
            os.read(line.ready("kick"), 8)
        if line.running and line.enabled and self.trouble is None:
            with self._device.lock:
                self._device.kicked(line.index)

    # -- inflight ----------------------------------------------------------------------------------

    def _get_inflight(self, message: Message) -> tuple[bytes, tuple[int, ...]]:
        _, _, queues, entries = INFLIGHT.unpack(message.payload.ljust(INFLIGHT.size, b"\0"))
        if not 0 < queues <= len(self._lines) or not 0 < entries <= MOST_ENTRIES:
            raise ProtocolError(f"GET_INFLIGHT_FD for {queues} queues of {entries} descriptors")
        fd = new_memory(queues, entries)
        return INFLIGHT.pack(queues * area_size(entries), 0, queues, entries), (fd,)

    def _set_inflight(self, message: Message) -> None:
        payload = message.payload[:INFLIGHT_BARE].ljust(INFLIGHT.size, b"\0")
        size, offset, queues, entries = INFLIGHT.unpack(payload)
        each = area_size(entries)
        if not 0 < queues <= len(self._lines) or not entries or size < queues * each:
            raise ProtocolError(
                f"SET_INFLIGHT_FD of {size} bytes for {queues} queues of {entries} descriptors"
            )
        (fd,) = message.fds
        view = mapped(fd, size, offset, "the inflight memory")
        self._entries = entries
        self._areas = [view[n * each : (n + 1) * each] for n in range(queues)]

    # -- its end -----------------------------------------------------------------------------------

    def _reset_device(self, message: Message | None = None) -> None:
        """All queues stop, and the device is as after power on."""
        for line in self._lines:
            self._stop(line)
            line.enabled = False
        self.trouble = None
        features = self._device.negotiated
        with self._device.lock:
            self._device.reset()
            self._device.negotiated = features

    def close(self) -> None:
        """The front end is gone: release its memory and its descriptors."""
        try:
            self._reset_device()  # it may raise what it likes
        finally:
            self._device.negotiated = 0
            for line in self._lines:
                line.close()
            self._areas = []
            self._mapped = Mapped()


_Call = Callable[[Connection, Message], tuple[bytes, tuple[int, ...]] | None]
_CALLS: dict[Request, _Call] = {
    Request.GET_FEATURES: Connection._get_features,
    Request.SET_FEATURES: Connection._set_features,
    Request.GET_PROTOCOL_FEATURES: Connection._get_protocol,
    Request.SET_PROTOCOL_FEATURES: Connection._set_protocol,
    Request.GET_QUEUE_NUM: Connection._get_queue_num,
    Request.GET_CONFIG: Connection._get_config,
    Request.SET_CONFIG: Connection._set_config,
    Request.SET_MEM_TABLE: Connection._set_mem_table,
    Request.ADD_MEM_REG: Connection._add_mem_reg,
    Request.REM_MEM_REG: Connection._rem_mem_reg,
    Request.GET_MAX_MEM_SLOTS: Connection._max_mem_slots,
    Request.SET_VRING_NUM: Connection._set_num,
    Request.SET_VRING_ADDR: Connection._set_addr,
    Request.SET_VRING_BASE: Connection._set_base,
    Request.GET_VRING_BASE: Connection._get_base,
    Request.SET_VRING_KICK: Connection._set_kick,
    Request.SET_VRING_CALL: Connection._set_call,
    Request.SET_VRING_ERR: Connection._set_err,
    Request.SET_VRING_ENABLE: Connection._set_enable,
    Request.GET_INFLIGHT_FD: Connection._get_inflight,
    Request.SET_INFLIGHT_FD: Connection._set_inflight,
    Request.RESET_DEVICE: Connection._reset_device,
}
