"""Printer, by IBM's Technical Reference (Printer Adapter) and the Centronics handshake."""

import pytest

from pyx86emu.pc.devices.printer import ACK, CONTROL, DATA, STATUS, WORK, Printer

BUSY, NO_ACK, NO_IRQ = 0x80, 0x40, 0x04
IDLE, STROBE, WITH_IRQ = 0x0C, 0x0D, 0x1C


@pytest.fixture
def printer(attach):
    return attach(Printer())


def send(printer, byte, control=IDLE):
    printer.pio_write(DATA, 1, byte)
    printer.pio_write(CONTROL, 1, control | 1)
    printer.pio_write(CONTROL, 1, control)


def test_a_byte_is_taken_when_the_strobe_begins(printer):
    printer.output = (got := []).append

    send(printer, 0x41)
    printer.pio_write(DATA, 1, 0x42)
    printer.pio_write(CONTROL, 1, STROBE)
    printer.pio_write(CONTROL, 1, STROBE)  # it is low already

    assert printer.data == b"AB"
    assert got == [b"A", b"B"]


def test_it_is_busy_then_acknowledges_then_ready(printer, guest_time):
    send(printer, 0x41)

    busy = printer.pio_read(STATUS, 1)
    guest_time.advance(WORK)
    acknowledges = printer.pio_read(STATUS, 1)
    guest_time.advance(ACK)
    ready = printer.pio_read(STATUS, 1)

    assert [s & (BUSY | NO_ACK) for s in (busy, acknowledges, ready)] == [NO_ACK, 0, 0xC0]
    assert ready & 0x38 == 0x18  # selected, paper, no error


def test_the_line_is_up_from_the_acknowledge_to_the_read_of_the_status(printer, guest_time):
    send(printer, 0x41, WITH_IRQ)
    assert not printer.irq.level

    guest_time.advance(WORK + 10 * ACK)
    assert printer.irq.level

    assert not printer.pio_read(STATUS, 1) & NO_IRQ
    assert not printer.irq.level
    assert printer.pio_read(STATUS, 1) & NO_IRQ


def test_no_interrupt_without_bit_4(printer, guest_time):
    send(printer, 0x41)
    guest_time.advance(10 * WORK)

    assert not guest_time.waiting
    assert printer.irq.edges == 0


def test_the_next_byte_ends_the_request_of_the_last(printer, guest_time):
    send(printer, 0x41, WITH_IRQ)
    guest_time.advance(WORK)

    send(printer, 0x42, WITH_IRQ)
    assert not printer.irq.level
    guest_time.advance(WORK)

    assert printer.irq.edges == 2


def test_init_ends_what_it_does(printer, guest_time):
    send(printer, 0x41, WITH_IRQ)

    printer.pio_write(CONTROL, 1, 0x18)

    assert printer.pio_read(STATUS, 1) & (BUSY | NO_ACK) == BUSY | NO_ACK
    guest_time.advance(10 * WORK)
    assert printer.irq.edges == 0


def test_registers_read_back_as_on_the_adapter(printer):
    printer.pio_write(DATA, 1, 0xA5)
    printer.pio_write(CONTROL, 1, 0xFF)

    assert printer.pio_read(DATA, 1) == 0xA5
    assert printer.pio_read(CONTROL, 1) == 0xFF
    printer.pio_write(CONTROL, 1, 0x0C)
    assert printer.pio_read(CONTROL, 1) == 0xEC


def test_a_reset_forgets_the_request_and_keeps_the_paper(printer, guest_time):
    send(printer, 0x41, WITH_IRQ)
    guest_time.advance(WORK)

    printer.reset()

    assert not printer.irq.level
    assert printer.data == b"A"


def test_the_log_keeps_the_newest_bytes(attach):
    printer = attach(Printer(limit=4))
    for byte in b"hello":
        send(printer, byte)

    assert printer.text == "ello"
