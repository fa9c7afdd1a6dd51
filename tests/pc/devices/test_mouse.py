"""Ps2Mouse at the auxiliary port of the 8042, by IBM's PS/2 Technical Reference (Mouse)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.devices import Keyboard8042
from pyx86emu.pc.devices.mouse import LEFT, MIDDLE, RIGHT, Ps2Mouse

MS = 10**6
OBF, AUX = 0x01, 0x20
IRQ12, AUX_OFF = 0x02, 0x20


class Wire:
    """The line of IRQ 12."""

    def __init__(self):
        self.level = False
        self.edges = 0

    def __call__(self, level):
        assert level != self.level
        self.level = level
        self.edges += level


class Guest:
    """Firmware that talks to the mouse."""

    def __init__(self, attach, time):
        self.line = Wire()
        self.chip = attach(Keyboard8042(irq12=self.line))
        self.mouse = self.chip.mouse
        self.time = time
        time.advance(self.chip.key_gap)

    def command(self, command, *operand):
        self.chip.pio_write(4, 1, command)
        for value in operand:
            self.chip.pio_write(0, 1, value)

    def read(self, ms=100):
        """All bytes that come in this time, each of them marked as the mouse's."""
        got = []
        for _ in range(ms):
            while self.chip.pio_read(4, 1) & OBF:
                assert self.chip.pio_read(4, 1) & AUX
                got.append(self.chip.pio_read(0, 1))
                self.time.advance(self.chip.byte_gap)
            self.time.advance(MS)
        return got

    def send(self, *values):
        """The answers to bytes for the mouse."""
        got = []
        for value in values:
            self.command(0xD4, value)
            got += self.read()
        return got

    def packets(self):
        got = self.read()
        size = 4 if self.mouse.id == 3 else 3
        return [tuple(got[i : i + size]) for i in range(0, len(got), size)]


@pytest.fixture
def guest(attach, guest_time):
    return Guest(attach, guest_time)


@pytest.fixture
def streaming(guest):
    assert guest.send(0xF4) == [0xFA]
    return guest


# -- the auxiliary port ------------------------------------------------------------------


def test_a_byte_of_the_mouse_raises_irq_12_where_the_command_byte_lets_it(guest):
    guest.command(0x60, IRQ12 | 0x41)

    guest.command(0xD4, 0xF2)

    assert guest.line.level
    assert not guest.chip.irq.level
    assert guest.chip.pio_read(0, 1) == 0xFA
    assert not guest.line.level
    guest.time.advance(guest.chip.byte_gap)
    assert guest.line.edges == 2  # the second byte of the answer


def test_without_the_bit_there_is_no_irq_12(guest):
    guest.command(0xD4, 0xF2)

    assert guest.read() == [0xFA, 0x00]
    assert guest.line.edges == 0


def test_a7_holds_the_mouse_and_a8_lets_it_send(streaming):
    streaming.command(0xA7)
    streaming.mouse.move(1, 0)
    assert streaming.read() == []
    streaming.command(0x20)
    assert streaming.chip.pio_read(0, 1) & AUX_OFF

    streaming.command(0xA8)

    assert streaming.packets() == [(0x08, 1, 0)]


def test_a_byte_for_the_mouse_enables_its_port(guest):
    guest.command(0xA7)

    assert guest.send(0xF2) == [0xFA, 0x00]


def test_a9_says_that_the_port_works(guest):
    guest.command(0xA9)

    assert guest.chip.pio_read(0, 1) == 0


def test_d3_puts_a_byte_as_if_from_the_mouse(guest):
    guest.command(0x60, IRQ12)

    guest.command(0xD3, 0x77)

    assert guest.line.level
    assert guest.read() == [0x77]


def test_keys_and_mouse_bytes_are_not_mixed_up(streaming):
    streaming.chip.press("a")
    streaming.mouse.move(1, 2)
    got = {0: [], AUX: []}

    for _ in range(100):
        status = streaming.chip.pio_read(4, 1)
        if status & OBF:
            got[status & AUX].append(streaming.chip.pio_read(0, 1))
        streaming.time.advance(MS)

    assert got == {0: [0x1E, 0x9E], AUX: [0x28, 1, 0xFE]}


# -- commands ----------------------------------------------------------------------------


def test_reset_passes_its_test_and_is_a_plain_mouse(streaming):
    streaming.send(0xE8, 0, 0xF3, 10, 0xE7)

    assert streaming.send(0xFF) == [0xFA, 0xAA, 0x00]

    assert streaming.send(0xE9) == [0xFA, 0x00, 2, 100]


def test_status_has_mode_settings_and_buttons(guest):
    guest.send(0xF4, 0xE7, 0xE8, 3, 0xF3, 40)
    guest.mouse.move(buttons=LEFT | MIDDLE)
    guest.read()

    assert guest.send(0xE9) == [0xFA, 0x36, 3, 40]
    guest.send(0xF6)
    assert guest.send(0xE9) == [0xFA, 0x06, 2, 100]


def test_the_knock_turns_the_wheel_on(guest):
    guest.send(0xF3, 200, 0xF3, 100, 0xF3, 80)

    assert guest.send(0xF2) == [0xFA, 0x03]
    guest.send(0xF4)
    guest.mouse.move(1, 0, wheel=-1)
    guest.mouse.move(wheel=20)
    assert guest.packets() == [(8, 1, 0, 0xFF), (8, 0, 0, 7), (8, 0, 0, 7), (8, 0, 0, 6)]


def test_another_knock_does_not(guest):
    guest.send(0xF3, 100, 0xF3, 200, 0xF3, 80)

    assert guest.send(0xF2) == [0xFA, 0x00]


def test_a_wrong_command_is_refused_and_a_second_is_an_error(guest):
    assert guest.send(0x42) == [0xFE]
    assert guest.send(0x42) == [0xFC]
    assert guest.send(0xF3, 99) == [0xFA, 0xFE]
    assert guest.send(20) == [0xFA]  # it still waits for the rate
    assert guest.send(0xE9)[-1] == 20


def test_wrap_mode_returns_every_byte_but_two(guest):
    assert guest.send(0xEE, 0x12, 0xF4, 0xEC, 0xF2) == [0xFA, 0x12, 0xF4, 0xFA, 0xFA, 0x00]
    assert guest.send(0xEE, 0xFF) == [0xFA, 0xFA, 0xAA, 0x00]


def test_resend_gives_the_last_packet_again(streaming):
    streaming.mouse.move(3, 0)
    assert streaming.packets() == [(8, 3, 0)]

    assert streaming.send(0xFE) == [8, 3, 0]


def test_remote_mode_sends_when_asked(guest):
    guest.send(0xF0)
    guest.mouse.move(2, -3)
    guest.mouse.move(1, 0, RIGHT)
    assert guest.read() == []

    assert guest.send(0xEB) == [0xFA, 0x08, 2, 3]
    assert guest.send(0xEB) == [0xFA, 0x0A, 1, 0]
    assert guest.send(0xEB) == [0xFA, 0x0A, 0, 0]
    guest.send(0xEA, 0xF4)
    guest.mouse.move(1, 0)
    assert guest.packets() == [(0x0A, 1, 0)]


# -- packets -----------------------------------------------------------------------------


def test_up_is_positive_and_signs_are_in_the_first_byte(streaming):
    streaming.mouse.move(-5, 7, LEFT)

    assert streaming.packets() == [(0x39, 0xFB, 0xF9)]


def test_a_disabled_mouse_says_nothing_and_remembers_buttons(guest):
    guest.mouse.move(50, 50, RIGHT)
    assert guest.read() == []

    guest.send(0xF4)
    guest.mouse.move(1, 0)

    assert guest.packets() == [(0x0A, 1, 0)]


def test_no_click_is_lost_however_fast_it_is(streaming):
    streaming.mouse.move(1, 0)
    for buttons in (LEFT, 0, RIGHT, 0):
        streaming.mouse.move(0, 0, buttons)

    assert [packet[0] & 7 for packet in streaming.packets()] == [0, 1, 0, 2, 0]


def test_movements_between_two_packets_are_one(streaming):
    for _ in range(10):
        streaming.mouse.move(2, 1)

    assert streaming.packets() == [(0x28, 2, 0xFF), (0x28, 18, 0xF7)]


def test_packets_come_at_the_sample_rate(streaming):
    streaming.send(0xF3, 10)
    streaming.mouse.move(1, 0)
    assert streaming.read() == [8, 1, 0]
    streaming.time.advance(200 * MS)
    streaming.mouse.move(1, 0)
    streaming.mouse.move(1, 0)
    assert streaming.read(50) == [8, 1, 0]

    streaming.time.advance(100 * MS)

    assert streaming.read() == [8, 1, 0]


def test_a_far_movement_is_several_packets(streaming):
    streaming.mouse.move(300, 0)

    assert [packet[1] for packet in streaming.packets()] == [127, 127, 46]


def test_scaling_two_to_one(streaming):
    streaming.send(0xE7)
    got = []
    for counts in (1, 2, 3, 4, 5, 6, -100):
        streaming.mouse.move(counts, 0)
        got += streaming.packets()

    assert [x - 256 * (first >> 4 & 1) for first, x, _ in got] == [1, 1, 3, 6, 9, 12, -200]


@given(st.lists(st.tuples(*[st.integers(-300, 300)] * 2, st.integers(0, 7)), max_size=30))
def test_no_movement_is_lost_at_any_resolution(attach_alone, moves):
    for resolution in range(4):
        chip, time = attach_alone(Keyboard8042())
        mouse = chip.mouse
        mouse.receive(0xE8)
        mouse.receive(resolution)
        mouse.receive(0xF4)
        assert [chip.pio_read(0, 1), time.advance(MS), chip.pio_read(0, 1)] == [0xFA, None, 0xFA]
        for dx, dy, buttons in moves:
            mouse.move(dx, dy, buttons)
        got = []
        for _ in range(20000):
            if chip.pio_read(4, 1) & OBF:
                got.append(chip.pio_read(0, 1))
            elif not time.waiting:
                break
            time.advance(MS)
        packets = [got[i : i + 3] for i in range(0, len(got), 3)]

        x = sum(p[1] - 256 * (p[0] >> 4 & 1) for p in packets)
        y = sum(p[2] - 256 * (p[0] >> 5 & 1) for p in packets)
        wanted = [sum(each[i] for each in moves) * 2.0**resolution / 4 for i in (0, 1)]
        assert 0 <= wanted[0] - x < 1
        assert 0 <= -wanted[1] - y < 1
        if moves:
            assert not packets or packets[-1][0] & 7 == moves[-1][2]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"dx": "1"}, TypeError),
        ({"dx": 1.5}, TypeError),
        ({"dy": 1 << 40}, ValueError),
        ({"buttons": 8}, ValueError),
        ({"buttons": -1}, ValueError),
        ({"wheel": None}, TypeError),
    ],
)
def test_what_is_no_movement_is_refused(arguments, error):
    with pytest.raises(error):
        Ps2Mouse().move(**arguments)
