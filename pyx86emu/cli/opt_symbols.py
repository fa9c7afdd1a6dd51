"""Symbols: --symbols reads the names of addresses that messages show. Know no format."""

from argparse import Namespace
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from .parser import Parser
from .status import HostError, UsageError, reason

if TYPE_CHECKING:
    from ..pc.machine import Machine


def add(parser: Parser) -> None:
    """Declare the option."""
    names = "names of addresses, for messages: a listing of nasm -l, a map, or an ELF file"
    parser.add_argument("--symbols", metavar="FILE", action="append", default=[], help=names)


def check(options: Namespace) -> None:
    """UsageError: a file has no names; HostError: it cannot be read."""
    if not options.symbols:
        return
    from ..symbols import Symbols

    found = Symbols()
    for path in options.symbols:
        try:
            found |= Symbols.load(path)
        except OSError as error:
            raise HostError(f"cannot read --symbols {path}: {reason(error)}") from None
        except ValueError as error:
            raise UsageError(f"--symbols: {error}") from None
    options.symbols = found


def around(m: "Machine", options: Namespace) -> AbstractContextManager[object] | None:
    """Give them to the machine, also for gdb's and the user's other tools."""
    if options.symbols:
        m.symbols = options.symbols
        return nullcontext()
    return None
