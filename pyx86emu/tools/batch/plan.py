"""Plans: read a TOML file, or a directory of images, as jobs. Run nothing.

A mistake is a JobError that names the file, the job, the key, and what to write instead.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .jobs import DRIVES, Golden, Job, JobError, Send, Step, Type, Wait

#: The keys of a job. `name` may be left out where there is an image.
KEYS = tuple(each.name for each in fields(Job))
#: The keys of a step; the first four say which step it is.
STEPS = ("wait", "type", "send", "golden")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
#: A plan is a small file.
MOST_BYTES = 16 << 20
MOST_JOBS = 1 << 20
SIGNATURE = b"\x55\xaa"
SECTOR = 512


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs of a file or a directory, in their order."""

    path: str
    jobs: tuple[Job, ...]
    goldens: Mapping[str, str]
    """Of each golden screen, the path of its file."""
    left_out: tuple[str, ...] = ()
    """Files of the directory that are no bootable image."""


def read(path: str, *, record: bool = False) -> Plan:
    """The plan of a TOML file or a directory. `record`: golden screens are recorded, not compared.

    JobError: a mistake in it. OSError: it cannot be read."""
    return directory(path) if os.path.isdir(path) else toml(path, record=record)


def directory(path: str) -> Plan:
    """Each file in it that ends a first sector with 55 AA is a job, in the order of names."""
    jobs, others = [], []
    for name in sorted(os.listdir(path)):
        file = os.path.join(path, name)
        if not os.path.isfile(file):
            continue
        with open(file, "rb") as image:
            head = image.read(SECTOR)
        if head[SECTOR - 2 :] == SIGNATURE:
            jobs.append(Job(name[:200], Path(file)))  # type: ignore[arg-type]
        else:
            others.append(name)
    if not jobs:
        raise JobError(
            f"{path}: no file in it is a bootable image (55 AA at offset 510): name a directory of "
            "images, or a TOML file of jobs"
        )
    return Plan(path, tuple(jobs), {}, tuple(others))


def toml(path: str, *, record: bool = False) -> Plan:
    """The jobs of a TOML file: [[job]] tables, and [defaults] for all of them."""
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise JobError(f"{path}: larger than {MOST_BYTES >> 20} MiB: split it into several files")
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise JobError(f"{path}: is no UTF-8 text (byte {error.start}): give a TOML file") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise JobError(f"{path}: is no TOML: {error}") from None
    return _Reader(path, record).plan(values)


class _Reader:
    """Reads one file."""

    def __init__(self, path: str, record: bool) -> None:
        self.path = path
        self.base = os.path.dirname(path)
        self.record = record
        self.goldens: dict[str, str] = {}

    def plan(self, values: Mapping[str, Any]) -> Plan:
        for key in values:
            if key not in ("job", "defaults"):
                raise JobError(f"{self.path}: {key!r}: write [[job]] or [defaults]{_near(key)}")
        defaults = values.get("defaults", {})
        if not isinstance(defaults, dict):
            raise JobError(f"{self.path}: defaults: write it as a table, [defaults]")
        self._known("[defaults]", defaults)
        tables = values.get("job", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            raise JobError(f"{self.path}: job: write each job as [[job]], with two brackets")
        if not tables:
            raise JobError(f'{self.path}: has no job: write [[job]] and image = "FILE"')
        if len(tables) > MOST_JOBS:
            raise JobError(f"{self.path}: more than {MOST_JOBS} jobs: split it into several files")
        jobs = tuple(
            self._job(number, {**defaults, **table}) for number, table in enumerate(tables, 1)
        )
        seen: set[str] = set()
        for job in jobs:
            if job.name in seen:
                raise JobError(
                    f"{self.path}: two jobs have the name {job.name!r}: give each its own name"
                )
            seen.add(job.name)
        return Plan(self.path, jobs, self.goldens)

    def _known(self, where: str, table: Mapping[str, Any]) -> None:
        for key in table:
            if key not in KEYS:
                raise JobError(
                    f"{self.path}: {where}: there is no key {key!r}{_near(key, KEYS)}; the keys "
                    f"are {', '.join(KEYS)}"
                )

    def _job(self, number: int, table: dict[str, Any]) -> Job:
        name = table.pop("name", None)
        if name is None:
            first = next((table[key] for key in (*DRIVES, "state") if key in table), None)
            name = os.path.basename(first) if isinstance(first, str) else None
        if not isinstance(name, str) or not name:
            raise JobError(
                f'{self.path}: job number {number}, name: write name = "TEXT", or image = "FILE", '
                "which names the job too"
            )
        where = f"job {name!r}"
        self._known(where, table)
        given: dict[str, Any] = {}
        for key, value in table.items():
            try:
                given[key] = self._value(key, value)
            except (OSError, TypeError, ValueError) as error:
                raise JobError(f"{self.path}: {where}, {key}: {_reason(error)}") from error
        try:
            return Job(name, **given)
        except JobError as error:
            raise JobError(f"{self.path}: {error}") from error

    def _value(self, key: str, value: Any) -> Any:
        if key in DRIVES or key == "state":
            if not isinstance(value, str) or not value:
                raise TypeError(f"write the name of a file as text, not {value!r}")
            return value if value.startswith("fat:") else self._at(value)
        if key == "memory" and isinstance(value, str):
            return _size(value)
        if key == "rtc" and isinstance(value, (datetime, date)):
            return value.isoformat()
        if key == "steps":
            if not isinstance(value, list):
                raise TypeError('write a list of steps, steps = [{ wait = "REGEX" }]')
            return tuple(self._step(number, step) for number, step in enumerate(value, 1))
        return value

    def _step(self, number: int, step: Any) -> Step:
        which = [key for key in STEPS if key in step] if isinstance(step, dict) else []
        if len(which) != 1:
            raise ValueError(
                f'step {number}: write one of {{ wait = "REGEX" }}, {{ wait = SECONDS }}, '
                f'{{ type = "KEYS" }}, {{ send = "TEXT" }}, {{ golden = "FILE" }}, not {step!r}'
            )
        (kind,) = which
        for key in step:
            if key != kind and (kind, key) != ("wait", "timeout"):
                raise ValueError(f"step {number}: {kind} has no key {key!r}: leave it out")
        make: Callable[..., Step]
        if kind == "golden":
            make = self._golden
        else:
            make = {"wait": Wait, "type": Type, "send": Send}[kind]
        try:
            more = (step["timeout"],) if "timeout" in step else ()
            return make(step[kind], *more)
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"step {number}: {kind}: {_reason(error)}") from error

    def _golden(self, name: Any) -> Golden:
        golden = Golden(name)  # checks it
        file = self._at(name)
        self.goldens[name] = file
        if self.record:
            return golden
        try:
            with open(file, "rb") as screen:
                data = screen.read()
        except FileNotFoundError:
            raise ValueError(f"{file} does not exist: --update-golden writes it") from None
        if name.endswith(".txt"):
            from .guest import golden_text

            data = golden_text(data.decode("utf-8"))
        return Golden(name, hashlib.sha256(data).hexdigest())

    def _at(self, name: str) -> str:
        """A path of the file, which counts from its own directory."""
        return os.path.join(self.base, name)


def _size(text: str) -> int:
    """Bytes, or with K, M or G.

    >>> _size("640K")
    655360
    """
    match = re.fullmatch(r"([0-9]{1,12})([KMG]?)", text)
    if match is None:
        raise ValueError(f"{text!r}: give bytes, or a text such as '640K' or '1M'")
    return int(match[1]) * UNITS[match[2]]


def _near(key: str, keys: tuple[str, ...] = ("job", "defaults")) -> str:
    close = get_close_matches(key, keys, 1)
    return f": did you mean {close[0]}?" if close else ""


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot read {error.filename}: {error.strerror or error}"
    return str(error)
