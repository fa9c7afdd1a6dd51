"""The renderer: registers and planes of each mode as dots, against what the manuals say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu.pc.screen import scan as s
from pyx86emu.pc.screen.render import font_bases, render, render_indices
from tests.pc.snapshots import REGISTERS, snapshot, with_bytes

Array = Any


def dots(shown: Any, **options: Any) -> Array:
    """The picture as numbers of colours, each dot of the guest once."""
    x, y = s.scale(shown)
    return render_indices(shown, **options).indices[::y, ::x]


def glyphs(number: int, rows: bytes, base: int = 0) -> dict[int, bytes]:
    """A glyph where a font in plane 2 has it."""
    return {base + number * 32: rows}


# -- every mode --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "name", "shape"),
    [
        (0x01, "text 40x25", (400, 720)),
        (0x03, "text 80x25", (400, 720)),
        (0x04, "320x200 4 colours", (400, 640)),
        (0x06, "640x200 2 colours", (400, 640)),
        (0x07, "text 80x25", (400, 720)),
        (0x0D, "320x200 16 colours", (400, 640)),
        (0x0E, "640x200 16 colours", (400, 640)),
        (0x0F, "640x350 4 colours", (350, 640)),
        (0x10, "640x350 16 colours", (350, 640)),
        (0x11, "640x480 2 colours", (480, 640)),
        (0x12, "640x480 16 colours", (480, 640)),
        (0x13, "320x200 256 colours", (400, 640)),
    ],
)
def test_each_mode_has_its_name_and_size(mode: int, name: str, shape: tuple[int, int]) -> None:
    shown = snapshot(mode)

    assert s.mode_name(shown) == name
    assert render(shown).shape == (*shape, 3)
    assert render(shown).dtype == np.uint8


def test_pixels_are_the_six_bits_of_the_dac_as_eight() -> None:
    shown = snapshot(0x13, {0: {0: b"\x3f\0\0\0\x01"}})

    picture = render(shown)

    # Number 3Fh is (3Fh, 0Fh, 0) in the DAC of the snapshot, number 1 is (1, 0, 3Eh).
    assert picture[0, 0].tolist() == [255, 60, 0]
    assert picture[0, 8].tolist() == [4, 0, 251]


# -- text --------------------------------------------------------------------------------------

TEXT = {0: {0: b"A\0\xc4\0B"}, 1: {0: b"\x1e\0\x1e\0\x1e"}, 2: glyphs(0x41, b"\x81\xff")}
TEXT[2] |= glyphs(0xC4, b"\x01") | glyphs(0x42, b"\x01")
HIDDEN = with_bytes(snapshot(3).crtc, {0x0A: 0x20})
YELLOW, BLUE = 0x3E, 0x01  # attribute registers 0Eh and 01h of mode 3


def test_text_has_glyphs_in_their_colours() -> None:
    picture = dots(snapshot(3, TEXT, crtc=HIDDEN))

    top, second = [YELLOW, *[BLUE] * 6, YELLOW, BLUE], [*[YELLOW] * 8, BLUE]
    assert picture[0, :9].tolist() == top
    assert picture[1, :9].tolist() == second
    assert picture[2, :9].tolist() == [BLUE] * 9


def test_the_ninth_dot_repeats_the_eighth_of_line_graphics_only() -> None:
    shown = snapshot(3, TEXT, crtc=HIDDEN)
    plain = shown._replace(attribute=with_bytes(shown.attribute, {0x10: 0x08}))

    assert dots(shown)[0, 16:18].tolist() == [YELLOW, YELLOW]
    assert dots(shown)[0, 25:27].tolist() == [YELLOW, BLUE]
    assert dots(plain)[0, 16:18].tolist() == [YELLOW, BLUE]


def test_a_character_has_eight_dots_if_the_sequencer_says_so() -> None:
    shown = snapshot(3, TEXT, sequencer=bytes.fromhex("0301030002"), crtc=HIDDEN)

    picture = dots(shown)

    assert picture.shape == (400, 640)
    assert picture[0, 8:16].tolist() == [*[BLUE] * 7, YELLOW]


def test_bit_3_of_the_attribute_chooses_the_second_font() -> None:
    fonts = glyphs(0x41, b"\xff", 0x4000) | glyphs(0x41, b"\x0f", 0)
    cells = {0: {0: b"A\0A"}, 1: {0: b"\x07\0\x0f"}, 2: fonts}
    shown = snapshot(3, cells, sequencer=bytes.fromhex("0300030102"), crtc=HIDDEN)

    picture = dots(shown)

    assert [int(dot) for dot in picture[0, :8] != 0] == [1] * 8
    assert [int(dot) for dot in picture[0, 9:17] != 0] == [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("select", "bases"),
    [
        (0x00, (0x0000, 0x0000)),
        (0x05, (0x4000, 0x4000)),
        (0x0E, (0x8000, 0xC000)),
        (0x10, (0x2000, 0x0000)),
        (0x20, (0x0000, 0x2000)),
        (0x3F, (0xE000, 0xE000)),
    ],
)
def test_the_sequencer_has_three_bits_for_each_font(select: int, bases: tuple[int, int]) -> None:
    assert font_bases(select) == bases


def test_mode_7_underlines_attribute_1_in_line_15() -> None:
    cells = {0: {0: b"A\0A"}, 1: {0: b"\x01\0\x07"}, 2: {}}

    picture = dots(snapshot(7, cells, crtc=with_bytes(snapshot(7).crtc, {0x0A: 0x20})))

    assert picture[15, :9].tolist() == [0x08] * 9
    assert not picture[15, 9:18].any()
    assert not picture[14, :9].any()


def test_what_blinks_is_hidden_every_other_sixteen_frames() -> None:
    cells = {0: {0: b"A"}, 1: {0: b"\x87"}, 2: glyphs(0x41, b"\xff")}
    shown = snapshot(3, cells, crtc=HIDDEN)
    bright = shown._replace(attribute=with_bytes(shown.attribute, {0x10: 0x04}))

    on = [dots(shown._replace(frame=frame), blink=None)[0, 0] for frame in (0, 15, 16, 31, 32)]

    assert [int(dot) for dot in on] == [7, 7, 0, 0, 7]
    assert dots(shown, blink=True)[0, 0] == 7
    assert dots(shown, blink=False)[0, 0] == 0
    assert dots(bright, blink=False)[0, [0, 8]].tolist() == [7, 0x38]  # a bright background


def test_the_cursor_has_its_lines_place_and_skew() -> None:
    shown = snapshot(3, {1: {0: b"\x07\0" * 200}})
    placed = {0x0A: 0x0D, 0x0B: 0x0E | 1 << 5, 0x0F: 81}

    picture = dots(shown._replace(crtc=with_bytes(shown.crtc, placed)))

    rows, columns = np.nonzero(picture)
    assert sorted(set(rows.tolist())) == [16 + 13, 16 + 14]
    assert sorted(set(columns.tolist())) == list(range(2 * 9, 3 * 9))
    assert not dots(shown, blink=False).any()


@pytest.mark.parametrize(
    "shape", [{0x0A: 0x2D}, {0x0A: 0x0E, 0x0B: 0x0D}, {0x0A: 0x1E, 0x0B: 0x1F}]
)
def test_a_cursor_may_have_no_lines(shape: dict[int, int]) -> None:
    shown = snapshot(3, {1: {0: b"\x07\0" * 200}})

    shown = shown._replace(crtc=with_bytes(shown.crtc, shape))

    assert not dots(shown).any()
    assert s.cursor_place(shown) is None


def test_the_cursor_is_where_the_screen_has_scrolled_to() -> None:
    crtc = with_bytes(snapshot(3).crtc, {0x0C: 0x01, 0x0D: 0x00, 0x0E: 0x01, 0x0F: 0x52})

    assert s.cursor_place(snapshot(3, crtc=crtc)) == (2, 1)


# -- graphics ----------------------------------------------------------------------------------


def test_mode_4_has_dots_of_two_bits_and_odd_lines_2000h_higher() -> None:
    planes = {0: {0: b"\x1b", 0x2000: b"\xff"}, 1: {0: b"\xc0"}}

    picture = dots(snapshot(4, planes))

    assert picture[0, :8].tolist() == [0, 0x13, 0x15, 0x17, 0x17, 0, 0, 0]
    assert picture[1, :4].tolist() == [0x17] * 4
    assert not picture[2:].any()


def test_mode_6_has_a_dot_of_each_bit_of_plane_0() -> None:
    planes = {0: {0: b"\x81", 0x2000 + 79: b"\x01"}, 1: {0: b"\xff"}}

    picture = dots(snapshot(6, planes))

    assert np.argwhere(picture).tolist() == [[0, 0], [0, 7], [1, 639]]
    assert picture[0, 0] == 0x17


def test_planar_modes_have_a_bit_of_each_dot_in_each_plane() -> None:
    planes = {plane: {80: bytes([0x80 >> plane | 0x01])} for plane in range(4)}

    picture = dots(snapshot(0x12, planes))

    # 1, 2, 4, 8 and 15 through the attribute registers.
    assert picture[1, :8].tolist() == [0x01, 0x02, 0x04, 0x38, 0, 0, 0, 0x3F]


def test_a_plane_that_is_not_enabled_is_not_shown() -> None:
    shown = snapshot(0x12, {plane: {0: b"\x80"} for plane in range(4)})

    shown = shown._replace(attribute=with_bytes(shown.attribute, {0x12: 0x05}))

    assert dots(shown)[0, 0] == 0x05  # attribute register 5, not 15


def test_mode_0f_has_a_colour_that_blinks() -> None:
    shown = snapshot(0x0F, {0: {0: b"\xc0"}, 2: {0: b"\x60"}})  # 1, 5, 4

    assert dots(shown)[0, :4].tolist() == [0x08, 0x18, 0x18, 0x00]
    assert dots(shown, blink=False)[0, :4].tolist() == [0x08, 0x18, 0x00, 0x00]


def test_mode_13h_has_a_dot_of_each_byte_with_every_fourth_in_a_plane() -> None:
    planes = {plane: {0: bytes([plane + 1]), 4: bytes([plane + 5])} for plane in range(4)}
    planes[0][320 * 199] = b"\x99"

    picture = dots(snapshot(0x13, planes))

    assert picture[0, :9].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert picture[199, 0] == 0x99


#: Mode X: 320 x 240 unchained, as in Michael Abrash's articles: what differs from mode 13h.
MODE_X = {0x06: 0x0D, 0x07: 0x3E, 0x09: 0x41, 0x10: 0xEA, 0x11: 0xAC, 0x12: 0xDF, 0x14: 0x00}
MODE_X |= {0x15: 0xE7, 0x16: 0x06, 0x17: 0xE3}


def test_mode_x_has_consecutive_bytes_in_each_plane() -> None:
    shown = snapshot(0x13, {1: {0: b"\x11", 1: b"\x22", 80 * 239: b"\x33"}})

    shown = shown._replace(crtc=with_bytes(shown.crtc, MODE_X))

    assert s.mode_name(shown) == "320x240 256 colours"
    assert dots(shown).shape == (240, 320)
    assert dots(shown)[0, [1, 5]].tolist() == [0x11, 0x22]
    assert dots(shown)[239, 1] == 0x33


def test_360_dots_and_480_lines() -> None:
    crtc = with_bytes(snapshot(0x13).crtc, MODE_X | {0x01: 0x59, 0x09: 0x40, 0x13: 0x2D})
    shown = snapshot(0x13, {3: {90 * 479 + 89: b"\x44"}}, crtc=crtc)

    assert s.mode_name(shown) == "360x480 256 colours"
    assert np.argwhere(dots(shown)).tolist() == [[479, 359]]


# -- addresses ---------------------------------------------------------------------------------


def test_the_start_address_counts_characters_and_wraps() -> None:
    crtc = with_bytes(snapshot(0x12).crtc, {0x0C: 0xFF, 0x0D: 0xFF})

    picture = dots(snapshot(0x12, {0: {0xFFFF: b"\x80", 0: b"\xff"}}, crtc=crtc))

    assert np.flatnonzero(picture[0]).tolist() == [0, *range(8, 16)]


def test_the_offset_is_the_width_of_a_line_in_words() -> None:
    crtc = with_bytes(snapshot(0x12).crtc, {0x13: 50})

    picture = dots(snapshot(0x12, {0: {100: b"\x80"}}, crtc=crtc))

    assert np.argwhere(picture).tolist() == [[1, 0]]


def test_after_the_line_compare_the_screen_starts_at_address_0() -> None:
    crtc = with_bytes(snapshot(0x12).crtc, {0x0C: 0x80, 0x18: 99, 0x07: 0x2E, 0x09: 0x00})

    picture = dots(snapshot(0x12, {0: {0: b"\x80", 0x8000: b"\x40"}}, crtc=crtc))

    assert np.argwhere(picture).tolist() == [[0, 1], [100, 0]]


@pytest.mark.parametrize(("mode", "below"), [(0x01, 0), (0x21, 3)])
def test_panning_stops_at_the_line_compare_if_the_attribute_mode_says_so(
    mode: int, below: int
) -> None:
    shown = snapshot(0x12, {0: {0: b"\x10", 0x8000: b"\x10"}})
    shown = shown._replace(
        crtc=with_bytes(shown.crtc, {0x0C: 0x80, 0x18: 99, 0x07: 0x2E, 0x09: 0x00}),
        attribute=with_bytes(shown.attribute, {0x10: mode, 0x13: 0x03}),
    )

    assert np.argwhere(dots(shown)).tolist() == [[0, 0], [100, below]]


def test_a_split_inside_a_doubled_line_shows_every_scan_line() -> None:
    crtc = with_bytes(snapshot(0x13).crtc, {0x18: 100, 0x07: 0x0F, 0x09: 0x01})

    assert s.scale(snapshot(0x13, crtc=crtc)) == (2, 1)
    assert s.scale(snapshot(0x13, crtc=with_bytes(crtc, {0x18: 99}))) == (2, 2)


@pytest.mark.parametrize(("value", "moved"), [(8, 0), (0, 1), (3, 4), (7, 8), (15, 0)])
def test_panning_of_text_moves_nine_dots(value: int, moved: int) -> None:
    cells = {0: {2: b"A"}, 1: {0: b"\x07\0\x07"}, 2: glyphs(0x41, b"\x80")}
    shown = snapshot(3, cells, crtc=HIDDEN)

    shown = shown._replace(attribute=with_bytes(shown.attribute, {0x13: value}))

    assert np.argwhere(dots(shown)).tolist() == [[0, 9 - moved]]


def test_panning_of_256_colours_moves_half_as_many_dots() -> None:
    shown = snapshot(0x13, {3: {0: b"\x01"}})

    shown = shown._replace(attribute=with_bytes(shown.attribute, {0x13: 4}))

    assert np.argwhere(dots(shown)).tolist() == [[0, 1]]


def test_the_character_after_the_last_one_comes_in_by_panning() -> None:
    shown = snapshot(0x12, {0: {80: b"\x80"}}, crtc=with_bytes(snapshot(0x12).crtc, {0x13: 50}))

    shown = shown._replace(attribute=with_bytes(shown.attribute, {0x13: 1}))

    assert np.argwhere(dots(shown)).tolist() == [[0, 639]]


def test_preset_row_scan_scrolls_text_by_lines() -> None:
    cells = {0: {0: b"A", 160: b"A"}, 1: {0: b"\x07", 160: b"\x07"}, 2: glyphs(0x41, b"\0\0\0\xff")}

    picture = dots(snapshot(3, cells, crtc=with_bytes(HIDDEN, {0x08: 0x03})))

    assert sorted(set(np.nonzero(picture)[0].tolist())) == [0, 16]


def test_double_scan_shows_each_line_of_a_character_twice() -> None:
    cells = {0: {0: b"A"}, 1: {0: b"\x07"}, 2: glyphs(0x41, b"\xff")}
    shown = snapshot(3, cells, crtc=with_bytes(HIDDEN, {0x09: 0xC7}))

    assert s.mode_name(shown) == "text 80x25"
    assert sorted(set(np.nonzero(render_indices(shown).indices)[0].tolist())) == [0, 1]


@pytest.mark.parametrize(
    ("lines", "end", "rows"), [(13, 0x87, 28), (7, 0x8F, 50), (8, 0x8F, 44), (13, 0x8F, 28)]
)
def test_rows_are_lines_by_the_height_of_a_character(lines: int, end: int, rows: int) -> None:
    shown = snapshot(3, crtc=with_bytes(HIDDEN, {0x09: 0x40 | lines, 0x12: end}))

    assert s.mode_name(shown) == f"text 80x{rows}"


# -- colours -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "select", "expected"),
    [(0x01, 0x00, 0x3F), (0x01, 0x0C, 0xFF), (0x81, 0x02, 0x2F), (0x81, 0x0E, 0xEF)],
)
def test_the_colour_select_register_chooses_the_upper_bits(
    mode: int, select: int, expected: int
) -> None:
    shown = snapshot(0x12, {plane: {0: b"\x80"} for plane in range(4)})

    changed = with_bytes(shown.attribute, {0x10: mode, 0x14: select})

    assert dots(shown._replace(attribute=changed))[0, 0] == expected


def test_the_mask_of_the_dac_holds_in_every_mode() -> None:
    packed = snapshot(0x13, {0: {0: b"\xff"}}, dac_mask=0x0F)
    planar = snapshot(0x12, {plane: {0: b"\x80"} for plane in range(4)}, dac_mask=0x2A)

    assert dots(packed)[0, 0] == 0x0F
    assert dots(planar)[0, 0] == 0x2A


@pytest.mark.parametrize(
    "off",
    [
        {"attribute_index": 0},
        {"sequencer": bytes.fromhex("03210f0006")},
        {"crtc": with_bytes(snapshot(0x12).crtc, {0x17: 0x63})},
    ],
    ids=lambda off: next(iter(off)),
)
def test_a_screen_that_is_off_is_black(off: dict[str, Any]) -> None:
    shown = snapshot(0x12, {0: {0: b"\xff"}})

    assert render(shown).any()
    assert not render(shown._replace(**off)).any()
    assert render(shown._replace(**off)).shape == (480, 640, 3)


# -- hostile registers -------------------------------------------------------------------------


@given(
    mode=st.sampled_from(sorted(REGISTERS)),
    crtc=st.dictionaries(st.integers(0, 24), st.integers(0, 255)),
    attribute=st.dictionaries(st.integers(0, 20), st.integers(0, 63)),
    sequencer=st.dictionaries(st.integers(0, 4), st.integers(0, 255), max_size=2),
    graphics=st.dictionaries(st.integers(0, 8), st.integers(0, 255), max_size=3),
    frame=st.integers(0, 1 << 62),
    blink=st.sampled_from((True, False, None)),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_registers_hold_is_a_picture(
    mode: int,
    crtc: dict[int, int],
    attribute: dict[int, int],
    sequencer: dict[int, int],
    graphics: dict[int, int],
    frame: int,
    blink: bool | None,
) -> None:
    shown = snapshot(mode, {2: {0: b"\xa5" * 0x10000}})
    shown = shown._replace(
        crtc=with_bytes(shown.crtc, crtc),
        attribute=with_bytes(shown.attribute, attribute),
        sequencer=with_bytes(shown.sequencer, sequencer),
        graphics=with_bytes(shown.graphics, graphics),
        frame=frame,
    )

    picture = render(shown, blink=blink)

    height, width, _ = picture.shape
    x, y = s.scale(shown)
    assert 1 <= height <= 2048
    assert 1 <= width <= 4608
    assert width % x == height % y == 0
    assert (picture[::y].repeat(y, axis=0) == picture).all()
    assert (picture[:, ::x].repeat(x, axis=1) == picture).all()
    assert s.mode_name(shown)


@pytest.mark.parametrize("value", [0x00, 0xFF, 0x7F, 0x5A])
def test_registers_that_are_all_the_same_are_a_picture(value: int) -> None:
    shown = snapshot(
        3,
        crtc=bytes([value] * 25),
        attribute=bytes([value] * 21),
        graphics=bytes([value] * 9),
        sequencer=bytes([value] * 5),
        dac=bytes([value] * 768),
    )

    assert render(shown).size > 0
    assert s.mode_name(shown)
