"""Accelerators: read -accel, and say in one sentence why one cannot be used."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..vm import BACK_ENDS
from .parser import Parser
from .status import UsageError, ValueRefused, reason

HELP = "what runs the guest: interp (the default), kvm, or auto: kvm where it can be used"


def add_accel(parser: Parser) -> None:
    """Add -accel NAME, and -enable-kvm, as QEMU has them."""
    parser.add_argument("-accel", metavar="NAME", type=accelerator, default="interp", help=HELP)
    same = "the same as -accel kvm"
    parser.add_argument("-enable-kvm", dest="accel", action="store_const", const="kvm", help=same)


def accelerator(text: str) -> str:
    """A name that `Vm(accel=)` takes. ValueRefused: another one.

    >>> accelerator("kvm")
    'kvm'
    """
    if text not in BACK_ENDS:
        raise ValueRefused(f"{text!r}: give {' or '.join(BACK_ENDS)}")
    return text


@contextmanager
def usable(accel: str) -> Iterator[None]:
    """Make a machine in the block. UsageError: the host has no such accelerator, or it refuses."""
    try:
        yield
    except OSError as error:
        if accel == "interp":
            raise
        raise UsageError(f"-accel {accel}: {reason(error)}") from error


def only_accel(words: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the words are nothing but -accel and `others`, options without a value."""
    rest = iter(words)
    for word in rest:
        if word == "-accel":
            next(rest, None)
        elif not word.startswith("-accel=") and word not in ("-enable-kvm", *others):
            return False
    return True
