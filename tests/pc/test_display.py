"""The display seam: several readers of one VGA."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.pc.screen.display import Display
from pyx86emu.pc.screen.screen import Screen

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


def test_a_cursor_that_moves_is_another_version(machine: MakeMachine) -> None:
    m = booted(machine, HALT)
    before = m.screen.version, m.screen.cursor

    m.pio.write(0x3D4, 1, 0x0F)
    m.pio.write(0x3D5, 1, 0x55)

    assert m.screen.cursor != before[1]
    assert m.screen.version != before[0]


def test_a_screen_shows_the_vga(machine: MakeMachine) -> None:
    m = machine()

    with pytest.raises(TypeError, match="a Screen shows a Vga, not Screen"):
        Screen(m.vm, m.screen)  # type: ignore[arg-type]


def test_a_screen_of_a_closed_machine_has_a_version_still() -> None:
    with Machine() as m:
        before = m.screen.version

    assert m.screen.version == before


@pytest.mark.parametrize("mode", [3, 4, 0x0D, 0x13])
def test_what_the_host_or_dma_writes_is_another_version(mode: int, machine: MakeMachine) -> None:
    segment = "b8" if mode < 5 else "a0"
    m = booted(machine, f"b8{mode:02x}00 cd10" + HALT)  # mov ax,mode; int 10h
    m.run()
    before = m.screen.version

    m.vm.write(int(segment, 16) << 12, b"x")
    written = m.screen.version

    assert before != written
    assert m.screen.version == written
    m.dma.memory.write(int(segment, 16) << 12, b"y")  # as the controller does
    assert m.screen.version != written


def test_a_slot_of_the_window_that_the_host_stores_into_is_another_version(
    machine: MakeMachine,
) -> None:
    m = booted(machine, SHOW_X + HALT)
    m.run()
    window = next((slot for slot in m.vm.slots if slot.addr == 0xB8000), None)
    before = m.screen.version

    if window is None:
        m.vm.write(0xB8002, b"y")
    else:
        window[2] = ord("y")

    assert m.screen.version != before
    assert m.screen.text[:2] == "xy"
