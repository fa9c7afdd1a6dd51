"""Symbols: the option --symbols, names and lines of the guest's code for the tools that show it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from ..pc.machine import Machine
from .output import check_input
from .parser import Options, Parser
from .status import UsageError, reason

if TYPE_CHECKING:
    from ..symbols import Symbols


class Place(NamedTuple):
    """A file of symbols, and what is added to its addresses; None: what the verb says."""

    path: str
    at: int | None


def add(parser: Parser) -> None:
    """Declare it."""
    parser.add_argument(
        "--symbols",
        metavar="FILE[@ADDR]",
        type=place,
        action="append",
        default=[],
        help="labels and lines: a listing of nasm -l, a map, or ELF; ADDR is added; repeatable",
    )


def place(text: str) -> Place:
    """The words of the option. UsageError: an address that is none."""
    path, sign, at = text.rpartition("@")
    if not sign or "/" in at:
        return Place(text, None)
    from ..address import linear  # only here: most runs have no symbols

    try:
        return Place(path, linear(at, what="the address after @"))
    except ValueError as error:
        raise UsageError(f"--symbols {text}: {error}") from None


def check(options: Options) -> None:
    """UsageError: a file cannot be read, or has none."""
    options.base = 0
    for each in options.symbols:
        check_input("--symbols", each.path)
        _load(each, 0)


def _load(file: Place, base: int) -> "Symbols":
    from ..symbols import Symbols

    try:
        return Symbols.load(file.path, at=base if file.at is None else file.at)
    except OSError as error:
        raise UsageError(f"--symbols {file.path}: {reason(error)}") from error
    except ValueError as error:
        raise UsageError(str(error)) from None


def around(m: Machine, options: Options) -> AbstractContextManager[object] | None:
    """Give them to the machine."""
    return _named(m, options.symbols, options.base) if options.symbols else None


@contextmanager
def _named(m: Machine, files: list[Place], base: int) -> Iterator[None]:
    found = [_load(each, base) for each in files]
    if m.symbols is not None:
        found.append(m.symbols)  # of a program that was assembled
    m.symbols = reduce(or_, found)
    yield
