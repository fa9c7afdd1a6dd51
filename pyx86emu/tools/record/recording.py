"""A recording: a machine's timeline, the file it goes to, and the way back."""

import os
from typing import TYPE_CHECKING, Any

from ..._core import whole
from ...errors import MachineError
from . import file
from .tape import Tape
from .timeline import EVERY, Timeline
from .travel import Travel

if TYPE_CHECKING:
    from ...pc.machine import Machine

MOST = (1 << 63) - 1


class Recording:
    """What `Machine.record()` has begun. `close()`, or the end of a `with`, ends it."""

    def __init__(
        self,
        m: "Machine",
        path: str | os.PathLike[str] | None = None,
        *,
        every: int = EVERY,
        tape: Tape | None = None,
    ) -> None:
        every = whole(every, "every", 1000, MOST)
        if m.recording is not None:
            raise MachineError("this machine is recorded already: close() that recording first")
        if m.host_clock:
            raise MachineError(
                "a machine on the host's clock cannot be recorded: make it with clock='virtual'"
            )
        self._m = m
        self._file = None if path is None else file.Writer(path)
        try:
            self.timeline = Timeline(m, tape, every=every, to=self._file)
        except BaseException:
            self._close_file()
            raise
        self.travel = Travel(self.timeline)
        m._recording = self

    @property
    def tape(self) -> Tape:
        """What was recorded."""
        return self.timeline.tape

    @property
    def first(self) -> int:
        """The earliest instruction that can be gone to."""
        return self.travel.first

    def close(self) -> None:
        """End the recording, and complete its file. Twice is harmless. OSError: the file cannot be
        written."""
        if self._m._recording is self:
            self._m._recording = None
            self.timeline.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        tape = self.tape
        return (
            f"<Recording of {len(tape.inputs)} inputs, {len(tape.checkpoints)} states from "
            f"instruction {self.first}>"
        )


def replay(path: str | os.PathLike[str], options: dict[str, Any]) -> "Machine":
    """`Machine.replay`."""
    from ...pc.machine import Machine

    tape = file.read(path)
    first = tape.checkpoints[0]
    devices = options.pop("attach", ())
    m = Machine.like(first.state, **options)
    try:
        for device, place in devices:
            m.attach(device, **place)
        Recording(m, tape=tape).timeline.restore(first)
    except BaseException:
        m.close()
        raise
    return m
