"""VirtioTransport: status, features, queues, notifications and interrupts of one device, as every
transport has them. Knows no register; mmio.py and pci.py have those."""

import contextlib
import weakref
from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from .._core import Doorbell, GuestMap
from ..bus import Attachment
from ..errors import MachineError, StateError
from ..events import EventFd
from ..state import take, take_whole
from .device import VirtioDevice, Vring
from .numbers import (
    CONFIG_CHANGE,
    DRIVER_OK,
    FAILED,
    FEATURES_OK,
    ID_BLOCK,
    NEEDS_RESET,
    USED_BUFFER,
    VERSION_1,
)
from .serving import LoopServer, Server, ThreadServer

if TYPE_CHECKING:
    from .._core import IoEventFd
    from ..clock import Timer
    from ..irqfd import IrqFd
    from ..pc.machine import Machine
    from ..vm import Vm

Values = dict[str, Any]
Attached = TypeVar("Attached", bound=Attachment)

WORD = 0xFFFFFFFF

#: The interrupt lines of the devices, in this order: a PC has no other use for them.
LINES = (10, 11, 9, 5)


class QueueSetUp:
    """What the driver has written about one queue."""

    NUMBERS = ("size", "desc", "avail", "used")

    def __init__(self, most: int) -> None:
        self.most = self.size = most
        self.ready = False
        self.desc = self.avail = self.used = 0

    def values(self) -> Values:
        """As values, for a state."""
        return {"ready": self.ready, **{name: getattr(self, name) for name in self.NUMBERS}}

    def load(self, values: Values) -> None:
        """The same back. ValueError: damaged."""
        self.ready = take(values, "ready", bool)
        for name in self.NUMBERS:
            setattr(self, name, take_whole(values, name, 0, (1 << 64) - 1))


class VirtioTransport:
    """One device at its transport. A subclass is a device of a bus; it attaches itself, and has

    - `_kick_at(index)`: the arguments of `Vm.ioeventfd` for the notifications of a queue, a list;
    - `irq`: sets the level of its interrupt line; `gsi`: the number of this line, or None;
    - `legacy`: True if a driver without VERSION_1 is welcome.

    `ioeventfd=False`: each notification is an exit, and `kicked` is called by the vCPU's thread.
    Otherwise the queues are worked where `device.served` says.
    """

    legacy = False
    irq: Callable[[bool], None]

    def __init__(
        self, device: VirtioDevice, *, ioeventfd: bool = True, rom: bool | None = None
    ) -> None:
        if not isinstance(device, VirtioDevice):
            raise TypeError(f"a virtio transport takes a VirtioDevice, not {type(device).__name__}")
        if device.served == "outside" and not ioeventfd:
            raise ValueError(f"'{device.name}' is served outside: it needs ioeventfd=True")
        self.virtio = device
        self.ioeventfd = bool(ioeventfd)
        self.rom = rom
        self.gsi: int | None = None
        #: Held while the device is activated, reset or moved: two vCPUs may write registers.
        self._life = RLock()
        #: Held while the reasons for an interrupt and its line change: any thread may interrupt.
        self._reasons = RLock()
        self._vm: Vm | None = None
        self._memory: GuestMap | None = None
        self._kicks: dict[int, EventFd] = {}
        self._calls: dict[int, EventFd] = {}
        self._entries: list[IoEventFd] = []
        self._listening: dict[int, EventFd | Doorbell] = {}
        self._irqfds: list[IrqFd] = []
        self._server: Server | None = None
        self._stops: weakref.finalize[..., VirtioTransport] | None = None
        #: Of queues that the vCPU's thread has not emptied: when it goes on.
        self._later: dict[int, Timer] = {}
        self._forget()

    def _forget(self) -> None:
        """The registers as after power on."""
        self.status = 0
        self.driver_features = 0
        #: What the driver has selected: a half of each feature set, and a queue.
        self._device_sel = self._driver_sel = self._queue_sel = 0
        self.isr = 0
        #: Why the device needs a reset; None: it does not.
        self.trouble: str | None = None
        self.queues = [QueueSetUp(most) for most in self.virtio.queue_sizes]
        self._acked: dict[int, int] = {}

    def _plugged(self, vm: "Vm") -> None:
        """The transport is attached to a bus of this Vm. MachineError: its device is in use, or
        cannot be used there."""
        self.virtio.claim(self)
        try:
            self.virtio.plugged(vm)
        except BaseException:
            self.virtio.release(self)
            raise
        self._vm = vm
        self._memory = GuestMap(vm)

    def _with_rom(self, machine: "Machine", attached: Attached) -> Attached:
        """The transport is attached to this machine, where the option ROM finds it: add the ROM, if
        a disk should have it. MachineError: there is no room, and the disk is detached."""
        wanted = not any(machine.disks.values()) if self.rom is None else self.rom
        if wanted and self.virtio.device_id == ID_BLOCK:
            try:
                machine.add_rom("virtioblk")
            except MachineError as error:
                attached.detach()
                raise MachineError(f"{error}; a disk with rom=False needs none") from error
        return attached

    def _unplugged(self) -> None:
        """It is at no bus: another transport may have the device."""
        self.virtio.release(self)
        self._vm = self._memory = self.gsi = None

    # -- Transport: what the device asks -----------------------------------------------------------

    @property
    def memory(self) -> GuestMap:
        """The memory of the guest. RuntimeError: the transport is attached nowhere."""
        if self._memory is None:
            raise RuntimeError(f"'{self.virtio.name}' is attached to no machine")
        return self._memory

    @property
    def vm(self) -> "Vm | None":
        """The Vm, or None."""
        return self._vm

    def interrupt(self, index: int) -> None:
        """The device has used buffers of a queue."""
        with self._reasons:
            self.isr |= USED_BUFFER
            self._raise(index)

    def config_changed(self) -> None:
        """The configuration has changed."""
        if self.status & DRIVER_OK:
            with self._reasons:
                self.isr |= CONFIG_CHANGE
                self._raise()

    def needs_reset(self, reason: str) -> None:
        """The driver has broken a rule: the device stands still until it is reset."""
        with self._reasons:
            if self.status & NEEDS_RESET:
                return
            self.trouble = reason
            self.status |= NEEDS_RESET
            self.config_changed()

    def notifier(self, index: int) -> int:
        """The eventfd of the notifications of a queue."""
        if index not in self._kicks:
            kick = self._kicks[index] = EventFd()
            self._listen(index, kick)
        return self._kicks[index].fileno()

    def call(self, index: int) -> int:
        """The eventfd that interrupts the driver for a queue."""
        if index not in self._calls:
            if self._vm is None or self.gsi is None:
                raise RuntimeError(
                    f"'{self.virtio.name}' has no interrupt line: attach it with gsi="
                )
            call = EventFd()
            self._irqfds.append(self._irqfd(self._vm, self.gsi, call))
            self._acked[index] = self._used_index(index)
            self._calls[index] = call
        return self._calls[index].fileno()

    def _irqfd(self, vm: "Vm", gsi: int, call: EventFd) -> "IrqFd":
        """Let each write to this eventfd interrupt the driver."""
        return vm.irqfd(gsi, call)

    # -- interrupts --------------------------------------------------------------------------------

    @property
    def _by_irqfd(self) -> bool:
        """Is an interrupt a write to the eventfd of `call`? Else it is the level of the line."""
        return self._elsewhere and self.gsi is not None

    def _raise(self, index: int = 0) -> None:
        """Interrupt the driver, for a queue."""
        if self._by_irqfd:
            self.call(index)
            self._calls[index].write()
        else:
            self.irq(True)

    def interrupt_status(self) -> int:
        """The reasons for an interrupt. Who writes to the eventfd of `call` sets no bit: then the
        used rings say whether there is something new."""
        for index in tuple(self._calls):  # another thread may add one
            if self._used_index(index) != self._acked.get(index, 0):
                return self.isr | USED_BUFFER
        return self.isr

    def acknowledge(self, bits: int) -> None:
        """The driver has seen these reasons."""
        with self._reasons:
            if bits & USED_BUFFER:
                for index in tuple(self._calls):
                    self._acked[index] = self._used_index(index)
            self.isr &= ~bits
            if not self.isr:
                self.irq(False)

    def _used_index(self, index: int) -> int:
        """The index of a used ring, as it is in memory."""
        try:
            return int.from_bytes(self.memory.read(self.queues[index].used + 2, 2), "little")
        except ValueError:
            return 0

    # -- notifications -----------------------------------------------------------------------------

    @property
    def _elsewhere(self) -> bool:
        """Is the device served by another thread than the vCPU's?"""
        return self.ioeventfd and self.virtio.served != "vcpu"

    def _kick_at(self, index: int) -> list[dict[str, Any]]:
        raise NotImplementedError

    def _listen(self, index: int, fd: "EventFd | Doorbell") -> None:
        """Register the ioeventfds of a queue."""
        assert self._vm is not None
        self._listening[index] = fd
        for where in self._kick_at(index):
            self._entries.append(self._vm.ioeventfd(fd=fd, **where))

    def _listen_again(self) -> None:
        """The place of the notifications has changed: register the ioeventfds there."""
        with self._life:
            self._deassign()
            for index, fd in tuple(self._listening.items()):
                self._listen(index, fd)

    def _deassign(self) -> None:
        entries, self._entries = self._entries, []
        for entry in entries:
            with contextlib.suppress(OSError):  # the Vm is closed
                entry.deassign()

    def notified(self, index: int) -> None:
        """The driver's notification has come as an exit."""
        if index >= len(self.queues) or not self.status & DRIVER_OK or self.status & NEEDS_RESET:
            return
        if not self._elsewhere:
            self._kicked(index)
            return
        with self._life:
            kick = self._kicks.get(index)  # written in a size that no ioeventfd has
            if kick is not None:
                kick.write()

    def again(self, index: int) -> bool:
        """As `Transport.again`: after a microsecond of guest time if the vCPU's thread works, else
        when the thread or the loop has looked whether it has to end."""
        if self._elsewhere:
            if (kick := self._kicks.get(index)) is not None:
                kick.write()
        elif self._vm is None:
            return False
        elif index not in self._later:
            self._call_at(index, self._vm.clock.now() + 1000)
        return True

    def _call_at(self, index: int, deadline: int) -> None:
        """Let the device go on with a queue at this guest time."""
        assert self._vm is not None
        call = partial(weakly(self._go_on), index)
        self._later[index] = self._vm.clock.call_at(deadline, call, f"{self.virtio.name} queue")

    def _go_on(self, index: int) -> None:
        self._later.pop(index, None)
        self._kicked(index)

    def _kicked(self, index: int) -> None:
        """Let the device work."""
        with self.virtio.lock:
            if self.status & DRIVER_OK and not self.status & NEEDS_RESET:
                try:
                    self.virtio.kicked(index)
                except Exception as error:
                    error.add_note(f"while '{self.virtio.name}' served queue {index}")
                    raise

    def _kicked_elsewhere(self, index: int) -> None:
        """The same, by another thread: what the device raises ends its work, and the driver is told
        so."""
        try:
            self._kicked(index)
        except BaseException as error:
            self.needs_reset(f"{self.virtio.name}: {error!r}")
            raise

    # -- what the driver selects -------------------------------------------------------------------

    @property
    def _selected(self) -> QueueSetUp | None:
        """The queue that is selected; None: the device has no such queue."""
        return self.queues[self._queue_sel] if self._queue_sel < len(self.queues) else None

    def _offered_half(self) -> int:
        """The selected 32 bits of the features that the device offers."""
        return self.virtio.offered >> 32 * self._device_sel & WORD if self._device_sel < 2 else 0

    def _put_driver_features(self, shift: int, size: int, value: int) -> None:
        """The driver writes `size` bytes to the selected 32 bits of its features, `shift` bits from
        their end. After FEATURES_OK they stay."""
        if self._driver_sel < 2 and not self.status & FEATURES_OK:
            at = 32 * self._driver_sel + shift
            self.driver_features = put_bytes(self.driver_features, at, size, value)

    # -- status (3.1, 2.1) -------------------------------------------------------------------------

    def set_status(self, value: int) -> None:
        """The driver writes the device status; 0 is a reset. A driver must not clear single bits
        (2.1.1): they stay."""
        with self._life:
            if value & 0xFF:
                self._add_status(value & 0xFF)
            else:
                self.reset_device()

    def _add_status(self, value: int) -> None:
        before, value = self.status, value & ~NEEDS_RESET | self.status
        if value & ~before & FEATURES_OK and (before & DRIVER_OK or not self._agreed()):
            value &= ~FEATURES_OK
        if not before & DRIVER_OK and value & (FAILED | NEEDS_RESET):
            value &= ~DRIVER_OK  # it does not live, so a state must not say that it does
        with self._reasons:
            self.status |= value
        if value & ~before & DRIVER_OK:
            if not value & FEATURES_OK and (not self.legacy or not self._agreed()):
                self.status &= ~DRIVER_OK
                self.needs_reset(f"{self.virtio.name}: DRIVER_OK without FEATURES_OK")
                return
            self._activate()

    def _agreed(self) -> bool:
        """Are the features of the driver some that the device can work with?"""
        chosen = self.driver_features
        if chosen & ~self.virtio.offered or not (chosen & VERSION_1 or self.legacy):
            return False
        if not self.virtio.accepts(chosen):
            return False
        self.virtio.negotiated = chosen
        return True

    def _rings(self) -> list[Vring]:
        return [
            Vring(index, each.size, each.desc, each.avail, each.used)
            for index, each in enumerate(self.queues)
            if each.ready
        ]

    def _activate(self) -> None:
        """DRIVER_OK: the device lives."""
        for index, each in enumerate(self.queues):
            size = each.size
            if each.ready and (not 0 < size <= each.most or size & (size - 1)):
                self.needs_reset(
                    f"{self.virtio.name}: queue {index} has {size} descriptors: "
                    f"a power of two up to {each.most} is allowed"
                )
                return
        rings = self._rings()
        device = self.virtio
        with device.lock:
            device.activate(self, rings)
        if device.served == "outside" or not self.ioeventfd:
            return
        indexes = [ring.index for ring in rings]
        if device.served == "vcpu":
            self._listen_here(indexes)
            return
        fds = {index: self.notifier(index) for index in indexes}
        if self._by_irqfd:  # made here, not by the thread that serves
            for index in indexes:
                self.call(index)
        kicked = weakly(self._kicked_elsewhere)
        if isinstance(device.served, str):
            self._server = ThreadServer(device.name, fds, kicked)
        else:
            self._server = LoopServer(device.served, fds, kicked)
        self._stops = weakref.finalize(self, self._server.stop)

    def _listen_here(self, indexes: list[int]) -> None:
        """The vCPU's thread serves: it calls the device between two instructions. KVM signals
        descriptors only: there each notification stays an exit."""
        if self._vm is None or self._vm.accel == "kvm":
            return
        for index in indexes:
            self._listen(index, Doorbell(call=partial(self._kicked, index)))

    def stop_queue(self, index: int) -> None:
        """The driver takes a queue back: the device leaves its memory alone."""
        with self.virtio.lock:
            self.queues[index].ready = False
            self.virtio.queues[index] = None

    # -- reset -------------------------------------------------------------------------------------

    def reset_device(self) -> None:
        """As after power on: no further call of the device begins, its descriptors are closed."""
        self._quiet()
        self.irq(False)

    def _quiet(self) -> None:
        """The same, but the interrupt line stays as it is."""
        with self._life:
            self._stop()
            with self.virtio.lock:
                with self._reasons:
                    self.status = 0  # from now on nobody makes descriptors
                    self._close_descriptors()  # those that another thread has made meanwhile
                self._forget()

    def _stop(self) -> None:
        """No further call of the device begins, its descriptors are closed; it leaves memory
        alone. What the driver has written stays."""
        with self._life:
            server, self._server = self._server, None
            if server is not None:
                server.stop()
                server.join()
            if self._stops is not None:
                self._stops.detach()
            for timer in self._later.values():
                timer.cancel()
            self._later = {}
            with self.virtio.lock:  # an event loop may be in the device
                with self._reasons:
                    self._close_descriptors()
                self.virtio.reset()

    def detached(self) -> None:
        """It is taken off its bus, or the machine is closed: threads end, descriptors are closed.
        The device can be attached again, elsewhere."""
        self._quiet()
        self._unplugged()

    def _close_descriptors(self) -> None:
        self._deassign()
        self._listening = {}
        irqfds, self._irqfds = self._irqfds, []
        for irqfd in irqfds:
            irqfd.deassign()
        descriptors = [*self._kicks.values(), *self._calls.values()]
        self._kicks, self._calls = {}, {}
        for fd in descriptors:
            fd.close()

    @property
    def unrecorded(self) -> str | None:
        """Why a recording cannot have this device; None: it can. What a device stores to memory is
        in no recording: it does the same again, or it does not."""
        if self._elsewhere:
            return "another thread or process serves it; make the device with served='vcpu'"
        if not self.virtio.deterministic:
            return "what it stores comes from outside of the machine; detach it"
        return None

    # -- saved states ------------------------------------------------------------------------------

    def state(self) -> Values:
        """The registers and the device."""
        if self.virtio.served == "outside":
            raise StateError(
                f"'{self.virtio.name}' is served by another process, which keeps a part of its "
                "state: detach it before the machine is saved"
            )
        with self.virtio.lock:
            return {
                "type": self.virtio.device_id,
                "status": self.status,
                "driver_features": self.driver_features,
                "selected": (self._device_sel, self._driver_sel, self._queue_sel),
                "isr": self.interrupt_status(),
                "trouble": self.trouble,
                "queues": tuple([each.values() for each in self.queues]),
                "later": {str(n): timer.deadline for n, timer in self._later.items()},
                "device": self.virtio.state(),
            }

    def load(self, values: Values) -> None:
        """Become what `state()` returned. ValueError, TypeError, KeyError: damaged."""
        if take_whole(values, "type", 0, 0xFFFF) != self.virtio.device_id:
            raise ValueError(f"the state has another virtio device than '{self.virtio.name}'")
        queues = take(values, "queues", tuple)
        if len(queues) != len(self.queues):
            raise ValueError(f"the state of '{self.virtio.name}' has {len(queues)} queues")
        selected = take(values, "selected", tuple)
        if [type(each) for each in selected] != [int, int, int]:
            raise ValueError("a state of a virtio device has no selectors")
        self._quiet()
        self._device_sel, self._driver_sel, self._queue_sel = (each & WORD for each in selected)
        status = take_whole(values, "status", 0, 0xFF)
        self.driver_features = take_whole(values, "driver_features", 0, (1 << 64) - 1)
        for each, kept in zip(self.queues, queues, strict=True):
            each.load(kept)
        device = take(values, "device", dict)
        negotiated = take_whole(device, "negotiated", 0, (1 << 64) - 1)
        self.virtio.negotiated = negotiated
        self.status = status & ~NEEDS_RESET
        if status & DRIVER_OK:
            self._activate()
        with self.virtio.lock:
            self.virtio.load(device)
        self.status = status
        trouble = values["trouble"]
        if trouble is not None and type(trouble) is not str:
            raise ValueError("a state has a trouble that is no text")
        self.trouble = trouble
        self.isr = take_whole(values, "isr", 0, 3)
        later = take(values, "later", dict)
        for index, each in enumerate(self.queues):
            if each.ready and str(index) in later:
                self._call_at(index, take_whole(later, str(index), 0, (1 << 63) - 1))
        self._resume()

    def _resume(self) -> None:
        """After a load: the line is as it was saved, by the chips; a device that others serve looks
        again at what it had taken."""
        if not self.status & DRIVER_OK or self.status & NEEDS_RESET:
            return
        if self._elsewhere:
            for kick in self._kicks.values():
                kick.write()
            if self.isr:
                self._raise()


def weakly(method: Callable[[int], None]) -> Callable[[int], None]:
    """The method, but it does not keep its object: a server must not keep a machine."""
    found = weakref.WeakMethod(method)

    def call(index: int) -> None:
        if (there := found()) is not None:
            there(index)

    return call


def free_line(vm: "Vm", kind: type) -> int:
    """The first of `LINES` that the fewest devices have. A line that a device of another `kind` has
    comes last: those of the PCI bus are level-triggered, others are not."""
    same: list[int] = []
    other: list[int] = []
    for bus in (vm.pio, vm.mmio):
        for each in bus.attachments:
            lines: list[int] = getattr(each.device, "interrupt_lines", [])
            (same if isinstance(each.device, kind) else other).extend(lines)
    return min(LINES, key=lambda gsi: (other.count(gsi), same.count(gsi), LINES.index(gsi)))


def put_bytes(old: int, shift: int, size: int, value: int) -> int:
    """`old` with `size` bytes replaced, `shift` bits from its end.

    >>> hex(put_bytes(0x11112222, 16, 2, 0xABCD))
    '0xabcd2222'
    """
    mask = (1 << 8 * size) - 1 << shift
    return old & ~mask | value << shift & mask
