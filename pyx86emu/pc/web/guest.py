"""The machine as its viewers see it: run it in slices, and do between two of them what they ask."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from ...errors import DiskError, MachineError
from ...exits import ExitReason
from ..disks.image import Disk
from ..idle import Idle
from .picture import Frame

if TYPE_CHECKING:
    from ... import _core
    from ..limits import Limits
    from ..machine import Machine

FRAME = 1 / 30
#: How long a paused guest waits before it looks at its limits.
PATIENCE = 0.1
#: Requests that may wait for the end of a slice; more are refused.
MOST_WAITING = 1000
#: Presses and releases that may wait for a guest that reads no keys; more are refused.
MOST_KEYS = 10_000
DRIVES = {"a": 0, "b": 1}


class Guest:
    """A machine and what its viewers change: keys, mouse, pause, reset, disks.

    The thread that calls `run()` runs the guest. `ask()` and everything that only reads may be
    called by any thread.
    """

    def __init__(self, machine: "Machine", disks: Sequence["str | os.PathLike[str]"] = ()) -> None:
        self.machine = machine
        self.paused = False
        #: How the run ended; None while it goes on.
        self.ended: str | None = None
        #: The files that may be put into a drive, by the names that viewers see.
        self.disks = named(disks)
        #: What is in the drives that viewers have changed: a name, or None for nothing.
        self.inserted: dict[str, str | None] = {}
        self._opened: dict[str, Disk] = {}
        self._held: set[str] = set()
        self._asked: SimpleQueue[tuple[Callable[[], object], Future[object]]] = SimpleQueue()
        self._asking = Event()

    # -- the guest's thread ----------------------------------------------------------------------

    def run(self, limits: "Limits") -> "_core.Exit":
        """Run within the limits until the guest ends. It never runs ahead of the host's clock."""
        self.ended = None
        try:
            exit = self._run(limits)
        except BaseException as error:
            self.ended = type(error).__name__
            raise
        else:
            self.ended = exit.reason.name
            return exit
        finally:
            self._refuse()

    def _run(self, limits: "Limits") -> "_core.Exit":
        m = self.machine
        idle = Idle(m, self._asking.wait)
        guest, wall = m.time, monotonic()
        while True:
            exit = idle.run(limits, FRAME)
            self._attend()
            if exit.reason is not ExitReason.DEADLINE or limits.over:
                return exit
            ahead = m.time - guest - (monotonic() - wall)
            if ahead > 0:
                self._asking.wait(min(ahead, FRAME))
            elif ahead < -1:  # too slow, or it was paused: do not hurry afterwards
                guest, wall = m.time, monotonic()
            while self.paused and not limits.over:
                self._attend(PATIENCE)

    def _attend(self, wait: float = 0) -> None:
        """Do what was asked for. `wait`: for so many seconds, if there is nothing."""
        if wait:
            self._asking.wait(wait)
        self._asking.clear()
        with suppress(Empty):
            while True:
                do, done = self._asked.get_nowait()
                if not done.set_running_or_notify_cancel():
                    continue  # who asked has gone
                try:
                    done.set_result(do())
                except Exception as error:
                    done.set_exception(error)

    # -- any thread --------------------------------------------------------------------------------

    def _refuse(self) -> None:
        """The guest has ended: nobody does what is still asked for."""
        with suppress(Empty):
            while True:
                _, done = self._asked.get_nowait()
                if done.set_running_or_notify_cancel():
                    done.set_exception(MachineError(self._why_not()))

    def _why_not(self) -> str:
        return f"the guest has ended ({self.ended}): nothing can be changed"

    def ask(self, do: Callable[[], object]) -> "Future[object]":
        """Let the guest's thread call `do` after the current slice. MachineError: too much waits,
        or the guest has ended."""
        if self.ended is not None:
            raise MachineError(self._why_not())
        if self._asked.qsize() >= MOST_WAITING:
            raise MachineError("the guest does not keep up: try again")
        done: Future[object] = Future()
        self._asked.put((do, done))
        self._asking.set()
        if self.ended is not None:  # since then
            self._refuse()
        return done

    @property
    def look(self) -> object:
        """A value that changes when the picture may have changed, but for blinking."""
        screen = self.machine.screen
        return screen.version, screen.cursor

    @property
    def frame(self) -> Frame:
        """What the guest shows now."""
        dots, palette = self.machine.screen.indexed()
        return Frame(dots, palette.tobytes())

    @property
    def mode(self) -> str:
        """The name of the video mode."""
        return str(getattr(self.machine.screen, "mode_name", "text"))

    @property
    def tone(self) -> float:
        """The frequency of the speaker in Hz; 0: it is silent."""
        speaker = getattr(self.machine, "speaker", None)
        try:
            return 0.0 if speaker is None else round(float(speaker.frequency), 1)
        except OSError:  # the machine is closed; its page shows the last picture
            return 0.0

    # -- what viewers ask for: these run on the guest's thread -------------------------------------

    def key(self, name: str, down: bool) -> None:
        """Press or release a key. MachineError: too many wait."""
        self._check_keys()
        if down:
            self._held.add(name)
        else:
            self._held.discard(name)
        self.machine.keyboard.key(name, down)

    def _check_keys(self) -> None:
        if len(self.machine.keyboard.queue) >= MOST_KEYS:
            raise MachineError("the guest does not read the keyboard: try again")

    def release(self) -> None:
        """Release all keys: their viewer has gone."""
        for name in sorted(self._held):
            self.machine.keyboard.key(name, False)
        self._held.clear()

    def type(self, text: str) -> None:
        """Type a text. ValueError: no key types one of its characters. MachineError: too many keys
        wait."""
        self._check_keys()
        self.machine.keyboard.type(text.replace("{", "{{"))

    def mouse(self, dx: int, dy: int, buttons: int, wheel: int) -> None:
        """Move the mouse, and set its buttons: 1 left, 2 right, 4 middle."""
        mouse: Any = getattr(self.machine, "mouse", None)
        if mouse is not None:
            mouse.move(dx, dy, buttons=buttons, wheel=wheel)

    def reset(self) -> None:
        """Press the reset button."""
        self._held.clear()
        self.machine.reset()

    def pause(self, on: bool) -> None:
        """Stop after this slice, or go on."""
        self.paused = on

    def insert(self, drive: str, name: str) -> None:
        """Put one of the listed disks into a drive. MachineError: there is none of this name.
        DiskError, OSError: it cannot be opened."""
        if name not in self.disks:
            raise MachineError(f"there is no disk {name!r} in the list")
        self._put(drive, Disk(self.disks[name]), name)

    def upload(self, drive: str, data: bytes, name: str) -> None:
        """Put an image that a viewer sent into a drive. DiskError: it is none."""
        self._put(drive, Disk(data), name)

    def eject(self, drive: str) -> None:
        """Take the disk out of a drive."""
        self.machine.floppy.eject(_unit(drive))
        self.inserted[drive] = None
        self._forget(drive)

    def _put(self, drive: str, disk: Disk, name: str) -> None:
        try:
            unit = _unit(drive)
            if getattr(disk, "kind", "floppy") != "floppy":
                raise DiskError(f"{name} is a hard disk: give a floppy image")
            self.machine.floppy.insert(unit, disk)
        except BaseException:
            disk.close()
            raise
        self._forget(drive)
        self._opened[drive] = disk
        self.inserted[drive] = name

    def _forget(self, drive: str) -> None:
        disk = self._opened.pop(drive, None)
        if disk is not None:
            disk.close()

    def close(self) -> None:
        """Close the disks that viewers have put in. The guest does not run any more."""
        for drive in tuple(self._opened):
            self._forget(drive)


def named(disks: Sequence["str | os.PathLike[str]"]) -> dict[str, str]:
    """The files by their last names. MachineError: two have the same; OSError: there is no such
    file."""
    files: dict[str, str] = {}
    for each in disks:
        path = os.path.abspath(os.fsdecode(each))
        name = os.path.basename(path)
        if name in files:
            raise MachineError(f"two disks are named {name}: rename one, viewers choose by name")
        os.stat(path)
        files[name] = path
    return files


def _unit(drive: str) -> int:
    if drive not in DRIVES:
        raise MachineError(f"there is no floppy drive {drive!r}: give a or b")
    return DRIVES[drive]
