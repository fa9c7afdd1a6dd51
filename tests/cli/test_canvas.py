"""The canvas: a picture as half blocks, sixels and by kitty's protocol, as the terminal answers."""

from __future__ import annotations

import base64
import re
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from pyx86emu.cli.blocks import Blocks
from pyx86emu.cli.canvas import Canvas
from pyx86emu.cli.keys import Answer
from pyx86emu.cli.picture import Picture, average, fitted, nearest
from pyx86emu.cli.pixels import LARGEST, KittyPictures, Sixels, sixels

Dots = NDArray[np.uint8]


class Shown:
    """A screen in a graphics mode."""

    def __init__(self, indices: Dots, palette: Dots) -> None:
        self.indices, self.palette = indices, palette
        self.version = 1
        self.scale = (2, 2)

    def indexed(self) -> tuple[Dots, Dots]:
        return self.indices.repeat(2, axis=0).repeat(2, axis=1), self.palette


@pytest.fixture
def picture() -> Picture:
    """All colours, in a pattern without repetition."""
    random = np.random.default_rng(1)
    return Picture(
        random.integers(0, 256, (200, 320), np.uint8), random.integers(0, 256, (256, 3), np.uint8)
    )


def from_sixels(text: str) -> tuple[Dots, dict[int, tuple[int, ...]]]:
    """The dots and the colours (in percent) of a sixel sequence: what a terminal makes of it."""
    match = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*)\x1b\\', text, re.S)
    assert match
    width, height = int(match[1]), int(match[2])
    dots = np.zeros((height + 6, width), np.uint8)
    colours: dict[int, tuple[int, ...]] = {}
    x = y = colour = 0
    for define, select, count, char in re.findall(
        r"#(\d+;2;\d+;\d+;\d+)|#(\d+)|(?:!(\d+))?([?-~$-])", match[3]
    ):
        if define:
            number, _, *parts = (int(part) for part in define.split(";"))
            colours[number] = tuple(parts)
        elif select:
            colour = int(select)
        elif char == "$":
            x = 0
        elif char == "-":
            x, y = 0, y + 6
        else:
            run = int(count or 1)
            for bit in range(6):
                if ord(char) - 63 >> bit & 1:
                    dots[y + bit, x : x + run] = colour
            x += run
    return dots[:height], colours


def test_a_picture_has_the_shape_of_a_monitor() -> None:
    assert fitted(640, 480) == (640, 480)
    assert fitted(90, 60) == (80, 60)
    assert fitted(4, 100) == (4, 3)


def test_scaling_leaves_out_or_repeats_dots() -> None:
    dots = np.arange(6, dtype=np.uint8).reshape(2, 3)

    assert nearest(dots, 6, 4).tolist() == [[0, 0, 1, 1, 2, 2]] * 2 + [[3, 3, 4, 4, 5, 5]] * 2
    assert nearest(nearest(dots, 6, 4), 3, 2).tolist() == dots.tolist()


def test_an_average_dot_is_the_mean_of_those_that_it_stands_for() -> None:
    dots = np.zeros((2, 4, 3), np.uint8)
    dots[0, 0] = dots[1, 1] = 200

    assert average(dots, 2, 1).tolist() == [[[100] * 3, [0] * 3]]
    assert (average(dots, 4, 2) == dots).all()
    assert average(dots, 8, 4).shape == (4, 8, 3)


@pytest.mark.parametrize("size", [(320, 200), (17, 13), (1, 1), (6, 6), (700, 7)])
def test_sixels_are_the_picture(picture: Picture, size: tuple[int, int]) -> None:
    dots = nearest(picture.indices, *size)

    shown, colours = from_sixels(sixels(dots, picture.palette))

    assert (shown == dots).all()
    for number in np.unique(dots).tolist():
        percent = picture.palette[number] / 2.55
        assert np.abs(np.array(colours[number]) - percent).max() <= 0.5


def test_long_runs_of_sixels_are_counted() -> None:
    text = sixels(np.zeros((6, 1000), np.uint8), np.zeros((256, 3), np.uint8))

    assert len(text) < 100
    assert from_sixels(text)[0].shape == (6, 1000)


def test_sixels_fill_the_window_and_are_bounded(picture: Picture) -> None:
    small = from_sixels(Sixels().draw(picture, 40, 20, (10, 20)).removeprefix("\x1b[H"))[0]
    large = from_sixels(Sixels().draw(picture, 400, 200, (10, 20)).removeprefix("\x1b[H"))[0]

    assert small.shape == (300, 400)
    assert large.shape == LARGEST[::-1]


def test_kittys_protocol_sends_all_dots_in_pieces(picture: Picture) -> None:
    text = KittyPictures().draw(picture, 80, 24, (8, 16))

    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert all(len(data) <= 4096 for _, data in pieces)
    assert [keys.rpartition("m=")[2] for keys, _ in pieces] == ["1"] * (len(pieces) - 1) + ["0"]
    assert "f=24,s=320,v=200" in pieces[0][0]
    assert "c=64,r=24" in pieces[0][0]  # 512 x 384 dots of the terminal
    data = zlib.decompress(base64.b64decode("".join(data for _, data in pieces)))
    assert data == picture.palette[picture.indices].tobytes()


def test_a_half_block_has_two_dots() -> None:
    indices = np.array([[0, 1], [1, 0]], np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette[1] = 252, 128, 4
    blocks = Blocks(colours=True, exact=True, half=True)

    drawn = blocks.draw(Picture(indices, palette), 2, 1, (8, 16))

    assert drawn == (
        "\x1b[1;1H\x1b[38;2;0;0;0m\x1b[48;2;252;128;4m\u2580"
        "\x1b[38;2;252;128;4m\x1b[48;2;0;0;0m\u2580"
    )


def test_only_cells_that_have_changed_are_sent(picture: Picture) -> None:
    blocks = Blocks(colours=True, exact=True, half=True)
    first = blocks.draw(picture, 80, 30, (8, 16))
    assert first.count("\u2580") == 80 * 30
    assert blocks.draw(picture, 80, 30, (8, 16)) == ""

    changed = picture.indices.copy()
    changed[:6, :4] ^= 0xFF

    assert blocks.draw(Picture(changed, picture.palette), 80, 30, (8, 16)).count("\u2580") == 1


def test_with_256_colours_the_nearest_of_the_cube_is_taken(picture: Picture) -> None:
    palette = np.zeros((256, 3), np.uint8)
    palette[0], palette[1] = (0, 0, 0), (255, 130, 0)
    indices = np.array([[0], [1]], np.uint8)

    drawn = Blocks(colours=True, exact=False, half=True).draw(
        Picture(indices, palette), 1, 1, (8, 16)
    )

    assert drawn == "\x1b[1;1H\x1b[38;5;16m\x1b[48;5;208m\u2580"


def test_without_the_half_block_or_colours_a_cell_is_one_dot(picture: Picture) -> None:
    white = Picture(np.ones((8, 8), np.uint8), np.full((256, 3), 255, np.uint8))

    blank = Blocks(colours=True, exact=True, half=False).draw(white, 4, 1, (8, 16))
    shade = Blocks(colours=False, exact=True, half=True).draw(white, 4, 1, (8, 16))

    assert blank.endswith("\x1b[48;2;252;252;252m  ")
    assert shade == "\x1b[0m\x1b[1;1H@@"


@pytest.mark.parametrize(
    ("answers", "sent"),
    [
        ([], "\u2580"),
        ([Answer("?c", (62, 22))], "\u2580"),
        ([Answer("?c", (62, 4, 22))], "\x1bP0;1;0q"),
        ([Answer("G", text="i=31;OK"), Answer("?c", (62, 4))], "\x1b_Ga=T"),
        ([Answer("G", text="i=31;ENOTSUP"), Answer("?c", (62,))], "\u2580"),
        ([Answer("?c", (4,))], "\u2580"),  # the first number is the kind of terminal
    ],
)
def test_the_terminal_says_how_pictures_are_drawn(
    picture: Picture, answers: list[Answer], sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    canvas = Canvas(colours=True)
    for answer in answers:
        canvas.answer(answer)

    assert sent in canvas.draw(Shown(*picture), 80, 24)


def test_the_terminal_says_how_large_a_cell_is(picture: Picture) -> None:
    canvas = Canvas(colours=True)
    for answer in (Answer("?c", (62, 4)), Answer("t", (6, 30, 10)), Answer("t", (6, 0, 9999))):
        canvas.answer(answer)

    assert '"1;1;400;300' in canvas.draw(Shown(*picture), 40, 30)


def test_frames_are_bounded_in_rate_and_bytes(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("pyx86emu.cli.canvas.monotonic", lambda: now)
    canvas, screen = Canvas(colours=True), Shown(*picture)

    first = canvas.draw(screen, 80, 24)
    assert first
    assert canvas.draw(screen, 80, 24) == ""  # nothing has changed

    screen.version, screen.indices = 2, screen.indices ^ 1
    assert canvas.draw(screen, 80, 24) == ""  # too early
    now += max(1 / 15, len(first) / 2_000_000)
    assert canvas.draw(screen, 80, 24)


def test_tmux_is_not_asked_for_kittys_graphics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b_G" in Canvas(colours=True).questions()
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    assert "\x1b_G" not in Canvas(colours=True).questions()
