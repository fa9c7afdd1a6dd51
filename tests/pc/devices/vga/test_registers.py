"""The registers of the VGA: what a guest writes is what it reads, and what a screen is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.devices.vga import Vga
from pyx86emu.pc.screen import scan
from pyx86emu.pc.screen.screen import Screen

# 449 lines of 900 dots at 28.322 MHz, 720 of the dots and 400 of the lines visible.
LINE = 900 * 10**9 / 28_322_000
FRAME = 14_268_060


@pytest.fixture
def video(attach):
    return attach(Vga())


def text(video):
    return Screen(None, video)


def lit(video):
    return scan.lit(video.snapshot())


def height(video):
    return scan.scan(video.snapshot().crtc).row_lines


def out(video, port, *values):
    for value in values:
        video.pio_write(port - 0x3B0, 1, value)


def inb(video, port):
    return video.pio_read(port - 0x3B0, 1)


def crtc(video, index, value):
    out(video, 0x3D4, index)
    out(video, 0x3D5, value)


def attribute(video, index, value):
    inb(video, 0x3DA)
    out(video, 0x3C0, index, value)


def test_starts_in_80_by_25_text(video):
    assert (text(video).columns, text(video).rows) == (80, 25)
    assert height(video) == 16
    assert text(video).cursor == (0, 0)
    assert scan.cursor_lines(video.snapshot()) == (13, 14)
    assert lit(video)
    assert text(video).blinking


@pytest.mark.parametrize(("value", "columns"), [(79, 80), (39, 40), (89, 90), (131, 132)])
def test_columns_are_one_more_than_the_register_says(video, value, columns):
    crtc(video, 0x01, value)

    assert text(video).columns == columns


def test_50_rows_of_an_8_line_font(video):
    crtc(video, 0x09, 0x47)

    assert text(video).rows == 50
    assert height(video) == 8


def test_rows_use_the_overflow_bits(video):
    crtc(video, 0x12, 0x57)  # 0x57 | 1 << 8 = 343: 350 lines, less the rest
    crtc(video, 0x07, 0x12)  # bit 4 is of the line compare
    crtc(video, 0x09, 0x0D)

    assert text(video).rows == (0x157 + 1) // 14


def test_cursor_follows_its_address_and_the_start_address(video):
    crtc(video, 0x0C, 0x07)
    crtc(video, 0x0D, 0xD0)  # second page of 2000 characters
    address = 2000 + 10 * 80 + 33
    crtc(video, 0x0E, address >> 8)
    crtc(video, 0x0F, address & 0xFF)

    assert text(video).cursor == (33, 10)


@pytest.mark.parametrize(
    ("start", "end", "visible"),
    [(13, 14, True), (0, 15, True), (0x20, 0, False), (0x2D, 14, False), (14, 13, False)],
)
def test_cursor_can_be_hidden(video, start, end, visible):
    crtc(video, 0x0A, start)
    crtc(video, 0x0B, end)

    assert (text(video).cursor is not None) is visible


def test_crtc_registers_read_back(video):
    for index in range(0x19):
        crtc(video, index, 0x40 | index)
    for index in range(0x19):
        out(video, 0x3D4, index)
        assert inb(video, 0x3D4) == index
        assert inb(video, 0x3D5) == 0x40 | index


def test_crtc_registers_beyond_the_last_read_as_zero(video):
    crtc(video, 0x30, 0xFF)

    assert inb(video, 0x3D5) == 0


def test_protected_registers_keep_their_values(video):
    crtc(video, 0x11, 0x8E)
    for index in range(8):
        crtc(video, index, 0x00)
    crtc(video, 0x0F, 0x05)

    assert (text(video).columns, text(video).rows) == (80, 25)
    assert text(video).cursor == (5, 0)
    assert video.snapshot().crtc[0x07] == 0x0F  # line compare bit went, the others did not


def test_attribute_flip_flop_tells_index_from_data(video):
    inb(video, 0x3DA)
    out(video, 0x3C0, 0x05, 0x2A)  # palette off: writable

    assert inb(video, 0x3C0) == 0x05
    assert inb(video, 0x3C1) == 0x2A
    assert not lit(video)
    out(video, 0x3C0, 0x20)
    assert lit(video)


def test_status_read_resets_the_flip_flop(video):
    out(video, 0x3C0, 0x10)
    inb(video, 0x3DA)
    out(video, 0x3C0, 0x30, 0x04)

    assert video.snapshot().attribute[0x10] == 0x04
    assert not text(video).blinking


def test_palette_is_locked_while_the_screen_shows(video):
    attribute(video, 0x21, 0x3F)

    assert video.snapshot().attribute[1] == 0x01


def test_blinking_by_cga_mode_port(video):
    out(video, 0x3D8, 0x09)
    assert not text(video).blinking
    out(video, 0x3D8, 0x29)
    assert text(video).blinking
    assert inb(video, 0x3D8) == inb(video, 0x3D9) == 0xFF  # write-only
    out(video, 0x3D9, 0x1F)
    assert (video.snapshot().cga_mode, video.snapshot().cga_color) == (0x29, 0x1F)


def test_sequencer_can_blank_the_screen(video):
    out(video, 0x3C4, 0x01)
    out(video, 0x3C5, 0x20)

    assert inb(video, 0x3C5) == 0x20
    assert not lit(video)


def test_graphics_and_misc_registers_read_back(video):
    out(video, 0x3CE, 0x06)
    assert inb(video, 0x3CF) == 0x0E
    out(video, 0x3CF, 0x0C)
    assert inb(video, 0x3CF) == 0x0C
    out(video, 0x3C2, 0xE3)
    assert inb(video, 0x3CC) == 0xE3
    out(video, 0x3DA, 0x01)
    assert inb(video, 0x3CA) == 0x01
    out(video, 0x3C3, 0x00)
    assert inb(video, 0x3C3) == 0x00
    out(video, 0x3C6, 0x0F)
    assert inb(video, 0x3C6) == 0x0F


def test_undriven_offsets_read_as_ones(video):
    assert inb(video, 0x3CB) == inb(video, 0x3CD) == 0xFF


def test_the_crtc_s_ports_are_where_bit_0_of_misc_says(video):
    out(video, 0x3D4, 0x0F)
    out(video, 0x3B4, 0x03)
    assert inb(video, 0x3D4) == 0x0F
    assert [inb(video, port) for port in (0x3B4, 0x3B5, 0x3BA)] == [0xFF] * 3

    out(video, 0x3C2, 0x66)
    out(video, 0x3D4, 0x01)
    out(video, 0x3B5, 0x77)

    assert inb(video, 0x3B4) == 0x0F
    assert inb(video, 0x3B5) == 0x77
    assert inb(video, 0x3BA) == 0
    assert [inb(video, port) for port in (0x3D4, 0x3D5, 0x3DA)] == [0xFF] * 3


def test_default_palette_is_the_cga_s(video):
    palette = text(video).colours

    assert palette[0] == (0, 0, 0)
    assert palette[1] == (0, 0, 0xAA)
    assert palette[6] == (0xAA, 0x55, 0)  # brown, not dark yellow
    assert palette[7] == (0xAA, 0xAA, 0xAA)
    assert palette[8] == (0x55, 0x55, 0x55)
    assert palette[15] == (0xFF, 0xFF, 0xFF)


def test_dac_colours_are_written_and_read_in_threes(video):
    out(video, 0x3C8, 0x01)
    out(video, 0x3C9, 1, 2, 3, 0x3F, 0x40, 0x7F)
    assert inb(video, 0x3C7) == 0
    assert inb(video, 0x3C8) == 3

    out(video, 0x3C7, 0x01)
    assert inb(video, 0x3C7) == 3
    assert [inb(video, 0x3C9) for _ in range(6)] == [1, 2, 3, 0x3F, 0, 0x3F]
    assert text(video).colours[1] == (4, 8, 12)


def test_dac_index_wraps(video):
    out(video, 0x3C8, 0xFF)
    out(video, 0x3C9, 1, 2, 3, 4, 5, 6)

    assert video.snapshot().dac[:3] == bytes((4, 5, 6))


def test_palette_goes_through_attribute_registers_and_colour_select(video):
    attribute(video, 0x02, 0x3F)
    assert text(video).colours[2] == (0xFF, 0xFF, 0xFF)

    attribute(video, 0x30, 0x8C)
    attribute(video, 0x34, 0x01)
    dac = video.snapshot().dac
    assert text(video).colours[1] == tuple(v << 2 | v >> 4 for v in dac[3 * 0x11 : 3 * 0x11 + 3])


def test_retrace_comes_seventy_times_a_guest_second(video, guest_time):
    edges = 0
    last = 0
    while guest_time.time < 10**9:
        now = inb(video, 0x3DA) & 0x08
        edges += now > last
        last = now
        guest_time.advance(15_000)

    assert edges == 70


def status_at(video, guest_time, line, dot=0):
    """Input status 1 at a dot of the first frame that is still to come."""
    frame = guest_time.time // FRAME + 1
    guest_time.advance(int(frame * FRAME + (line + dot / 900) * LINE) + 20 - guest_time.time)
    return inb(video, 0x3DA)


def test_display_is_off_during_retrace_and_at_the_end_of_each_line(video, guest_time):
    seen = [
        status_at(video, guest_time, line, dot)
        for line, dot in ((0, 0), (0, 718), (0, 721), (0, 898), (1, 0), (399, 0), (400, 0))
    ]

    assert seen == [0, 0, 1, 1, 0, 0, 1]
    assert [status_at(video, guest_time, line) for line in (412, 413, 414, 448)] == [9, 9, 1, 1]


def test_the_rate_is_that_of_the_registers(video, guest_time):
    # 640 x 480: 525 lines of 800 dots at 25.175 MHz
    out(video, 0x3C2, 0xE3)
    out(video, 0x3C4, 0x01)
    out(video, 0x3C5, 0x01)
    crtc(video, 0x11, 0x0C)
    for index, value in (0x06, 0x0B), (0x07, 0x3E), (0x10, 0xEA), (0x11, 0x8C), (0x12, 0xDF):
        crtc(video, index, value)

    assert video.core.frame_ns == 800 * 525 * 10**9 // 25_175_000


def test_half_the_dot_clock_halves_the_rate(video):
    before = video.core.frame_ns

    out(video, 0x3C4, 0x01)
    out(video, 0x3C5, 0x08)

    assert video.core.frame_ns // before == 2


def test_a_crtc_in_reset_has_no_retrace(video, guest_time):
    crtc(video, 0x17, 0x23)

    assert status_at(video, guest_time, 412) == 1


def test_reset_brings_the_text_mode_back(video):
    crtc(video, 0x01, 39)
    out(video, 0x3C8, 0)
    out(video, 0x3C9, 63, 63, 63)

    video.reset()

    assert text(video).columns == 80
    assert text(video).colours[0] == (0, 0, 0)


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from(
                [0x3B4, 0x3B5, 0x3BA, *range(0x3C0, 0x3D0), 0x3D4, 0x3D5, 0x3D8, 0x3D9, 0x3DA]
            ),
            st.integers(0, 255),
        )
    )
)
def test_any_accesses_leave_a_screen_that_can_be_shown(attach_alone, accesses):
    video, _ = attach_alone(Vga())
    for write, port, value in accesses:
        if write:
            out(video, port, value)
        else:
            assert 0 <= inb(video, port) <= 0xFF

    assert text(video).columns > 0
    assert text(video).rows > 0
    column, row = text(video).cursor or (0, 0)
    assert 0 <= row < text(video).rows
    assert 0 <= column < text(video).columns
    assert all(0 <= c <= 255 for color in text(video).colours for c in color)
