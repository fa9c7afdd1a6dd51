"""Keyboard8042: the controller's commands, the keyboard's, and typing in guest time."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.devices.keyboard import COMMAND, DATA, STATUS, Keyboard8042
from pyx86emu.pc.devices.keyboard.chip import MS

OBF = 0x01
SECOND = 1000 * MS


class Guest:
    """Port accesses as firmware makes them."""

    def __init__(self, keyboard, guest_time):
        self.keyboard = keyboard
        self.time = guest_time

    def status(self):
        return self.keyboard.pio_read(STATUS, 1)

    def read(self):
        return self.keyboard.pio_read(DATA, 1)

    def command(self, *values):
        self.keyboard.pio_write(COMMAND, 1, values[0])
        for value in values[1:]:
            self.keyboard.pio_write(DATA, 1, value)

    def send(self, *values):
        """Bytes for the keyboard; returns its answers."""
        answers = []
        for value in values:
            self.keyboard.pio_write(DATA, 1, value)
            answers += self.read_all(5 * MS)
        return answers

    def read_all(self, within=SECOND):
        """What a handler of IRQ 1 would read in this time."""
        codes = []
        end = self.time.time + within
        while self.time.time < end:
            if self.status() & OBF:
                codes.append(self.read())
            self.time.advance(MS // 2)
        return codes


@pytest.fixture
def a20():
    return []


@pytest.fixture
def resets():
    return []


@pytest.fixture
def keyboard(attach, a20, resets):
    return attach(Keyboard8042(a20=a20.append, reset=lambda: resets.append(1)))


@pytest.fixture
def guest(keyboard, guest_time):
    guest_time.advance(keyboard.key_gap)
    return Guest(keyboard, guest_time)


def codes_of(text):
    return list(bytes.fromhex(text))


# -- the controller ------------------------------------------------------------------


def test_self_test_sets_the_system_flag(guest):
    assert not guest.status() & 0x04

    guest.command(0xAA)

    assert guest.read() == 0x55
    assert guest.status() & 0x04


@pytest.mark.parametrize(
    ("command", "answer"), [(0xA4, 0xF1), (0xA9, 0x00), (0xAB, 0x00), (0xC0, 0x80), (0xE0, 0x03)]
)
def test_commands_that_answer_one_byte(guest, command, answer):
    guest.command(command)

    assert guest.status() & OBF
    assert guest.read() == answer
    assert not guest.status() & OBF


def test_status_tells_command_from_data(guest):
    guest.command(0x60)
    assert guest.status() & 0x08
    guest.command(0x60, 0x41)
    assert not guest.status() & 0x08


def test_command_byte_and_ram_can_be_written_and_read(guest):
    guest.command(0x60, 0x65)
    guest.command(0x7F, 0xA5)

    guest.command(0x20)
    assert guest.read() == 0x65
    guest.command(0x3F)
    assert guest.read() == 0xA5


def test_system_flag_follows_the_command_byte(guest):
    guest.command(0x60, 0x45)
    assert guest.status() & 0x04
    guest.command(0x60, 0x41)
    assert not guest.status() & 0x04


def test_a_new_command_drops_the_operand_of_the_old_one(guest):
    guest.command(0x60)
    guest.command(0x20)
    before = guest.read()
    assert guest.send(0xEE) == [0xEE]  # went to the keyboard

    guest.command(0x20)
    assert guest.read() == before


@pytest.mark.parametrize(
    ("disable", "enable", "bit"), [(0xAD, 0xAE, 0x10), (0xA7, 0xA8, 0x20)], ids=["keyboard", "aux"]
)
def test_ports_are_disabled_and_enabled(guest, disable, enable, bit):
    guest.command(disable)
    guest.command(0x20)
    assert guest.read() & bit
    guest.command(enable)
    guest.command(0x20)
    assert not guest.read() & bit


def test_disabled_keyboard_keeps_its_codes_until_enabled(guest, keyboard):
    guest.command(0xAD)
    keyboard.key_gap = 0
    guest.command(0xE0)
    assert guest.read() == 0x02

    keyboard.press("a")
    assert guest.read_all() == []
    guest.command(0xAE)

    assert guest.read_all() == [0x1E, 0x9E]


def test_byte_for_the_keyboard_enables_it(guest):
    guest.command(0xAD)

    assert guest.send(0xEE) == [0xEE]

    guest.command(0x20)
    assert not guest.read() & 0x10


def test_output_port_opens_and_closes_a20(guest, a20):
    assert a20[-1] is True

    guest.command(0xD1, 0xDD)
    assert a20[-1] is False
    guest.command(0xD0)
    assert guest.read() & 0x02 == 0
    guest.command(0xD1, 0xDF)
    assert a20[-1] is True
    guest.command(0xD0)
    assert guest.read() & 0x03 == 0x03


def test_a20_by_the_short_commands(guest, a20):
    guest.command(0xDD)
    assert a20[-1] is False
    guest.command(0xDF)
    assert a20[-1] is True


def test_output_port_shows_a_full_buffer(guest, keyboard):
    guest.command(0xD2, 0x12)

    assert keyboard.output_port & 0x30 == 0x10
    guest.read()
    guest.command(0xD3, 0x12)
    assert keyboard.output_port & 0x30 == 0x20


@pytest.mark.parametrize("command", [(0xFE,), (0xFC,), (0xF0,), (0xD1, 0xDE)])
def test_output_bit_0_low_resets(guest, resets, command):
    guest.command(*command)

    assert resets == [1]


def test_other_pulses_do_not_reset(guest, resets):
    for command in range(0xF1, 0x100, 2):
        guest.command(command)

    assert resets == []


def test_byte_as_if_from_the_keyboard(guest, keyboard):
    guest.command(0xD2, 0x77)

    assert keyboard.irq.level
    assert guest.status() & 0x21 == 0x01
    assert guest.read() == 0x77  # not translated


def test_byte_as_if_from_the_mouse_is_marked_and_has_no_irq_1(guest, keyboard):
    guest.command(0xD3, 0x77)

    assert guest.status() & 0x21 == 0x21
    assert not keyboard.irq.level
    assert guest.read() == 0x77
    assert not guest.status() & 0x21


def test_unknown_commands_say_nothing(guest):
    for command in (0x00, 0x1F, 0x80, 0xB0, 0xCF):
        guest.command(command)

    assert not guest.status() & OBF


def test_answer_waits_behind_an_unread_byte(guest, keyboard):
    keyboard.press("a")
    guest.command(0xAA)

    assert guest.read() == 0x1E
    assert guest.status() & OBF
    assert guest.read() == 0x55


def test_commands_without_end_and_no_reader_fill_no_memory(guest, keyboard):
    for _ in range(1000):
        guest.command(0x20)
        keyboard.pio_write(DATA, 1, 0xEE)

    assert len(keyboard.replies) <= 16
    assert len(keyboard.answers) <= 16


# -- interrupt ----------------------------------------------------------------------------


def test_full_buffer_raises_irq_1_until_read(guest, keyboard):
    keyboard.press("a")

    assert keyboard.irq.level
    guest.read()
    assert not keyboard.irq.level


def test_irq_1_can_be_disabled(guest, keyboard):
    guest.command(0x60, 0x40)
    keyboard.press("a")
    assert guest.status() & OBF
    assert not keyboard.irq.level

    guest.command(0x60, 0x41)

    assert keyboard.irq.level


def test_each_byte_has_its_own_interrupt_after_a_gap(guest, keyboard, guest_time):
    keyboard.press("left")
    assert keyboard.irq.edges == 1
    assert guest.read() == 0xE0
    assert guest.read() == 0xE0  # a chained handler reads again: the same byte

    guest_time.advance(keyboard.byte_gap - 1)
    assert not keyboard.irq.level
    guest_time.advance(1)

    assert keyboard.irq.edges == 2
    assert guest.read() == 0x4B


# -- the keyboard's commands ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        ([0xEE], [0xEE]),
        ([0xED, 0x07], [0xFA, 0xFA]),
        ([0xF3, 0x00], [0xFA, 0xFA]),
        ([0xF4], [0xFA]),
        ([0xF5], [0xFA]),
        ([0xF6], [0xFA]),
        ([0xF7], [0xFA]),
        ([0xFA], [0xFA]),
        ([0xFB, 0x1C], [0xFA, 0xFA]),
        ([0xFF], [0xFA, 0xAA]),
        ([0xEF], [0xFE]),
        ([0x00], [0xFE]),
        ([0xF0, 0x02], [0xFA, 0xFA]),
        ([0xF0, 0x09], [0xFA, 0xFE]),
    ],
)
def test_answers_of_the_keyboard(guest, sent, answers):
    assert guest.send(*sent) == answers


def test_identity_of_an_at_keyboard(guest):
    assert guest.send(0xF2) == [0xFA, 0xAB, 0x41]  # translated, as every such PC shows it

    guest.command(0x60, 0x01)
    assert guest.send(0xF2) == [0xFA, 0xAB, 0x83]


def test_lights_are_kept(guest, keyboard):
    guest.send(0xED, 0x05)

    assert keyboard.leds == 5


def test_new_command_where_an_operand_was_due(guest, keyboard):
    assert guest.send(0xED, 0xF4) == [0xFA, 0xFA]
    assert keyboard.leds == 0


def test_resend_gives_the_last_byte_again(guest):
    guest.send(0xEE)
    assert guest.send(0xFE) == [0xEE]
    assert guest.send(0xEF) == [0xFE]
    assert guest.send(0xFE) == [0xEE]  # resend requests are not what is sent again


def test_answer_goes_before_waiting_scan_codes(guest, keyboard):
    keyboard.press("left")
    keyboard.pio_write(DATA, 1, 0xEE)

    assert guest.read_all(10 * MS) == [0xE0, 0xEE, 0x4B]


def test_disabled_scanning_holds_the_typist_back(guest, keyboard):
    guest.send(0xF5)
    keyboard.type("a")
    assert guest.read_all() == []

    assert guest.send(0xF4) == [0xFA]

    assert guest.read_all() == [0x1E, 0x9E]


def test_reset_of_the_keyboard_empties_its_buffer(guest, keyboard):
    keyboard.key_gap = 0
    keyboard.type("abc")
    guest.read()

    assert guest.send(0xFF) == [0xFA, 0xAA]

    assert guest.read_all() == []


def test_current_scan_code_set_can_be_asked_for(guest):
    guest.command(0x60, 0x01)  # no translation
    for number in (1, 2, 3):
        guest.send(0xF0, number)
        assert guest.send(0xF0, 0) == [0xFA, 0xFA, number]


# -- scan codes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "set1", "set2", "set3"),
    [
        ("a", "1e 9e", "1c f0 1c", "1c"),
        ("esc", "01 81", "76 f0 76", "08"),
        ("f7", "41 c1", "83 f0 83", "37"),
        ("f12", "58 d8", "07 f0 07", "5e"),
        ("enter", "1c 9c", "5a f0 5a", "5a"),
        ("shift", "2a aa", "12 f0 12", "12 f0 12"),
        ("rctrl", "e0 1d e0 9d", "e0 14 e0 f0 14", "58"),
        ("up", "e0 48 e0 c8", "e0 75 e0 f0 75", "63"),
        ("kp+", "4e ce", "79 f0 79", "7c"),
        ("kp/", "e0 35 e0 b5", "e0 4a e0 f0 4a", "77"),
        ("pause", "e1 1d 45 e1 9d c5", "e1 14 77 e1 f0 14 f0 77", "62"),
        (
            "print",
            "e0 2a e0 37 e0 b7 e0 aa",
            "e0 12 e0 7c e0 f0 7c e0 f0 12",
            "57",
        ),
        ("alt+print", "38 54 d4 b8", "11 84 f0 84 f0 11", "19 57 f0 19"),
        ("ctrl+break", "1d e0 46 e0 c6 9d", "14 e0 7e e0 f0 7e f0 14", "11 62 f0 11"),
    ],
)
def test_scan_codes_of_the_three_sets(guest, keyboard, key, set1, set2, set3):
    keyboard.press(key)
    assert guest.read_all() == codes_of(set1)

    guest.command(0x60, 0x01)
    keyboard.press(key)
    assert guest.read_all() == codes_of(set2)

    guest.send(0xF0, 1)
    keyboard.press(key)
    assert guest.read_all() == codes_of(set1)

    guest.send(0xF0, 3)
    keyboard.press(key)
    assert guest.read_all() == codes_of(set3)


def test_set_3_keys_can_be_made_to_break(guest, keyboard):
    guest.command(0x60, 0x01)
    guest.send(0xF0, 3)
    guest.send(0xFC, 0x1C)
    keyboard.press("a")
    assert guest.read_all() == [0x1C, 0xF0, 0x1C]

    guest.send(0xF8)
    keyboard.press("b")
    assert guest.read_all() == [0x32, 0xF0, 0x32]


# -- typing ----------------------------------------------------------------------------------


def characters(codes):
    """What an INT 09h handler makes of set 1 codes."""
    plain = dict(zip(range(0x02, 0x0E), "1234567890-=", strict=True))
    plain |= dict(zip(range(0x10, 0x1C), "qwertyuiop[]", strict=True))
    plain |= dict(zip(range(0x1E, 0x2A), "asdfghjkl;'`", strict=True))
    plain |= dict(zip(range(0x2B, 0x36), "\\zxcvbnm,./", strict=True))
    plain |= {0x39: " ", 0x1C: "\n", 0x0F: "\t", 0x0E: "\b", 0x01: "\x1b"}
    upper = dict(zip("1234567890-=[];'`\\,./", '!@#$%^&*()_+{}:"~|<>?', strict=True))
    text, shift, ctrl = "", False, False
    for code in codes:
        if code & 0x7F == 0x2A:
            shift = code < 0x80
        elif code & 0x7F == 0x1D:
            ctrl = code < 0x80
        elif code < 0x80:
            char = plain[code]
            if shift:
                char = upper.get(char, char.upper())
            text += chr(ord(char) & 0x1F) if ctrl else char
    return text


def test_every_printable_character_can_be_typed(guest, keyboard):
    keyboard.key_gap = MS
    text = "".join(chr(c) for c in range(0x20, 0x7F))

    keyboard.type(text.replace("{", "{{"))

    assert characters(guest.read_all(2 * SECOND)) == text


@given(st.text(string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", "")))
def test_typed_text_arrives_whole_and_in_order(attach_alone, text):
    keyboard, time = attach_alone(Keyboard8042())
    keyboard.type(text.replace("{", "{{"))

    codes = Guest(keyboard, time).read_all((4 * len(text) + 2) * 22 * MS)

    assert characters(codes) == text
    assert not keyboard.typing


def test_text_that_cannot_be_typed_is_refused_before_any_key_moves(guest, keyboard):
    with pytest.raises(ValueError, match="US keyboard"):
        keyboard.type("abc\u00e9")

    assert not keyboard.typing


def test_next_key_waits_for_the_guest_and_for_the_gap(guest, keyboard, guest_time):
    keyboard.type("ab")
    guest_time.advance(10 * SECOND)
    assert keyboard.irq.edges == 1  # nobody has read the first

    assert guest.read() == 0x1E
    guest_time.advance(keyboard.byte_gap)
    assert guest.read() == 0x9E  # the gap was over long ago
    guest_time.advance(keyboard.key_gap - 1)
    assert not guest.status() & OBF
    guest_time.advance(1)
    assert guest.read() == 0x30


def test_keys_moved_by_hand_wait_for_those_typed_before(guest, keyboard):
    keyboard.key("ctrl", True)
    keyboard.press("c")
    keyboard.key("ctrl", False)

    assert guest.read_all() == [0x1D, 0x2E, 0xAE, 0x9D]


def test_host_may_type_before_the_guest_starts_the_keyboard(attach, guest_time):
    keyboard = attach(Keyboard8042())
    keyboard.type("dir\n")
    guest = Guest(keyboard, guest_time)
    guest.command(0xAA)
    assert guest.read() == 0x55
    guest.command(0x60, 0x65)
    assert guest.send(0xFF) == [0xFA, 0xAA]
    while guest.status() & OBF:
        guest.read()

    assert characters(guest.read_all()) == "dir\n"


def test_typeahead_of_sixteen_bytes_ends_in_an_overrun_code(guest, keyboard):
    keyboard.key_gap = 0
    for _ in range(20):
        keyboard.press("a")

    codes = guest.read_all()

    # One byte waited in the 8042, fifteen in the keyboard; F0 1C did not fit and became 00.
    assert codes == [0x1E, *[0x9E, 0x1E] * 5, 0xFF]
    keyboard.press("b")
    assert guest.read_all() == [0x30, 0xB0]


def test_held_key_repeats_after_half_a_second(guest, keyboard):
    keyboard.key("a", True)

    assert guest.read_all(490 * MS) == [0x1E]
    codes = guest.read_all(SECOND)
    keyboard.key("a", False)

    assert codes == [0x1E] * 11
    assert guest.read_all() == [0x9E]
    assert guest.read_all(2 * SECOND) == []


def test_typematic_rate_can_be_set(guest, keyboard):
    guest.send(0xF3, 0x00)  # 30 a second after 250 ms
    keyboard.key("a", True)

    assert guest.read_all(240 * MS) == [0x1E]
    assert len(guest.read_all(SECOND)) == 30


def test_typed_and_pressed_keys_never_repeat(guest, keyboard, guest_time):
    keyboard.type("a")
    guest_time.advance(10 * SECOND)

    assert guest.read_all() == [0x1E, 0x9E]


def test_repeating_can_be_switched_off(guest, keyboard):
    keyboard.typematic = False
    keyboard.key("a", True)

    assert guest.read_all(3 * SECOND) == [0x1E]


def test_reset_forgets_everything(guest, keyboard, guest_time):
    keyboard.key("a", True)
    keyboard.type("bcd")
    guest.command(0x60, 0x00)
    guest.command(0xD1, 0xDD)

    keyboard.reset()

    assert not keyboard.irq.level
    assert not guest_time.waiting
    assert guest.status() == 0x10
    assert guest.read_all() == []
    assert keyboard.a20


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 255)), max_size=60))
def test_any_bytes_leave_line_and_status_consistent(attach_alone, writes):
    keyboard, time = attach_alone(Keyboard8042())
    keyboard.type("abc")
    for to_command, value in writes:
        keyboard.pio_write(COMMAND if to_command else DATA, 1, value)
        status = keyboard.pio_read(STATUS, 1)
        if keyboard.irq.level:
            assert status & 0x21 == OBF
        if value & 1:
            assert 0 <= keyboard.pio_read(DATA, 1) <= 0xFF
        time.advance(value * 10_000)
