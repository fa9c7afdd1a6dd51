"""`run IMAGE`: boot an image, show what it shows, end with a status that tells how it went."""

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from .. import models
from ..disk import Disk
from ..errors import Pyx86Error
from ..exits import ExitReason
from ..machine import Machine
from .limits import QUIET, Limits
from .status import NOT_MET, OK, SHUTDOWN, TIMEOUT, UNSUPPORTED, Parser, UsageError

if TYPE_CHECKING:
    from .. import Exit

MIB = 1 << 20
UNITS = {"k": 1 << 10, "m": MIB, "g": 1 << 30}
#: What QEMU calls standard input and output.
STDIO = ("stdio", "mon:stdio")
#: Guest seconds when nobody watches: output is piped.
PIPED_TIMEOUT = 60.0
#: --type starts when the guest has been quiet for QUIET guest seconds, or at this one.
TYPE_AT_LAST = 10.0

EPILOG = """\
exit statuses: 0 halted for good, or --expect met; odd: the guest's own, by isa-debug-exit; 2 usage;
4 triple fault, or reset with -no-reboot; 6 unsupported (protected mode); 8 --expect not met;
70 a bug of pyx86emu; 124 timeout or --max-instructions; 130 Ctrl-C.

On a terminal the guest's screen is drawn and keys go to the guest; Ctrl-] or Ctrl-C ends it.
In a pipe, or with -nographic, standard output is what the guest sends over COM1 and port E9h.
"""


def parser() -> Parser:
    """The options; QEMU's spelling where QEMU has the same."""
    p = Parser("run", "Boot a boot sector or a floppy image.", EPILOG)
    add = p.add_argument
    add("image", nargs="?", metavar="IMAGE", help="boot sector or floppy image")
    add("-fda", metavar="FILE", help="the same, as QEMU spells it")
    choices = f"one of {', '.join(models.MODELS)}; help: how they differ"
    add("-cpu", metavar="MODEL", default="80486", help=choices)
    add("-m", metavar="SIZE", default="1M", help="memory: megabytes, or with K, M, G (default 1M)")
    add("-serial", metavar="WHERE", help="COM1 to stdio, none or file:PATH")
    add("-nographic", action="store_true", help="serial text instead of the screen; keys to COM1")
    add("-no-reboot", action="store_true", help="end instead of rebooting")
    add("-snapshot", action="store_true", help="never write to the image (this is the default)")
    add(
        "--write-back",
        action="store_true",
        help="write changes to the image at the end",
    )
    add(
        "-rtc",
        metavar="base=DATE",
        help="date at power-on: utc, localtime, 2009-07-01T12:00:00",
    )
    add("-icount", metavar="shift=N", help="an instruction takes 2^N ns (default 7)")
    add("--clock", choices=["virtual", "host"], help="default: host on a terminal, else virtual")
    add("--timeout", metavar="S", type=_seconds, help="guest seconds (60 when piped)")
    add("--wall", metavar="S", type=_seconds, help="seconds of real time")
    add("--max-instructions", metavar="N", type=_count, help="instructions, the BIOS's included")
    add("--expect", metavar="REGEX", type=_regex, help="end with 0 when the guest shows this")
    add("--type", metavar="TEXT", help="keys for the guest: text, \\n, {ret}, {esc}, {ctrl+c} ...")
    add("--screenshot", metavar="FILE", help="the last screen: FILE.txt or FILE.png")
    add("--json", action="store_true", help="print what happened as JSON instead of guest text")
    return p


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError
    return value


_seconds.__name__ = "number of seconds"


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


_count.__name__ = "number"


def _regex(text: str) -> "re.Pattern[str]":
    try:
        return re.compile(text, re.M | re.S)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression ({error})") from error


def memory_size(text: str) -> int:
    """`-m` as QEMU reads it: megabytes, or with a unit.

    >>> memory_size("2"), memory_size("640K")
    (2097152, 655360)
    """
    match = re.fullmatch(r"(?:size=)?(\d+)([kmg]?)b?", text.lower())
    size = int(match[1]) * UNITS[match[2] or "m"] if match else 0
    if not 64 << 10 <= size <= 64 * MIB:
        raise UsageError(f"-m {text}: give a size from 64K to 64M, such as 640K or 1M")
    return size


def _suboption(option: str, text: str, key: str) -> str:
    name, equals, value = text.partition("=")
    if name != key or not equals or not value:
        raise UsageError(f"{option} {text}: only {option} {key}=... is understood")
    return value


def rtc_base(text: str) -> datetime:
    """The date at which the guest's clock starts, as QEMU spells it."""
    if text in ("utc", "localtime"):
        now = datetime.now(UTC if text == "utc" else None)
        return now.replace(tzinfo=None)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise UsageError(
            f"-rtc base={text}: give utc, localtime or a date such as 2009-07-01T12:00:00"
        ) from error


def open_disk(options: argparse.Namespace) -> Disk:
    """The image, or the sentence that says why not."""
    if options.image and options.fda:
        raise UsageError("two images, IMAGE and -fda FILE: give one, there is one drive")
    if options.write_back and options.snapshot:
        raise UsageError("-snapshot and --write-back are opposites: give one of them")
    path = options.image or options.fda
    if not path:
        raise UsageError("no image to boot: give one, pyx86emu IMAGE")
    try:
        return Disk(path, write_back=options.write_back)
    except OSError as error:
        raise UsageError(f"cannot open {path} ({error.strerror}): give a disk image") from error
    except Pyx86Error as error:
        raise UsageError(str(error)) from error


def make_machine(
    options: argparse.Namespace, disk: Disk, clock: Literal["virtual", "host"]
) -> Machine:
    """The machine that the options describe."""
    memory = memory_size(options.m)
    shift = 7
    if options.icount:
        value = _suboption("-icount", options.icount, "shift")
        if not value.isdigit() or int(value) > 10:
            raise UsageError(f"-icount {options.icount}: shift goes from 0 to 10")
        shift = int(value)
    base = rtc_base(_suboption("-rtc", options.rtc, "base")) if options.rtc else None
    try:
        model = models.canonical(options.cpu)
    except ValueError as error:
        raise UsageError(f"-cpu: {error}") from error
    try:
        return Machine(
            disk,
            model=model,
            memory=memory,
            clock=clock,
            shift=shift,
            rtc_base=base,
            no_reboot=options.no_reboot,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


class Outputs:
    """Where guest text goes, as it comes."""

    def __init__(self, options: argparse.Namespace, on_terminal: bool) -> None:
        self.file = None
        self.to_stdout = not options.json and not on_terminal
        where = options.serial or "stdio"
        if where.startswith("file:"):
            try:
                self.file = open(where[5:], "wb", buffering=0)  # noqa: SIM115
            except OSError as error:
                raise UsageError(f"-serial {where}: {error.strerror}") from error
        elif where not in (*STDIO, "none", "null"):
            raise UsageError(f"-serial {where}: use stdio, none or file:PATH")
        self.serial_to_stdout = self.to_stdout and where in STDIO

    def connect(self, m: Machine) -> None:
        """Copy what the guest sends; the machine keeps its own record."""
        record = m.uart.output
        assert record is not None

        def serial(data: bytes) -> None:
            record(data)
            if self.file is not None:
                self.file.write(data)
            elif self.serial_to_stdout:
                _write(data)

        m.uart.output = serial
        if self.to_stdout:
            m.debug.output = _write

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def _write(data: bytes) -> None:
    out = sys.stdout.buffer
    out.write(data)
    out.flush()


def main(args: list[str]) -> int:
    """`pyx86emu IMAGE` and `pyx86emu run IMAGE`."""
    options = parser().parse_args(args)
    if options.cpu == "help":
        print(models.text(), end="")
        return OK
    if options.screenshot and not options.screenshot.endswith((".txt", ".png")):
        raise UsageError(f"--screenshot {options.screenshot}: name a file in .txt or .png")
    # A closed standard input is None.
    watched = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    by_line = options.nographic or options.serial in STDIO
    terminal = watched and not (by_line or options.json)
    if options.timeout is None and not watched:
        options.timeout = PIPED_TIMEOUT
    clock: Literal["virtual", "host"] = options.clock or ("host" if watched else "virtual")
    outputs = Outputs(options, terminal)
    start = monotonic()
    with open_disk(options) as disk, make_machine(options, disk, clock) as m:
        outputs.connect(m)
        keys = _keys(options.type, m)
        try:
            exit = _interactive(m, options, keys, terminal) or _batch(m, options, keys)
            status = exit_status(m, exit, options.expect is not None)
            _say(m, exit, status, options)
            if options.screenshot:
                _screenshot(m, options.screenshot)
            if options.json:
                print(json.dumps(report(m, exit, status, monotonic() - start)))
        finally:
            outputs.close()
            sys.stdout.flush()
    return status


def _keys(text: str | None, m: Machine) -> str:
    """The text of --type, checked before the guest starts."""
    if not text:
        return ""
    keys = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\e", "\x1b")
    try:
        m.keyboard.type(keys)
    except ValueError as error:
        raise UsageError(f"--type: {error}") from error
    m.keyboard.reset()
    return keys


def _interactive(
    m: Machine, options: argparse.Namespace, keys: str, terminal: bool
) -> "Exit | None":
    """With the screen on the terminal, or COM1 on it; None where nobody sits in front of it."""
    if terminal:
        from .terminal import ScreenTerminal

        return ScreenTerminal(m).run(options, keys)
    if (options.nographic or options.serial in STDIO) and not options.json:
        from .terminal import SerialTerminal

        return SerialTerminal(m).run(options, keys)
    return None


def _batch(m: Machine, options: argparse.Namespace, keys: str) -> "Exit":
    """Type when the guest is ready, then run to the end."""
    limits = Limits(m, options)
    if keys:
        exit = wait_for_quiet(m, limits)
        if exit.reason is not ExitReason.DEADLINE or limits.over():
            return exit
        m.keyboard.type(keys)
    return limits.run()


def wait_for_quiet(m: Machine, limits: Limits) -> "Exit":
    """Run until the guest has nothing more to say and so may be waiting for a key."""
    seen, since = None, m.time
    while True:
        exit = limits.run(0.05)
        if exit.reason is not ExitReason.DEADLINE or limits.over():
            return exit
        now = (m.screen.version, m.serial_log.total, m.booted)
        if now != seen:
            seen, since = now, m.time
        if m.booted and (m.time - since >= QUIET or m.time >= TYPE_AT_LAST):
            return exit


def exit_status(m: Machine, exit: "Exit", expecting: bool) -> int:
    """The process's status for the way in which a run ended."""
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


def _say(m: Machine, exit: "Exit", status: int, options: argparse.Namespace) -> None:
    """One sentence on standard error where something did not go as asked."""
    where = f"at {exit.cs:04x}:{exit.ip:04x}, {m.time:.3f} guest seconds"
    if status == NOT_MET:
        text = f"--expect {options.expect.pattern!r} not met ({exit.reason.name} {where})"
    elif status == UNSUPPORTED:
        text = exit.message or f"unsupported ({where})"
    elif status == SHUTDOWN:
        text = f"the machine shut down: triple fault, or reset with -no-reboot ({where})"
    elif status == TIMEOUT:
        text = f"stopped, time is up ({where}): give more with --timeout, --wall or the like"
    else:
        return
    print(f"pyx86emu: {text}", file=sys.stderr)


def _screenshot(m: Machine, path: str) -> None:
    try:
        m.screen.save(path)
    except OSError as error:
        raise UsageError(f"--screenshot {path}: {error.strerror}") from error


def report(m: Machine, exit: "Exit", status: int, wall: float) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "status": status,
        "reason": exit.reason.name,
        "message": exit.message,
        "cs": exit.cs,
        "ip": exit.ip,
        "instructions": m.vcpu.instructions,
        "guest_seconds": m.time,
        "wall_seconds": round(wall, 6),
        "guest_status": m.exit_status,
        "screen": m.screen.text,
        "serial": m.serial_text,
        "serial_dropped": m.serial_dropped,
        "debug": m.debug_text,
        "debug_dropped": m.debug_dropped,
        "disk_sectors_changed": m.disk.changed if m.disk else 0,
    }
