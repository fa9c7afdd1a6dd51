"""Waits of devices for somebody outside: end them, and do later what they owe. Know no device."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import NotYet
from ..exits import ExitReason

if TYPE_CHECKING:
    from .._core import Exit
    from .runner import Runner


def settled(vcpu: "Runner") -> bool:
    """Do what earlier runs owe; False: the run has to end first."""
    owed = vcpu._owed
    vcpu._in_device = True
    try:
        while owed:
            if not owed[0]():
                return False
            del owed[:1]
    except Exception:
        del owed[:1]  # it failed for good: raised once
        raise
    finally:
        vcpu._in_device = False
    return True


def called(vcpu: "Runner", function: Callable[[], object]) -> bool:
    """Call a function between two instructions, which may wait as a device may. False: the run has
    to end; the next one calls it again."""
    vcpu._in_call = True
    try:
        function()
    except NotYet:
        return False
    finally:
        vcpu._in_call = False
    return True


def ended(vcpu: "Runner") -> "Exit":
    """The Exit of a run that has to end while a device waits for somebody outside."""
    kicked, vcpu._kicked = vcpu._kicked, False
    return vcpu._exit(
        ExitReason.INTR if kicked or vcpu._reset_wanted else ExitReason.DEADLINE,
    )
