"""Jobs: say what a guest gets and what it must show, and how it ended. Run nothing.

Job, its steps and Result are plain values: frozen, compared by value, pickled in a few hundred
bytes. None of them holds a machine or the bytes of an image.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from ..._core import whole
from ...clock import LAST
from ...errors import Pyx86Error
from ...models import canonical
from ...pc.board import memory_size
from ...pc.devices.keyboard.keys import keystrokes
from ...pc.drives import checked_order
from ...pc.stops import NAMES as STOPS
from .contents import Content

#: The drives of a job, and `image`: its contents say which drive.
DRIVES = ("image", "fda", "fdb", "hda", "hdb")
#: How a run can end, in the words of `Job.end`.
ENDS = {
    "halt": "HLT that nothing ends",
    "exit": "the guest wrote to isa-debug-exit",
    "shutdown": "triple fault, or a reset with no_reboot",
    "time": "timeout or wall has passed",
    "instructions": "max_instructions are spent",
    "unsupported": "the guest did what this machine does not support",
    "stop": "a place of stop_on, where no program should be",
}
#: Where a job stops if it does not say otherwise, but on KVM, which cannot.
DEFAULT_STOPS = ("zeros", "signature", "null-vector")
#: The largest -icount shift.
LARGEST_SHIFT = 10
#: Names of results, and whether the job is right.
Outcome = Literal["passed", "failed", "error", "lost"]
FLAGS = re.M | re.S


class JobError(Pyx86Error, ValueError):
    """A job that cannot be. The message names the job, the key, and what to write instead."""


def fail(job: str, key: str, text: str) -> JobError:
    """The error of a key of a job."""
    return JobError(f"job {job!r}, {key}: {text}")


def pattern(text: object) -> re.Pattern[str]:
    """A regular expression for the text of a screen: multi-line, and a dot matches line ends."""
    if not isinstance(text, str):
        raise TypeError(f"give a regular expression as text, not {type(text).__name__}")
    try:
        return re.compile(text, FLAGS)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text!r} is no regular expression ({error})") from error


def seconds(value: object) -> float:
    """Seconds from 0 up."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"give a number of seconds, not {type(value).__name__}")
    if not 0 <= value < LAST / 1e9:
        raise ValueError(f"{value!r}: give seconds from 0 to {LAST / 1e9:.1e}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Wait:
    """Run until the regular expression is in text that is new since the last wait: on the screen,
    from COM1 or from the debug port. Or, with a number, for so many guest seconds.

    `timeout`: fail after so many guest seconds; None: only the limits of the job end it."""

    what: str | float
    timeout: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.what, str):
            pattern(self.what)
        else:
            object.__setattr__(self, "what", seconds(self.what))
        if self.timeout is not None:
            object.__setattr__(self, "timeout", seconds(self.timeout))


@dataclass(frozen=True, slots=True)
class Type:
    """Type a text on the keyboard; {ret}, {ctrl+c} are keys. If nothing was waited for yet, it is
    typed when the guest has booted and is quiet."""

    text: str

    def __post_init__(self) -> None:
        keystrokes(self.text)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text over COM1, in code page 437. When: as `Type`."""

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"give text, not {type(self.text).__name__}")
        try:
            self.text.encode("cp437")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{self.text[error.start]!r} is not in code page 437: leave it out"
            ) from None


@dataclass(frozen=True, slots=True)
class Golden:
    """When the guest is quiet, its screen must be this one. `name` is the file of the golden
    screen: .txt is compared as text, .png as picture. `sha256` is that of `golden_bytes`; None
    records the screen, in `Result.goldens`."""

    name: str
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.endswith((".txt", ".png")):
            raise ValueError(f"{self.name!r}: name a file in .txt or .png")


Step = Wait | Type | Send | Golden


@dataclass(frozen=True, slots=True)
class Job:
    """One guest: its images and options, the steps that are done with it, what it must show.

    Images and `state` are given as the path of a file, as bytes or as `Content`. The other options
    are those of `Machine`. A job has passed if each step was met, the run ended as `end` says, and
    the texts are as `expect` and `refuse` say. If the last step is a Wait or a Golden and there is
    no `end` and no `status`, the run ends there; else it goes on until the guest or a limit ends
    it.

    JobError: names the job and the key, and says what to write instead.

    >>> job = Job("hello", bytes.fromhex("fa b048 e6e9 f4"), expect=("^H$",), end=("halt",))
    >>> job.image.size, job.timeout
    (6, 60.0)
    """

    name: str
    image: Content | None = None
    fda: Content | None = None
    fdb: Content | None = None
    hda: Content | None = None
    hdb: Content | None = None
    state: Content | None = None
    """A saved state (`State.to_bytes`) from which the guest runs on."""
    order: str | None = None
    accel: str = "interp"
    model: str | None = None
    memory: int = 1 << 20
    """In bytes."""
    clock: str | None = None
    shift: int | None = None
    rtc: str | None = None
    """The date at power-on, such as 2009-07-01T12:00:00."""
    no_reboot: bool = True
    """A reset ends the run."""
    steps: tuple[Step, ...] = ()
    expect: tuple[str, ...] = ()
    """Regular expressions: each must be on the last screen, in the serial or the debug text."""
    refuse: tuple[str, ...] = ()
    """Regular expressions: none may be there."""
    end: tuple[str, ...] = ()
    """How the run may end, in words of `ENDS`. Empty: the guest boots, and then "halt", "time" or
    "instructions"; "exit" too if there is a `status`."""
    stop_on: tuple[str, ...] | None = None
    """The run ends at these places where no program should be (`Machine.stop_on`). None:
    `DEFAULT_STOPS`, on KVM none."""
    status: int | None = None
    """The exit status that the guest must give to isa-debug-exit: (value << 1) | 1."""
    timeout: float | None = 60.0
    """Guest seconds."""
    wall: float | None = None
    """Seconds of real time, of each attempt."""
    max_instructions: int | None = None
    texts: int = 4096
    """A result keeps at most so many of the newest characters of each text."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise JobError(f"a job is named by text that is not empty, not {self.name!r}")
        if len(self.name) > 200:
            raise JobError(f"job {self.name[:20]!r}...: its name is longer than 200 characters")
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            try:
                object.__setattr__(self, field.name, _checked(field.name, value))
            except (TypeError, ValueError) as error:
                raise fail(self.name, field.name, str(error)) from error
            except OSError as error:
                text = f"cannot read {error.filename}: {error.strerror or error}"
                raise fail(self.name, field.name, text) from error
        if self.state is None and not any(getattr(self, drive) for drive in DRIVES):
            raise fail(self.name, "image", "there is no disk and no state: name an image to boot")

    @property
    def contents(self) -> tuple[Content, ...]:
        """The images and the state."""
        found = (getattr(self, name) for name in (*DRIVES, "state"))
        return tuple(each for each in found if each is not None)


def _checked(key: str, value: Any) -> Any:
    """The value of a key of a job as it is kept. TypeError, ValueError: it cannot be."""
    if key in (*DRIVES, "state"):
        return None if value is None else _content(value)
    if key == "memory":
        memory_size(value)
        return whole(value, "memory", 0, 1 << 32)
    if key == "no_reboot":
        if not isinstance(value, bool):
            raise TypeError(f"give true or false, not {value!r}")
        return value
    if key == "accel":
        return _one_of(value, ("interp", "kvm", "auto"))
    if key == "steps":
        return _steps(value)
    if key in ("expect", "refuse"):
        texts = _texts(value)
        for each in texts:
            pattern(each)
        return texts
    if key == "end":
        return tuple(_one_of(each, tuple(ENDS)) for each in _texts(value))
    if key == "texts":
        return whole(value, key, 0, 1 << 24)
    if value is None:
        return None
    if key == "stop_on":
        return tuple(_one_of(each, tuple(STOPS)) for each in _texts(value))
    if key == "order":
        return checked_order(value)
    if key == "model":
        return canonical(value) if isinstance(value, str) else _one_of(value, ("8086", "80486"))
    if key == "clock":
        return _one_of(value, ("virtual", "host"))
    if key == "shift":
        return whole(value, key, 0, LARGEST_SHIFT)
    if key == "rtc":
        return _date(value)
    if key == "status":
        return whole(value, key, 0, 255)
    if key == "max_instructions":
        return whole(value, key, 0, LAST)
    return seconds(value)  # timeout, wall


def _content(value: Any) -> Content:
    if isinstance(value, str) and value.startswith("fat:"):
        raise ValueError(f"{value}: a batch takes images only: write the directory into an image")
    return Content.of(value)


def _one_of(value: object, names: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{value!r}: give one of {', '.join(names)}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (tuple, list)) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"give a text or a list of texts, not {value!r}")
    return tuple(value)


def _steps(value: object) -> tuple[Step, ...]:
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"give a list of steps, not {type(value).__name__}")
    for each in value:
        if not isinstance(each, Step):
            raise TypeError(f"{each!r} is no step: give Wait, Type, Send or Golden")
    return tuple(value)


def _date(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"give a date as text, not {type(value).__name__}")
    try:
        if 1900 <= datetime.fromisoformat(value).year <= 2099:
            return value
    except ValueError:
        pass
    raise ValueError(f"{value!r}: give a date such as 2009-07-01T12:00:00, 1900 to 2099")


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended, as plain values."""

    index: int
    """The number of the job among those that were given, from 0."""
    name: str
    outcome: Outcome
    """passed, failed (the guest did something else), error (the job could not run), lost (its
    worker ended each time)."""
    message: str = ""
    """Why it has not passed, in a sentence."""
    end: str = ""
    """How the run ended: a word of `ENDS`, or "steps" after the last step."""
    reason: str = ""
    """The name of the last ExitReason."""
    cs: int = 0
    ip: int = 0
    instructions: int | None = None
    """With those of the BIOS; None on KVM."""
    guest_seconds: float = 0.0
    wall_seconds: float = 0.0
    status: int | None = None
    step: int = 0
    """How many steps were done."""
    screen: str | None = None
    """None in a graphics mode."""
    screen_mode: str = ""
    serial: str = ""
    debug: str = ""
    last: tuple[str, ...] = ()
    """Of a job that failed, the last 16 instructions, as `tools.trail` shows them. Empty on
    KVM."""
    attempts: int = 1
    worker: str = ""
    """The host and the process that ran it."""
    goldens: tuple[tuple[str, bytes], ...] = ()
    """Screens that were recorded, by the name of their file."""
    kept: tuple[tuple[str, bytes], ...] = ()
    """Of a job that failed, files for repetition by name, if they were asked for."""

    @property
    def passed(self) -> bool:
        """True if the job is right."""
        return self.outcome == "passed"

    def plain(self) -> Mapping[str, Any]:
        """What --json writes: without pictures and states."""
        hidden = ("goldens", "kept")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in hidden}
