"""`dos PROGRAM [ARGS]`: run a DOS program without DOS; its ERRORLEVEL is the exit status."""

import codecs
import errno
import os
import select
import sys
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from ..errors import DiskError, MachineError
from ..exits import ExitReason
from . import extras, opt_trace, output
from .accel import add_accel, usable
from .parser import Options, Parser
from .signals import Ending
from .status import INTERRUPTED, OK, SHUTDOWN, TIMEOUT, UNSUPPORTED, UsageError, reason
from .values import model, seconds, whole

if TYPE_CHECKING:
    from .. import Exit
    from ..dos.machine import Dos, DosResult
    from ..pc.limits import Limits

#: Guest seconds of a program whose output is piped, unless --timeout says more.
PIPED_TIMEOUT = 60.0
#: Real seconds from one look at the limit of --wall to the next, while input is waited for.
WAIT = 0.1

#: What code page 437 has in the place of control characters, but BEL, BS, HT, LF and CR.
GLYPHS = {
    code: glyph
    for code, glyph in enumerate("\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼")
    if code not in (0x07, 0x08, 0x09, 0x0A, 0x0D)
} | {0x00: " ", 0x7F: "⌂"}

EPILOG = """\
What follows PROGRAM is its command line. An .asm file is assembled with nasm first. Drive C is the
directory of --root; without it there are no files but the program itself.

exit statuses: the program's ERRORLEVEL; if it has not ended: 2 usage; 4 a reset or triple fault; 6
it did what this machine does not support; 74 the host cannot write; 124 time is up, or it waits for
what never comes; 130 the user or a signal ended it. --json says which.
"""


def parser() -> Parser:
    """The options of the verb."""
    p = Parser("dos", "Run a DOS program: COM, EXE, or assembly for nasm.", EPILOG)
    add = p.add_argument
    add("program", metavar="PROGRAM", help="PROG.COM, PROG.EXE or PROG.ASM")
    add("args", metavar="ARGS", nargs="*", help="its command line")
    add("--root", metavar="DIR", help="a directory that is drive C (read-only)")
    add("--write", action="store_true", help="files below --root may be changed")
    add("--env", metavar="NAME=TEXT", action="append", default=[], help="environment; repeatable")
    add("--binary", action="store_true", help="standard input and output as bytes, unchanged")
    shown = "none, or term: the screen on the terminal, keys from it (default none)"
    add("-display", metavar="WHERE", choices=("none", "term"), default="none", help=shown)
    add("--screen", action="store_true", help="print the text screen at the end")
    add("-cpu", metavar="MODEL", type=model, help="a model (default 80486; KVM: the host's)")
    add_accel(p)
    add("--timeout", metavar="S", type=seconds, help="guest seconds (60 when piped)")
    add("--wall", metavar="S", type=seconds, help="seconds of real time")
    add("--max-instructions", metavar="N", type=whole(), help="instructions, the BIOS's included")
    add("--json", action="store_true", help="print a report as one line, with the output in it")
    extras.add(p, extras.OF_DOS)
    return p


def split(p: Parser, args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our words, up to the program, and the program's."""
    at = 0
    while at < len(args):
        word = args[at]
        if word == "--":
            return [*args[:at], *args[at + 1 : at + 2]], list(args[at + 2 :])
        if len(word) < 2 or not word.startswith("-"):
            return list(args[: at + 1]), list(args[at + 1 :])
        known = p.known.get(word)
        at += 2 if known is not None and known.takes_value else 1
    return list(args), []


def main(args: list[str]) -> int:
    """`pyx86emu dos`."""
    p = parser()
    ours, theirs = split(p, args)
    options = p.parse(ours)
    options.args = theirs
    if opt_trace.asked_for_help(options):
        return OK
    terminal = output.is_terminal(sys.stdin) and output.is_terminal(sys.stdout)
    if options.display == "term" and not terminal:
        raise UsageError(
            "-display term: standard input and output are no terminal, --screen prints the screen"
        )
    if options.display == "term" and options.json:
        raise UsageError("-display term and --json both write to standard output: give one")
    if options.timeout is None and not terminal:
        options.timeout = PIPED_TIMEOUT
    extras.check(options, extras.OF_DOS, [("the program", options.program)])
    options.typed = terminal and not options.json
    with Ending() as ending:
        writer = Writer(options.binary, glyphs=terminal and not options.binary)
        source = Stdin(options.binary, options.wall)
        with _make(options, source, writer) as dos:
            options.base = dos.kernel.psp << 4
            with extras.around(dos.machine, options, extras.OF_DOS):
                status = _run(dos, options, writer)
            ending.no_more()
    return status


def _make(options: Options, source: "Stdin", writer: "Writer") -> "Dos":
    """The machine with the program. UsageError: it cannot be."""
    from ..dos.machine import Dos

    if options.write and options.root is None:
        raise UsageError("--write: there are no files without --root DIR")
    env = dict(_variable(text) for text in options.env)
    drawn = options.display == "term"
    try:
        with usable(options.accel):
            return Dos(
                options.program,
                options.args,
                root=options.root,
                write=options.write,
                env=env,
                stdin=None if options.typed else source,
                binary=options.binary,
                on_output=None if drawn or options.json else writer.write,
                on_note=None if options.json else lambda text: output.complain(f"pyx86emu: {text}"),
                model=options.cpu,
                accel=options.accel,
                clock="host" if options.typed else None,
            )
    except (MachineError, DiskError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        if error.errno == errno.ENOMEM or error.filename is None:
            raise
        raise UsageError(f"cannot open {error.filename}: {reason(error)}") from error


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--env {text}: write --env NAME=TEXT")
    return name, value


def _run(dos: "Dos", options: Options, writer: "Writer") -> int:
    """Run the program and report; the exit status."""
    m = dos.machine
    m._record_history()  # for the report of a bad end
    try:
        limits = m.limits(
            timeout=options.timeout, wall=options.wall, max_instructions=options.max_instructions
        )
    except OSError as error:  # KVM counts no instructions
        raise UsageError(f"--max-instructions: {reason(error)}") from error
    try:
        if options.display == "term":
            from .terminal import ScreenTerminal

            exit = ScreenTerminal(m).run(limits)
        elif options.typed:
            from .dos_terminal import KeyTerminal

            exit = KeyTerminal(m).run(limits)
        else:
            exit = limits.run()
    except KeyboardInterrupt as error:
        writer.flush()
        output.complain(f"pyx86emu: {error or 'interrupted'}")
        return INTERRUPTED
    writer.flush()
    result = dos.result(exit)
    status = _status(result)
    if options.json:
        output.say(_json(dos, result, status))
    elif options.screen:
        text = m.screen.text
        output.say(f"[{m.screen.mode_name}]" if text is None else text.rstrip())
    if result.errorlevel is None:
        regs = m.vcpu.regs
        where = f"at {regs.cs:04x}:{regs.ip:04x}, {m.time:.3f} guest seconds"
        output.complain(f"pyx86emu: the program has not ended ({where}): {_why(result)}")
        from ..tools.trail import trail_of
        from .outcome import show_last

        show_last(trail_of(m, exit))
    return status


def _drawn(dos: "Dos", limits: "Limits") -> "Exit":
    from .terminal import ScreenTerminal

    return ScreenTerminal(dos.machine).run(limits)


def _status(result: "DosResult") -> int:
    if result.errorlevel is not None:
        return result.errorlevel
    kinds = {ExitReason.SHUTDOWN: SHUTDOWN, ExitReason.INTERNAL_ERROR: UNSUPPORTED}
    return kinds.get(result.exit.reason, TIMEOUT)


def _why(result: "DosResult") -> str:
    found = result.exit.reason
    if found is ExitReason.HLT:
        return "it has halted with interrupts off"
    if found in (ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR):
        return result.exit.message or "the machine shut down"
    return "time is up; to run on, raise --timeout, --wall or --max-instructions"


def _json(dos: "Dos", result: "DosResult", status: int) -> str:
    import json

    m = dos.machine
    return json.dumps(
        {
            "status": status,
            "errorlevel": result.errorlevel,
            "how": result.how,
            "reason": result.exit.reason.name,
            "output": result.text,
            "output_dropped": dos.kernel.console.log.dropped,
            "notes": list(result.notes),
            "screen": m.screen.text,
            "screen_mode": m.screen.mode_name,
            "instructions": m.vcpu.instructions,
            "guest_seconds": m.time,
        }
    )


class Writer:
    """Standard output: code page 437 becomes text, and CR LF a line end; or bytes, if `binary`.
    `glyphs`: control characters are shown as DOS shows them, and do nothing to the terminal."""

    def __init__(self, binary: bool, *, glyphs: bool = False) -> None:
        self._binary = binary
        self._glyphs = GLYPHS if glyphs else {}
        self._cr = False

    def write(self, data: bytes) -> None:
        """Write what the program has written. HostError: it cannot be."""
        if not self._binary:
            if self._cr:
                data = b"\r" + data
            self._cr = data.endswith(b"\r")
            text = data[: len(data) - self._cr].decode("cp437")
            data = output.printable(text.replace("\r\n", "\n").translate(self._glyphs))
        if data:
            output.send(data)

    def flush(self) -> None:
        """A CR at the end waits for its LF no more."""
        if self._cr:
            self._cr = False
            output.send(b"\r")


class Stdin:
    """Standard input as a stream of DOS (`dos.console.Input`): UTF-8 becomes code page 437."""

    def __init__(self, binary: bool, wall: float | None) -> None:
        self._binary = binary
        self._until = None if wall is None else monotonic() + wall
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ended = False
        try:
            self._fd = sys.stdin.fileno() if sys.stdin is not None else -1
        except (OSError, ValueError):  # closed, or no file
            self._fd = -1

    def read(self, size: int, wait: bool) -> bytes | None:
        """At most `size` bytes; b"" at the end, None if there is nothing yet."""
        if self._fd < 0 or self._ended:
            return b""
        while not select.select([self._fd], [], [], WAIT if wait else 0)[0]:
            if not wait or (self._until is not None and monotonic() >= self._until):
                return None
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return None
        except OSError:  # a directory, or a terminal that was closed
            data = b""
        self._ended = not data
        if self._binary:
            return data
        text = self._decoder.decode(data, self._ended)
        return text.encode("cp437", "replace") if text or self._ended else None
