"""A recording: a machine's timeline, the file it goes to, and the way back."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

from ..._core import whole
from ...errors import MachineError
from ...pc.disks.image import Disk
from ...saved.state import State
from ...state import Plain
from . import file
from .inputs import LARGEST_DISK
from .line import EVERY
from .tape import Board, Tape
from .timeline import Timeline
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
        if not m.vm.capabilities.save:
            raise MachineError(
                f"a machine of accel={m.vm.accel!r} cannot be recorded: use accel='interp'"
            )
        for each in (*m.pio.attachments, *m.mmio.attachments):
            if (why := getattr(each.device, "unrecorded", None)) is not None:
                raise MachineError(f"a machine with '{each.name}' cannot be recorded: {why}")
        self._m = m
        self._file = None if path is None else file.Writer(path)
        try:
            if tape is None:
                tape, fresh = Tape(_board(m)), True
            else:
                fresh = False
            if self._file is not None:
                self._file.board(tape.board)
            self.timeline = Timeline(m, tape, fresh=fresh, every=every, to=self._file)
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

    def pause(self) -> "AbstractContextManager[None]":
        """In this context the guest stands still in the middle of a run, and the host may change
        it: for a debugger. What it changes is noted at the end."""
        return self.timeline.pause()

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


def _board(m: "Machine") -> Board:
    """How the machine was made. Disks of more than LARGEST_DISK bytes are named by their states."""
    disks: dict[str, tuple[bytes, str]] = {
        name: (disk.image(), disk.kind)
        for name, disk in m.disks.items()
        if isinstance(disk, Disk) and disk.size <= LARGEST_DISK
    }
    devices: dict[str, Plain] = {
        each.device.name: dict(each.device.asks.options)
        for each in m.pio._attached
        if hasattr(each.device, "asks")
    }
    return Board(m.no_reboot, disks, devices)


#: Makes a device that asks the host, for a machine, and where it is attached.
Makers = dict[str, tuple[Callable[["Machine", dict[str, Any]], Any], dict[str, Any]]]


def replay(
    path: str | os.PathLike[str], options: dict[str, Any], makers: Makers | None = None
) -> "Machine":
    """`Machine.replay`. `makers`: by name, who makes the devices that ask the host."""
    from ...pc.machine import Machine

    tape = file.read(path)
    unknown = set(tape.board.devices) - set(makers or ())
    if unknown:
        raise MachineError(
            f"{os.fsdecode(path)} is the recording of a program of DOS: use Dos.replay()"
        )
    first = tape.checkpoints[0]
    devices = options.pop("attach", ())
    with ExitStack() as made:
        m = Machine(**_options(tape, first.state, options, made))
        made.callback(m.close)
        for device, place in devices:
            m.attach(device, **place)
        for name, kept in tape.board.devices.items():
            if type(kept) is not dict:
                raise MachineError(f"{os.fsdecode(path)} has a device that is damaged")
            make, at = (makers or {})[name]
            m.attach(make(m, kept), **at)
        recording = Recording(m, tape=tape)
        recording.timeline.restore(first)
        recording.timeline.keep()
        made.pop_all()
    return m


def _options(tape: Tape, state: State, given: dict[str, Any], made: ExitStack) -> dict[str, Any]:
    """The arguments of the Machine, by default as the recorded one was made. MachineError: a state
    of another sort."""
    models, identity = state.core.models, state.machine.get("identity")
    if len(models) != 1 or not isinstance(identity, dict):
        raise MachineError("the recording has the state of a Vm: a machine has one vCPU and a PC")
    kept = tape.board.disks.items()
    disks: dict[str, Any] = {name: image for name, (image, _) in kept if name in FORCED}
    for name in ("hda", "hdb"):
        if name in tape.board.disks:
            image, _ = tape.board.disks[name]
            disks[name] = made.enter_context(Disk(image, kind="hd"))
    usual = {
        "model": models[0],
        "memory": identity.get("memory"),
        "shift": state.core.shift,
        "no_reboot": tape.board.no_reboot,
        **disks,
    }
    return {**usual, **given}


#: Floppies are made of their bytes; a hard disk says that it is one.
FORCED = ("fda", "fdb")
