"""DebugConsole and DebugExit."""

import pytest

from pyx86emu.pc.devices import DebugConsole, DebugExit


def test_console_collects_what_is_written():
    console = DebugConsole()
    for byte in b"boot\n":
        console.pio_write(0, 1, byte)

    assert console.data == b"boot\n"


def test_console_keeps_bytes_and_hands_them_on_where_there_is_an_output():
    out = []
    console = DebugConsole(output=out.append)

    console.pio_write(0, 1, 0x41)

    assert out == [b"A"]
    assert console.data == b"A"


def test_console_keeps_the_newest_bytes():
    console = DebugConsole(limit=3)
    for byte in b"hello":
        console.pio_write(0, 1, byte)

    assert console.data == b"llo"
    assert console.log.dropped == 2


def test_console_tells_that_it_is_there():
    assert DebugConsole().pio_read(0, 1) == 0xE9


def test_console_keeps_its_text_over_a_reset():
    console = DebugConsole()
    console.pio_write(0, 1, 0x41)

    console.reset()

    assert console.data == b"A"


@pytest.mark.parametrize(("value", "status"), [(0, 1), (1, 3), (0x10, 0x21), (0x7F, 0xFF)])
def test_exit_status_is_odd(value, status):
    statuses = []
    device = DebugExit(statuses.append)

    device.pio_write(0, 1, value)

    assert statuses == [status]
    assert device.status == status


def test_exit_without_listener_keeps_the_status_until_reset():
    device = DebugExit()
    assert device.status is None

    device.pio_write(0, 4, 0)
    assert device.status == 1

    device.reset()
    assert device.status is None


def test_exit_port_reads_as_zero_and_takes_four_bytes():
    device = DebugExit()

    assert device.pio_read(0, 1) == 0
    assert device.ranges == ((0, 4),)
