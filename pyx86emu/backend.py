"""Back ends: list the names that machine, buses and clock use of what a Vm runs on, and why.

`_core.Vm` and `_core.Vcpu`, the interpreter, are the first back end; `kvm.vm.Vm` is the second one.
Another one needs these names, and a line in `vm.BACK_ENDS`. What it cannot do raises an OSError
that says so. Users see all of them through the types of the core's stub, whose public names each
back end has (tests/kvm/test_names.py).
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # values that every back end gives; the core has them compiled
    from typing_extensions import Buffer

    from . import _core
    from .capabilities import Capabilities
    from .executed import Executed
    from .structs import IrqChip, PitState


class TimeSource(Protocol):
    """What a Clock uses."""

    @property
    def time(self) -> int:
        """Guest time in nanoseconds. It never goes back."""
        ...

    def set_timer(self, deadline: int | None, fn: Callable[[], None], /) -> None:
        """Call `fn` on the first vCPU's thread once `time` has reached `deadline`; None: never.
        There is one timer, and each call replaces it."""
        ...


class BusBackend(Protocol):
    """What a Bus uses."""

    def ranges(self, bus: str, /) -> "_core.RangeTable":
        """Who answers the accesses of "pio" or "mmio", the same table each time. The back end may
        call open ranges itself; all other accesses exit."""
        ...

    def device_line(self, gsi: int | None, /) -> int | None:
        """Check the interrupt line of a device that is to be attached; None: it has none. OSError
        EINVAL: there is no such line; EBADF: the Vm is closed."""
        ...

    @property
    def started(self) -> bool:
        """Has a vCPU run? What is attached from then on is not reset."""
        ...

    def irq_line(self, gsi: int, level: bool, /) -> None:
        """Raise or lower an interrupt line."""
        ...

    def irq_pulse(self, gsi: int, /) -> None:
        """Request the interrupt of a line once, until the guest takes it."""
        ...

    def wait_ends(self, ns: int, /) -> bool:
        """A device that waits for somebody outside asks every few ms, after `ns` host ns: has the
        run to end, because of a kick, a reset or a limit? Then its read raises `errors.NotYet`, and
        its write calls `owe` and returns. False in a thread whose vCPU is not in a device: it waits
        on."""
        ...

    def owe(self, settle: Callable[[], bool], /) -> bool:
        """The vCPU whose device this thread is in calls settle() when its next run begins, before
        the guest goes on. True: it is done; False: `wait_ends` said that this run has to end, too.
        Returns False if there is no such vCPU."""
        ...

    def ioeventfd(
        self,
        addr: int,
        length: int = 0,
        *,
        bus: "_core.BusName" = "pio",
        datamatch: int | None = None,
        fd: "_core.EventFdLike" = None,
        coalesce: bool = True,
    ) -> "_core.IoEventFd":
        """Signal an eventfd when the guest writes to `addr`, without an exit."""
        ...


class Slot(Protocol):
    """What a Machine uses of a memory slot. `_core.MemorySlot` has all names of one."""

    @property
    def vm(self) -> object:
        """The Vm; None: the slot was deleted, or the Vm is closed."""
        ...


class WriteRing(Protocol):
    """What a Machine uses of the ring of coalesced writes."""

    @property
    def count(self) -> int:
        """How many writes coalesced zones have collected so far."""
        ...


class VcpuBackend(Protocol):
    """What a Machine uses of a vCPU."""

    @property
    def model(self) -> str:
        """Its name in `models`."""
        ...

    @property
    def spent(self) -> "int | _core.MaybeNone":
        """What `max_instructions` counts, since the vCPU was made; None: it does not count."""
        ...

    @property
    def instructions(self) -> "int | _core.MaybeNone":
        """Instructions retired, since the vCPU was made; None: it does not count."""
        ...

    @property
    def regs(self) -> "_core.Registers":
        """The registers. Setting one while another thread runs the vCPU: RuntimeError."""
        ...

    @property
    def faults(self) -> tuple[tuple[int, int, int, int, int], ...]:
        """The last faults: (vector, cs, ip, times, instructions) each; () if it keeps none."""
        ...

    @property
    def arrivals(
        self,
    ) -> tuple[tuple[str, int, int, tuple[int, int] | None, str, int], ...]:
        """How it came to places where no program should be; () if it does not note that."""
        ...

    @property
    def stop_on(self) -> frozenset[str]:
        """Names of such places at which `run()` stops."""
        ...

    @stop_on.setter
    def stop_on(self, value: Iterable[str], /) -> None: ...

    @property
    def record_history(self) -> bool:
        """Does it keep its last instructions? OSError EOPNOTSUPP: it cannot, and is told to."""
        ...

    @record_history.setter
    def record_history(self, value: bool, /) -> None: ...

    def history(self, n: int = 16) -> "list[Executed]":
        """The last `n` instructions, the oldest first. OSError EOPNOTSUPP: it keeps none."""
        ...

    def step(self) -> "_core.Exit":
        """Run one instruction: Exit(DEBUG), or the exit it made."""
        ...

    def debug(self, singlestep: bool = False, breakpoints: Iterable[int] = ()) -> None:
        """Exit(DEBUG) after each instruction, or before those at linear addresses."""
        ...

    def run(self, max_instructions: int | None = None, /) -> "_core.Exit":
        """Run the guest until something outside the back end has to look, and return why."""
        ...

    def run_until(
        self,
        max_instructions: int | None = None,
        *,
        deadline: int | None = None,
        look: int | None = None,
        wall_deadline: int | None = None,
    ) -> "_core.Exit":
        """The same with limits in guest time and in real time, in ns: Exit DEADLINE."""
        ...

    def kick(self) -> None:
        """Make `run()` return INTR soon, or the next one at once. Any thread may call it."""
        ...

    def reset(self) -> None:
        """The state after RESET; exits that wait for an answer are void."""
        ...


class VmBackend(TimeSource, BusBackend, Protocol):
    """What a Machine uses, and what a Vm needs itself."""

    accel: str
    """Its name: "interp" or "kvm"."""

    holder: object
    """The Vm that has this back end: the `vm` of its vCPUs and slots."""

    def add_memory(
        self,
        addr: int,
        size: int | None = None,
        *,
        buffer: "Buffer | None" = None,
        readonly: bool = False,
        dirty_log: bool = False,
        shared: bool = False,
    ) -> Slot:
        """Give the guest memory at a physical address."""
        ...

    def read(self, addr: int, size: int) -> bytes:
        """Bytes of guest memory, across slots. ValueError: a hole."""
        ...

    def write(self, addr: int, data: "Buffer") -> None:
        """Store bytes into guest memory, read-only slots included. ValueError: a hole."""
        ...

    @property
    def coalesced(self) -> WriteRing:
        """The ring of the writes to coalesced zones, the same object each time."""
        ...

    a20: bool
    """Is address line 20 open?"""

    def create_vcpu(self, model: str = ...) -> VcpuBackend:
        """A vCPU at the reset vector."""
        ...

    def create_vga(self) -> "_core.VgaCore":
        """The VGA of the Vm, on its buses."""
        ...

    @property
    def capabilities(self) -> "Capabilities":
        """What this back end can do."""
        ...

    irqchip: "IrqChip"
    """The 8259 pair. OSError EINVAL: there is none; RuntimeError when set: another thread runs a
    vCPU; ValueError: what this back end cannot hold. So is `pit`."""
    pit: "PitState"
    """The 8254."""

    def snapshot(self) -> "_core.Snapshot":
        """The Vm as it is. RuntimeError: a vCPU is in run(); OSError EOPNOTSUPP: it cannot be
        saved."""
        ...

    def restore_snapshot(self, snapshot: "_core.Snapshot") -> None:
        """Become as a snapshot says. StateError: it is of a Vm that was made in another way."""
        ...

    def populate(self, snapshot: "_core.Snapshot", source: Any) -> None:
        """Give a Vm that has nothing yet the slots, vCPUs and VGA of a snapshot of the Vm
        `source`."""
        ...

    def pressed(self) -> bool:
        """Is the run of the first vCPU to end now? A Clock with many functions to call asks."""
        ...

    def check_open(self) -> None:
        """OSError EBADF: the Vm is closed."""
        ...

    def close(self) -> None:
        """End all runs, then drop devices, ioeventfds and slots. Twice is harmless."""
        ...


if TYPE_CHECKING:

    def _interp(vm: _core.Vm, vcpu: _core.Vcpu) -> tuple[VmBackend, VcpuBackend]:
        """The core is a back end: mypy compares."""
        return vm, vcpu
