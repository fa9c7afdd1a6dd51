"""The table of functions: AH of INT 21h -> the function that serves it. Serves nothing itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .kernel import Kernel

Call = Callable[["Kernel"], None]

TABLE: dict[int, Call] = {}


class NotYet(Exception):
    """There is no input yet: wait for an interrupt, then call again."""


class Break(Exception):
    """Ctrl-C was read: INT 23h, then call again."""


def call(*numbers: int) -> Callable[[Call], Call]:
    """Enter a function under its numbers."""

    def enter(function: Call) -> Call:
        for number in numbers:
            assert number not in TABLE, hex(number)
            TABLE[number] = function
        return function

    return enter
