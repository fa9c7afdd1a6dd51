"""The options of `run`: read them, check what can be checked before the guest starts."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from .. import models
from . import drives, extras, opt_virtio
from .accel import add_accel
from .output import check_apart, check_file, check_input
from .outputs import STDIO
from .parser import Options, Parser
from .script import add_step, expect, send
from .status import UsageError, ValueRefused
from .values import model, seconds, whole

MIB = 1 << 20
UNITS = {"": MIB, "k": 1 << 10, "m": MIB, "g": 1 << 30}
LARGEST_SHIFT = 10
DISPLAYS = ("none", "term", "web")
#: Serial ports, in the order of -serial.
PORTS = ("COM1", "COM2")
PICTURES = (".png", ".txt", ".ansi", ".html")

EPILOG = """\
exit statuses: 0 halted for good, or --expect met; odd: the guest's own, by isa-debug-exit; 2 usage;
4 triple fault, or reset with -no-reboot; 6 unsupported (protected mode); 8 --expect not met;
10 --stop-on; 70 a bug of pyx86emu; 74 the host failed: standard output, a file or memory (without a
message if the reader of a pipe has gone); 124 timeout or --max-instructions; 130 the user or a
signal ended it.

On a terminal the guest's screen is drawn and keys go to the guest; Ctrl-] is ours. In a pipe, or
with -nographic, standard output is what the guest sends over COM1 and port E9h. --screenshot,
--screen, --json and --write-back write their output however the run ends.

--expect and --send are done in their order, each after the one before it. --expect sees only what
is new on the screen, from COM1 and from port E9h since the last one was met. If --send comes first,
it waits until the guest is quiet. If the last step is --expect, the run ends when it is met.

A file name that begins with fat: is a directory: its files are a FAT disk.
"""


def parser() -> Parser:
    """The parser of all options. They are spelt as in QEMU where QEMU has the same."""
    p = Parser("run", "Boot a boot sector, a floppy or a hard disk image.", EPILOG, _instead)
    p.set_defaults(script=())
    add = p.add_argument
    image = "boot sector, floppy or hard disk image: its contents say which"
    add("image", nargs="?", metavar="IMAGE", help=image)
    for place in drives.DRIVES:
        kind = "floppy" if place.startswith("fd") else "hard"
        drive = f"image of the {'second' if place.endswith('b') else 'first'} {kind} disk"
        add(f"-{place}", metavar="FILE", action="append", default=[], help=drive)
    keys = "a disk: file=F,if=ide|floppy|virtio|none,index=0|1,id=ID,snapshot=on|off,readonly=on"
    add("-drive", metavar="KEYS", action="append", default=[], type=drives.drive, help=keys)
    orders = "which drives boot: a, c, or order=ac"
    add("-boot", metavar="ORDER", type=drives.boot_order, help=orders)
    sizes = "cylinders, heads, sectors per track of the image"
    add("--geometry", metavar="C,H,S", type=drives.geometry, help=sizes)
    add("-snapshot", action="store_true", help="never write to the images (this is the default)")
    add("--write-back", action="store_true", help="write changes to the images at the end")
    deletes = "with --write-back, delete files of fat:DIR that the guest has deleted"
    add("--delete", action="store_true", help=deletes)

    choices = f"one of {', '.join(models.MODELS)}; help: how they differ"
    add("-cpu", metavar="MODEL", type=_cpu, help=f"{choices} (default 80486; KVM: the host's)")
    add_accel(p)
    add("-smp", metavar="1", type=_smp, help="the number of vCPUs: 1")
    sizes = "memory: megabytes, or with K, M, G (default 1M)"
    add("-m", metavar="SIZE", type=memory_size, default=MIB, help=sizes)
    add("-bios", metavar="FILE", help="the ROM at the top of the first megabyte, instead of ours")
    roms = "an option ROM, from C8000h up; repeatable"
    add("-option-rom", metavar="FILE", action="append", default=[], help=roms)
    add("-name", metavar="TEXT", help="a name for the guest, shown in --json")

    lines = "stdio, none, file:PATH, pty, tcp:HOST:PORT[,server], unix:PATH; first COM1, then COM2"
    add("-serial", metavar="WHERE", action="append", default=[], help=lines)
    add("-parallel", metavar="WHERE", help="LPT1 to file:PATH or none")
    displays = "none, term: the terminal, web[=HOST:PORT]: a page for a browser"
    add("-display", metavar="WHERE", type=_display, help=displays)
    floppies = "with -display web: a floppy image that the page may put into a drive; repeatable"
    add("--floppy", metavar="FILE", action="append", default=[], help=floppies)
    add("-nographic", action="store_true", help="serial text instead of the screen; keys to COM1")
    add("--audio", metavar="FILE.wav", help="record the PC's speaker")
    add("--screenshot", metavar="FILE", help="the last screen: FILE.png, .txt, .ansi or .html")
    add("--screen", action="store_true", help="print the last text screen at the end")
    add("--json", action="store_true", help="print what happened as JSON instead of guest text")

    add("-no-reboot", action="store_true", help="end instead of rebooting")
    stays = "stay when the guest has ended, until Ctrl-], a signal or --wall"
    add("-no-shutdown", action="store_true", help=stays)
    dates = "date at power-on: utc, localtime, 2009-07-01T12:00:00"
    add("-rtc", metavar="base=DATE", type=_rtc, help=dates)
    add("-icount", metavar="shift=N", type=_shift, help="an instruction takes 2^N ns (default 7)")
    clocks = "default: host on a terminal and on KVM, else virtual"
    add("--clock", choices=["virtual", "host"], help=clocks)
    add("--timeout", metavar="S", type=seconds, help="guest seconds (60 when piped, without gdb)")
    add("--wall", metavar="S", type=seconds, help="seconds of real time")
    add("--max-instructions", metavar="N", type=whole(), help="instructions, the BIOS's included")
    waits = "wait until the guest shows this; as the last step, end with 0"
    add("--expect", metavar="REGEX", type=expect, action=add_step, help=waits)
    sends = "then type TEXT, or send it over COM1 with serial:TEXT; \\n, \\xNN, {ret}, {ctrl+c} ..."
    add("--send", metavar="TEXT", type=send, action=add_step, help=sends)
    add(
        "--type",
        metavar="TEXT",
        help="keys when the guest is quiet: text, \\n, {ret}, {ctrl+c} ...",
    )
    extras.add(p)
    return p


def _instead(name: str) -> str | None:
    """What to use in place of an option of QEMU that is not ours."""
    from .foreign import FOREIGN  # only here: only a mistake needs it

    return FOREIGN.get(name)


def read(args: Sequence[str]) -> Options:
    """The checked options; `disks` has a Drive for each disk. UsageError: one sentence that says
    what cannot be done."""
    options = parser().parse(args)
    if "help" in (options.cpu, options.d) or opt_virtio.wants_help(options):
        return options
    if options.write_back and options.snapshot:
        raise UsageError("-snapshot and --write-back are opposites: give one of them")
    if options.delete and not options.write_back:
        raise UsageError("--delete without --write-back: nothing is written to the directory")
    options.disks = drives.drives(options)
    extras.check(options, inputs=images(options))
    if options.nographic and options.display not in (None, ("none", "")):
        raise UsageError("-nographic and -display are opposites: give one of them")
    if options.floppy and (options.display or ("", ""))[0] != "web":
        raise UsageError("--floppy is for the web page: add -display web, or give -fda FILE")
    for path in options.floppy:
        check_input("--floppy", path)
    if options.screen and options.json:
        raise UsageError("--screen with --json: the report has the screen, leave --screen out")
    _check_lines(options)
    for option, paths in (("-bios", [options.bios]), ("-option-rom", options.option_rom)):
        for path in paths:
            if path is not None:
                check_input(option, path)
    if (path := options.screenshot) is not None:
        if not path.lower().endswith(PICTURES):
            raise UsageError(f"--screenshot {path}: name a file in {', '.join(PICTURES)}")
        _check_file("--screenshot", path, options)
    if (path := options.audio) is not None:
        if not path.lower().endswith(".wav"):
            raise UsageError(f"--audio {path}: name a file in .wav")
        _check_file("--audio", path, options)
    return options


def _check_lines(options: Options) -> None:
    """-serial and -parallel: as many as there are ports, and their files can be written."""
    if len(options.serial) > len(PORTS):
        raise UsageError(f"-serial {options.serial[2]}: there are two, COM1 and COM2")
    if sum(where in STDIO for where in options.serial) > 1:
        raise UsageError("-serial stdio twice: give it to one of COM1 and COM2")
    places = [("-serial", where) for where in options.serial]
    if options.parallel is not None:
        places.append(("-parallel", options.parallel))
    for option, where in places:
        if where.startswith("file:"):
            if where == "file:":
                raise UsageError(f"{option} file: has no name: use file:PATH")
            _check_file(option, where[5:], options)


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


def _smp(text: str) -> int:
    if text not in ("1", "cpus=1"):
        raise UsageError(f"-smp {text}: there is one vCPU, leave it out")
    return 1


def _display(text: str) -> tuple[str, str]:
    """(name, address): the address is "" unless `web=HOST:PORT` gives one."""
    name, equals, address = text.partition("=")
    if name not in DISPLAYS:
        raise UsageError(f"-display {text}: give none, term or web[=HOST:PORT], there is no window")
    if equals and (name != "web" or not address):
        raise UsageError(f"-display {text}: only web has an address, web=HOST:PORT")
    if address:
        from .web import address as checked

        checked(address)
    return name, address


def _rtc(text: str) -> datetime:
    return rtc_base(_suboption("-rtc", text, "base"))


def _shift(text: str) -> int:
    value = _suboption("-icount", text, "shift")
    try:
        return whole(high=LARGEST_SHIFT)(value)
    except ValueRefused as error:
        raise UsageError(f"-icount {text}: shift goes from 0 to {LARGEST_SHIFT}") from error


def _suboption(option: str, text: str, key: str) -> str:
    name, equals, value = text.partition("=")
    if name != key or not equals or not value:
        raise UsageError(f"{option} {text}: write {option} {key}=VALUE")
    return value


def _check_file(option: str, path: str, options: Options) -> None:
    """The file can be written, and is none of the images."""
    check_file(option, path)
    check_apart([(option, path)], images(options))


def images(options: Options) -> list[tuple[str, str]]:
    """The images, as `check_apart` takes them."""
    return [("the disk image", disk.path) for disk in options.disks]
