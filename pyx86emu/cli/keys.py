"""Keys of a terminal: turn the bytes that it sends into names. Knows no scan codes."""

import re

from ..pc.devices.keyboard.keys import typed_by

#: The last byte of a sequence, after ESC [ or ESC O.
BY_LETTER = {
    "A": "up", "B": "down", "C": "right", "D": "left", "F": "end", "H": "home",
    "P": "f1", "Q": "f2", "R": "f3", "S": "f4", "Z": "shift+tab",
}  # fmt: skip
#: The number in ESC [ number ~.
BY_NUMBER = {
    1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pageup", 6: "pagedown", 7: "home", 8: "end",
    11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8", 20: "f9",
    21: "f10", 23: "f11", 24: "f12",
}  # fmt: skip
#: The second number is 1 plus these bits.
MODIFIERS = ((4, "ctrl"), (2, "alt"), (1, "shift"))

# A sequence or a character. Another ESC before it means the Alt key.
_KEY = re.compile(
    r"(?P<meta>\x1b(?=\x1b))?\x1b"
    r"(?:\[(?P<numbers>[0-?]*)[ -/]*(?P<end>[@-~])|O(?P<letter>[A-DFHP-S]))"
    r"|(?P<alt>\x1b?)(?P<char>.)",
    re.S,
)
_NUMBERS = re.compile(r"([0-9]{0,6})(?:;([0-9]{1,3}))?")


def names(data: bytes) -> list[str]:
    """What was typed, as names for `keyboard.press`: keys and chords.

    A character that no key types is its own name. Sequences that mean no key are left out.

    >>> names(b"aB\\x1b[A\\x1b[1;5C\\x1bx{\\r\\x03")
    ['a', 'shift+b', 'up', 'ctrl+right', 'alt+x', 'shift+[', 'enter', 'ctrl+c']
    """
    found = []
    for match in _KEY.finditer(data.decode("utf-8", "ignore")):
        if match["char"]:
            name: str | None = typed_by(match["char"]) or match["char"]
        elif match["letter"]:
            name = BY_LETTER[match["letter"]]
        else:
            name = _sequence(match["numbers"], match["end"])
        if name is not None:
            found.append(_with(["alt"], name) if match["alt"] or match["meta"] else name)
    return found


def _sequence(numbers: str, end: str) -> str | None:
    """The name of the key that sends ESC [ numbers end; None if no key does."""
    match = _NUMBERS.fullmatch(numbers)
    if match is None:
        return None
    number, bits = int(match[1] or 1), int(match[2] or 1) - 1
    if end == "u":  # the kitty protocol: the number of a character
        name = typed_by(chr(number)) if match[1] else None
    else:
        name = BY_NUMBER.get(number) if end == "~" else BY_LETTER.get(end)
    return name and _with([held for bit, held in MODIFIERS if bits & bit], name)


def _with(held: list[str], name: str) -> str:
    """The key with modifiers held, each once."""
    *others, key = name.split("+")
    return "+".join([*held, *(each for each in others if each not in held), key])
