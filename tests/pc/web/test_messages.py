"""Messages of viewers: each is checked, and nothing else is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Machine
from pyx86emu.errors import MachineError
from pyx86emu.pc.devices.keyboard.keys import KEYS
from pyx86emu.pc.web import messages
from pyx86emu.pc.web.guest import Guest
from pyx86emu.pc.web.keys import NAMES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
FIELDS = ("key", "down", "text", "mouse", "release", "insert", "drive", "eject", "do", "other")


def test_every_key_of_the_keyboard_can_be_pressed_once() -> None:
    assert sorted(NAMES.values()) == sorted(KEYS)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "null", '"x"', "[" * 5000, '{"a": ' * 1000, "x" * 5000]
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(messages.MessageError):
        messages.parse(text)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"do": "format"},
        {"key": "KeyÄ", "down": True},
        {"key": "KeyA"},
        {"key": "KeyA", "down": 1},
        {"key": ["KeyA"], "down": True},
        {"text": 5},
        {"mouse": [1, 2, 3]},
        {"mouse": [1, 2, 3, 4.5]},
        {"mouse": [1, 2, 3, True]},
        {"mouse": [10**9, 0, 0, 0]},
        {"insert": "a.img"},
        {"eject": 0},
    ],
)
def test_what_asks_for_nothing_known_is_refused(message: dict[str, object]) -> None:
    with Machine() as m, pytest.raises(messages.MessageError):
        messages.call(Guest(m), message)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_message_can_do_harm(message: dict[str, object]) -> None:
    with Machine() as m:
        guest = Guest(m)
        try:
            call = messages.call(guest, messages.parse(json.dumps(message)))
            call()
        except (ValueError, MachineError):
            pass  # a sentence for the viewer
        finally:
            guest.close()


def test_a_disk_is_chosen_from_the_list_by_its_name_only(tmp_path: Path) -> None:
    listed, other = tmp_path / "listed.img", tmp_path / "other.img"
    for path in (listed, other):
        path.write_bytes(bytes(512))
    with Machine() as m:
        guest = Guest(m, [listed])
        for name in ("other.img", str(listed), str(other), "../listed.img", ""):
            with pytest.raises(MachineError, match="no disk"):
                messages.call(guest, {"insert": name, "drive": "a"})()

        messages.call(guest, {"insert": "listed.img", "drive": "a"})()

        assert guest.inserted == {"a": "listed.img"}
        guest.close()


def test_two_disks_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / each / "a.img" for each in "xy"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(bytes(512))

    with Machine() as m, pytest.raises(MachineError, match=r"two disks are named a\.img"):
        Guest(m, paths)


def test_a_viewer_that_goes_leaves_no_key_down() -> None:
    with Machine() as m:
        guest = Guest(m)
        guest.key("shift", True)
        guest.key("a", True)
        guest.key("a", False)
        m.keyboard.queue.clear()

        guest.release()

        assert [event[:2] for event in m.keyboard.queue] == [("shift", False)]


def test_a_text_with_braces_is_typed_as_it_is() -> None:
    with Machine() as m:
        m.keyboard.key_gap = 10**9

        Guest(m).type("{x}")

        assert [name for name, down, _ in m.keyboard.queue if down and name != "shift"] == [
            *("[", "x", "]")
        ]


def test_a_guest_that_reads_no_keys_is_sent_no_more() -> None:
    with Machine(bytes.fromhex("faf4").ljust(512, b"\0")) as m:
        guest = Guest(m)
        with pytest.raises(MachineError, match="does not read the keyboard"):
            for _ in range(100):
                guest.type("x" * 1000)
        with pytest.raises(MachineError, match="does not read the keyboard"):
            guest.key("a", True)

        guest.release()
        assert len(m.keyboard.queue) < 20_000


def test_a_machine_that_is_closed_makes_no_tone(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: object) -> float:
        raise OSError(9, "this Vm is closed")

    with Machine() as m:
        monkeypatch.setattr(type(m.speaker), "frequency", property(closed))
        assert Guest(m).tone == 0.0


def test_the_mouse_moves_by_what_the_page_says() -> None:
    with Machine() as m:
        moved: list[tuple[int, ...]] = []
        m.mouse.move = lambda dx, dy, buttons, wheel: moved.append((dx, dy, buttons, wheel))

        messages.call(Guest(m), messages.parse('{"mouse": [3, -4, 5, 1]}'))()

        assert moved == [(3, -4, 5, 1)]
