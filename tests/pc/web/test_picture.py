"""Pictures on the wire: what changed is all that is sent, and it is enough."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.web.picture import Frame, changes


class Page:
    """What page.js does with the messages."""

    def __init__(self) -> None:
        self.dots = np.zeros((0, 0), np.uint8)
        self.palette = b""

    def take(self, message: bytes) -> None:
        width, height, with_palette = struct.unpack_from("<HHB", message)
        at = 5
        if self.dots.shape != (height, width):
            self.dots = np.zeros((height, width), np.uint8)
        if with_palette:
            self.palette, at = message[at : at + 768], at + 768
        (count,) = struct.unpack_from("<H", message, at)
        at += 2
        for _ in range(count):
            x, y, w, h = struct.unpack_from("<4H", message, at)
            at += 8
            dots = np.frombuffer(message[at : at + w * h], np.uint8)
            self.dots[y : y + h, x : x + w] = dots.reshape(h, w)
            at += w * h
        assert at == len(message)


def frame(seed: int, height: int, width: int, colours: int = 3) -> Frame:
    """A picture with few colours, so that two of them have much in common."""
    dots = np.random.default_rng(seed).integers(0, colours, (height, width), np.uint8)
    return Frame(dots, bytes([seed % 3]) * 768)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 30), st.integers(1, 8)), min_size=1, max_size=6
    )
)
def test_a_page_shows_what_the_guest_shows(pictures: list[tuple[int, int, int]]) -> None:
    page, seen = Page(), None

    for each in pictures:
        new = frame(*each)
        message = changes(seen, new)
        if message is not None:
            page.take(message)
        seen = new
        assert np.array_equal(page.dots, new.dots)
        assert page.palette == new.palette


def test_equal_pictures_send_nothing() -> None:
    assert changes(frame(1, 20, 30), frame(1, 20, 30)) is None


def test_one_dot_sends_one_dot() -> None:
    old = frame(1, 400, 720)
    dots = old.dots.copy()
    dots[399, 719] ^= 1

    message = changes(old, Frame(dots, old.palette))

    assert message is not None
    assert len(message) == 5 + 2 + 8 + 1


def test_two_changes_far_from_each_other_are_two_rectangles() -> None:
    old = frame(1, 400, 720)
    dots = old.dots.copy()
    dots[0, 0] ^= 1
    dots[399, 719] ^= 1

    message = changes(old, Frame(dots, old.palette))

    assert message is not None
    assert len(message) == 5 + 2 + 2 * 9


def test_a_new_palette_is_sent_without_dots() -> None:
    old = frame(1, 4, 4)

    message = changes(old, Frame(old.dots, bytes(range(256)) * 3))

    assert message is not None
    assert len(message) == 5 + 768 + 2
