"""Vm: the second back end of a Vm, over /dev/kvm. Own its descriptor; know slots, lines and time.

The tables are the core's: memory slots, ioeventfds and the ranges of devices are checked, named and
kept there, with the same errors. What changes is told to KVM too.
"""

import errno
import os
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from itertools import count
from threading import RLock, get_ident
from time import monotonic_ns, sleep
from typing import Any, Literal, Protocol

from .. import _core
from .._core import exact, truth, whole
from ..address import Address
from ..capabilities import Capabilities
from ..errors import NotYet
from ..irqfd import IrqFd
from ..models import canonical
from ..structs import IrqChip, PitState
from . import abi
from .chips import irqchip_of, pit_of, put_irqchip, put_pit, read_port
from .coalesced import CAPACITY, PAGE, CoalescedRing, CoalescedZone, coalesce
from .ioeventfd import Entry, tell
from .irqfd import IrqFds
from .messages import FOREIGN, SHUT, no_irqchip, refused
from .runner import LAST_TIME, NEVER, moment
from .slots import Slot
from .system import System, ioctl_number
from .vcpu import Vcpu
from .vga import Vga

#: Where Intel's processors need pages that no slot has: below the firmware, as QEMU has it.
IDENTITY_MAP, TSS = 0xFEFFC000, 0xFEFFD000
MOST_VCPUS = 64

_live: "weakref.WeakSet[Vm]" = weakref.WeakSet()


class Probed(Protocol):
    """What a probe found."""

    @property
    def missing(self) -> tuple[str, ...]: ...
    @property
    def watches(self) -> bool: ...


class Vm(_core.Vm):
    """KVM, the back end "kvm" of a Vm. What the methods promise is said in `pyx86emu.Vm`.

    OSError: /dev/kvm cannot be used (see `system.System`); EOPNOTSUPP: `shift`, or
    `clock="virtual"`, which KVM does not have.
    """

    accel = "kvm"
    slot_class = Slot
    entry_class = Entry

    def __init__(
        self,
        irqchip: bool = False,
        *,
        shift: int | None = None,
        clock: Literal["virtual", "host"] | None = None,
    ) -> None:
        if "_fd" in self.__dict__:
            raise RuntimeError("a Vm is initialised once: make another one")
        self._fd = -1
        if clock not in (None, "host", "virtual"):
            raise ValueError(f"unknown clock {clock!r}: choose 'virtual' or 'host'")
        if shift is not None:
            exact(shift, "shift")
            raise refused(
                "KVM does not count instructions, so there is no shift",
                "leave it out, or use accel='interp'",
            )
        if clock == "virtual":
            raise refused(
                "the guest's time on KVM is the host's: there is no clock='virtual'",
                "leave it out, or use accel='interp'",
            )
        irqchip = truth(irqchip, "irqchip")
        with System() as system:
            fd = system.create_vm()
            try:
                super().__init__(irqchip, clock="host")
            except BaseException:
                os.close(fd)
                raise
            self._fd = fd
            self._closed = self._closing = self._forked = False
            self._irqchip = irqchip
            self._has_run = False
            self._began = monotonic_ns()
            #: The timer, under 0: each change is one operation on the dict.
            self._timers: dict[int, tuple[int, Callable[[], object] | None]] = {}
            self._made: list[Vcpu] = []
            self._writers = RLock()
            self._changes = RLock()  # of slots; `_writers` is taken before it
            self._stopping = 0  # changes that keep vCPUs out of KVM
            self._numbers = count()
            self._free: list[int] = []  # numbers of slots that were deleted
            self._run_size = system.run_size()
            self._most_vcpus = min(MOST_VCPUS, system.cap(abi.KVM_CAP_MAX_VCPUS))
            self._most_slots = system.cap(abi.KVM_CAP_NR_MEMSLOTS)
            self._cpuid = system.cpuid()
            self._irqs = IrqFds(self)
            self._points: Counter[tuple[str, int, int]] = Counter()
            self._ring = CoalescedRing(self)
            self._ring_at = PAGE * system.cap(abi.KVM_CAP_COALESCED_MMIO)
            self._found: Callable[[], Probed] | None = None  # what the probe knows of this host
            _live.add(self)
            try:
                self._set_up(irqchip)
            except BaseException:
                self.close()
                raise

    def _set_up(self, irqchip: bool) -> None:
        ioctl(self._fd, abi.KVM_SET_IDENTITY_MAP_ADDR, IDENTITY_MAP.to_bytes(8, "little"))
        ioctl_number(self._fd, abi.KVM_SET_TSS_ADDR, TSS)
        if irqchip:
            ioctl(self._fd, abi.KVM_CREATE_IRQCHIP, 0)
            config = abi.PIT_CONFIG.pack(abi.KVM_PIT_SPEAKER_DUMMY)  # port 61h, too
            ioctl(self._fd, abi.KVM_CREATE_PIT2, config)

    def _watchpoints(self) -> bool:
        """Do debug registers watch memory here? The probe itself tries it."""
        return self._found is None or self._found().watches

    def seen(self) -> object:
        """The Vm, as its users know it."""
        return self if self.holder is None else self.holder

    def check_open(self) -> None:
        super().check_open()
        if self._closed:
            raise OSError(errno.EBADF, SHUT)

    def _check_run(self) -> None:
        """OSError EBADF: the Vm is closed; EIO: it is another process's."""
        if self._closed:
            raise OSError(errno.EBADF, SHUT)
        if self._forked:
            raise OSError(errno.EIO, FOREIGN)

    def __repr__(self) -> str:
        closed = ", closed" if self._closed else ""
        return f"<Vm: KVM, {len(self.slots)} slots, {len(self._made)} vCPUs{closed}>"

    # -- memory -----------------------------------------------------------------------------------

    def add_memory(
        self,
        addr: Address,
        size: int | None = None,
        *,
        buffer: Any = None,
        readonly: bool = False,
        dirty_log: bool = False,
        shared: bool = False,
    ) -> _core.MemorySlot:
        logged = truth(dirty_log, "dirty_log")
        self._check_run()
        slot = super().add_memory(addr, size, buffer=buffer, readonly=readonly, shared=shared)
        assert isinstance(slot, Slot)
        with self._changes:  # who has deleted a slot there has told KVM, too
            number = self._free.pop() if self._free else next(self._numbers)
            try:
                slot._enter(self, number, logged)
            except OSError as error:
                slot.delete()
                self._free.append(number)
                self._check_run()
                what = f"KVM does not take {slot!r}: {error.strerror}"
                raise OSError(error.errno, what) from None
        if slot.vm is None:  # another thread has deleted it meanwhile
            slot._leave()
        return slot

    def _forget(self, slot: Slot) -> None:
        """A slot was deleted."""
        if self._fd < 0:
            return
        slot._set(self, slot.addr, 0)
        self._free.append(slot._number)

    @property
    def a20(self) -> bool:
        return True

    @a20.setter
    def a20(self, value: bool) -> None:
        if not truth(value, "a20"):
            raise refused(
                "KVM cannot close A20",
                "leave it open, or use accel='interp' for a guest that needs the wrap at 1 MiB",
            )

    @contextmanager
    def _outside(self) -> Iterator[None]:
        """No vCPU is in KVM during the block. A vCPU that is called from one may enter it."""
        with self._writers:
            self._stopping += 1
            try:
                for vcpu in self._made:
                    vcpu._leave()
                yield
            finally:
                self._stopping -= 1

    # -- vCPUs ------------------------------------------------------------------------------------

    def create_vcpu(self, model: str | None = None) -> _core.Vcpu:
        self.check_open()
        self._check_run()
        if model is not None and model != "host":
            name = canonical(model)
            raise refused(
                f"KVM has the host's processor only, not an {name}",
                f"leave model out, or use accel='interp' for an {name}",
            )
        with self._writers:
            number = len(self._made)
            if number >= self._most_vcpus:
                raise OSError(errno.EINVAL, f"a Vm has at most {self._most_vcpus} vCPUs")
            vcpu = Vcpu(self, number, self._run_size)
            self._made.append(vcpu)
        return vcpu  # type: ignore[return-value]

    @property
    def vcpus(self) -> tuple[_core.Vcpu, ...]:
        return tuple(self._made)  # type: ignore[arg-type]

    def create_vga(self) -> _core.VgaCore:
        self._check_run()
        core = self._create_vga(Vga)
        core._enter(self)
        return core

    # -- ioeventfds -------------------------------------------------------------------------------

    def ioeventfd(
        self,
        addr: Address,
        length: int = 0,
        *,
        bus: "_core.BusName" = "pio",
        datamatch: int | None = None,
        fd: "_core.EventFdLike" = None,
        coalesce: bool = True,
        flags: int = 0,
    ) -> _core.IoEventFd:
        if bus == "hypercall":
            raise refused("KVM has no bus for hypercalls", "use bus='pio' or 'mmio'")
        if isinstance(fd, _core.Doorbell):
            raise refused(
                "KVM signals descriptors only, not a Doorbell",
                "leave fd out, or pass an EventFd",
            )
        truth(coalesce, "coalesce")
        entry = super().ioeventfd(
            addr, length, bus=bus, datamatch=datamatch, fd=fd, coalesce=False, flags=flags
        )
        assert isinstance(entry, Entry)
        if flags & abi.KVM_IOEVENTFD_FLAG_DEASSIGN:
            self._unregister(entry)
            return entry
        try:
            self._register(entry)
        except OSError:
            entry.close()
            self._check_run()
            raise
        entry._back = self
        self._point(entry, 1)
        return entry

    def _point(self, entry: _core.IoEventFd, change: int) -> None:
        """Count the entries of each length at an address: zones leave it to them."""
        key = entry.bus, entry.addr, entry.length
        self._points[key] += change
        if not self._points[key]:
            del self._points[key]
        self._ring._changed(entry.bus, entry.addr)

    def _register(self, entry: _core.IoEventFd) -> None:
        for _ in range(1000):
            try:
                return tell(self, entry)
            except FileExistsError:  # a thread that removes an entry has not told KVM yet
                sleep(0)
        tell(self, entry)

    def ioeventfd_deassign(
        self,
        addr: Address,
        length: int = 0,
        *,
        bus: "_core.BusName" = "pio",
        datamatch: int | None = None,
        fd: "_core.EventFdLike" = None,
        flags: int = 0,
    ) -> None:
        entry: Any = super().ioeventfd_deassign(
            addr, length, bus=bus, datamatch=datamatch, fd=fd, flags=flags
        )
        self._unregister(entry)

    def _unregister(self, entry: _core.IoEventFd) -> None:
        """An entry is no longer in the core's table: KVM forgets it, too."""
        tell(self, entry, abi.KVM_IOEVENTFD_FLAG_DEASSIGN)
        self._point(entry, -1)

    @property
    def ioeventfds(self) -> tuple[_core.IoEventFd, ...]:
        entries = super().ioeventfds
        for entry in entries:
            entry._back = self  # type: ignore[attr-defined]
        return entries

    # -- coalesced zones --------------------------------------------------------------------------

    def coalesce(  # type: ignore[override]
        self,
        addr: int,
        length: int,
        *,
        bus: Literal["pio", "mmio"] = "mmio",
        on_drain: Callable[..., object] | None = None,
        array: bool = False,
    ) -> CoalescedZone:
        return coalesce(self, addr, length, bus, on_drain, array)

    @property
    def coalesced(self) -> CoalescedRing:  # type: ignore[override]
        return self._ring

    # -- interrupt lines --------------------------------------------------------------------------

    def irq_line(self, gsi: int, level: bool) -> None:
        line = self._line(gsi)
        up = truth(level, "level")
        if self._fd >= 0:
            ioctl(self._fd, abi.KVM_IRQ_LINE, abi.IRQ_LEVEL.pack(line, up))

    @property
    def started(self) -> bool:
        """Has a vCPU been in run()?"""
        return self._has_run

    def irq_pulse(self, gsi: int) -> None:
        """A line up and down. KVM latches it."""
        self.irq_line(gsi, True)
        self.irq_line(gsi, False)

    def _line(self, gsi: int) -> int:
        """Check the number of an interrupt line. OSError EINVAL: there is no such line."""
        if not self._irqchip:
            raise no_irqchip()
        line = exact(gsi, "gsi")
        if not 0 <= line <= 15:
            raise OSError(errno.EINVAL, f"interrupt line {line}: the 8259 pair has lines 0 to 15")
        return line

    def irqfd(self, gsi: int, fd: Any, resample: Any = None) -> IrqFd:
        self.check_open()
        self._check_run()
        return self._irqs.add(self._line(gsi), fd, resample)

    def irqfd_deassign(self, gsi: int, fd: Any) -> None:
        self._irqs.deassign(exact(gsi, "gsi"), fd)

    def _chip_read(self, port: int, size: int) -> int:
        """The host reads a port of the chips, by `vm.pio.read`."""
        return read_port(self, exact(port, "port"), exact(size, "size"))

    def _chip_write(self, port: int, size: int, value: int) -> bool:
        """The host cannot write one."""
        if self._fd < 0:
            return False
        raise refused(
            f"port {exact(port, 'port'):#x} is a chip in KVM, which the host cannot write",
            "set vm.irqchip or vm.pit",
        )

    @property
    def irqchip(self) -> IrqChip:
        return irqchip_of(self)

    @irqchip.setter
    def irqchip(self, value: IrqChip) -> None:
        put_irqchip(self, value)

    @property
    def pit(self) -> PitState:
        return pit_of(self)

    @pit.setter
    def pit(self, value: PitState) -> None:
        put_pit(self, value)

    def _check_idle(self, what: str) -> None:
        """RuntimeError: another thread runs a vCPU."""
        for vcpu in self._made:
            vcpu._mine(what)

    # -- time -------------------------------------------------------------------------------------

    def set_timer(self, deadline: int | None, callback: Callable[[], object] | None) -> None:
        at = NEVER if deadline is None else moment(deadline, "deadline")
        if callback is not None and not callable(callback):
            raise TypeError(f"a timer calls a function, not {type(callback).__name__}")
        before = self._timers.get(0)  # released at the end: that may call Python
        if at == NEVER:
            self._timers.pop(0, None)
        else:
            self._timers[0] = at, callback
        if self._made:
            self._made[0]._poke_others()
        del before

    def _timer_at(self) -> int:
        """When the timer is due, in ns of `time`."""
        timer = self._timers.get(0)
        return NEVER if timer is None else timer[0]

    def _call_timer(self) -> None:
        """On the first vCPU's thread, when it is due."""
        timer = self._timers.pop(0, None)
        if timer is None:
            return
        at, callback = timer
        if at > self.time:  # another thread has just moved it
            self._timers.setdefault(0, timer)
        elif callback is not None:
            try:
                callback()
            except NotYet:
                self._timers.setdefault(0, timer)
                raise

    def snapshot(self) -> "_core.Snapshot":
        raise refused("a Vm of KVM cannot be saved", "use accel='interp'")

    def restore_snapshot(self, snapshot: "_core.Snapshot") -> None:
        raise refused("a Vm of KVM takes no saved state", "use accel='interp'")

    def populate(self, snapshot: "_core.Snapshot", source: Any) -> None:
        raise refused("a Vm of KVM takes no saved state", "use accel='interp'")

    def pressed(self) -> bool:
        return bool(self._made) and self._made[0]._pressed()

    def wait_ends(self, ns: int) -> bool:
        """Has a device to end its wait for somebody outside? All limits of KVM are in real time."""
        whole(ns, "ns", 0, LAST_TIME)
        vcpu = self._asking()
        return vcpu is not None and vcpu._pressed()

    def owe(self, settle: Callable[[], bool]) -> bool:
        """The vCPU whose device this thread is in calls settle() when its next run begins. False:
        there is none."""
        if not callable(settle):
            raise TypeError(f"what is owed is a function, not {type(settle).__name__}")
        vcpu = self._asking()
        if vcpu is not None:
            vcpu._owed.append(settle)
        return vcpu is not None

    def _asking(self) -> Vcpu | None:
        mine = (each for each in self._made if each._runner == get_ident())
        return next((each for each in mine if each._in_device or each._in_call), None)

    @property
    def time(self) -> int:
        return monotonic_ns() - self._began

    @time.setter
    def time(self, value: int) -> None:
        exact(value, "time")
        raise refused("the guest's time on KVM is the host's", "leave it, or use accel='interp'")

    # -- what it can do ---------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """What KVM has on this host. The first use runs the probe, which takes some 30 ms."""
        found = self._found() if self._found is not None else None
        own = super().capabilities
        return Capabilities(
            accel="kvm",
            models=("host",),
            max_vcpus=self._most_vcpus,
            max_slots=min(own.max_slots, self._most_slots),
            max_instructions=False,
            guest_deadline=True,
            wall_deadline=True,
            virtual_clock=False,
            shift=False,
            set_time=False,
            a20=False,
            hypercall=False,
            doorbell=False,
            sums=False,
            counts=False,
            coalesced_capacity=CAPACITY,
            coalesced_capacity_settable=False,
            irqchip=True,
            breakpoints=own.breakpoints,
            watchpoints=4 if found is not None and found.watches else 0,
            dirty_log=True,
            shared_memory=True,
            save=False,
            unreal_mode=True,
            pit_counter=False,
            real_mode=() if found is None else found.missing,
        )

    # -- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        if self._closing:
            return
        self._closed = self._closing = True
        try:
            for vcpu in tuple(self._made):
                vcpu._shut()
            super().close()
            self._give_back()
            self._irqs.close()
        finally:
            self._closing = False
        self._timers.clear()  # that may call Python

    def _give_back(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _forget_parent(self) -> None:
        """In a child of fork(): its descriptors are the parent's, and KVM refuses every call."""
        self._forked = True
        self._writers, self._changes, self._stopping = RLock(), RLock(), 0
        self._ring._forget_parent()
        for slot in self.slots:
            slot._forget_parent()  # type: ignore[attr-defined]
        for vcpu in self._made:
            vcpu._forget_parent()
        self._give_back()
        self._irqs.close()

    def __del__(self) -> None:
        if "_fd" in self.__dict__:
            self._give_back()
        if "_irqs" in self.__dict__ and len(self._irqs):
            warnings.warn(
                f"a Vm with {len(self._irqs)} irqfds was dropped without close()",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
            self._irqs.close()


def _after_fork() -> None:
    for vm in list(_live):
        vm._forget_parent()


os.register_at_fork(after_in_child=_after_fork)
