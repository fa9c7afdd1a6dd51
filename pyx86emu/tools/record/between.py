"""Between two runs: find and note what the host has done to the machine, refuse what cannot be."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..._core import snapshot_debug
from ...errors import MachineError
from . import host
from .line import HOST, Known, Line
from .tape import Input, Tape

if TYPE_CHECKING:
    from ...pc.machine import Machine
    from ...saved.state import State
    from .file import Writer


class Between(Line):
    """A line that knows what the machine was at the end of its last run."""

    def __init__(self, m: "Machine", tape: Tape, every: int, to: "Writer | None") -> None:
        super().__init__(m, tape, every, to)
        self._lock = threading.RLock()  # held by the thread that runs the guest, or makes an input
        self._slicing = False  # runs, and has no function of the host called
        self._known: Known | None = None
        self._restore_vm = m.vm.restore

    def keep(self) -> None:
        """Note what the machine is now: nothing is run or changed up to here without a note."""
        if self._slicing:
            return
        self._settle()
        places = {name: each.place for name, each in self._answers.items()}
        self._known = Known(self._m.save(), self._next, self._mark, places)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """In this context the guest stands still in the middle of a run, and the host may change
        it: for a debugger."""
        slicing, self._slicing = self._slicing, False
        try:
            self.keep()
            yield
            self.look()
        finally:
            self._slicing = slicing

    def look(self) -> None:
        """Note what the host has changed since `keep()`."""
        known = self._known
        if known is None or self._slicing or self._depth:
            return
        m = self._m
        state = m.save()
        if (self.now, m.vm.time) != (known.state.core.instructions[0], known.state.core.time):
            known = self._again(known, state)
        changed = host.changes(known.state, state)
        if changed is not None:
            note = Input(m.vm.time, self.now, HOST, ((changed,), {}))
            self._note(note)
            self._known = Known(state, self._next, self._mark, known.answers)

    def _again(self, known: Known, state: "State") -> Known:
        """The vCPU was run without this timeline, by `vcpu.step()` or so: do it again, as a replay
        will. What it is then, is known; the machine is as `state` says."""
        m, time = self._m, state.core.time
        if time < known.state.core.time:
            raise MachineError(
                "guest time went back, without goto(): end the recording by close() before the "
                "machine is restored"
            )
        with self._quiet(), self._inside(), self._no_debugger():
            self._restore(known.state)
            m.vcpu.debug()
            for name, place in known.answers.items():
                self._answers[name].place = place
            while m.vm.time < time:
                before = m.vm.time
                self._one(None, time)
                if m.vm.time == before:
                    break  # it has ended
            self._settle()
            places = {name: each.place for name, each in self._answers.items()}
            found = Known(m.save(), known.next, known.mark, places)
            self._restore(state)
        return found

    def _no_restore(self, state: Any) -> None:
        """In place of `Machine.restore` and `Vm.restore`, which a restore of ours calls."""
        if self._depth:
            self._restore_vm(state)
            return
        raise MachineError(
            "a machine that is recorded cannot be restored, as its recording would not fit: go "
            "back by goto(), or end the recording first by close()"
        )

    def _no_attach(self, device: object, *_: object, **__: object) -> None:
        """In place of `Bus.attach`."""
        raise MachineError(
            f"'{getattr(device, 'name', device)}' cannot be attached to a machine that is "
            "recorded: attach it before the recording begins"
        )

    def _no_detach(self, attachment: Any) -> None:
        """In place of `Attachment.detach`."""
        raise MachineError(
            f"'{attachment.name}' cannot be detached from a machine that is recorded: do it after "
            "the recording has ended"
        )

    @contextmanager
    def trip(self) -> Iterator[None]:
        """In this context the machine goes to another moment: nobody outside is told, and no
        breakpoint stops it. Breakpoints stay those of before."""
        with self._lock:
            yield from self._trip()

    def _trip(self) -> Iterator[None]:
        m = self._m
        self.look()
        single, points, watch = snapshot_debug(m.save().core)
        try:
            with self._quiet(), self._no_debugger():
                m.vcpu.debug()
                self.away = True
                yield
        finally:
            self.away = False
            m.vcpu.debug(single, points, watch)
            self.keep()
