"""`run IMAGE`: boot an image, show its output, end with a status that says how the run ended."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .. import models
from ..errors import DiskError, Pyx86Error
from ..exits import ExitReason
from ..pc.disks.image import Disk
from ..pc.limits import Limits
from ..pc.machine import Machine
from . import options as arguments
from . import output
from .accel import usable
from .options import QUIET, STDIO
from .signals import Ending
from .status import (
    HOST,
    INTERRUPTED,
    NOT_MET,
    OK,
    SHUTDOWN,
    TIMEOUT,
    UNSUPPORTED,
    HostError,
    UsageError,
    reason,
)

if TYPE_CHECKING:
    from .. import Exit

#: The default --timeout in guest seconds when the output is piped.
PIPED_TIMEOUT = 60.0
#: --type starts after QUIET guest seconds without output, or at this guest second at the latest.
TYPE_AT_LAST = 10.0


@contextmanager
def open_disk(options: argparse.Namespace) -> Iterator[Disk]:
    """The open image. UsageError: it cannot be opened. HostError: changes cannot be written."""
    try:
        disk = Disk(options.image, write_back=options.write_back)
    except OSError as error:
        raise UsageError(
            f"cannot open {options.image} ({reason(error)}): give a disk image"
        ) from error
    except Pyx86Error as error:
        raise UsageError(str(error)) from error
    try:
        yield disk
    finally:
        _close(disk)


def _close(disk: Disk) -> None:
    """Close the image; --write-back writes changes first. HostError says how many are lost."""
    try:
        disk.close()
    except (OSError, DiskError) as error:
        lost = disk.changed
        disk.close(discard=True)
        number = error.errno if isinstance(error, OSError) else None
        why = os.strerror(number) if number else str(error)
        raise HostError(
            f"cannot write back to {disk.name}: {why}; changed sectors lost: {lost}"
        ) from error


def make_machine(
    options: argparse.Namespace, disk: Disk, clock: Literal["virtual", "host"] | None
) -> Machine:
    """The machine that the options describe. UsageError: its back end lacks something."""
    try:
        with usable(options.accel):
            m = Machine(
                disk,
                accel=options.accel,
                model=options.cpu,
                memory=options.m,
                clock=clock,
                shift=options.icount,
                rtc_base=options.rtc,
                no_reboot=options.no_reboot,
            )
    except ValueError as error:
        raise UsageError(str(error)) from error
    if options.max_instructions is not None and not m.vm.capabilities.max_instructions:
        m.close()
        raise UsageError("--max-instructions: KVM counts none, give --timeout or -accel interp")
    return m


class Outputs:
    """Where guest text goes, at the moment when it is sent."""

    def __init__(self, options: argparse.Namespace, on_terminal: bool) -> None:
        self.to_stdout = not options.json and not on_terminal
        self.serial_to_stdout = self.to_stdout and options.serial in (None, *STDIO)
        self.path = arguments.serial_file(options)
        try:
            self.file = FileIO(self.path, "wb") if self.path else None
        except OSError as error:
            raise UsageError(f"-serial {options.serial}: {reason(error)}") from error

    def connect(self, m: Machine) -> None:
        """Copy what the guest sends. The machine also keeps it in its logs."""
        record = m.uart.output
        assert record is not None

        def serial(data: bytes) -> None:
            record(data)
            if self.file is not None:
                self.keep(data)
            elif self.serial_to_stdout:
                output.send(data)

        m.uart.output = serial
        if self.to_stdout:
            m.debug.output = output.send

    def keep(self, data: bytes) -> None:
        """Write to the file of -serial."""
        assert self.file is not None
        try:
            output.write_all(self.file, data)
        except OSError as error:
            raise HostError(f"cannot write to {self.path}: {reason(error)}") from error

    def __enter__(self) -> "Outputs":
        return self

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()


class Outcome(NamedTuple):
    """How a run ended."""

    status: int
    reason: str
    message: str | None
    cs: int
    ip: int


def main(args: list[str]) -> int:
    """`pyx86emu IMAGE` and `pyx86emu run IMAGE`."""
    options = arguments.read(args)
    if options.cpu == "help":
        output.send(output.printable(models.text()))
        return OK
    watched = output.is_terminal(sys.stdin) and output.is_terminal(sys.stdout)
    by_line = options.nographic or options.serial in STDIO
    terminal = watched and not (by_line or options.json)
    if options.timeout is None and not watched:
        options.timeout = PIPED_TIMEOUT
    clock: Literal["virtual", "host"] | None = options.clock or ("host" if watched else None)
    start = monotonic()
    with (
        Ending() as ending,
        open_disk(options) as disk,
        make_machine(options, disk, clock) as m,
        Outputs(options, terminal) as outputs,
    ):
        outputs.connect(m)
        outcome = _outcome(m, options, _keys(options.type, m), terminal)
        ending.no_more()
        changed, not_written = disk.changed, ""
        try:
            _close(disk)
        except HostError as error:
            not_written = str(error)
        ending.again()
        _explain(m, outcome, options)
        if not_written:
            outcome = _failed(outcome, not_written)
        if options.screenshot:
            outcome = _screenshot(m, options.screenshot, outcome)
        if options.json:
            output.say(json.dumps(report(m, outcome, changed, monotonic() - start)))
        ending.no_more()
    return outcome.status


def _keys(text: str | None, m: Machine) -> str:
    """The text of --type, checked before the guest starts. UsageError: no key types some of it."""
    if not text:
        return ""
    keys = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\e", "\x1b")
    try:
        m.keyboard.type(keys)
    except ValueError as error:
        raise UsageError(f"--type: {error}") from error
    m.keyboard.reset()
    return keys


def _outcome(m: Machine, options: argparse.Namespace, keys: str, terminal: bool) -> Outcome:
    """Run to the end. A signal or a host error is an outcome too, so results are still written."""
    try:
        if terminal:
            from .terminal import ScreenTerminal

            exit = ScreenTerminal(m).run(limits_of(m, options), keys)
        elif (options.nographic or options.serial in STDIO) and not options.json:
            from .terminal import SerialTerminal

            exit = SerialTerminal(m).run(limits_of(m, options), keys)
        else:
            exit = _batch(m, options, keys)
    except KeyboardInterrupt as error:
        return _cut_short(m, INTERRUPTED, "INTERRUPTED", str(error) or "interrupted")
    except HostError as error:
        return _cut_short(m, HOST, "HOST_ERROR", str(error))
    except (OSError, DiskError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        return _cut_short(m, HOST, "HOST_ERROR", f"cannot read {options.image}: {why}")
    status = exit_status(m, exit, options.expect is not None)
    return Outcome(status, exit.reason.name, exit.message, exit.cs, exit.ip)


def _cut_short(m: Machine, status: int, why: str, message: str) -> Outcome:
    regs = m.vcpu.regs
    return Outcome(status, why, message, regs.cs, regs.ip)


def _batch(m: Machine, options: argparse.Namespace, keys: str) -> "Exit":
    """Type when the guest is ready, then run to the end."""
    limits = limits_of(m, options)
    if keys:
        exit = wait_for_quiet(m, limits)
        if exit.reason is not ExitReason.DEADLINE or limits.over:
            return exit
        m.keyboard.type(keys)
    return limits.run()


def limits_of(m: Machine, options: argparse.Namespace) -> Limits:
    """--expect, --timeout, --wall and --max-instructions, counted from now on."""
    return m.limits(
        options.expect,
        options.timeout,
        wall=options.wall,
        max_instructions=options.max_instructions,
    )


def wait_for_quiet(m: Machine, limits: Limits) -> "Exit":
    """Run until the guest has sent and drawn nothing for QUIET guest seconds, so that it may be
    waiting for a key; at most until TYPE_AT_LAST."""
    seen, since = None, m.time
    while True:
        exit = limits.run(0.05)
        if exit.reason is not ExitReason.DEADLINE or limits.over:
            return exit
        now = (m.screen.version, m.serial_log.total, m.booted)
        if now != seen:
            seen, since = now, m.time
        if m.booted and (m.time - since >= QUIET or m.time >= TYPE_AT_LAST):
            return exit


def exit_status(m: Machine, exit: "Exit", expecting: bool) -> int:
    """The exit status of the process, from the way in which the run ended."""
    if exit.reason is ExitReason.MATCH:
        return OK
    if m.exit_status is not None:
        return m.exit_status & 0xFF
    if exit.reason is ExitReason.INTERNAL_ERROR:
        return UNSUPPORTED
    if exit.reason is ExitReason.SHUTDOWN:
        return SHUTDOWN
    if expecting:
        return NOT_MET
    return OK if exit.reason is ExitReason.HLT else TIMEOUT


def _explain(m: Machine, outcome: Outcome, options: argparse.Namespace) -> None:
    """Write one sentence to standard error if the run did not end as asked."""
    status, text = outcome.status, outcome.message
    where = f"at {outcome.cs:04x}:{outcome.ip:04x}, {m.time:.3f} guest seconds"
    if status == NOT_MET:
        text = f"--expect {options.expect.pattern!r} not met ({outcome.reason} {where})"
    elif status == UNSUPPORTED:
        text = text or f"unsupported ({where})"
    elif status == SHUTDOWN:
        text = f"the machine shut down: triple fault, or reset with -no-reboot ({where})"
    elif status == TIMEOUT:
        text = f"stopped, time is up ({where}): raise --timeout, --wall or --max-instructions"
    elif status == INTERRUPTED:
        text = f"{text} ({where})"
    elif status != HOST:
        return
    if text:
        output.complain(f"pyx86emu: {text}")


def _screenshot(m: Machine, path: str, outcome: Outcome) -> Outcome:
    """Save the screen. The returned outcome has status HOST if that fails."""
    try:
        m.screen.save(path)
    except OSError as error:
        return _failed(outcome, f"cannot write --screenshot {path}: {reason(error)}")
    return outcome


def _failed(outcome: Outcome, text: str) -> Outcome:
    output.complain(f"pyx86emu: {text}")
    return outcome._replace(status=HOST)


def report(m: Machine, outcome: Outcome, changed: int, wall: float) -> dict[str, Any]:
    """What `--json` prints. `changed`: sectors of the disk, since the disk is closed by now."""
    return {
        **outcome._asdict(),
        "wall_seconds": round(wall, 6),
        **m.report(),
        "disk_sectors_changed": changed,
    }
