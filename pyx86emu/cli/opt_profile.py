"""Profile: the option --profile, how many instructions each call stack of the guest has had."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from ..pc.machine import Machine
from .output import check_file
from .parser import Options, Parser
from .status import HostError, UsageError, reason

if TYPE_CHECKING:
    from ..tools.profile import Profile


def add(parser: Parser) -> None:
    """Declare it."""
    parser.add_argument(
        "--profile",
        metavar="FILE",
        help="write instructions by call stack, as speedscope and flamegraph.pl read them",
    )


def check(options: Options) -> None:
    """UsageError: it cannot be written, or not be had."""
    if options.profile is None:
        return
    check_file("--profile", options.profile)
    if options.accel == "kvm":
        raise UsageError("--profile with -accel kvm: KVM has no profile, use -accel interp")


def around(m: Machine, options: Options) -> AbstractContextManager[object] | None:
    """Profile the run."""
    if options.profile is None:
        return None
    try:
        found = m.profile()
    except OSError as error:
        raise UsageError(f"--profile: {reason(error)}") from error
    return _profiled(found, options.profile)


@contextmanager
def _profiled(found: "Profile", path: str) -> Iterator[None]:
    with found:
        try:
            yield
        finally:
            try:
                found.save(path)
            except OSError as error:
                raise HostError(f"cannot write {path}: {reason(error)}") from error
