"""gdb: the options -s, -S and -gdb, as QEMU spells them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ..pc.machine import Machine
from . import output
from .parser import Options, Parser
from .signals import Interrupted
from .status import UsageError, reason

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

#: What -s stands for.
DEFAULT = "tcp:127.0.0.1:1234"
KINDS = ("tcp:", "unix:")


def add(parser: Parser) -> None:
    """Declare the options."""
    listens = "let gdb control the guest: tcp:HOST:PORT or unix:PATH"
    parser.add_argument("-gdb", metavar="WHERE", help=listens)
    parser.add_argument("-s", action="store_true", help=f"the same as -gdb {DEFAULT}")
    waits = "with -s or -gdb: hold the guest until gdb lets it run"
    parser.add_argument("-S", action="store_true", help=waits)


def check(options: Options) -> None:
    """UsageError: what is asked for cannot be done."""
    where = options.gdb
    if where is not None and options.s:
        raise UsageError(f"-s and -gdb {where}: -s is -gdb {DEFAULT}, give one of them")
    if options.S and where is None and not options.s:
        raise UsageError("-S holds the guest until gdb lets it run: add -s, or -gdb WHERE")
    if where is not None:
        from ..tools.gdb.link import place  # only here: most runs have no gdb

        if not where.startswith(KINDS):
            raise UsageError(f"-gdb {where}: give tcp:HOST:PORT or unix:PATH")
        try:
            place(where)
        except ValueError as error:
            raise UsageError(f"-gdb {where}: {error}") from error


def around(m: Machine, options: Options) -> "AbstractContextManager[object] | None":
    """The server while the guest runs; None: there is none."""
    where = DEFAULT if options.s else options.gdb
    return None if where is None else _served(m, where, options.S)


@contextmanager
def _served(m: Machine, where: str, stopped: bool) -> Iterator[None]:
    try:
        server = m.gdbserver(where, stopped=stopped, killed=_killed)
    except OSError as error:
        raise UsageError(f"-gdb {where}: {reason(error)}") from error
    with server:
        # gdb takes the path of a Unix socket as it is.
        to = server.address.removeprefix("unix:")
        held = "the guest waits for it" if stopped else "the guest runs"
        output.complain(f"pyx86emu: gdb -ex 'target remote {to}' connects; {held}")
        if server.public:
            output.complain(
                f"pyx86emu: warning: whoever can reach {to} can read and change all of the guest"
            )
        yield


def _killed() -> NoReturn:
    raise Interrupted("killed by gdb")
