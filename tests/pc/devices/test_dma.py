"""Dma8237, by Intel's 8237A data sheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.devices.dma import Dma8237

WRITE, READ, VERIFY = 0x44, 0x48, 0x40  # single mode; named as the chip sees memory
AUTOINIT, DECREMENT = 0x10, 0x20
PAGE = (0x87, 0x83, 0x81, 0x82)


class Memory:
    """512 KiB of guest memory with nothing above; counts who asks."""

    def __init__(self, size=0x80000):
        self.data = bytearray(size)
        self.turns = 0

    def read(self, addr, size):
        self.turns += 1
        if addr + size > len(self.data):
            raise ValueError("hole")
        return bytes(self.data[addr : addr + size])

    def write(self, addr, data):
        self.turns += 1
        if addr + len(data) > len(self.data):
            raise ValueError("hole")
        self.data[addr : addr + len(data)] = data


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def dma(attach, memory):
    return attach(Dma8237(memory))


def out(dma, *pairs):
    for port, value in pairs:
        dma.pio_write(port, 1, value)


def program(dma, channel, mode, addr, count):
    """As a BIOS does it: mask, flip-flop, mode, address, page, count, unmask."""
    out(
        dma,
        (0x0A, 4 | channel),
        (0x0C, 0),
        (0x0B, mode | channel),
        (2 * channel, addr & 0xFF),
        (2 * channel, addr >> 8 & 0xFF),
        (PAGE[channel], addr >> 16),
        (2 * channel + 1, count - 1 & 0xFF),
        (2 * channel + 1, count - 1 >> 8),
        (0x0A, channel),
    )


def registers(dma, channel):
    """Current address and count as the guest reads them."""
    out(dma, (0x0C, 0))
    values = [dma.pio_read(2 * channel + i // 2, 1) for i in range(4)]
    return values[0] | values[1] << 8, values[2] | values[3] << 8


@pytest.mark.parametrize("channel", range(4))
def test_device_writes_to_memory(dma, memory, channel):
    program(dma, channel, WRITE, 0x12345, 4)

    assert dma.transfer_to_memory(channel, b"ab") == (2, False)
    assert registers(dma, channel) == (0x2347, 1)
    assert dma.transfer_to_memory(channel, b"cdef") == (2, True)

    assert memory.read(0x12344, 6) == b"\0abcd\0"


@pytest.mark.parametrize("channel", range(4))
def test_device_reads_from_memory(dma, memory, channel):
    memory.write(0x23456, b"hello")
    program(dma, channel, READ, 0x23456, 5)

    assert dma.transfer_from_memory(channel, 3) == (b"hel", False)
    assert dma.transfer_from_memory(channel, 3) == (b"lo", True)


def test_terminal_count_masks_the_channel_and_sets_its_status_bit(dma):
    program(dma, 2, WRITE, 0, 2)
    assert dma.transfer_to_memory(2, b"xy") == (2, True)

    assert registers(dma, 2) == (2, 0xFFFF)
    assert dma.transfer_to_memory(2, b"z") == (0, False)
    assert dma.pio_read(0x08, 1) == 0x04
    assert dma.pio_read(0x08, 1) == 0x00
    assert dma.pio_read(0x0F, 1) & 0x04


def test_autoinit_starts_again(dma, memory):
    program(dma, 2, WRITE | AUTOINIT, 0x1000, 2)

    assert dma.transfer_to_memory(2, b"ab") == (2, True)
    assert registers(dma, 2) == (0x1000, 1)
    assert dma.transfer_to_memory(2, b"c") == (1, False)

    assert memory.read(0x1000, 2) == b"cb"


def test_decrement_goes_down(dma, memory):
    program(dma, 2, WRITE | DECREMENT, 0x1003, 4)

    assert dma.transfer_to_memory(2, b"abcd") == (4, True)

    assert memory.read(0x1000, 4) == b"dcba"
    program(dma, 2, READ | DECREMENT, 0x1003, 4)
    assert dma.transfer_from_memory(2, 4) == (b"abcd", True)


def test_verify_counts_and_stores_nothing(dma, memory):
    program(dma, 2, VERIFY, 0x1000, 4)

    assert dma.transfer_to_memory(2, b"abcd") == (4, True)

    assert memory.read(0x1000, 4) == bytes(4)


def test_wrong_direction_stores_nothing_and_reads_ones(dma, memory):
    program(dma, 2, READ, 0x1000, 4)
    dma.transfer_to_memory(2, b"ab")
    assert memory.read(0x1000, 4) == bytes(4)

    program(dma, 2, WRITE, 0x1000, 4)
    assert dma.transfer_from_memory(2, 2) == (b"\xff\xff", False)


def test_address_wraps_in_its_page(dma, memory):
    program(dma, 2, WRITE, 0x1FFFE, 4)

    dma.transfer_to_memory(2, b"abcd")

    assert memory.read(0x1FFFE, 2) == b"ab"
    assert memory.read(0x10000, 2) == b"cd"
    assert memory.read(0x20000, 2) == bytes(2)


def test_address_wraps_downwards_too(dma, memory):
    program(dma, 2, WRITE | DECREMENT, 0x10001, 4)

    dma.transfer_to_memory(2, b"abcd")

    assert memory.read(0x10000, 2) == b"ba"
    assert memory.read(0x1FFFE, 2) == b"dc"


def test_stores_to_a_hole_are_lost_but_for_what_is_memory(dma, memory):
    program(dma, 2, WRITE, 0x7FFFD, 3)
    assert dma.transfer_to_memory(2, b"abc") == (3, True)
    assert memory.read(0x7FFFD, 3) == b"abc"

    memory.data = memory.data[:0x7F000]
    program(dma, 2, WRITE, 0x7EFFE, 4)
    assert dma.transfer_to_memory(2, b"wxyz") == (4, True)
    assert memory.read(0x7EFFE, 2) == b"wx"
    program(dma, 2, READ, 0x7EFFE, 4)
    assert dma.transfer_from_memory(2, 4) == (b"wx\xff\xff", True)


@pytest.mark.parametrize("direction", [0, DECREMENT])
def test_a_page_of_nothing_takes_a_few_turns(dma, memory, direction):
    """64 KiB where no memory is: byte by byte it would be 65536 turns, or twice that."""
    program(dma, 2, WRITE | direction, 0x88000, 0x10000)
    assert dma.transfer_to_memory(2, bytes(0x10000)) == (0x10000, True)
    assert memory.turns < 50

    program(dma, 2, READ | direction, 0x88000, 0x10000)
    assert dma.transfer_from_memory(2, 0x10000) == (b"\xff" * 0x10000, True)
    assert memory.turns < 100


def test_masked_channel_takes_nothing(dma):
    program(dma, 2, WRITE, 0, 4)
    out(dma, (0x0A, 4 | 2))

    assert dma.transfer_to_memory(2, b"ab") == (0, False)
    assert dma.transfer_from_memory(2, 4) == (b"", False)


def test_all_masks_at_once(dma):
    out(dma, (0x0F, 0x05))
    assert dma.pio_read(0x0F, 1) == 0x05
    out(dma, (0x0E, 0))
    assert dma.pio_read(0x0F, 1) == 0x00


def test_disabled_controller_takes_nothing(dma):
    program(dma, 2, WRITE, 0, 4)
    out(dma, (0x08, 0x04))
    assert dma.transfer_to_memory(2, b"ab") == (0, False)

    out(dma, (0x08, 0x00))
    assert dma.transfer_to_memory(2, b"ab") == (2, False)


def test_flip_flop_takes_low_byte_first(dma):
    out(dma, (0x0C, 0), (0x04, 0x34))
    assert dma.address[2] == 0x0034
    out(dma, (0x04, 0x12))
    assert dma.address[2] == dma.base_address[2] == 0x1234

    assert [dma.pio_read(0x04, 1) for _ in range(3)] == [0x34, 0x12, 0x34]
    out(dma, (0x0C, 0))
    assert dma.pio_read(0x04, 1) == 0x34


def test_master_clear(dma):
    program(dma, 2, WRITE, 0x1234, 1)
    dma.transfer_to_memory(2, b"x")
    out(dma, (0x08, 0x10), (0x09, 0x05), (0x04, 0x00))

    out(dma, (0x0D, 0))

    assert dma.pio_read(0x08, 1) == 0
    assert dma.pio_read(0x0F, 1) == 0x0F
    assert dma.flip_flop == dma.command == 0


def test_software_request_shows_in_the_status(dma):
    out(dma, (0x09, 0x05))
    assert dma.pio_read(0x08, 1) == 0x20
    out(dma, (0x09, 0x01))
    assert dma.pio_read(0x08, 1) == 0x00


def test_page_registers_are_latches_and_port_80h_is_not_ours(dma):
    for port in range(0x81, 0x90):
        out(dma, (port, port ^ 0xFF))
    assert [dma.pio_read(port, 1) for port in range(0x81, 0x90)] == [
        port ^ 0xFF for port in range(0x81, 0x90)
    ]

    covered = {offset + i for offset, length in dma.ranges for i in range(length)}
    assert covered == {*range(0x10), *range(0x81, 0x90)}


def test_write_only_registers_read_as_ones(dma):
    assert [dma.pio_read(port, 1) for port in (0x09, 0x0A, 0x0B, 0x0C, 0x0E)] == [0xFF] * 5
    assert dma.pio_read(0x0D, 1) == 0


def test_reset_masks_all_channels(dma):
    program(dma, 2, WRITE, 0, 4)

    dma.reset()

    assert dma.transfer_to_memory(2, b"a") == (0, False)


@given(
    addr=st.integers(0, 0x7FFFF),
    count=st.integers(1, 0x10000),
    sizes=st.lists(st.integers(0, 0x4000), min_size=1, max_size=12),
    down=st.booleans(),
)
def test_any_transfer_touches_what_a_byte_wise_chip_would(attach_alone, addr, count, sizes, down):
    memory = Memory()
    dma, _ = attach_alone(Dma8237(memory))
    program(dma, 2, WRITE | (DECREMENT if down else 0), addr, count)
    expected = bytearray(len(memory.data))
    at, left, value = addr & 0xFFFF, count, 0

    for size in sizes:
        data = bytes((value + i) % 251 + 1 for i in range(size))
        moved, tc = dma.transfer_to_memory(2, data)
        assert moved == min(size, left)
        assert tc == (0 < left <= size)
        for byte in data[:moved]:
            expected[addr & 0xF0000 | at] = byte
            at = at + (-1 if down else 1) & 0xFFFF
        left -= moved
        value += size

    assert memory.data == expected
