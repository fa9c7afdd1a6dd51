"""The options of `run`: read them, check what can be checked before the guest starts."""

import argparse
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from .. import models
from .accel import add_accel
from .output import check_file
from .parser import Parser
from .status import UsageError
from .values import model, regex, seconds, whole

MIB = 1 << 20
UNITS = {"": MIB, "k": 1 << 10, "m": MIB, "g": 1 << 30}
#: What QEMU calls standard input and output.
STDIO = ("stdio", "mon:stdio")
#: After so many guest seconds without output, the guest may be waiting for a key (--type).
QUIET = 0.5
LARGEST_SHIFT = 10

EPILOG = """\
exit statuses: 0 halted for good, or --expect met; odd: the guest's own, by isa-debug-exit; 2 usage;
4 triple fault, or reset with -no-reboot; 6 unsupported (protected mode); 8 --expect not met;
70 a bug of pyx86emu; 74 the host failed: standard output, a file or memory (without a message if
the reader of a pipe has gone); 124 timeout or --max-instructions; 130 Ctrl-C,
Ctrl-], Ctrl-\\, or a signal.

On a terminal the guest's screen is drawn and keys go to the guest; Ctrl-] or Ctrl-C ends the run,
Ctrl-Z suspends it. In a pipe, or with -nographic, standard output is what the guest sends over COM1
and port E9h. --screenshot, --json and --write-back write their output however the run ends.
"""

#: Options that QEMU has and this machine does not, and what to use instead.
FOREIGN = {
    "-boot": "there is one drive to boot from: give its image, -fda FILE",
    "-cdrom": "there is no CD-ROM drive: give a floppy image, -fda FILE",
    "-curses": "on a terminal the screen is drawn without it",
    "-display": "the screen is drawn on a terminal: leave it out, or -nographic for serial text",
    "-drive": "give a floppy image, -fda FILE",
    "-fdb": "there is one floppy drive: give its image, -fda FILE",
    "-gdb": "there is no gdb server",
    "-hda": "there is no hard disk: give a floppy image, -fda FILE",
    "-hdb": "there is no hard disk: give a floppy image, -fda FILE",
    "-monitor": "there is no monitor: Ctrl-] ends the guest, --json shows its state",
    "-nic": "there is no network card",
    "-S": "there is no gdb server: the guest starts at once",
    "-s": "there is no gdb server",
    "-smp": "there is one vCPU",
}


def parser() -> Parser:
    """The parser of all options. They are spelt as in QEMU where QEMU has the same."""
    p = Parser("run", "Boot a boot sector or a floppy image.", EPILOG, FOREIGN)
    add = p.add_argument
    add("image", nargs="?", metavar="IMAGE", help="boot sector or floppy image")
    add("-fda", metavar="FILE", action="append", default=[], help="the same, as QEMU spells it")
    choices = f"one of {', '.join(models.MODELS)}; help: how they differ"
    add("-cpu", metavar="MODEL", type=_cpu, help=f"{choices} (default 80486; KVM: the host's)")
    add_accel(p)
    sizes = "memory: megabytes, or with K, M, G (default 1M)"
    add("-m", metavar="SIZE", type=memory_size, default=MIB, help=sizes)
    add("-serial", metavar="WHERE", type=_serial, help="COM1 to stdio, none or file:PATH")
    add("-nographic", action="store_true", help="serial text instead of the screen; keys to COM1")
    add("-no-reboot", action="store_true", help="end instead of rebooting")
    add("-snapshot", action="store_true", help="never write to the image (this is the default)")
    add("--write-back", action="store_true", help="write changes to the image at the end")
    dates = "date at power-on: utc, localtime, 2009-07-01T12:00:00"
    add("-rtc", metavar="base=DATE", type=_rtc, help=dates)
    add("-icount", metavar="shift=N", type=_shift, help="an instruction takes 2^N ns (default 7)")
    clocks = "default: host on a terminal and on KVM, else virtual"
    add("--clock", choices=["virtual", "host"], help=clocks)
    add("--timeout", metavar="S", type=seconds, help="guest seconds (60 when piped)")
    add("--wall", metavar="S", type=seconds, help="seconds of real time")
    add("--max-instructions", metavar="N", type=whole(), help="instructions, the BIOS's included")
    add("--expect", metavar="REGEX", type=regex, help="end with 0 when the guest shows this")
    add("--type", metavar="TEXT", help="keys for the guest: text, \\n, {ret}, {esc}, {ctrl+c} ...")
    add("--screenshot", metavar="FILE", help="the last screen: FILE.txt or FILE.png")
    add("--json", action="store_true", help="print what happened as JSON instead of guest text")
    return p


def read(args: Sequence[str]) -> argparse.Namespace:
    """The checked options. UsageError: one sentence that says what cannot be done."""
    options = parser().parse(args)
    if options.cpu == "help":
        return options
    images = [*options.fda, *([options.image] if options.image is not None else [])]
    if len(images) > 1:
        raise UsageError("two images, IMAGE and -fda FILE: give one, there is one drive")
    if not images or not images[0]:
        raise UsageError("no image to boot: give one, pyx86emu IMAGE")
    options.image = images[0]
    if options.write_back and options.snapshot:
        raise UsageError("-snapshot and --write-back are opposites: give one of them")
    if options.screenshot is not None:
        if not options.screenshot.endswith((".txt", ".png")):
            raise UsageError(f"--screenshot {options.screenshot}: name a file in .txt or .png")
        _check_file("--screenshot", options.screenshot, options.image)
    if path := serial_file(options):
        _check_file("-serial", path, options.image)
    return options


def serial_file(options: argparse.Namespace) -> str | None:
    """The path of `-serial file:PATH`; None for another `-serial`, or without."""
    where = options.serial or ""
    return where[5:] if where.startswith("file:") else None


def memory_size(text: str) -> int:
    """`-m` as QEMU reads it: megabytes, or with a unit.

    >>> memory_size("2"), memory_size("640K")
    (2097152, 655360)
    """
    match = re.fullmatch(r"(?:size=)?([0-9]{1,9})([kKmMgG]?)[bB]?", text)
    size = int(match[1]) * UNITS[match[2].lower()] if match else 0
    if not 64 << 10 <= size <= 64 * MIB:
        raise UsageError(f"-m {text}: give a size from 64K to 64M, such as 640K or 1M")
    return size


def rtc_base(text: str) -> datetime:
    """The date at which the guest's clock starts, as QEMU spells it."""
    if text in ("utc", "localtime"):
        now = datetime.now(UTC if text == "utc" else None)
        return now.replace(tzinfo=None)
    # A PC's clock has dates from 1900 to 2099.
    pattern = r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2})?"
    try:
        if re.fullmatch(pattern, text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass  # there is no such day
    raise UsageError(
        f"-rtc base={text}: give utc, localtime or a date such as 2009-07-01T12:00:00, 1900 to 2099"
    )


def _cpu(text: str) -> str:
    return text if text == "help" else model(text)


def _serial(text: str) -> str:
    if text not in (*STDIO, "none", "null") and not text.startswith("file:"):
        raise UsageError(f"-serial {text}: use stdio, none or file:PATH")
    if text == "file:":
        raise UsageError("-serial file: has no name: use file:PATH")
    return text


def _rtc(text: str) -> datetime:
    return rtc_base(_suboption("-rtc", text, "base"))


def _shift(text: str) -> int:
    value = _suboption("-icount", text, "shift")
    try:
        return whole(high=LARGEST_SHIFT)(value)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"-icount {text}: shift goes from 0 to {LARGEST_SHIFT}") from error


def _suboption(option: str, text: str, key: str) -> str:
    name, equals, value = text.partition("=")
    if name != key or not equals or not value:
        raise UsageError(f"{option} {text}: write {option} {key}=VALUE")
    return value


def _check_file(option: str, path: str, image: str) -> None:
    check_file(option, path)
    if os.path.exists(path) and os.path.exists(image) and os.path.samefile(path, image):
        raise UsageError(f"{option} {path}: that would overwrite the disk image, name another file")
