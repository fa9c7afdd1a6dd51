"""Addresses: read "SEG:OFF" and other spellings of a place in memory. Know no memory.

An address is

- an integer: a linear address, which in real mode is the physical one;
- a pair of integers, (segment, offset);
- text: "1000:0100", segment and offset in hexadecimal; "0x7c00" or "7c00h", a linear address; a
  label, if labels are given ("start", "start+5"); a register in place of a segment or an offset, if
  registers are given ("ds:si").

A segment and an offset give segment * 16 + offset, up to 10FFEFh. The A20 gate is not applied.
"""

import re
from collections.abc import Mapping
from operator import index
from typing import NamedTuple

Address = int | str | tuple[int, int]
Labels = Mapping[str, int]

LAST = (1 << 64) - 1
SEGMENT = 0xFFFF
#: What a message says of the spellings.
SPELLINGS = 'an integer, (segment, offset), "1000:0100", "0x7c00" or "7c00h"'
#: Longer text is no address. A label may be as long as nasm lets it be.
LONGEST = 4200

_HEX = re.compile(r"(?:0x)?([0-9a-f]{1,4})h?", re.I | re.A)
_BARE = re.compile("[0-9a-f]{1,4}", re.I | re.A)
_LINEAR = re.compile(r"(?:0x([0-9a-f]{1,16})|([0-9a-f]{1,16})h)", re.I | re.A)
_REGISTER = re.compile(r"[c-gs]s|[abcd]x|[sbi]p|[sd]i", re.I | re.A)
_OFFSET = re.compile(
    r"\s*([+-])\s*(?:0x([0-9a-f]{1,16})|([0-9a-f]{1,16})h|([0-9]{1,19}))", re.I | re.A
)


class Located(NamedTuple):
    """A place: its linear address, and segment and offset if they were given."""

    linear: int
    cs: int | None = None
    ip: int | None = None


def linear(
    at: Address,
    *,
    symbols: Labels | None = None,
    regs: object = None,
    what: str = "address",
) -> int:
    """The linear address of `at`. `symbols` gives the linear address of each label, `regs` has
    registers as attributes, `what` names the argument in a message. Any thread may call it.

    TypeError: neither an integer, text nor a pair. ValueError: text that is no address, an unknown
    label, or a number out of range.

    >>> [hex(linear(at)) for at in (0x7C00, "0000:7c00", "7c0:0", (0x7C0, 0), "0x7c00", "7c00h")]
    ['0x7c00', '0x7c00', '0x7c00', '0x7c00', '0x7c00', '0x7c00']
    >>> hex(linear("start+5", symbols={"start": 0x7C00}))
    '0x7c05'
    >>> linear("7c00")
    Traceback (most recent call last):
    ValueError: address '7c00': write 0x7c00 or 0000:7c00
    """
    return located(at, symbols=symbols, regs=regs, what=what).linear


def located(
    at: Address,
    *,
    symbols: Labels | None = None,
    regs: object = None,
    what: str = "address",
) -> Located:
    """The same, with segment and offset where they were given.

    >>> located("1000:0100")
    Located(linear=65792, cs=4096, ip=256)
    """
    if isinstance(at, str):
        return _text(at, symbols, regs, what)
    if isinstance(at, tuple):
        if len(at) != 2:
            raise ValueError(f"{what} has {len(at)} parts: give (segment, offset)")
        return _far(
            _within(_whole(at[0], f"the segment of {what}"), f"the segment of {what}", SEGMENT),
            _within(_whole(at[1], f"the offset of {what}"), f"the offset of {what}", SEGMENT),
        )
    return Located(_within(_whole(at, what), what, LAST))


def _far(cs: int, ip: int) -> Located:
    return Located((cs << 4) + ip, cs, ip)


def _whole(value: object, what: str) -> int:
    try:
        return int(index(value))  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what} must be {SPELLINGS}, not {type(value).__name__}") from None


def _within(number: int, what: str, most: int) -> int:
    if not 0 <= number <= most:
        shown = hex(number) if number.bit_length() <= 64 else f"{number.bit_length()} bits long"
        raise ValueError(f"{what} is {shown}: give 0 to {most:#x}")
    return number


def _text(text: str, symbols: Labels | None, regs: object, what: str) -> Located:
    at = text.strip()
    if len(at) > LONGEST:
        raise ValueError(f"{what} is text of {len(at)} characters: give {SPELLINGS}")
    if symbols is not None and (found := _label(at, symbols, what)) is not None:
        return found
    if at.count(":") == 1:
        cs, ip = (_part(part.strip(), regs, text, what) for part in at.split(":"))
        return _far(cs, ip)
    if match := _LINEAR.fullmatch(at):
        return Located(int(match[1] or match[2], 16))
    if _BARE.fullmatch(at):
        raise ValueError(f"{what} {text!r}: write 0x{at} or 0000:{at:>04}")
    known = " or a label" if symbols is not None else ""
    raise ValueError(f"{what} {_short(text)}: give {SPELLINGS}{known}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _part(part: str, regs: object, text: str, what: str) -> int:
    """A segment or an offset."""
    if match := _HEX.fullmatch(part):
        return int(match[1], 16)
    if _REGISTER.fullmatch(part):
        if regs is None:
            raise ValueError(f"{what} {_short(text)}: a register has no value here, give numbers")
        return _within(int(getattr(regs, part.lower())), part, SEGMENT)
    raise ValueError(
        f"{what} {_short(text)}: segment and offset are hexadecimal numbers from 0 to ffff"
    )


def _label(at: str, symbols: Labels, what: str) -> Located | None:
    """A label, or a label and a number."""
    if at in symbols:
        return Located(symbols[at])
    for sign in re.finditer("[+-]", at):
        name, rest = at[: sign.start()].rstrip(), _OFFSET.fullmatch(at, sign.start())
        if rest is None or name not in symbols:
            continue
        distance = int(rest[2] or rest[3], 16) if rest[2] or rest[3] else int(rest[4])
        at_label = symbols[name] + (distance if rest[1] == "+" else -distance)
        return Located(_within(at_label, what, LAST))
    return None
