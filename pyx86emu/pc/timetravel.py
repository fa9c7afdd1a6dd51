"""Time travel: record what comes from outside, go back, run again. Knows no tape itself."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from .._core import whole
from ..clock import LAST
from ..errors import MachineError
from .parts import Parts

if TYPE_CHECKING:
    from .. import _core
    from ..tools.record.recording import Recording
    from .machine import Machine

Path = str | PathLike[str]


class TimeTravel(Parts):
    """The methods of a Machine that use its timeline."""

    _recording: "Recording | None" = None

    def record(
        self, path: Path | None = None, *, every: int = 500_000
    ) -> "AbstractContextManager[Recording]":
        """Record from now on: what comes from outside, and a state every `every` instructions.

        With `path` it also goes into that file, for `Machine.replay()`. `close()` of the result
        ends the recording. At most 128 states are kept in memory: of more, every second one of the
        older half goes. What was recorded can be gone back to: `goto`, `step_back`, `run_back`.

        While it is recorded, guest time of `clock="host"` is counted in instructions and follows
        the host's clock in steps; `restore()`, and attaching devices, are refused.

        MachineError: it is recorded already, it runs on KVM, or a device cannot be saved. OSError:
        the file cannot be written. The thread that runs the guest calls it.
        """
        from ..tools.record.recording import Recording

        return Recording(self._whole, path, every=every)

    @classmethod
    def replay(cls, path: Path, **options: Any) -> "Machine":
        """A new machine that does again what `record(path)` has recorded: `run()` makes the inputs
        at their instructions. It raises `Departed` if the guest does something else.

        `options` are those of `Machine`, by default as in the recording. Disks must be given
        again. `attach`: devices of your own, as [(device, {"port": 0x300}), ...].

        MachineError: the file is no recording, or does not fit;
        OSError: it cannot be read.
        """
        from ..tools.record.recording import replay

        return replay(path, options)

    @property
    def recording(self) -> "Recording | None":
        """What `record()` or `replay()` has begun; None: nothing is recorded."""
        return self._recording

    def _recorded(self) -> "Recording":
        if self._recording is None:
            raise MachineError("nothing was recorded to go back to: call m.record() first")
        return self._recording

    def goto(self, instruction: int) -> None:
        """Go to the moment at which `vcpu.instructions` is so large, back or forwards. What comes
        after it is kept until something new comes from outside. MachineError: nothing is recorded,
        or the moment is before the recording. The thread that runs the guest calls it."""
        self._recorded().travel.goto(whole(instruction, "instruction", 0, LAST))

    def step_back(self, count: int = 1) -> None:
        """Undo `count` instructions. Errors as for `goto`."""
        self._recorded().travel.back(whole(count, "count", 0, LAST))

    def run_back(
        self,
        until: Iterable[int] = (),
        watch: Iterable[tuple[int, int, Literal["w", "rw"]]] = (),
    ) -> "_core.Exit | None":
        """Go back to the last moment before an instruction at one of the linear addresses `until`,
        or before one that accesses bytes of `watch` (as for `Vcpu.debug`). Returns its Exit(DEBUG);
        None: there was no such moment, and it is where the recording begins. Errors as for `goto`.
        """
        return self._recorded().travel.back_to(until, watch)
