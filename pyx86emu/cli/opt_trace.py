"""Traces: --trace writes what the guest does, -d writes the log of QEMU. Know names only."""

import os
import sys
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, NoReturn

from . import output
from .output import check_file
from .parser import Options, Parser
from .status import HostError, UsageError, reason

if TYPE_CHECKING:
    from ..pc.machine import Machine

FORMATS = ("text", "jsonl")
KINDS = "exec, int, io, irq, mem:ADDR+LEN, disk, floppy"
ITEMS = "in_asm, int, exec, cpu"
HELP = "help"
#: As a file: standard output.
STANDARD = "-"


def add(parser: Parser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--trace", metavar="KINDS", help=f"write what the guest does, of {KINDS}; with commas")
    add("--trace-file", metavar="FILE", help="of --trace (default: standard error); -: output")
    lines = "of --trace: text, or jsonl, an object in each line (default text)"
    add("--format", metavar="FORMAT", help=lines)
    add("-d", metavar="ITEMS", help=f"the log of QEMU, of {ITEMS}; help lists them")
    add("-D", metavar="FILE", help="of -d (default: standard error); -: standard output")


def check(options: Options) -> None:
    """UsageError: what is asked for cannot be done."""
    for needs, name, text in (
        (options.trace, "--trace-file", options.trace_file),
        (options.trace, "--format", options.format),
        (options.d, "-D", options.D),
    ):
        if needs is None and text is not None:
            of = "-d ITEMS" if name == "-D" else "--trace KINDS"
            raise UsageError(f"{name} {text}: it belongs to {of}, which is not given")
    if options.trace is not None:
        from ..tools.trace.wanted import wanted  # only here: most runs have no trace

        try:
            wanted(options.trace, {})
        except ValueError as error:
            if "mem" not in options.trace:  # labels are known when there is a machine
                raise UsageError(f"--trace {options.trace}: {error}") from error
    if options.format is not None and options.format not in FORMATS:
        raise UsageError(f"--format {options.format}: choose from {', '.join(FORMATS)}")
    if options.d is not None and options.d != HELP:
        from ..tools.trace.qemu import items

        try:
            items(options.d)
        except ValueError as error:
            raise UsageError(f"-d {options.d}: {error}; -d help lists them") from error
    for name, text, path in (
        ("--trace", options.trace, options.trace_file),
        ("-d", options.d, options.D),
    ):
        if text is not None and getattr(options, "accel", None) == "kvm":
            raise UsageError(f"{name} with -accel kvm: KVM cannot be traced, use -accel interp")
        if path is not None and path != STANDARD:
            check_file("-D" if name == "-d" else "--trace-file", path)


def check_drawn(options: Options, drawn: bool) -> None:
    """UsageError: the lines would go to the terminal on which the screen is drawn."""
    for name, text, of, file in (
        ("--trace", options.trace, "--trace-file", options.trace_file),
        ("-d", options.d, "-D", options.D),
    ):
        there = file == STANDARD or (file is None and output.is_terminal(sys.stderr))
        if drawn and text is not None and there:
            raise UsageError(
                f"{name} {text}: the screen is drawn here, give {of} FILE or -display none"
            )


def asked_for_help(options: Options) -> bool:
    """Print the list of -d help."""
    if options.d != HELP:
        return False
    from ..tools.trace.qemu import help_text

    output.say(help_text())
    return True


def around(m: "Machine", options: Options) -> AbstractContextManager[object] | None:
    """Trace while the guest runs; None: nothing is to be traced."""
    if options.trace is None and options.d is None:
        return None
    with ExitStack() as stack:
        if options.trace is not None:
            file = stack.enter_context(_File(options.trace_file))
            try:
                stack.enter_context(m.trace(options.trace, file, format=options.format or "text"))
            except (ValueError, OSError) as error:
                _refuse(f"--trace {options.trace}", error)
        if options.d is not None:
            from ..tools.trace import qemu

            file = stack.enter_context(_File(options.D))
            try:
                stack.enter_context(qemu.log(m, qemu.items(options.d), file))
            except OSError as error:
                _refuse(f"-d {options.d}", error)
        return stack.pop_all()


def _refuse(what: str, error: ValueError | OSError) -> NoReturn:
    why = reason(error) if isinstance(error, OSError) else str(error)
    raise UsageError(f"{what}: {why}") from error


class _File:
    """A trace's file, or standard error. HostError: it cannot be written."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> "_File":
        if self._path is not None and self._path != STANDARD:
            try:
                self._fd = os.open(
                    self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666
                )
            except OSError as error:
                raise UsageError(f"cannot write {self._path}: {reason(error)}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def write(self, text: str) -> None:
        if self._path == STANDARD:
            output.send(text.encode("utf-8", "backslashreplace"))
            return
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        fd = self._fd if self._path is not None else _standard_error()
        try:
            while data:
                data = data[os.write(fd, data) :]
        except OSError as error:
            where = self._path or "standard error"
            raise HostError(f"cannot write the trace to {where}: {reason(error)}") from error

    def flush(self) -> None:
        """Nothing waits."""


def _standard_error() -> int:
    """HostError: it is closed."""
    if sys.stderr is None:
        raise HostError("cannot write the trace to standard error: it is closed")
    sys.stderr.flush()
    return sys.stderr.fileno()
