"""The server: wait for gdb, and let it control a machine or a Vm."""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING

from ..._core import truth
from ...exits import ExitReason
from ...owned import Single
from ...pc.limits import moment
from ...pc.machine import Machine
from ...vm import Vm
from .control import Control
from .link import place
from .target import MachineTarget, VmTarget, buses

if TYPE_CHECKING:
    from ..._core import Exit

#: Instructions of one vCPU before the next one runs.
TURN = 10_000


class GdbServer(Single):
    """Lets gdb control a machine: `gdb -ex 'target remote 127.0.0.1:1234'`. `Machine.gdbserver()`
    makes one; of a Vm alone, `GdbServer(vm)` does, and each vCPU is a thread of gdb.

    `address` is "HOST:PORT", where port 0 is any free one, or "unix:PATH" for a socket that only
    its owner may use. `stopped` holds the guest until a gdb has come and lets it run. `killed` is
    called when gdb kills the guest, before the run ends with INTR.

    The thread that runs the guest serves gdb: `run()` here, or `Machine.run()` and all that uses
    it. A gdb that comes stops the guest, one that goes lets it run. Before the guest ends for good
    (HLT, SHUTDOWN, INTERNAL_ERROR) gdb gets a stop.

    From then on the vCPUs keep their history (`Vcpu.record_history`).

    Whoever can connect can read and change all of the guest, and nothing of the host.

    ValueError: `address` is none; OSError: it cannot be used; RuntimeError: another one is attached
    to this machine. One thread makes, runs and closes it.

    >>> from pyx86emu import Machine
    >>> with Machine(bytes.fromhex("ebfe")) as m, m.gdbserver("127.0.0.1:0") as server:
    ...     exit = m.run(timeout=0.1)
    ...     server.address.split(":")[0], server.connected, exit.reason.name
    ('127.0.0.1', False, 'DEADLINE')
    """

    owns = "a socket"
    instead = "make another one at another address"

    def __init__(
        self,
        target: "Machine | Vm",
        address: str = "127.0.0.1:1234",
        *,
        stopped: bool = False,
        killed: Callable[[], object] | None = None,
    ) -> None:
        if not isinstance(address, str):
            raise TypeError(f"address is {type(address).__name__}: give text, '127.0.0.1:1234'")
        try:
            at = place(address)
        except ValueError as error:
            raise ValueError(f"address={address!r:.80}: {error}") from None
        self._machine = target if isinstance(target, Machine) else None
        if isinstance(target, Machine):
            if target._debugger is not None:
                raise RuntimeError("this machine has a gdb server already: close() that one first")
            self._target: MachineTarget | VmTarget = MachineTarget(target)
        elif isinstance(target, Vm):
            if not target.vcpus:
                raise ValueError("this Vm has no vCPU: call create_vcpu() first")
            self._target = VmTarget(target)
        else:
            raise TypeError(f"gdb debugs a Machine or a Vm, not {type(target).__name__}")
        self._control = Control(self._target, at, truth(stopped, "stopped"), killed)
        self._next = 0
        for vcpu in self._target.vcpus:  # for `monitor info history`
            with suppress(OSError):  # KVM keeps none
                vcpu.record_history = True
        if self._machine is not None:
            self._machine._debugger = self._control

    @property
    def address(self) -> str:
        """Where it listens, as gdb's `target remote` takes it: HOST:PORT; of a Unix socket
        unix:PATH, where gdb takes the path."""
        return self._control.link.address

    @property
    def port(self) -> int | None:
        """The port; None for a Unix socket."""
        return self._control.link.port

    @property
    def public(self) -> bool:
        """Can other computers connect?"""
        return self._control.link.public

    @property
    def connected(self) -> bool:
        """Does a gdb control the guest?"""
        return self._control.connected

    @property
    def stopped(self) -> bool:
        """Is the guest held?"""
        return self._control.stopped

    def run(self, *, timeout: float | None = None, wall: float | None = None) -> "Exit":
        """Run the guest and serve gdb, until the guest ends, gdb kills it (INTR), or for `timeout`
        guest seconds or `wall` seconds (DEADLINE). A guest that is held spends no guest time.

        A machine is run as by `Machine.run`. The vCPUs of a Vm run in turns on this thread; devices
        on its buses are served, and an access that no device answers is returned as its exit.
        Errors as for `Machine.run`.
        """
        if self._machine is not None:
            return self._machine.run(timeout=timeout, wall=wall)
        now = self._target.vm.clock.now
        return self._turns(moment("timeout", timeout, now), moment("wall", wall, monotonic_ns))

    def _turns(self, deadline: int | None, wall: int | None) -> "Exit":
        """Run the vCPUs one after the other."""
        vm, control, vcpus = self._target.vm, self._control, self._target.vcpus
        bus = buses(vm)
        turn = TURN if len(vcpus) > 1 else None
        halted: set[int] = set()
        while True:
            number = self._turn()
            exit = control.run(turn, deadline=deadline, wall_deadline=wall, number=number)
            reason = exit.reason
            if reason in bus:
                if not bus[reason].dispatch(exit):
                    return exit
                continue
            late = (wall is not None and monotonic_ns() >= wall) or (
                deadline is not None and vm.time >= deadline
            )
            if self._leaves():
                return exit.because(ExitReason.INTR)
            if reason is ExitReason.DEADLINE and not late:
                continue  # gdb holds the guest
            running = control.among or range(len(vcpus))
            if reason is ExitReason.HLT and not halted.union((number,)).issuperset(running):
                halted.add(number)
            elif reason is ExitReason.BUDGET:
                halted.discard(number)
            else:
                return exit
            self._next = (number + 1) % len(vcpus)

    def _turn(self) -> int:
        """Whose turn it is."""
        step, among = self._control.step, self._control.among
        if step is not None:
            return step
        if among is None or self._next in among:
            return self._next
        return next((each for each in among if each > self._next), among[0])

    def _leaves(self) -> bool:
        """Has gdb killed the guest? Once."""
        target = self._target
        if isinstance(target, VmTarget) and target.leaving:
            target.leaving = False
            return True
        return False

    def close(self) -> None:
        """End the session and listen no more. gdb is told that the guest has exited, with the
        status of isa-debug-exit or 0. Twice is harmless."""
        machine = self._machine
        status = machine.exit_status if machine is not None else None
        if machine is not None and machine._debugger is self._control:
            machine._debugger = None
        self._control.close(status or 0)

    def __enter__(self) -> "GdbServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        how = "connected" if self.connected else "listening"
        return f"<GdbServer {self.address}, {how}>"
