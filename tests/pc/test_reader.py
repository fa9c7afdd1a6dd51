"""Reading the text of a screen: as a snapshot has it, and no more than what has changed."""

from __future__ import annotations

import random
import re
from array import array
from collections.abc import Callable

import pytest

from pyx86emu import Machine
from pyx86emu.log import Log
from pyx86emu.pc.limits import Watch
from pyx86emu.pc.screen import scan, text
from pyx86emu.pc.screen.reader import Reader

MakeMachine = Callable[..., Machine]
#: cli; jmp $
STAND = bytes.fromhex("fa ebfe")
TEXT = 0xB8000


def expected(m: Machine) -> tuple[str | None, tuple[int, int] | None]:
    """The text and the cursor of a snapshot."""
    shown = m.vga.snapshot()
    if scan.graphics(shown):
        return None, None
    return text.text_of(text.rows(shown)), scan.cursor_place(shown)


def write(m: Machine, index_port: int, register: int, value: int) -> None:
    """Set a register of the VGA; those of the CRTC are unlocked first."""
    if index_port == 0x3D4 and register != 0x11:
        write(m, 0x3D4, 0x11, 0)
    m.pio.write(index_port, 1, register)
    m.pio.write(index_port + 1, 1, value)


def at_prompt(machine: MakeMachine) -> Machine:
    """A machine that shows what the BIOS has written."""
    m = machine(STAND)
    m.run(max_instructions=200_000)
    return m


@pytest.mark.parametrize("seed", range(10))
def test_the_text_is_that_of_a_snapshot(machine: MakeMachine, seed: int) -> None:
    rng = random.Random(seed)
    m = at_prompt(machine)
    for _ in range(60):
        what = rng.random()
        if what < 0.5:
            at = rng.randrange(0x8000)
            m.mmio.write(TEXT + at, 1, rng.randrange(256))  # dropped if the window is memory
            if m.vga.core.mapped and any(slot.addr == TEXT for slot in m.vm.slots):
                m.vm.write(TEXT + at, rng.randbytes(rng.randrange(1, 200))[: 0x8000 - at])
                m.vga.core.touch()
        elif what < 0.8:
            write(m, 0x3D4, rng.randrange(25), rng.randrange(256))
        elif what < 0.9:
            write(m, 0x3CE, rng.choice((5, 6)), rng.choice((0, 0x0C, 0x0E, 0x10, 0x0F)))
        else:
            write(m, 0x3C4, rng.choice((2, 4)), rng.choice((2, 3, 6, 0x0E, 0x0F)))

        assert (m.screen.text, m.screen.cursor) == expected(m)


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 7])
def test_the_text_of_each_mode_is_that_of_a_snapshot(machine: MakeMachine, mode: int) -> None:
    say = "".join(f"b40e b0{char:02x} cd10 " for char in b"Hello")
    m = machine(bytes.fromhex(f"b400 b0{mode:02x} cd10 {say} fa f4"))
    m.run()

    assert (m.screen.text, m.screen.cursor) == expected(m)
    assert (m.screen.text or "").startswith("Hello")


def test_a_program_that_stores_to_the_window_is_seen(machine: MakeMachine) -> None:
    """mov ax,b800h; mov es,ax; stosw in a loop that goes on: the window becomes memory."""
    m = machine(bytes.fromhex("fa b800b8 8ec0 31ff b82107 ab 40 81ffa00f 72f8 31ff ebf4"))
    for steps in (50, 500, 5000, 50_000, 7, 7, 7):
        m.run(max_instructions=steps)

        assert m.screen.text == expected(m)[0]
    assert m.vga.core.mapped


def test_only_rows_that_have_changed_are_decoded(
    machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    m = at_prompt(machine)
    decoded: list[bytes] = []
    decode = text.decode_characters
    monkeypatch.setattr(text, "decode_characters", lambda row: decoded.append(row) or decode(row))
    reader = Reader(m.vga)
    first = reader.text()
    before = len(decoded)

    again = reader.text()
    m.vga.core.touch()
    m.vm.write(TEXT + 160 * 7, b"x")
    changed = reader.text()
    m.vga.core.touch()
    same = reader.text()

    assert (before, len(decoded)) == (25, 26)
    assert first == again
    assert changed is not None
    assert changed == same
    assert changed.split("\n")[7].startswith("x")


def test_registers_that_change_all_the_time_do_not_hold_the_reader(machine: MakeMachine) -> None:
    m = at_prompt(machine)

    class Restless:
        """The CRTC is another one whenever the characters are read."""

        version = 1
        text_crtc = m.vga.text_crtc
        snapshot = staticmethod(m.vga.snapshot)
        reads = 0

        def characters(self, crtc: bytes, places: object) -> bytes | None:
            self.reads += 1
            return None

    adapter = Restless()

    assert Reader(adapter).text() == expected(m)[0]
    assert adapter.reads > 1


def test_characters_are_of_the_registers_that_were_asked_for(machine: MakeMachine) -> None:
    core = at_prompt(machine).vga.core
    crtc = core.text_crtc
    assert crtc is not None
    other = crtc[:1] + bytes([crtc[1] ^ 1]) + crtc[2:]
    cursor = crtc[:10] + b"\x20\x01" + crtc[12:14] + b"\x01\x01" + crtc[16:]

    assert core.characters(crtc, b"") == b""
    assert core.characters(other, b"\0\0") is None
    assert core.characters(cursor, array("H", [0])) == core.characters(crtc, b"\0\0")
    for bad in (b"", crtc[:24], crtc + b"\0"):
        with pytest.raises(ValueError, match="25 bytes"):
            core.characters(bad, b"")
    with pytest.raises(ValueError, match="each has 2"):
        core.characters(crtc, b"\0")
    with pytest.raises(TypeError):
        core.characters(crtc, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        core.characters(None, b"")  # type: ignore[arg-type]


def test_graphics_have_no_text(machine: MakeMachine) -> None:
    m = machine(bytes.fromhex("b81300 cd10 fa f4"))
    m.run()

    assert (m.screen.text, m.screen.cursor) == (None, None)
    assert m.vga.text_crtc is None


# -- a watch --------------------------------------------------------------------------------------


class Page:
    """A display that counts how often its text is read."""

    def __init__(self) -> None:
        self.version, self.shown, self.reads = 0, "", 0
        self.pixels = None

    @property
    def text(self) -> str:
        self.reads += 1
        return self.shown


def test_a_watch_reads_only_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    page, log = Page(), Log()
    read: list[int] = []
    whole = Log.text
    monkeypatch.setattr(Log, "text", lambda self, n=None: read.append(1) or whole(self, n))
    watch = Watch("found", page, (log,))  # type: ignore[arg-type]

    assert not watch.seen()
    log.write(b"more")
    assert not watch.seen()
    page.version = 1
    assert not watch.seen()
    assert not watch.seen()
    assert (page.reads, len(read)) == (2, 2)
    log.write(b" found")
    assert watch.seen()
    assert watch.seen()  # the next run finds it, too


def test_a_watch_finds_again_what_is_still_there() -> None:
    page = Page()
    page.shown = "here it is"
    watch = Watch(re.compile("it"), page, ())  # type: ignore[arg-type]

    assert [watch.seen(), watch.seen()] == [True, True]
    page.version, page.shown = 1, "gone"
    assert not watch.seen()
    page.version, page.shown = 2, "it is back"
    assert watch.seen()
