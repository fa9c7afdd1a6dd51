"""Outcomes: turn the end of a run into an exit status, a sentence, a report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MachineError
from ..exits import ExitReason
from ..pc.disks.image import Disk
from ..pc.machine import Machine
from . import output
from .parser import Options
from .script import Script
from .status import (
    HOST,
    INTERRUPTED,
    NOT_MET,
    OK,
    SHUTDOWN,
    STOPPED,
    TIMEOUT,
    UNSUPPORTED,
    reason,
)

if TYPE_CHECKING:
    from .. import Exit
    from ..pc.ending import Ending


#: Of these, the last instructions are shown.
BAD = (NOT_MET, SHUTDOWN, STOPPED, TIMEOUT, UNSUPPORTED)
#: Kinds of endings, and the name of --stop-on that ends a run where they begin.
EARLIER = {
    "zeros": "zeros",
    "past the boot sector": "signature",
    "vectors": "null-vector",
    "null vector": "null-vector",
    "stack": "stack",
}


class Outcome(NamedTuple):
    """How a run ended. `ending`: what the machine shows; None if the host or the user ended it,
    or if it ended well and nobody asks. `last`: the last instructions, if it ended badly. `fault`,
    `jumped_from`: as those of Exit."""

    status: int
    reason: str
    message: str | None
    cs: int
    ip: int
    ending: "Ending | None" = None
    last: tuple[str, ...] = ()
    fault: str | None = None
    jumped_from: str | None = None


def outcome(m: Machine, exit: "Exit", script: Script, reported: bool = True) -> Outcome:
    """The outcome of a run that the guest or a limit has ended. `reported`: what the machine shows
    is wanted, however it ended."""
    status = exit_status(m, exit, script.unmet is not None)
    name, found = exit.reason.name, None
    last: tuple[str, ...] = ()
    if reported or status in BAD:
        from ..pc.ending import ending

        found = ending(m, exit)
    if status in BAD:
        from ..tools.trail import trail_of  # only here: a good end needs none

        last = tuple(trail_of(m, exit))
    came = exit.jumped_from
    return Outcome(
        *(status, name, exit.message, exit.cs, exit.ip, found, last),
        fault=exit.fault,
        jumped_from=None if came is None else f"{came[0]:04x}:{came[1]:04x}",
    )


def cut_short(m: Machine, status: int, why: str, message: str) -> Outcome:
    """The outcome of a run that a signal or the host has ended."""
    regs = m.vcpu.regs
    return Outcome(status, why, message, regs.cs, regs.ip)


def exit_status(m: Machine, exit: "Exit", expecting: bool) -> int:
    """The exit status of the process, from the way in which the run ended. `expecting`: there is
    an --expect that was not met."""
    if exit.reason is ExitReason.MATCH:
        return OK
    if m.exit_status is not None:
        return m.exit_status & 0xFF
    if exit.reason is ExitReason.INTERNAL_ERROR:
        return UNSUPPORTED
    if exit.reason is ExitReason.SHUTDOWN:
        return SHUTDOWN
    if exit.stop is not None:
        return STOPPED
    if expecting:
        return NOT_MET
    return OK if exit.reason is ExitReason.HLT else TIMEOUT


def explain(m: Machine, end: Outcome, script: Script) -> None:
    """Write one sentence to standard error if the run did not end as asked."""
    status, text = end.status, end.message
    what = end.ending.text if end.ending is not None else ""
    where = f"at {end.cs:04x}:{end.ip:04x}, {m.time:.3f} guest seconds"
    if status == NOT_MET and (unmet := script.unmet) is not None:
        number = f" (step {script.done + 1} of {len(script.steps)})" if script.steps[1:] else ""
        text = f"--expect {unmet.pattern.pattern!r}{number} not met ({end.reason} {where}): {what}"
    elif status == UNSUPPORTED:
        text = f"{what} ({m.time:.3f} guest seconds)"
    elif status == SHUTDOWN:
        text = f"the machine shut down ({where}): {what}"
    elif status == STOPPED:
        text = f"stopped by --stop-on ({m.time:.3f} guest seconds): {what}"
    elif status == TIMEOUT and end.ending is not None and end.ending.kind == "no boot":
        text = what
    elif status == TIMEOUT:
        text = f"stopped, time is up ({where}): {what}; {_advice(m, end)}"
    elif status == INTERRUPTED:
        from ..pc.ending import place

        text = f"{text} (at {place(m, end.cs, end.ip)}, {m.time:.3f} guest seconds)"
    elif status != HOST:
        return
    if text:
        output.complain(f"pyx86emu: {text}")
    show_last(end.last)


def show_last(lines: Sequence[str]) -> None:
    """Write the last instructions to standard error, if there are any."""
    if lines:
        output.complain("\n".join(["the last instructions:", *(f"  {each}" for each in lines)]))


def _advice(m: Machine, end: Outcome) -> str:
    """What to do next, when time is up."""
    kind = end.ending.kind if end.ending is not None else ""
    if kind == "resets":
        return "-no-reboot ends at the first reset"
    if kind in EARLIER and m.vm.accel == "interp":
        return f"--stop-on {EARLIER[kind]} ends it where that begins"
    return "to run on, raise --timeout, --wall or --max-instructions"


def hint(m: Machine, options: Options) -> None:
    """In a pipe: nothing came out, and there is something on the screen. Say how to see it."""
    if m.serial_log.total or m.debug.log.total or options.screen or options.screenshot:
        return
    text = shown(m)
    if text is None:
        what = f"the screen shows {m.screen.mode_name}: --screenshot FILE.png saves it"
    elif text:
        what = "the screen has text: --screen prints it, --screenshot FILE.png saves it"
    else:
        return
    output.complain(f"pyx86emu: nothing came over COM1 and port E9h; {what}")


def shown(m: Machine) -> str | None:
    """The text on the screen, without blank rows at its end; None in a graphics mode."""
    text = m.screen.text
    return None if text is None else text.rstrip()


def print_screen(m: Machine) -> None:
    """--screen: the last text screen on standard output. HostError: it cannot be written."""
    text = shown(m)
    if text is None:
        mode = m.screen.mode_name
        output.complain(
            f"pyx86emu: the screen shows {mode}, not text: --screenshot FILE.png saves it"
        )
    else:
        output.say(text)


def failed(end: Outcome, text: str) -> Outcome:
    """Say what the host could not do. The returned outcome has status HOST."""
    output.complain(f"pyx86emu: {text}")
    return end._replace(status=HOST)


def screenshot(m: Machine, path: str, end: Outcome) -> Outcome:
    """Save the screen. The returned outcome has status HOST if that fails, also because a graphics
    mode has no text."""
    try:
        m.screen.save(path)
    except OSError as error:
        return failed(end, f"cannot write --screenshot {path}: {reason(error)}")
    except MachineError as error:
        return failed(end, f"--screenshot: {error}")
    return end


class DiskReport(NamedTuple):
    """What `--json` says of a disk. It is read before the disk is closed."""

    drive: str
    file: str
    kind: str
    geometry: tuple[int, int, int]
    reason: str
    sectors_changed: int


def disk_reports(disks: dict[str, Disk]) -> list[DiskReport]:
    """One row for each drive that has a disk."""
    return [
        DiskReport(
            ("fda" if disk.kind == "floppy" else "hda") if drive == "image" else drive,
            disk.name,
            disk.kind,
            disk.geometry,
            disk.reason,
            disk.changed,
        )
        for drive, disk in disks.items()
    ]


def report(
    m: Machine,
    end: Outcome,
    disks: list[DiskReport],
    wall: float,
    name: str | None,
    devices: list[dict[str, Any]],
) -> dict[str, Any]:
    """What `--json` prints: how the run ended, the summary of the machine, its disks, and those of
    `-device`."""
    outcome = end._asdict()
    outcome["ending"] = None if end.ending is None else end.ending._asdict()
    return {
        **outcome,
        "name": name,
        "wall_seconds": round(wall, 6),
        **m.report(),
        "disk_sectors_changed": sum(each.sectors_changed for each in disks),
        "disks": [each._asdict() for each in disks],
        "devices": devices,
        "resets": m.resets.count,
    }


def as_json(report: dict[str, Any]) -> str:
    """One line."""
    import json  # only here: most runs print none

    return json.dumps(report)
