"""Keeping: write what repeats a failure into a directory, with the commands that do it."""

import json
import os
import re
import shlex
from datetime import datetime
from pathlib import Path

from .guest import BEFORE
from .jobs import DEFAULT_STOPS, DRIVES, Job, Result
from .reports import printable

#: The file with the commands.
COMMANDS = "repeat.txt"


def keep(directory: str, job: Job, result: Result, plan: str) -> Path:
    """Write a failure into a directory of its own below `directory`; returns it.

    It has `result.json`, the texts, what `Result.kept` brought, and `repeat.txt`: the commands that
    repeat the job, and that run on from the state before its last step. OSError: it cannot be
    written."""
    place = Path(directory) / f"{result.index:05}-{safe(result.name)}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "result.json").write_text(json.dumps(dict(result.plain()), indent=1), "utf-8")
    for name, text in (
        ("screen", result.screen),
        ("serial", result.serial),
        ("debug", result.debug),
    ):
        if text:
            (place / f"{name}.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    for name, data in result.kept:
        (place / name).write_bytes(data)
    lines = [printable(result.message)]
    if result.last:
        lines += ["", "The last instructions:", *result.last]
    lines += ["", "To repeat it:", repeat(plan, job.name)]
    if BEFORE in dict(result.kept):
        lines += ["", "To run on from the state before its last step:"]
        lines += [run_on(job, place / BEFORE)]
    (place / COMMANDS).write_text("\n".join([*lines, ""]), "utf-8")
    return place


def safe(name: str) -> str:
    """A name as part of a file's.

    >>> safe("../../etc/passwd")
    '.._.._etc_passwd'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:80]


def repeat(plan: str, name: str) -> str:
    """The command that runs one job alone.

    >>> repeat("os.toml", "free dos")
    "pyx86emu batch os.toml --job='free dos' -j 1"
    """
    return f"pyx86emu batch {shlex.quote(plan)} --job={shlex.quote(name)} -j 1"


def run_on(job: Job, state: Path) -> str:
    """The command that runs the machine of a job on from a state."""
    words = ["pyx86emu", "run"]
    for drive in DRIVES:
        content = getattr(job, drive)
        if content is not None:
            words += ([] if drive == "image" else [f"-{drive}"]) + [content.name]
    words += ["-m", f"{job.memory >> 10}K"]
    if job.model is not None:
        words += ["-cpu", job.model]
    if job.accel != "interp":
        words += ["-accel", job.accel]
    if job.order is not None:
        words += ["-boot", job.order]
    if job.clock is not None:
        words += ["--clock", job.clock]
    if job.shift is not None:
        words += ["-icount", f"shift={job.shift}"]
    if job.rtc is not None:
        base = datetime.fromisoformat(job.rtc).replace(tzinfo=None, microsecond=0)
        words += ["-rtc", f"base={base.isoformat()}"]
    if job.no_reboot:
        words += ["-no-reboot"]
    stops = DEFAULT_STOPS if job.stop_on is None and job.accel == "interp" else job.stop_on
    if stops:
        words += ["--stop-on", ",".join(stops)]
    return shlex.join([*words, "--load-state", os.fspath(state)])
