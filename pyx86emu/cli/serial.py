"""Serial lines: open the one that an option names. Know names, not how bytes move."""

from contextlib import suppress

from . import output
from .lines import FileLine, Line, PtyLine, Say, StdioLine
from .status import HostError, UsageError

KINDS = "stdio, file:PATH, pty, tcp:HOST:PORT[,server], unix:PATH[,server] or none"


def open_line(text: str, *, option: str = "-serial", say: Say = output.complain) -> Line:
    """The line that `text` names, as QEMU's -serial has it: `KINDS`.

    `say` gets sentences for the user: the name of a pty, the address of a server. UsageError:
    there is no such line, or it cannot be opened; the sentence names `option`.

    >>> open_line("none"), open_line("tcp:")
    Traceback (most recent call last):
    pyx86emu.cli.status.UsageError: -serial tcp:: give tcp:HOST:PORT, such as tcp:localhost:4444
    """
    kind, _, rest = text.partition(":")
    if text in ("none", "null"):
        return Line()
    if text == "stdio":
        return StdioLine()
    if text == "pty":
        return PtyLine(say, option)
    if kind == "file":
        return FileLine(rest, option)
    if kind in ("tcp", "unix"):
        from .sockets import open_socket  # only here: sockets need not be loaded for other lines

        return open_socket(text, option, say)
    if kind == "telnet":
        raise UsageError(f"{option} {text}: telnet is not spoken here, use tcp:HOST:PORT[,server]")
    raise UsageError(f"{option} {text}: give {KINDS}")


def open_parallel(text: str, *, option: str = "-parallel") -> Line:
    """The line of a printer: `file:PATH` or `none`. UsageError as for `open_line`."""
    if text in ("none", "null"):
        return Line()
    if text.startswith("file:"):
        return FileLine(text[5:], option)
    raise UsageError(f"{option} {text}: give file:PATH or none")


def close_all(lines: list[Line]) -> None:
    """Close every line, also if one of them raises."""
    for line in lines:
        with suppress(HostError):
            line.close()
