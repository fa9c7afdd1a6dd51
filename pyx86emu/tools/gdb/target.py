"""Targets: what the stub debugs, a machine or a Vm with any number of vCPUs. Know no packet."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from ...bus import Bus
from ...exits import ExitReason
from ...pc.points import Points

if TYPE_CHECKING:
    from ... import _core
    from ...pc.machine import Machine
    from ...vm import Vm

#: The line of A20.
A20 = 1 << 20


class Target(Protocol):
    """What the stub uses."""

    machine: "Machine | None"
    """The machine; None: it is a Vm alone."""
    vm: "Vm"
    points: list[Points]
    """Of each vCPU, in the order of `vcpus`."""

    @property
    def vcpus(self) -> "tuple[_core.Vcpu, ...]":
        """The vCPUs: thread n of gdb is number n - 1."""
        ...

    @property
    def leaving(self) -> bool:
        """Is the run to end, or has the machine itself something to do?"""
        ...

    def reset(self) -> None:
        """The reset button."""
        ...

    def kill(self) -> None:
        """End the run."""
        ...


class MachineTarget:
    """A machine: one thread."""

    def __init__(self, machine: "Machine") -> None:
        self.machine: Machine | None = machine
        self._m = machine
        self.vm = machine.vm
        self.points = [machine._points]

    @property
    def vcpus(self) -> "tuple[_core.Vcpu, ...]":
        return (self._m.vcpu,)

    @property
    def leaving(self) -> bool:
        return bool(self._m._stops or self._m._own_stops) or self._m._reboot

    def reset(self) -> None:
        self._m.reset()

    def kill(self) -> None:
        self._m.stop()


class VmTarget:
    """A Vm without a machine: a thread for each vCPU that it has now."""

    def __init__(self, vm: "Vm") -> None:
        self.machine: Machine | None = None
        self.vm = vm
        self.vcpus = vm.vcpus
        self.points = [Points(vcpu) for vcpu in self.vcpus]
        self.leaving = False

    def reset(self) -> None:
        for bus in (self.vm.pio, self.vm.mmio):
            bus.reset()
        for vcpu in self.vcpus:
            vcpu.reset()

    def kill(self) -> None:
        self.leaving = True


def buses(vm: "Vm") -> dict[ExitReason, Bus]:
    """Who answers the accesses that exit."""
    return {ExitReason.IO: vm.pio, ExitReason.MMIO: vm.mmio}


def seen(vm: "Vm", address: int) -> int:
    """The physical address that the CPU reaches by a linear one: the A20 gate may be closed."""
    return address if vm.a20 else address & ~A20


def read(vm: "Vm", address: int, size: int) -> bytes:
    """Memory at a linear address, as far as there is any: it ends at the first hole."""
    return _parts(vm, address, size, vm.read)


def write(vm: "Vm", address: int, data: bytes) -> bool:
    """Store at a linear address. False: not all of it is memory."""
    done = 0

    def store(at: int, size: int) -> bytes:
        nonlocal done
        vm.write(at, data[done : done + size])
        done += size
        return b""

    _parts(vm, address, len(data), store)
    return done == len(data)


def _parts(vm: "Vm", address: int, size: int, do: Callable[[int, int], bytes]) -> bytes:
    """Do it for the whole range, or page by page up to the first that has a hole."""
    end, at, page, out = address + size, address, 0x100, bytearray()
    if not address & ~(A20 - 1) and end <= A20:
        with suppress(ValueError):
            return do(address, size)
    while at < end:
        n = min(end, (at // page + 1) * page) - at
        try:
            out += do(seen(vm, at), n)
        except ValueError:
            break
        at += n
    return bytes(out)
