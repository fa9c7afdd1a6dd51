"""The console: characters and lines from a stream or the keyboard."""

from __future__ import annotations

import pytest

from pyx86emu import Dos
from tests.dos.calling import Caller

CTRL_Z = 0x1A


@pytest.mark.parametrize("text", [b"a\nb", b"a\r\nb", b"a\rb"])
def test_a_line_end_is_one_cr(text: bytes) -> None:
    with Caller(stdin=text) as c:
        found = [c.call(0x08) & 0xFF for _ in range(5)]

    assert found == [0x61, 0x0D, 0x62, CTRL_Z, CTRL_Z]


def test_binary_input_is_not_changed() -> None:
    data = bytes(range(256))
    with Caller(stdin=data, binary=True) as c:
        assert c.read(0, 300) == data
        assert c.read(0, 300) == b""


def test_lines_are_read_by_their_length() -> None:
    with Caller(stdin=b"first\nsecond\nlast") as c:
        c.put(0x400, b"\x04")
        c.call(0x0A, dx=0x400)
        assert c.get(0x401, 5) == b"\x03fir\r"
        assert c.read(0, 4) == b"seco"
        assert c.read(0, 100) == b"nd\r\n"
        assert c.read(0, 100) == b"last\r\n"
        assert c.read(0, 100) == b""


def test_a_program_that_asks_the_bios_gets_the_stream_too() -> None:
    # again: mov ah,0; int 16h; mov dl,al; mov ah,2; int 21h; cmp dl,'!'; jne again; int 20h
    code = bytes.fromhex("b400 cd16 88c2 b402 cd21 80fa21 75f1 cd20")
    with Dos(code, stdin=b"Hi!") as dos:
        assert dos.run(timeout=5).text == "Hi!"


def test_keys_are_waited_for_and_shown() -> None:
    # mov dx,200h; mov ah,0Ah; int 21h; int 20h, with a buffer of 20 at 200h
    code = bytes.fromhex("c606000214 ba0002 b40a cd21 cd20")
    with Dos(code, stdin=None) as dos:
        assert dos.run(timeout=0.5).how == "stopped"
        dos.machine.keyboard.type("dix\br\n")

        assert dos.run(timeout=5).how == "exit"

        assert dos.machine.screen.text is not None
        assert dos.machine.screen.text.startswith("dir")


def test_ctrl_c_ends_a_program() -> None:
    with Dos(bytes.fromhex("b408 cd21 ebfa"), stdin=b"ab\x03") as dos:
        result = dos.run(timeout=5)

    assert (result.how, result.text) == ("ctrl-c", "^C\n")


def test_output_is_limited_and_says_so() -> None:
    # again: mov ah,2; mov dl,'x'; int 21h; jmp again
    with Dos(bytes.fromhex("b402 b278 cd21 ebf8"), output_limit=100) as dos:
        result = dos.run(max_instructions=3_000_000)

        assert result.output == b"x" * 100
        assert dos.kernel.console.log.dropped > 0


def test_a_state_in_the_middle_of_a_line_goes_on() -> None:
    code = bytes.fromhex("c606000214 ba0002 b40a cd21 cd20")
    with Dos(code, stdin=None) as dos:
        dos.run(timeout=0.5)
        dos.machine.keyboard.type("di")
        dos.run(timeout=0.5)
        state = dos.machine.save()
        texts = []
        for rest in ("r\n", "x\n"):
            dos.machine.restore(state)
            dos.machine.keyboard.type(rest)
            assert dos.run(timeout=5).how == "exit"
            texts.append((dos.machine.screen.text or "").split()[0])

    assert texts == ["dir", "dix"]


def test_the_clock_is_the_guests() -> None:
    with Caller() as c:
        assert c.call(0x2B, cx=1999, dh=12, dl=31) & 0xFF == 0
        assert c.call(0x2D, ch=23, cl=59, dh=58, dl=0) & 0xFF == 0
        c.call(0x2A)
        assert (c.regs.cx, c.regs.dh, c.regs.dl, c.regs.al) == (1999, 12, 31, 5)
        assert c.call(0x2B, cx=1999, dh=2, dl=30) & 0xFF == 0xFF
        assert c.dos.machine.rtc.time.year == 1999


def typed(*keys: str) -> bytes:
    """What AH=0Ah has read after "first", with that as the template; and what it showed."""
    with Caller(stdin=None) as c:
        c.put(0x400, b"\x14")
        c.dos.machine.keyboard.type("first\n")
        c.call(0x0A, dx=0x400)
        assert c.get(0x401, 7) == b"\x05first\r"
        for key in keys:
            press = c.dos.machine.keyboard
            press.press(key) if key in KEYS else press.type(key)
        press.type("\n")
        c.call(0x0A, dx=0x400)
        size = c.get(0x401, 1)[0]
        assert c.get(0x402 + size, 1) == b"\r"
        return c.get(0x402, size)


KEYS = {*(f"f{n}" for n in range(1, 8)), "left", "right", "insert", "delete", "esc", "backspace"}


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["f3"], b"first"),
        (["f1", "right", "x", "f3"], b"fixst"),  # a character replaces one
        (["f1", "insert", "x", "f3"], b"fxirst"),
        (["delete", "f3"], b"irst"),
        (["f2", "s", "x", "f3"], b"firxt"),
        (["f4", "s", "f3"], b"st"),
        (["f2", "q", "f3"], b"first"),
        (["f3", "left", "backspace", "y"], b"firy"),
        (["f3", "esc", "f1"], b"f"),
        (["abc", "f5", "f3"], b"abc"),
        (["f6"], b"\x1a"),
        (["f7"], b"\0"),
        (["a" * 21], b"a" * 19),
        (["left", "backspace"], b""),
    ],
)
def test_the_editing_keys_copy_from_the_line_before(keys: list[str], line: bytes) -> None:
    assert typed(*keys) == line


def test_what_is_typed_is_shown_and_erased_as_wide_as_it_was() -> None:
    with Caller(stdin=None) as c:
        c.put(0x400, b"\x05")
        c.dos.machine.keyboard.type("a\t\b")
        c.dos.machine.keyboard.press("ctrl+a")
        c.dos.machine.keyboard.type("\bbcdef\n")
        c.call(0x0A, dx=0x400)

        erased = b"\b \b"
        assert c.dos.output == b"a\t" + erased * 7 + b"^A" + erased * 2 + b"bcd\a\a\r"
        assert c.get(0x401, 6) == b"\x04abcd\r"


def test_the_line_is_kept_in_a_state_with_its_template() -> None:
    with Caller(stdin=None) as c:
        c.put(0x400, b"\x14\x05first\r")
        c.dos.machine.keyboard.press("f1")
        with pytest.raises(AssertionError, match="DEADLINE"):
            c.call(0x0A, dx=0x400)
        state = c.dos.machine.save()
        for _ in range(2):
            c.dos.machine.restore(state)
            c.dos.machine.keyboard.press("f3")
            c.dos.machine.keyboard.type("\n")
            c.dos.machine.run(timeout=5)
            assert c.get(0x401, 7) == b"\x05first\r"
            c.put(0x401, b"\x00\r")


#: again: mov ah,FUNCTION; mov dl,0FFh; int 21h; jz again or cmp al,0; je again; mov ah,4Ch; int 21h
ASKS = {"06h": "b406 b2ff cd21 74f8 b44c cd21", "0Bh": "b40b b2ff cd21 3c00 74f6 b44c cd21"}


@pytest.mark.parametrize("function", ASKS)
def test_a_program_that_only_asks_for_keys_waits_for_interrupts(function: str) -> None:
    with Dos(bytes.fromhex(ASKS[function]), stdin=None) as dos:
        before = dos.machine.vcpu.instructions or 0
        assert dos.run(timeout=10).how == "stopped"
        executed = (dos.machine.vcpu.instructions or 0) - before
        dos.machine.keyboard.type("a")

        assert dos.run(timeout=1).errorlevel in (ord("a"), 0xFF)

    assert executed < 1_000_000  # ten seconds have 182 ticks


def test_a_program_that_computes_between_two_questions_is_not_held_up() -> None:
    # mov bp,1000; again: mov ah,0Bh; int 21h; mov cx,500; loop $; dec bp; jnz again; int 20h
    code = bytes.fromhex("bde803 b40b cd21 b9f401 e2fe 4d 75f4 cd20")
    with Dos(code, stdin=None) as dos:
        assert dos.run(timeout=0.1).how == "exit"
