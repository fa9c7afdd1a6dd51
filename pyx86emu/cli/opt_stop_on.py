"""Stops: read --stop-on, and end a run where no program should be. Know names of places only."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..pc.machine import Machine
from .parser import Options, Parser
from .status import UsageError

#: As `pc.stops.NAMES` has them.
NAMES = ("zeros", "signature", "loop", "null-vector", "stack", "port")


def add(parser: Parser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--stop-on",
        metavar="NAMES",
        type=_names,
        default=frozenset(),
        help=f"end with status 10 at one of {','.join(NAMES)}; all: at any of them",
    )


def _names(text: str) -> frozenset[str]:
    found = frozenset(NAMES) if text == "all" else frozenset(text.split(","))
    if unknown := sorted(found - set(NAMES)):
        raise UsageError(
            f"--stop-on {text}: {unknown[0]!r} is none of {', '.join(NAMES)}; write them with "
            "commas, or all"
        )
    return found


def check(options: Options) -> None:
    """UsageError: KVM cannot do it."""
    if options.stop_on - {"port"} and options.accel == "kvm":
        raise UsageError("--stop-on with -accel kvm: KVM cannot stop there, use -accel interp")


def around(m: Machine, options: Options) -> AbstractContextManager[object] | None:
    """Stop during the run."""
    return _stopping(m, options.stop_on) if options.stop_on else None


@contextmanager
def _stopping(m: Machine, names: frozenset[str]) -> Iterator[None]:
    if m.vm.accel == "kvm":
        names &= {"port"}  # -accel auto has chosen it
    m.stop_on = names
    try:
        yield
    finally:
        m.stop_on = ()
