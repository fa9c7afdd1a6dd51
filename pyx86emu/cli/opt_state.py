"""State files: keep the machine in one, and go on from one, --save-state and --load-state."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ..pc.disks.image import Disk
from ..pc.machine import Machine
from .output import check_file, check_input
from .parser import Options, Parser
from .status import HostError, UsageError, reason

SAVE, LOAD = "--save-state", "--load-state"


def add(parser: Parser) -> None:
    """Declare them."""
    saves = "at the end, write the state of the machine to this file"
    parser.add_argument(SAVE, metavar="FILE", help=saves)
    loads = "go on from such a file; give the options that it was made with"
    parser.add_argument(LOAD, metavar="FILE", help=loads)


def check(options: Options) -> None:
    """UsageError: a file cannot be read or written."""
    if options.save_state is not None:
        check_file(SAVE, options.save_state)
    if options.load_state is not None:
        check_input(LOAD, options.load_state)


def around(m: Machine, options: Options) -> AbstractContextManager[object] | None:
    """Load, run, save."""
    if options.save_state is None and options.load_state is None:
        return None
    return _around(m, options)


@contextmanager
def _around(m: Machine, options: Options) -> Iterator[None]:
    load, save = options.load_state, options.save_state
    if not m.vm.capabilities.save:
        raise UsageError(f"{SAVE if load is None else LOAD}: not on KVM, give -accel interp")
    if load is not None:
        _load(m, load)
    yield
    if save is not None:
        _save(m, save, options.opened.values())


def _load(m: Machine, path: str) -> None:
    from ..errors import StateError
    from ..saved.state import State

    try:
        m.restore(State.load(path))
    except OSError as error:
        raise HostError(f"cannot read {path}: {reason(error)}") from error
    except (StateError, ValueError) as error:
        raise UsageError(f"{LOAD} {path}: {error}") from error


def _save(m: Machine, path: str, opened: Iterable[Disk]) -> None:
    """`opened`: the disks of the options, those for -device among them."""
    try:
        for disk in (*m.disks.values(), *opened):
            if disk is not None and disk.write_back:
                disk.commit()  # first: a state is of the image that the next start finds
        m.save().save(path)
    except OSError as error:
        raise HostError(f"cannot write {path}: {reason(error)}") from error
    except ValueError as error:
        raise HostError(f"{SAVE} {path}: {error}") from error
