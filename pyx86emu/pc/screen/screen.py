"""The screen: show what the guest shows, as text, dots and files. Changes nothing."""

import os
from typing import TYPE_CHECKING, cast

from ..._core import exact, truth
from ...errors import MachineError
from ...memory import load
from . import scan as s
from . import text
from .display import Adapter
from .reader import Reader

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

    from ...vm import Vm
    from ..devices.vga.snapshot import VgaSnapshot
    from .display import TextAdapter

BIOS_MODE = 0x449
SUFFIXES = (".png", ".txt", ".ansi", ".html")


class Screen:
    """The screen of a machine, at any moment: a Display. In a notebook it shows itself.

    In text modes `text`, `cells` and `lines` have the characters; in graphics modes they are None.
    `pixels` has the dots in every mode. What the guest writes to registers and memory makes no
    method raise, and no picture larger than 4608 x 2048 dots.
    Any thread may read the screen. While the guest runs, the result may be partly old and partly
    new. Only what has dots imports numpy.
    """

    def __init__(self, vm: "Vm", vga: Adapter) -> None:
        if not callable(getattr(vga, "snapshot", None)):
            raise TypeError(f"a Screen shows a Vga, not {type(vga).__name__}")
        self._vm = vm
        self._vga = vga
        self._last: tuple[int, VgaSnapshot] | None = None
        #: Reads characters without the rest, if the adapter can do that.
        self._reader = Reader(cast("TextAdapter", vga)) if hasattr(vga, "characters") else None

    def _now(self) -> "VgaSnapshot":
        """What the VGA holds; the same object until it changes, whatever the time is."""
        version, last = self._vga.version, self._last
        if last is None or last[0] != version:
            # Read after the version: what changes in between makes another version.
            self._last = last = version, self._vga.snapshot()
        return last[1]

    def _at(self, blink: bool | None) -> "VgaSnapshot":
        """What the VGA holds; with the time, if that is what blinking follows."""
        return self._vga.snapshot() if blink is None else self._now()

    @staticmethod
    def _shown(blink: bool | None) -> bool | None:
        """`blink` of a caller. TypeError: it is no truth value."""
        return None if blink is None else truth(blink, "blink")

    # -- the mode ------------------------------------------------------------------------------

    @property
    def mode(self) -> int:
        """The video mode that the BIOS keeps at 40:49. Guests that set registers themselves do not
        change it; `mode_name` is what the registers say."""
        return load(self._vm, BIOS_MODE, 1)[0]

    @property
    def mode_name(self) -> str:
        """What the registers make of the screen, such as "text 80x25" or "640x480 16 colours". The
        size is in dots of the guest."""
        return s.mode_name(self._now())

    @property
    def is_text(self) -> bool:
        """True in text modes, False in graphics modes."""
        return not s.graphics(self._now())

    @property
    def version(self) -> int:
        """A number that changes when what is shown may have changed. Each reader compares it with
        the number that it saw last."""
        return self._vga.version

    # -- characters ----------------------------------------------------------------------------

    @property
    def columns(self) -> int:
        """Characters in a row, 80 or 40 in the modes of the BIOS; in graphics modes also, where
        eight or nine dots of the guest are one."""
        return s.scan(self._now().crtc).columns

    @property
    def rows(self) -> int:
        """The number of character rows, 25 in the modes of the BIOS; in graphics modes the number
        of lines of dots that the CRTC treats as rows."""
        return len(s.text_rows(s.scan(self._now().crtc)))

    def row(self, y: int) -> bytes:
        """One row as it is in memory: bytes of character, attribute, character ...

        It is blank in graphics modes, and where `y` is outside the screen, since a running guest
        may change the mode and the number of rows at any time. TypeError: `y` is not an integer.
        """
        y = exact(y, "row")
        shown = self._now()
        lines = s.scan(shown.crtc)
        rows = s.text_rows(lines)
        if s.graphics(shown) or not 0 <= y < len(rows):
            return b" \x07" * lines.columns
        return text.row(shown, rows[y].base, rows[y].first)

    @property
    def lines(self) -> list[bytes] | None:
        """All rows, each as `row` gives it, from one moment; None in graphics modes."""
        shown = self._now()
        return None if s.graphics(shown) else text.rows(shown)

    @property
    def cells(self) -> list[list[tuple[int, int]]] | None:
        """Rows of (character, attribute), as lists; None in graphics modes."""
        rows = self.lines
        if rows is None:
            return None
        return [list(zip(row[::2], row[1::2], strict=True)) for row in rows]

    @property
    def text(self) -> str | None:
        """The rows, joined with line ends, without trailing blanks, code page 437 as Unicode; None
        in graphics modes."""
        if self._reader is not None:
            return self._reader.text()
        rows = self.lines
        return None if rows is None else text.text_of(rows)

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(column, row); None if the cursor is hidden or outside the screen, or in graphics
        modes."""
        if self._reader is not None:
            return self._reader.cursor()
        shown = self._now()
        return None if s.graphics(shown) else s.cursor_place(shown)

    @property
    def colours(self) -> list[tuple[int, int, int]]:
        """The 16 colours of text as the guest has set them: (red, green, blue), 0-255 each."""
        return _colours(self._now())

    @property
    def blinking(self) -> bool:
        """True: attribute bit 7 makes a character blink. False: it makes the background bright."""
        return _blinks(self._now())

    # -- dots ----------------------------------------------------------------------------------

    @property
    def pixels(self) -> "NDArray[uint8]":
        """What a monitor would show: (height, width, 3), red, green and blue, 0-255.

        It has the monitor's dots and scan lines: text is 720 x 400, mode 13h 640 x 400.
        `pixels[::y, ::x]` with `x, y = scale` has each dot of the guest once. All that blinks is
        shown; `picture` follows the time.
        """
        return self.picture()

    def picture(self, *, blink: bool | None = True) -> "NDArray[uint8]":
        """`pixels`. `blink`: True shows all that blinks, False hides it, None shows it as it is at
        this guest time."""
        from .render import render

        blink = self._shown(blink)
        return render(self._at(blink), blink=blink)

    @property
    def indices(self) -> "NDArray[uint8]":
        """The picture as numbers of colours in the DAC: (height, width)."""
        return self.indexed()[0]

    @property
    def palette(self) -> "NDArray[uint8]":
        """The 256 colours of the DAC: (256, 3), 0-255. All are black while the screen is off."""
        import numpy as np

        from .render import palette

        shown = self._now()
        return palette(shown.dac) if s.lit(shown) else np.zeros((256, 3), np.uint8)

    def indexed(self, *, blink: bool | None = True) -> "tuple[NDArray[uint8], NDArray[uint8]]":
        """`indices` and `palette` of one moment. `blink` as for `picture`."""
        from .render import render_indices

        blink = self._shown(blink)
        return render_indices(self._at(blink), blink=blink)

    @property
    def scale(self) -> tuple[int, int]:
        """(x, y): how many dots wide and high each dot of the guest is in `pixels`."""
        return s.scale(self._now())

    def png(self) -> bytes:
        """`pixels` as the bytes of a PNG file."""
        from . import png

        return png.encode(*self.indexed())

    # -- files and notebooks -------------------------------------------------------------------

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the screen to a file in the format of its name.

        | name    | what is written                                                     |
        | ------- | ------------------------------------------------------------------- |
        | `.png`  | `pixels`                                                            |
        | `.txt`  | the text, UTF-8                                                     |
        | `.ansi` | text with the colours of a terminal; graphics as 80 half blocks     |
        | `.html` | a page with the text and its colours; graphics as a picture         |

        MachineError: another name, or `.txt` in a graphics mode. OSError: the file cannot be
        written.
        """
        name = os.fsdecode(path)
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in SUFFIXES:
            names = ", ".join(SUFFIXES)
            raise MachineError(f"cannot save the screen as {name}: name a file in one of {names}")
        shown = self._now()
        if suffix == ".png":
            data = self.png()
        elif suffix == ".ansi":
            data = self._ansi(shown).encode()
        elif suffix == ".html":
            from . import markup

            data = markup.page(self._element(shown), f"Screen, {s.mode_name(shown)}").encode()
        elif s.graphics(shown):
            raise MachineError(
                f"cannot save the screen as {name}: it shows graphics, {s.mode_name(shown)}; "
                f"name a file in .png, .ansi or .html"
            )
        else:
            data = (text.text_of(text.rows(shown)).rstrip() + "\n").encode()
        with open(name, "wb") as file:
            file.write(data)

    def _ansi(self, shown: "VgaSnapshot") -> str:
        from . import markup

        if s.graphics(shown):
            from .render import render

            return markup.half_blocks(render(shown))
        return markup.ansi(text.rows(shown), _colours(shown), _blinks(shown))

    def _element(self, shown: "VgaSnapshot") -> str:
        from . import markup

        if s.graphics(shown):
            from . import png
            from .render import render_indices

            return markup.image(png.encode(*render_indices(shown)), s.mode_name(shown))
        return markup.html(text.rows(shown), _colours(shown), _blinks(shown))

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_html_(self) -> str | None:
        """The text with its colours, which can be searched and copied. None in graphics modes:
        notebooks then show the PNG."""
        shown = self._now()
        return None if s.graphics(shown) else self._element(shown)

    def __repr__(self) -> str:
        shown = self._now()
        words = [s.mode_name(shown)]
        if not s.lit(shown):
            words.append("off")
        if not s.graphics(shown):
            cursor = s.cursor_place(shown)
            words.append(f"cursor at {cursor}" if cursor else "no cursor")
            filled = text.text_of(text.rows(shown)).rstrip().rsplit("\n", 1)[-1].strip()
            words.append(f"last row {filled[:40]!r}")
        return f"<Screen {', '.join(words)}>"


def _blinks(shown: "VgaSnapshot") -> bool:
    return bool(shown.attribute[s.ATTRIBUTE_MODE] & s.BLINK)


def _colours(shown: "VgaSnapshot") -> list[tuple[int, int, int]]:
    colours = []
    for index in s.attribute_colours(shown):
        red, green, blue = (
            (v & 0x3F) << 2 | v >> 4 & 3 for v in shown.dac[3 * index : 3 * index + 3]
        )
        colours.append((red, green, blue))
    return colours
