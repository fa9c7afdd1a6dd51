"""Markup: write a screen as ANSI text and as HTML. Knows no files and no terminal."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from .text import CP437

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

Colour = tuple[int, int, int]

_STYLE = "background:#000;line-height:1.2;font-family:monospace;display:inline-block;margin:0"


def runs(row: bytes) -> Iterator[tuple[int, str]]:
    """The attribute and the characters of each run of equal attributes in a row."""
    at = 0
    for attribute, same in groupby(row[1::2]):
        end = at + 2 * len(list(same))
        yield attribute, "".join(CP437[char] for char in row[at:end:2])
        at = end


def ansi(rows: list[bytes], colours: list[Colour], blinks: bool) -> str:
    """Rows as lines with the escape sequences of 24-bit colours. `colours`: the 16 of text.

    `blinks`: bit 7 of an attribute makes a character blink, else it makes the background bright.
    """
    lines = []
    for row in rows:
        line = []
        for attribute, text, front, back in _coloured(row, colours, blinks):
            blink = ";5" if blinks and attribute & 0x80 else ""
            line.append(f"\x1b[0{blink};{_rgb(38, front)};{_rgb(48, back)}m{text}")
        lines.append("".join(line) + "\x1b[0m\n")
    return "".join(lines)


def half_blocks(pixels: "NDArray[uint8]", columns: int = 80) -> str:
    """A picture as lines of `columns` upper half blocks in 24-bit colours: each is two dots, one
    above the other. The dots are averages of the picture's."""
    import numpy as np

    height, width = pixels.shape[:2]
    columns = max(1, min(columns, width))
    # A character of a terminal is about twice as high as it is wide.
    lines = max(1, min(round(columns * 3 / 8), (height + 1) // 2))
    y = np.arange(2 * lines) * height // (2 * lines)
    x = np.arange(columns) * width // columns
    sums = np.add.reduceat(np.add.reduceat(pixels.astype(np.uint32), y, axis=0), x, axis=1)
    area = np.outer(np.diff(np.append(y, height)), np.diff(np.append(x, width)))
    small = (sums // np.maximum(area, 1).astype(np.uint32)[..., None]).tolist()
    text = []
    for above, below in zip(small[::2], small[1::2], strict=True):
        last = None
        for front, back in zip(above, below, strict=True):
            if (front, back) != last:
                last = front, back
                text.append(f"\x1b[{_rgb(38, front)};{_rgb(48, back)}m")
            text.append("▀")
        text.append("\x1b[0m\n")
    return "".join(text)


def html(rows: list[bytes], colours: list[Colour], blinks: bool) -> str:
    """Rows as an HTML element with the colours of the screen. The guest's text is escaped."""
    lines = []
    for row in rows:
        line = []
        for _, text, front, back in _coloured(row, colours, blinks):
            style = f"color:{_hex(front)};background:{_hex(back)}"
            line.append(f'<span style="{style}">{_escape(text)}</span>')
        lines.append("".join(line))
    return f'<pre style="{_STYLE}">' + "\n".join(lines) + "</pre>"


def image(png: bytes, words: str) -> str:
    """A picture as an HTML element that holds it."""
    data = b64encode(png).decode("ascii")
    return f'<img alt="{_escape(words)}" src="data:image/png;base64,{data}">'


def page(element: str, title: str) -> str:
    """An HTML page with one element."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_escape(title)}</title></head>\n"
        f'<body style="background:#000;margin:0">{element}</body></html>\n'
    )


def _rgb(kind: int, colour: "Colour | list[int]") -> str:
    return f"{kind};2;{colour[0]};{colour[1]};{colour[2]}"


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _coloured(
    row: bytes, colours: list[Colour], blinks: bool
) -> Iterator[tuple[int, str, Colour, Colour]]:
    """Attribute, text, colour of the characters and of their background, for each run of a row."""
    for attribute, text in runs(row):
        yield (
            attribute,
            text,
            colours[attribute & 15],
            colours[attribute >> 4 & (7 if blinks else 15)],
        )


def _escape(text: str) -> str:
    """The text for HTML."""
    from html import escape  # only here: it is slow to import

    return escape(text)
