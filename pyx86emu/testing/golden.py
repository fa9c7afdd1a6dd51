"""Golden screens: compare what a guest shows with a file beside the test, or write that file."""

import difflib
import os
import re
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

from ..tools.batch.reports import printable
from .problems import GuestFailed

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
FOLDER = "golden"
PNG = b"\x89PNG\r\n\x1a\n"
MOST_DOTS = 1 << 25


class Golden:
    """A screen as it was approved. `screen == golden("prompt")` compares a Screen, a Machine, text
    or the bytes of a PNG file with `golden/prompt.txt` or `golden/prompt.png` beside the test.
    """

    def __init__(self, name: str, folder: Path, update: bool, scratch: Path) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(
                f"golden({printable(repr(name))[:80]}): a name has letters, digits, . _ and -"
            )
        self.name = name
        self._folder, self._update, self._scratch = folder / FOLDER, update, scratch
        self.difference: list[str] = []
        """Lines that say what differs, after a comparison."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        shown = _shown(other)
        if shown is None:
            return NotImplemented
        end = "txt" if isinstance(shown, str) else "png"
        path = self._folder / f"{self.name}.{end}"
        data = _text(shown).encode() if isinstance(shown, str) else shown
        if self._update:
            _write(path, data)
            _other(path).unlink(missing_ok=True)
            return True
        if not path.is_file():
            if _other(path).is_file():
                now = "text" if end == "txt" else "graphics"
                self.difference = [f"the screen shows {now}, the golden one is {_other(path)}"]
                return False
            raise GuestFailed(f"there is no {path}: look at the screen, then --update-golden")
        if isinstance(shown, str):
            return self._same_text(path, _text(shown))
        return self._same_picture(path, shown)

    def _same_text(self, path: Path, shown: str) -> bool:
        wanted = _text(path.read_text("utf-8"))
        if wanted == shown:
            return True
        lines = difflib.unified_diff(
            printable(wanted).splitlines(),
            printable(shown).splitlines(),
            str(path),
            "the screen",
            lineterm="",
        )
        self.difference = [*lines, "To approve this screen: --update-golden"]
        return False

    def _same_picture(self, path: Path, shown: bytes) -> bool:
        wanted = path.read_bytes()
        if wanted == shown or _dots(wanted, path) == _dots(shown, Path("the screen")):
            return True
        now = self._scratch / f"{self.name}.now.png"
        _write(now, shown)
        self.difference = [
            f"the golden screen is {path}",
            f"this screen is       {now}",
            "To approve this screen: --update-golden",
        ]
        return False

    def __repr__(self) -> str:
        return f"golden({self.name!r})"


def _shown(other: Any) -> str | bytes | None:
    """The text or the picture of what is compared; None: it is neither."""
    screen = getattr(other, "screen", other)
    if isinstance(screen, str):
        return screen
    if isinstance(screen, (bytes, bytearray)):
        return bytes(screen) if bytes(screen).startswith(PNG) else None
    if not callable(getattr(screen, "png", None)) or not hasattr(screen, "text"):
        return None
    text = screen.text
    return text if isinstance(text, str) else bytes(screen.png())


def _text(text: str) -> str:
    """Without blanks at the ends of lines, and without empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n") + "\n"


def _other(path: Path) -> Path:
    return path.with_suffix(".png" if path.suffix == ".txt" else ".txt")


def _write(path: Path, data: bytes) -> None:
    """Write a file that appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        file.write(data)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def _dots(data: bytes, path: Path) -> tuple[int, int, bytes]:
    """Width, height and RGB of a PNG with eight bits per dot. GuestFailed: it is no such file."""
    try:
        if not data.startswith(PNG):
            raise ValueError("it is no PNG file")
        at, parts, palette = 8, [], b""
        width = height = colour = 0
        while at + 8 <= len(data):
            size, kind = struct.unpack_from(">I4s", data, at)
            body = data[at + 8 : at + 8 + size]
            at += size + 12
            if kind == b"IHDR":
                width, height, bits, colour, _, _, laced = struct.unpack(">IIBBBBB", body)
                if bits != 8 or colour not in (2, 3, 6) or laced:
                    raise ValueError("it has not eight bits per dot, or is interlaced")
                if not 0 < width * height <= MOST_DOTS:
                    raise ValueError(f"it has {width} x {height} dots")
            elif kind == b"PLTE":
                palette = body
            elif kind == b"IDAT":
                parts.append(body)
        if not width:
            raise ValueError("it has no dots")
        wide = {2: 3, 3: 1, 6: 4}.get(colour, 0)
        stride = width * wide
        raw = zlib.decompressobj().decompress(b"".join(parts), height * (stride + 1))
        if len(raw) != height * (stride + 1):
            raise ValueError("it is cut short")
        rows = _unfilter(raw, height, stride, wide)
        if colour == 2:
            return width, height, rows
        if colour == 6:
            return width, height, b"".join(rows[i : i + 3] for i in range(0, len(rows), 4))
        colours = [palette[3 * i : 3 * i + 3] for i in range(256)]
        return width, height, b"".join([colours[each] for each in rows])
    except (struct.error, zlib.error, ValueError) as error:
        raise GuestFailed(
            f"{path} cannot be compared: {error}; --update-golden writes it"
        ) from None


def _unfilter(raw: bytes, height: int, stride: int, wide: int) -> bytes:
    """The bytes of the lines (PNG specification, 9.2)."""
    rows, above = [], bytes(stride)
    for y in range(height):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1 :][:stride])
        if kind > 4:
            raise ValueError(f"it has a filter {kind}")
        if kind:
            for x in range(stride):
                left = row[x - wide] if x >= wide else 0
                corner = above[x - wide] if x >= wide else 0
                near = (0, left, above[x], (left + above[x]) // 2, 0)[kind]
                if kind == 4:
                    guess = left + above[x] - corner
                    near = min((left, above[x], corner), key=lambda each: abs(guess - each))
                row[x] = row[x] + near & 0xFF
        above = bytes(row)
        rows.append(above)
    return b"".join(rows)
