"""Values of options: read and check each kind. A reader takes exactly what its error says.

`int`, `float` and `\\d` would take more: digits of other scripts, "1_000", " 5", "nan", "1e400".
"""

import re
from collections.abc import Callable

from .. import models
from .status import ValueRefused

#: Compiled on their first use, which most runs have none of.
WHOLE = r"[0-9]{1,18}"
DECIMAL = r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}"


def whole(low: int = 0, high: int = 10**18 - 1) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`. Every reader raises ValueRefused.

    >>> whole()("640"), whole(high=10)("7")
    (640, 7)
    """
    span = f"{low} or more" if high == 10**18 - 1 else f"from {low} to {high}"

    def read(text: str) -> int:
        value = int(text) if re.fullmatch(WHOLE, text) else -1
        if not low <= value <= high:
            raise ValueRefused(f"{text!r}: give a whole number, {span}, in digits")
        return value

    return read


def seconds(text: str) -> float:
    """Seconds, such as 90 or 0.5.

    >>> seconds("1.5"), seconds(".25")
    (1.5, 0.25)
    """
    if not re.fullmatch(DECIMAL, text):
        raise ValueRefused(f"{text!r}: give seconds in digits, such as 90 or 0.5")
    return float(text)


def factor(text: str) -> float:
    """A number above 0, such as 2 or 0.1."""
    value = float(text) if re.fullmatch(DECIMAL, text) else 0.0
    if value <= 0:
        raise ValueRefused(f"{text!r}: give a number above 0 in digits, such as 2 or 0.1")
    return value


def model(text: str) -> str:
    """A CPU model, by its name in MODELS or an alias."""
    try:
        return models.canonical(text)
    except ValueError as error:
        raise ValueRefused(str(error)) from error


def regex(text: str, flags: int = re.M | re.S) -> re.Pattern[str]:
    """A regular expression for the text of a screen: multi-line, and a dot matches line ends."""
    try:
        return re.compile(text, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueRefused(f"{text!r} is no regular expression ({error})") from error
