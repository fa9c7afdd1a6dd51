"""Control: decide when the guest runs and when gdb is served. The guest's thread calls it.

The link's thread kicks the vCPUs when something has come. So `run()` returns to this thread, which
serves gdb between two instructions, and then lets the guest go on or holds it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from time import monotonic_ns
from typing import TYPE_CHECKING

from ... import _core
from ...exits import ExitReason
from . import stub
from .link import CONNECTED, LOST, Link, Place
from .packets import Kind, Reader, packet
from .registers import linear
from .stub import SIGILL, SIGINT, SIGSEGV, SIGTRAP, Resume, Stub
from .target import Target

if TYPE_CHECKING:
    from ..._core import Exit

#: How long a held guest waits for gdb before `run()` returns, so that the caller can do its work.
PATIENCE = 1 / 30
#: Ends that gdb is shown before the run ends; so are those by `stop_on` and by an observer.
ENDS = {
    ExitReason.HLT: (SIGTRAP, "the guest has halted for good"),
    ExitReason.SHUTDOWN: (SIGSEGV, "a fault while a double fault was delivered: a reset is next"),
    ExitReason.INTERNAL_ERROR: (SIGILL, "the guest does what this machine does not run"),
}
ACCESSES = (ExitReason.IO, ExitReason.MMIO)


class Control:
    """The debugger that a machine or a Vm runs under (`pc.points.Debugger`).

    `stopped`: hold the guest until gdb lets it run. `killed` is called when gdb kills the guest,
    before the run ends.
    """

    def __init__(
        self, target: Target, at: Place, stopped: bool, killed: Callable[[], object] | None
    ) -> None:
        self.target = target
        self.stopped = stopped
        self._killed = killed
        self._stub: Stub | None = None
        self._reader = Reader()
        self._last = b""
        self._how = Resume()
        #: An end that gdb was shown; it is returned if gdb lets the guest go on as it is.
        self._end: tuple[int, Exit] | None = None
        #: The vCPU, reason and instructions of the last end that gdb was shown.
        self._shown: object = None
        #: Is every vCPU between two instructions, with no read half done?
        self._settled = True
        #: Has gdb changed the guest since the caller has set its deadlines?
        self._moved = False
        self._kicked = [False] * len(target.vcpus)
        self.link = Link(at, self._wake)

    @property
    def connected(self) -> bool:
        """Is a gdb there that the guest's thread has met?"""
        return self._stub is not None

    @property
    def step(self) -> int | None:
        """The vCPU that executes a single step; None: all run."""
        return self._how.step

    @property
    def among(self) -> tuple[int, ...] | None:
        """The vCPUs that run; None: all."""
        return self._how.among

    def _wake(self) -> None:
        """The link's thread: make run() return."""
        for number, vcpu in enumerate(self.target.vcpus):
            self._kicked[number] = True
            vcpu.kick()

    # -- running ---------------------------------------------------------------------------------

    def run(
        self,
        max_instructions: int | None = None,
        *,
        deadline: int | None = None,
        look: int | None = None,
        wall_deadline: int | None = None,
        number: int = 0,
    ) -> "Exit":
        """`Vcpu.run_until` of a vCPU. While gdb holds the guest: Exit DEADLINE after a moment; also
        if gdb lets others run, but not this one."""
        vcpu = self.target.vcpus[number]
        end = None if max_instructions is None else (vcpu.spent or 0) + max_instructions
        while True:
            if self._settled:
                with self._noted():
                    goes = self._hold(wall_deadline)
                if not goes or not self._runs(number):
                    regs = vcpu.regs
                    return _core.Exit(ExitReason.DEADLINE, cs=regs.cs, ip=regs.ip)
                if self._end is not None and self._end[0] == number:
                    exit, self._end = self._end[1], None
                    return exit
                if self.target.machine is None and self.target.leaving:
                    return _core.Exit(ExitReason.INTR, cs=vcpu.regs.cs, ip=vcpu.regs.ip)
            elif self.link.waiting:
                vcpu.kick()  # this run() only ends the instruction that is half done
                self._kicked[number] = True
            left = None if end is None else max(0, end - (vcpu.spent or 0))
            exit = vcpu.run_until(left, deadline=deadline, look=look, wall_deadline=wall_deadline)
            self._settled = exit.reason not in ACCESSES
            if not self._takes(number, exit):
                return exit

    def _runs(self, number: int) -> bool:
        """Does gdb let this vCPU run?"""
        how = self._how
        if how.step is not None:
            return number == how.step
        return how.among is None or number in how.among

    def _takes(self, number: int, exit: "Exit") -> bool:
        """Is the exit only the debugger's? Then the run goes on."""
        reason = exit.reason
        if reason is ExitReason.INTR:
            ours, self._kicked[number] = self._kicked[number], False
            return ours and not self.target.leaving
        elsewhere = exit.stop is not None or exit.observer is not None
        if reason is ExitReason.DEBUG and not elsewhere:
            return self._debug(number, exit)
        if (elsewhere or reason in ENDS) and self._stub is not None and not self.target.leaving:
            end = number, reason, self.target.vcpus[number].instructions
            if self._shown != end:
                self._shown = end
                self._show_end(number, exit)
                return True
        return False

    def _debug(self, number: int, exit: "Exit") -> bool:
        now = self._stub
        if now is None:
            return False
        reply = now.stop_of(number, exit)
        if reply is None and self._how.step == number:
            low, high = self._how.within
            if self.link.waiting or not low <= linear(self.target.vcpus[number].regs) < high:
                now.current = number
                reply = now.stopped()
        if reply is not None:
            self._stop(reply)
        return not self.target.points[number].others(stub.WHO, exit.pc)

    def _show_end(self, number: int, exit: "Exit") -> None:
        """Stop before the run ends, so that the user can look at it."""
        assert self._stub is not None
        signal, text = ENDS.get(exit.reason, (SIGTRAP, "an observer has stopped the run"))
        where = f"{exit.cs:04x}:{exit.ip:04x}"
        what = exit.message or text
        self._say(f"pyx86emu: {what} ({where}); `continue` goes on to that end\n")
        self._end = number, exit
        self._stub.current = number
        self._stop(self._stub.stopped(signal=signal))

    def _stop(self, reply: bytes) -> None:
        self.stopped = True
        self._how = Resume()
        if self._stub is not None:
            self._stub.place()
        self.send(reply)

    # -- serving ---------------------------------------------------------------------------------

    def _noted(self) -> AbstractContextManager[None]:
        """What gdb changes is to be in the recording of the machine, if there is one."""
        recording = getattr(self.target.machine, "recording", None)
        if recording is None or not (self.stopped or self.link.waiting):
            return nullcontext()
        paused: AbstractContextManager[None] = recording.pause()
        return paused

    def _hold(self, wall_deadline: int | None) -> bool:
        """Serve gdb. False: it holds the guest still, and has said nothing for a moment; or the
        guest is elsewhere in time, so that the caller's deadlines are void."""
        while True:
            while (one := self.link.take()) is not None:
                self._take(one)
            if self._moved:
                self._moved = False
                return False
            if not self.stopped:
                return True
            wait = PATIENCE
            if wall_deadline is not None:
                wait = min(wait, (wall_deadline - monotonic_ns()) / 1e9)
            if self.target.leaving or not self.link.wait(max(0.0, wait)):
                return False

    def _take(self, one: bytes | object) -> None:
        if one is CONNECTED:
            self._stub = Stub(self.target, self)
            self._reader = Reader()
            self._last = b""
            self.stopped, self._shown = True, None
        elif one is LOST:
            self._over()
        elif isinstance(one, bytes):
            for item in self._reader.feed(one):
                if self._stub is None:
                    break
                self._do(self._stub, item.kind, item.body)

    def _do(self, now: Stub, kind: Kind, body: bytes) -> None:
        if kind is Kind.PACKET:
            if not now.quiet:
                self.link.send(b"+")
            reply = now.handle(body)
            if reply is not None:
                self.send(reply)
        elif kind is Kind.BAD and not now.quiet:
            self.link.send(b"-")
        elif kind is Kind.AGAIN and not now.quiet:
            self.link.send(self._last)
        elif kind is Kind.INTERRUPT and not self.stopped:
            self._stop(now.stopped(signal=SIGINT))

    def _say(self, text: str) -> None:
        """Show the user a line."""
        self.send(b"O" + text.encode("utf-8", "replace").hex().encode())

    def _over(self) -> None:
        """The session is over: the guest runs on."""
        if self._stub is not None:
            stub.close(self._stub)
            self._stub = None
            self._how = Resume()
            self.stopped = False

    # -- what the stub asks for ------------------------------------------------------------------

    def send(self, body: bytes) -> None:
        """Send a packet."""
        self._last = packet(body)
        self.link.send(self._last)

    def resume(self, how: Resume) -> None:
        """Let the guest run."""
        assert self._stub is not None
        self._stub.place(how.step)
        self._how = how
        self.stopped = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """In this context the machine runs as without gdb, to go back in its recording."""
        machine = self.target.machine
        assert machine is not None and self._stub is not None
        machine._debugger = None
        for points in self.target.points:
            points.drop(stub.WHO)
        try:
            yield
        finally:
            machine._debugger = self
            self._stub.place()

    def changed(self) -> None:
        """Registers or memory have changed: an end that was shown is none any more."""
        self._end = self._shown = None
        self._moved = True

    def end(self, *, kill: bool) -> None:
        """gdb has detached, or wants the run to end."""
        self._over()
        if kill:
            self.link.drop()
            if self._killed is not None:
                self._killed()
            self.target.kill()

    def close(self, status: int) -> None:
        """The run is over: gdb is told the exit status."""
        if self._stub is not None:
            with suppress(OSError):
                self.send(b"W%02x" % (status & 0xFF))
            self._over()
        self.link.close()
