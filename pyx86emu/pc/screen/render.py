"""The renderer: make the dots of a monitor from VGA registers and planes. Knows no BIOS, no guest.

Fonts are in plane 2, where the BIOS or the program has put them. The picture has the dots and scan
lines of the monitor: mode 13h has 640 x 400 of them, as `scan.scale` says.

Source: IBM PS/2 Hardware Interface Technical Reference, Video Subsystem (1990), "VGA registers".
"""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from . import scan as s

if TYPE_CHECKING:
    from numpy import int64, uint8, uint64
    from numpy.typing import NDArray

    from ..devices.vga.snapshot import VgaSnapshot

PLANE = 0x10000
#: Where the eight fonts of plane 2 are, by the number in sequencer register 3.
FONTS = (0x0000, 0x4000, 0x8000, 0xC000, 0x2000, 0x6000, 0xA000, 0xE000)
#: Bytes of a glyph in plane 2.
GLYPH = 32


class Indices(NamedTuple):
    """A picture as numbers of colours."""

    indices: "NDArray[uint8]"
    """(height, width): for each dot the number of its colour in the DAC."""
    palette: "NDArray[uint8]"
    """(256, 3): red, green and blue of each colour, 0-255."""


def render(snapshot: "VgaSnapshot", *, blink: bool | None = True) -> "NDArray[uint8]":
    """The picture as an array (height, width, 3) of red, green and blue, 0-255.

    `blink`: True shows all that blinks, False hides it, None does what the frame of the snapshot
    says. The picture has at most 4608 x 2048 dots, whatever the registers hold; nothing raises.
    Any thread may call this. Needs numpy.
    """
    import numpy as np

    indices, palette = render_indices(snapshot, blink=blink)
    packed = np.zeros((256, 4), np.uint8)
    packed[:, :3] = palette
    dots = packed.view(np.uint32)[:, 0].take(indices)
    picture = np.empty((*indices.shape, 3), np.uint8)
    picture[:] = dots.view(np.uint8).reshape(*indices.shape, 4)[..., :3]
    return picture


def render_indices(snapshot: "VgaSnapshot", *, blink: bool | None = True) -> Indices:
    """The picture as numbers of colours, and the colours. Else as `render`."""
    import numpy as np

    lines = s.scan(snapshot.crtc)
    x, _ = s.scale(snapshot)
    mixed = s.graphics(snapshot) and snapshot.graphics[5] & s.SHIFT_256
    width = lines.columns * s.character_width(snapshot) // (2 if mixed else 1)
    if not s.lit(snapshot):
        dark = np.zeros((lines.height, width * x), np.uint8)
        return Indices(dark, np.zeros((256, 3), np.uint8))
    planes = np.frombuffer(snapshot.planes, np.uint8).reshape(4, PLANE)
    each = _Lines(lines, bool(s.graphics(snapshot)))
    if not s.graphics(snapshot):
        drawn = _text(snapshot, planes, each, blink)
    elif mixed:
        drawn = _packed(planes, each)
    elif snapshot.graphics[5] & s.SHIFT_INTERLEAVE:
        drawn = _interleaved(planes, each)
    else:
        drawn = _planar(snapshot, planes, each)
    shown = _panned(snapshot, drawn, each, width)
    if mixed:
        shown &= snapshot.dac_mask
    else:
        shown = _colours(snapshot, blink).take(shown)
    picture = shown.repeat(each.times, axis=0)
    return Indices(picture.repeat(x, axis=1) if x > 1 else picture, palette(snapshot.dac))


def palette(dac: bytes) -> "NDArray[uint8]":
    """The 256 colours of the DAC, (256, 3). A DAC has six bits a colour: 63 is 255."""
    import numpy as np

    six = np.frombuffer(dac, np.uint8).reshape(256, 3) & 0x3F
    return (six << 2 | six >> 4).astype(np.uint8)


class _Lines:
    """The scan lines that differ from the line before: what to draw, and how often to show it."""

    def __init__(self, lines: s.Scan, graphics: bool) -> None:
        import numpy as np

        first = np.array([row.line for row in lines.rows])
        count = np.array([row.lines for row in lines.rows])
        base = np.array([row.base for row in lines.rows]).repeat(count)
        inside = np.arange(lines.height) - first.repeat(count) >> lines.doubled
        inside += np.array([row.first for row in lines.rows]).repeat(count)
        inside &= 0x1F
        split = np.array([row.split for row in lines.rows]).repeat(count)
        matters = inside & (lines.uses_scan if graphics else 0x1F)
        key = base << 6 | matters << 1 | split
        new = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        self.times: Any = np.diff(np.append(new, lines.height))
        self.inside: NDArray[int64] = inside[new, None]
        self.split: Any = split[new]
        #: One more character than is shown, for panning.
        self.counts: NDArray[int64] = (
            base[new, None] + (np.arange(lines.columns + 1) >> lines.shift) & 0xFFFF
        )
        self.addresses: NDArray[int64] = lines.address(self.counts, self.inside)


@cache
def _spread() -> "NDArray[uint64]":
    """For each byte its eight dots, from left to right, as the bytes of a word: 1 or 0 each."""
    import numpy as np

    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    return bits.view(np.uint64)[:, 0]


@cache
def _pairs() -> "NDArray[Any]":
    """For each byte its four dots of two bits each, from left to right, as the bytes of a word."""
    import numpy as np

    every = np.arange(256, dtype=np.uint8)
    dots = np.stack([every >> move & 3 for move in (6, 4, 2, 0)], axis=1)
    return np.ascontiguousarray(dots).view(np.uint32)[:, 0]


def _planar(shown: "VgaSnapshot", planes: "NDArray[uint8]", each: _Lines) -> "NDArray[uint8]":
    """Sixteen colours: a bit of a dot from each plane."""
    import numpy as np

    spread = _spread()
    dots = np.zeros(each.addresses.shape, np.uint64)
    for plane in range(4):
        if shown.attribute[s.PLANE_ENABLE] >> plane & 1:
            dots |= spread.take(planes[plane].take(each.addresses)) << np.uint64(plane)
    drawn = dots.view(np.uint8).reshape(len(dots), -1, 8)
    if s.character_width(shown) == 9:
        # The serializer has eight dots; zeros come after them.
        drawn = np.concatenate((drawn, np.zeros_like(drawn[..., :1])), axis=2)
    return drawn.reshape(len(dots), -1)


def _interleaved(planes: "NDArray[uint8]", each: _Lines) -> "NDArray[uint8]":
    """CGA's four colours: dots of two bits, four from planes 0 and 2, then four from 1 and 3."""
    import numpy as np

    pairs, at = _pairs(), each.addresses
    dots = np.empty((*at.shape, 2), np.uint32)
    for half in range(2):
        low, high = (pairs.take(planes[plane].take(at)) for plane in (half, half + 2))
        dots[..., half] = low | high << np.uint32(2)
    return dots.view(np.uint8).reshape(len(at), -1)


def _packed(planes: "NDArray[uint8]", each: _Lines) -> "NDArray[uint8]":
    """256 colours: a byte of each plane is a dot."""
    import numpy as np

    at = each.addresses
    dots = np.empty((*at.shape, 4), np.uint8)
    for plane in range(4):
        dots[..., plane] = planes[plane].take(at)
    return dots.reshape(len(at), -1)


def _text(
    shown: "VgaSnapshot", planes: "NDArray[uint8]", each: _Lines, blink: bool | None
) -> "NDArray[uint8]":
    """Characters of plane 0 with the attributes of plane 1 and the glyphs of plane 2."""
    import numpy as np

    at, inside = each.addresses, each.inside
    chars, looks = planes[0].take(at), planes[1].take(at)
    fonts = np.array(font_bases(shown.sequencer[3]))
    glyphs = planes[2].take(
        fonts.take(looks >> 3 & 1) + chars.astype(np.int64) * GLYPH + inside & 0xFFFF
    )
    blinks = shown.attribute[s.ATTRIBUTE_MODE] & s.BLINK
    if blinks and not _on(shown, blink, s.CHARACTER_FRAMES):
        glyphs[looks >= 0x80] = 0
    underlined = (looks & 0x77 == 0x01) & (inside == shown.crtc[s.UNDERLINE] & 0x1F)
    solid = underlined
    cursor = s.cursor_lines(shown)
    if cursor and _on(shown, blink, s.CURSOR_FRAMES):
        inside_it = (inside >= cursor[0]) & (inside <= cursor[1])
        solid = solid | (each.counts == s.cursor_address(shown)) & inside_it
    glyphs[solid] = 0xFF
    front, back = looks & 15, looks >> 4 & (7 if blinks else 15)
    # A dot is `back` or, where the glyph has a bit, `front`. Eight dots are a word.
    words = _spread().take(glyphs) * (front ^ back).astype(np.uint64)
    words ^= back.astype(np.uint64) * np.uint64(0x0101010101010101)
    drawn = words.view(np.uint8).reshape(len(at), -1, 8)
    if s.character_width(shown) == 9:
        ninth = np.where(solid, front, back)
        if shown.attribute[s.ATTRIBUTE_MODE] & s.LINE_GRAPHICS:
            ninth = np.where(chars & 0xE0 == 0xC0, drawn[..., 7], ninth)
        wide = np.empty((*at.shape, 9), np.uint8)
        wide[..., :8], wide[..., 8] = drawn, ninth
        drawn = wide
    flat: NDArray[uint8] = drawn.reshape(len(at), -1)
    return flat


def font_bases(select: int) -> tuple[int, int]:
    """Where the fonts are in plane 2 of characters without and with bit 3 of the attribute;
    `select` is sequencer register 3."""
    without = select & 0x03 | select >> 2 & 0x04
    with_bit = select >> 2 & 0x03 | select >> 3 & 0x04
    return FONTS[without], FONTS[with_bit]


def _on(shown: "VgaSnapshot", blink: bool | None, frames: int) -> bool:
    """Whether what blinks is shown now."""
    return bool(shown.frame // frames % 2 == 0) if blink is None else blink


def _panned(
    shown: "VgaSnapshot", drawn: "NDArray[uint8]", each: _Lines, width: int
) -> "NDArray[uint8]":
    """The part of the lines that is on the screen."""
    import numpy as np

    pan = s.panning(shown)
    if not pan or not shown.attribute[s.ATTRIBUTE_MODE] & s.PANNING_STOPS or not each.split.any():
        return np.ascontiguousarray(drawn[:, pan : pan + width])
    part = np.empty((len(drawn), width), np.uint8)
    part[~each.split] = drawn[~each.split, pan : pan + width]
    part[each.split] = drawn[each.split, :width]
    return part


def _colours(shown: "VgaSnapshot", blink: bool | None) -> "NDArray[uint8]":
    """For each number from the planes the number in the DAC."""
    import numpy as np

    planes = shown.attribute[s.PLANE_ENABLE] & 0x0F
    mode, colours = shown.attribute[s.ATTRIBUTE_MODE], s.attribute_colours(shown)
    table = []
    for dot in range(16):
        number = dot & planes
        if s.graphics(shown) and mode & s.BLINK:
            # Bit 3 blinks where it is set, or everywhere if plane 3 is not shown. Where it does not
            # blink it is 1. This is how mode 0Fh has a colour that blinks.
            blinks = dot & 8 or not planes & 8
            on = _on(shown, blink, s.CHARACTER_FRAMES)
            number = number & 7 | (0 if blinks and on else 8)
        table.append(colours[number])
    return np.array(table * 16, np.uint8)
