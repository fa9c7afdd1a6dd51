"""Debug: the debug registers of a vCPU, and what makes it stop with Exit(DEBUG)."""

from collections.abc import Iterable
from fcntl import ioctl
from itertools import islice

from .._core import whole
from . import abi

DR6_ONES, DR7_ONES = 0xFFFF0FF0, 0x400
MOST = 64
HARDWARE = 4


class Debug:
    """The debug state of one vCPU. Only its thread calls this, or any thread while none runs it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.always = False  # single step
        self.once = False  # step()
        self.points: tuple[int, ...] = ()
        self._set: tuple[bool, tuple[int, ...]] = (False, ())
        self._known = [0] * 4 + [0] * 2 + [DR6_ONES, DR7_ONES]  # as they were read last

    # -- the guest's debug registers --------------------------------------------------------------

    def register(self, number: int) -> int:
        """DR0 to DR7. A thread that may not ask KVM now gets what was read last."""
        return self._known[number]

    def load(self) -> None:
        """Ask KVM for them."""
        data = bytearray(abi.DEBUGREGS.size)
        ioctl(self._fd, abi.KVM_GET_DEBUGREGS, data)
        *points, dr6, dr7 = abi.DEBUGREGS.unpack(data)[:6]
        self._known[:4] = points
        self._known[6:] = dr6 & 0xFFFFFFFF, dr7 & 0xFFFFFFFF

    def set_register(self, number: int, value: int) -> None:
        if number == 6:
            value = value & 0xE00F | DR6_ONES
        elif number == 7:
            value = value & 0xFFFF2FFF | DR7_ONES
        self._known[number] = value
        self._store()

    def _store(self) -> None:
        known = self._known
        data = abi.DEBUGREGS.pack(*known[:4], known[6], known[7], *[0] * 10)
        ioctl(self._fd, abi.KVM_SET_DEBUGREGS, data)

    def reset(self) -> None:
        """The values after RESET."""
        self._known[:] = [0] * 6 + [DR6_ONES, DR7_ONES]
        self._store()

    # -- the host's stops -------------------------------------------------------------------------

    def ask(self, always: bool, breakpoints: Iterable[int]) -> None:
        """What `Vcpu.debug` promises."""
        points = [whole(at, "breakpoint", 0, 0xFFFFFFFF) for at in islice(breakpoints, MOST + 1)]
        if len(points) > MOST:
            raise ValueError("more than 64 breakpoints: at most 64 fit")
        self.always, self.points = always, tuple(dict.fromkeys(points))

    def arm(self, stepping: bool) -> None:
        """Tell KVM, if it is not what KVM has already."""
        points = () if stepping else self.points[:HARDWARE]
        wanted = (stepping, points)
        if wanted == self._set:
            return
        control = 0
        if stepping:
            control = abi.KVM_GUESTDBG_ENABLE | abi.KVM_GUESTDBG_SINGLESTEP
        elif points:
            control = abi.KVM_GUESTDBG_ENABLE | abi.KVM_GUESTDBG_USE_HW_BP
        dr7 = DR7_ONES | sum(2 << 2 * i for i in range(len(points)))
        registers = [*points, *[0] * (4 - len(points)), 0, 0, 0, dr7]
        ioctl(self._fd, abi.KVM_SET_GUEST_DEBUG, abi.GUEST_DEBUG.pack(control, 0, *registers))
        self._set = wanted
