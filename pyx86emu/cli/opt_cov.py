"""Coverage: the option --cov, a tracefile of lcov with the lines that were executed."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from ..pc.machine import Machine
from . import output
from .output import check_file
from .parser import Options, Parser
from .status import HostError, UsageError, reason

if TYPE_CHECKING:
    from ..tools.coverage import Coverage

NEEDS = (
    "--cov needs the listing of a source: nasm -l boot.lst writes it, --symbols boot.lst names it"
)


def add(parser: Parser) -> None:
    """Declare it."""
    parser.add_argument(
        "--cov",
        metavar="FILE",
        help="add the lines that were executed to this file of lcov; by --symbols LISTING",
    )


def check(options: Options) -> None:
    """UsageError: it cannot be written, or is another file."""
    if options.cov is None:
        return
    check_file("--cov", options.cov)
    if options.accel == "kvm":
        raise UsageError("--cov with -accel kvm: KVM has no coverage, use -accel interp")
    if os.path.isfile(options.cov):
        from ..tools.lcov import Lcov

        try:
            Lcov.load(options.cov)
        except OSError as error:
            raise UsageError(f"--cov {options.cov}: {reason(error)}") from error
        except ValueError as error:
            raise UsageError(f"--cov: {error}") from None


def around(m: Machine, options: Options) -> AbstractContextManager[object] | None:
    """Cover the run."""
    if options.cov is None:
        return None
    listings = () if m.symbols is None else m.symbols.listings
    if not listings:
        raise UsageError(NEEDS)
    try:
        covered = m.coverage(listings=listings)
    except OSError as error:
        raise UsageError(f"--cov: {reason(error)}") from error
    return _covered(covered, options.cov)


@contextmanager
def _covered(covered: "Coverage", path: str) -> Iterator[None]:
    with covered:
        try:
            yield
        finally:
            found = covered.lcov()
            for note in found.notes:
                output.complain(f"pyx86emu: --cov: {note}")
            try:
                found.save(path)
            except OSError as error:
                raise HostError(f"cannot write {path}: {reason(error)}") from error
            except ValueError as error:
                raise HostError(f"--cov: {error}") from error
