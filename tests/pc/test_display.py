"""The display seam: several readers of one VGA, pictures as PNG."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.pc.screen import png
from pyx86emu.pc.screen.display import Display, Picture
from pyx86emu.pc.screen.text import Screen

MakeMachine = Callable[..., Machine]

# mov ax,B800h; mov ds,ax; mov byte [0],'x'
SHOW_X = "b800b8 8ed8 c606000078"
HALT = "faf4"


def booted(machine: MakeMachine, code: str) -> Machine:
    m = machine(bytes.fromhex(code))
    m.boot()
    return m


def test_two_screens_of_one_vga_both_see_a_change(machine: MakeMachine) -> None:
    m = booted(machine, SHOW_X + HALT)
    screens = [Screen(m.vm, m.vga) for _ in range(2)]
    before = [screen.version for screen in screens]

    m.run()

    assert all(screen.version != old for screen, old in zip(screens, before, strict=True))
    after = [screen.version for screen in screens]
    assert [screen.version for screen in screens] == after


def test_two_readers_of_one_screen_both_see_a_change(machine: MakeMachine) -> None:
    m = booted(machine, SHOW_X + HALT)
    display: Display = m.screen
    first = second = display.version

    m.run()

    assert display.version != first
    assert display.version != second


def test_who_else_looks_takes_nothing_from_until(machine: MakeMachine) -> None:
    m = booted(machine, SHOW_X + "ebfe")
    other = Screen(m.vm, m.vga)

    def look() -> None:
        assert isinstance((other.version, m.screen.version), tuple)
        m.vm.clock.call_after(1000, look)

    look()

    assert m.run(until="^x", timeout=1).reason is ExitReason.MATCH


@pytest.mark.parametrize(
    "writes",
    [
        {0x3D4: 0x0C, 0x3D5: 0x01},  # start address
        {0x3D4: 0x01, 0x3D5: 39},  # columns, once the lock is off
        {0x3D4: 0x09, 0x3D5: 0x07},  # scan lines of a character
        {0x3C8: 0x07, 0x3C9: 0x3F},  # a colour
        {0x3C6: 0x0F},  # which colours there are
    ],
    ids=lambda writes: " ".join(f"{port:x}={value:x}" for port, value in writes.items()),
)
def test_a_register_that_changes_the_picture_is_another_version(
    machine: MakeMachine, writes: dict[int, int]
) -> None:
    m = booted(machine, HALT)
    m.pio.write(0x3D4, 1, 0x11)
    m.pio.write(0x3D5, 1, 0)  # the lock of registers 0 to 7
    before = m.screen.version

    for port, value in writes.items():
        for _ in range(3 if port == 0x3C9 else 1):  # a colour is stored when its blue arrives
            m.pio.write(port, 1, value)

    assert m.screen.version != before


def test_a_cursor_that_moves_is_no_other_version(machine: MakeMachine) -> None:
    m = booted(machine, HALT)
    before = m.screen.version, m.screen.cursor

    m.pio.write(0x3D4, 1, 0x0F)
    m.pio.write(0x3D5, 1, 0x55)

    assert m.screen.cursor != before[1]
    assert m.screen.version == before[0]


def test_a_screen_shows_the_vga(machine: MakeMachine) -> None:
    m = machine()

    with pytest.raises(TypeError, match="a Screen shows a Vga, not Screen"):
        Screen(m.vm, m.screen)  # type: ignore[arg-type]


def test_a_screen_of_a_closed_machine_has_a_version_still() -> None:
    with Machine() as m:
        before = m.screen.version

    assert m.screen.version == before


# -- pictures --------------------------------------------------------------------------------------


def test_pixels_are_the_characters_in_their_colours(machine: MakeMachine) -> None:
    m = booted(machine, HALT)
    m.vm.write(0xB8000, b"\xdb\x4f \x4f")

    picture = m.screen.pixels

    assert (len(picture.rows), len(picture.rows[0])) == (400, 640)
    assert picture.rows[5][:16] == bytes([15] * 8 + [4] * 8)
    assert picture.palette[4] == (170, 0, 0)


@pytest.mark.parametrize("picture", [Picture([], []), Picture([], [b""])], ids=str)
def test_a_picture_without_dots_is_refused(picture: Picture) -> None:
    with pytest.raises(ValueError, match="a PNG has dots"):
        png.encode(picture)


def test_a_picture_of_too_many_colours_is_refused() -> None:
    with pytest.raises(ValueError, match="of 1 to 16 colours"):
        png.encode(Picture([(0, 0, 0)] * 17, [b"\0"]))


@pytest.mark.parametrize("width", [1, 2, 7])
def test_a_picture_may_have_any_width(width: int) -> None:
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    colours = [(number, 0, 255 - number) for number in range(16)]

    data = png.encode(Picture(colours, [bytes(range(width)), bytes(range(3, 3 + width))]))

    picture = image.open(BytesIO(data)).convert("RGB")
    assert picture.size == (width, 2)
    assert [picture.getpixel((x, 1)) for x in range(width)] == colours[3 : 3 + width]
