"""Vm: choose a back end, and add two buses and a clock to it."""

from typing import TYPE_CHECKING, Literal, Protocol

from . import _core
from ._core import VmFront
from .bus import Bus
from .clock import Clock

if TYPE_CHECKING:
    from .backend import VmBackend
    from .saved.state import State

ClockName = Literal["virtual", "host"]


class _Make(Protocol):
    def __call__(
        self, irqchip: bool, /, *, shift: int | None, clock: ClockName | None
    ) -> "VmBackend": ...


def _interp(irqchip: bool, /, *, shift: int | None, clock: ClockName | None) -> "VmBackend":
    """The interpreter."""
    return _core.Vm(
        irqchip,
        shift=7 if shift is None else shift,
        clock="virtual" if clock is None else clock,
    )


def _kvm(irqchip: bool, /, *, shift: int | None, clock: ClockName | None) -> "VmBackend":
    """The host's processor. It is imported on its first use."""
    from .kvm.probe import make

    return make(irqchip, shift, clock)


def _auto(irqchip: bool, /, *, shift: int | None, clock: ClockName | None) -> "VmBackend":
    """KVM if it can be used here and nothing is asked for that it lacks, else the interpreter."""
    from .kvm.probe import usable

    if shift is not None or clock == "virtual":
        return _interp(irqchip, shift=shift, clock=clock)
    try:
        usable()
    except OSError:
        return _interp(irqchip, shift=shift, clock=clock)
    return _kvm(irqchip, shift=shift, clock=clock)


#: The back ends by their names, for `accel`.
BACK_ENDS: dict[str, _Make] = {"interp": _interp, "kvm": _kvm, "auto": _auto}


class Vm(VmFront):
    """A virtual machine without parts: memory slots, vCPUs, ioeventfds, and two buses for devices.

    `accel` chooses what runs it: "interp", the interpreter; "kvm", the host's processor over
    /dev/kvm; "auto": KVM if it can be used here and neither `shift` nor a virtual clock is asked
    for, else the interpreter. The attribute `accel` says which it is.

    `irqchip=True` puts the 8259 pair (20h, A0h) and the 8254 (40h, 61h) into it, as
    KVM_CREATE_IRQCHIP and KVM_CREATE_PIT2 do. On the interpreter one instruction takes 1 << `shift`
    nanoseconds of guest time, by default 128 (QEMU: -icount shift=N), and `clock="host"` lets
    timers follow the host's clock. KVM has the host's time only.

    ValueError: another `accel`, a `shift` outside 0 to 20, another `clock`; TypeError: a `shift`
    that is no integer; OSError: "kvm" cannot be used, and why; EOPNOTSUPP: KVM cannot do what is
    asked for.

    Any thread may call anything here at any time, also from a device or a timer. TypeError: a
    number that is no integer; ValueError: one that is too large or negative, where no OSError is
    named. After fork() the child goes on with its own copy of memory; both processes ring the same
    eventfds. A Vm of KVM stays with the parent: run() in the child is OSError EIO.

    >>> with Vm() as vm:
    ...     ram = vm.add_memory(0, 0x10000)
    ...     ram[0x1000:0x1001] = bytes([0xF4])
    ...     vcpu = vm.create_vcpu()
    ...     vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    ...     vcpu.run().reason.name
    'HLT'
    """

    def __init__(
        self,
        accel: str = "interp",
        irqchip: bool = False,
        *,
        shift: int | None = None,
        clock: ClockName | None = None,
    ) -> None:
        if self._backend is not None:
            raise RuntimeError("a Vm is initialised once: make another one")
        make = BACK_ENDS.get(accel) if isinstance(accel, str) else None
        if make is None:
            known = " or ".join(map(repr, BACK_ENDS))
            raise ValueError(f"unknown accelerator {accel!r}: this build has {known}")
        backend = make(irqchip, shift=shift, clock=clock)
        self._use(backend)
        self.accel = backend.accel
        """What runs it: "interp" or "kvm"."""
        self.clock = Clock(backend)
        """The guest's time, and timers on it."""
        self.pio = Bus(backend, "pio", self.clock)
        """The ports."""
        self.mmio = Bus(backend, "mmio", self.clock)
        """Guest-physical addresses outside RAM."""

    def save(self) -> "State":
        """The whole Vm as it is now, a `State`: memory, vCPUs in the middle of whatever they do,
        chips, VGA, guest time. The guest does not change. Restore it here any number of times, or
        into another Vm that was made the same way; docs/STATE.md.

        Not in it: ioeventfds, irqfds, zones, devices and timers, which are the host's.

        The first save copies all of memory, the next ones what has changed since. From then on the
        first store to each 256 bytes is noted, which costs some 100 ns.

        RuntimeError: a vCPU is in run(); OSError EBADF: the Vm is closed; EOPNOTSUPP: it runs on
        KVM; MemoryError. Any thread may call it.

        >>> with Vm() as vm:
        ...     ram = vm.add_memory(0, 0x10000)
        ...     ram[0x1000:0x1003] = bytes.fromhex("40 ebfd")  # again: inc ax; jmp again
        ...     vcpu = vm.create_vcpu()
        ...     vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
        ...     state = vm.save()
        ...     for _ in range(2):
        ...         vm.restore(state)
        ...         budget = vcpu.run(1000)
        ...         vcpu.regs.ax
        500
        500
        """
        from .saved.state import State

        return State(self._backend.snapshot())

    def restore(self, state: "State") -> None:
        """Become what the Vm was when `state` was saved. All that can be refused is refused before
        anything changes. Guest time may go back; the timers of `clock` keep their deadlines. An
        `Exit` from before waits for no answer: `Vcpu.pending` is the one that does.

        What differs is copied: 256 bytes that have been stored to since the last save or restore,
        and pages that differ between that state and this one. Memory that others can write too
        (`buffer`, `shared`, or a view that is alive) is compared as a whole. Code whose bytes do
        not change stays decoded.

        StateError: it is the state of a Vm that was made in another way; TypeError: no State;
        RuntimeError, OSError, MemoryError as `save`.
        """
        core = getattr(state, "core", None)
        if core is None:
            raise TypeError(f"a Vm is restored from a State, not from {type(state).__name__}")
        self._backend.restore_snapshot(core)

    def fork(self) -> "Vm":
        """A second Vm that goes on as this one would: its memory is shared with this Vm until one
        of them writes a page. Memory of a `buffer` becomes private, memory of a `shared` slot is
        shared under a descriptor of its own. It has no devices, ioeventfds, irqfds, zones or
        timers. Raises as `save`.

        >>> with Vm() as vm:
        ...     ram = vm.add_memory(0, 0x10000)
        ...     ram[0:2] = b"hi"
        ...     with vm.fork() as twin:
        ...         twin.write(0, b"ho")
        ...         vm.read(0, 2), twin.read(0, 2)
        (b'hi', b'ho')
        """
        state = self.save()
        twin = self._empty_twin(state)
        try:
            twin.restore(state)
        except BaseException:
            twin.close()
            raise
        return twin

    def _empty_twin(self, state: "State") -> "Vm":
        """A Vm with the memory, the vCPUs and the VGA that this one had in `state`; it is still to
        be restored."""
        core = state.core
        twin = Vm("interp", core.irqchip, shift=core.shift, clock=core.clock)
        try:
            twin._backend.populate(core, self._backend)
        except BaseException:
            twin.close()
            raise
        return twin
