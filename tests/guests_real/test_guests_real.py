"""Real guests that others wrote: boot each, type what guests.toml says, look for the result."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, ExitReason, Machine
from tests import on_kvm
from tests.guests import pictures

SHARED = Path(os.environ.get("PYX86EMU_SHARED") or Path(__file__).resolve().parents[3] / "shared")
TOML = SHARED / "guests" / "guests.toml"

MODELS = {"8086": "8086", "186": "80186", "286": "80286", "386": "80386", "486": "80486"}
KEY_GAP_NS = 20_000_000
# Nobody types within the instruction that shows the text: some guests throw early keys away.
REACTION = 0.1
CGA = (0xB8000, 0x4000)
#: Where the frame buffer of a mode is, and its bytes. Other modes are text in colour.
FRAME_BUFFERS = {4: CGA, 5: CGA, 6: CGA, 7: (0xB0000, 4000), 0x13: (0xA0000, 64000)}
TEXT = (0xB8000, 4000)
#: Bytes of a display line in each of the four planes, and the lines, by mode.
PLANES = {0x0D: (40, 200), 0x0E: (80, 200), 0x0F: (80, 350), 0x10: (80, 350)}
PLANES |= {0x11: (80, 480), 0x12: (80, 480)}
PLANE = 0x10000


def listed() -> list[dict[str, Any]]:
    """All guests that this kind of machine is expected to run."""
    if not TOML.is_file():
        return []
    guests = tomllib.loads(TOML.read_text("utf-8"))["guest"]
    return [guest for guest in guests if guest["tier"] != "beyond"]


class Driver:
    """One guest on one machine, taken through its steps in guest time."""

    def __init__(self, guest: dict[str, Any], images: Path, m: Machine) -> None:
        self.guest = guest
        self.m = m
        keys = images / f"{guest['id']}.keys"
        self.typed = keys.read_text("utf-8") if keys.is_file() else ""

    @property
    def text(self) -> str:
        """What its console shows."""
        return self.m.serial_text if self.guest["console"] == "serial" else self.m.screen.text

    def wait(self, seconds: float) -> None:
        """Let guest time pass."""
        self.m.run(timeout=seconds)

    def step(self, step: dict[str, Any]) -> None:
        """Wait for a text, type, pause."""
        if step["wait"]:
            exit = self.m.run(step["wait"], timeout=step["within"])
            assert exit.reason is ExitReason.MATCH, f"{step['wait']!r}: {exit!r}\n{self.text}"
            self.wait(REACTION)
        else:
            exit = self.m.boot()
            assert self.m.booted, f"the boot sector does not start: {exit!r}\n{self.text}"
            self.wait(self.guest.get("settle", 0))
        gap = step.get("gap", self.guest.get("gap"))
        self.m.keyboard.key_gap = KEY_GAP_NS if gap is None else int(gap * 1e9)
        self.type(step["type"].replace("{keys}", self.typed))
        self.wait(step.get("pause", 0))

    def type(self, text: str) -> None:
        """Type, and let the guest take the last key."""
        if self.guest["console"] == "serial":
            self.m.uart.receive(text.replace("{ret}", "\r").encode())
            return
        self.m.keyboard.type(text)
        while self.m.keyboard.typing:
            before = self.m.time
            self.wait(0.01)
            if self.m.time == before:  # halted for good: nobody reads the keys
                return

    def frame_buffer(self) -> bytes:
        """The bytes that are on display; of planar modes line by line, planes 0 to 3 of each."""
        mode = self.m.screen.mode
        if mode in PLANES:
            return self.lines(0, PLANES[mode][1], 0xA0000)
        return self.m.vm.read(*FRAME_BUFFERS.get(mode, TEXT))

    def animates(self) -> bool:
        """Whether the picture changes within a second."""
        before = self.frame_buffer()
        for _ in range(20):
            self.wait(0.05)
            if self.frame_buffer() != before:
                return True
        return False

    def lines(self, first: int, end: int, base: int) -> bytes:
        """Display lines of a picture that starts at address `base`: of CGA modes out of their
        interleave, of planar modes planes 0 to 3 of each line; of text modes its rows."""
        read, mode = self.m.vm.read, self.m.screen.mode
        if mode in PLANES:
            pitch, start = PLANES[mode][0], base - 0xA0000
            planes = self.m.vga.snapshot().planes
            at = [
                PLANE * plane + start + y * pitch for y in range(first, end) for plane in range(4)
            ]
            return b"".join(planes[each : each + pitch] for each in at)
        if mode == 0x13:
            return read(base + first * 320, (end - first) * 320)
        if mode in (4, 5, 6):
            rows = (base + y % 2 * 0x2000 + y // 2 * 80 for y in range(first, end))
            return b"".join(read(row, 80) for row in rows)
        pitch = 2 * self.m.screen.columns
        return read(base + first * pitch, (end - first) * pitch)


def machine_of(guest: dict[str, Any], image: Path, make: Callable[..., Machine]) -> Machine:
    """The machine that a guest needs."""
    data = image.read_bytes()
    assert hashlib.sha256(data).hexdigest() == guest["image_sha256"], "not the image it should be"
    disk = Disk(data, geometry=tuple(guest["geometry"]))
    model = MODELS[guest.get("cpu_detected", guest["cpu"])]
    drive = {"a": "fda", "c": "hda"}[guest["boot"]]
    return make(**{drive: disk}, order=guest["boot"], model=model, memory=guest["mem_kib"] * 1024)


@pytest.mark.parametrize("guest", listed(), ids=lambda guest: str(guest["id"]))
def test_guest_shows_what_is_expected(
    guest: dict[str, Any],
    guests: Path,
    machine: Callable[..., Machine],
) -> None:
    image = guests / f"{guest['id']}.img"
    if not image.is_file():
        pytest.skip(f"{image.name} is missing: guests.py makes it")
    m = machine_of(guest, image, machine)
    take_through(guest, guests, m)


@pytest.mark.parametrize("name", ["freedos-1440k"])
def test_guest_shows_the_same_on_kvm(
    name: str, guests: Path, machine: Callable[..., Machine]
) -> None:
    on_kvm.need("kvm")
    guest = next(guest for guest in listed() if guest["id"] == name)
    image = guests / f"{name}.img"
    if not image.is_file():
        pytest.skip(f"{image.name} is missing: guests.py makes it")
    disk = Disk(image.read_bytes(), geometry=tuple(guest["geometry"]))

    take_through(guest, guests, machine(disk, accel="kvm", memory=guest["mem_kib"] * 1024))


def take_through(guest: dict[str, Any], images: Path, m: Machine) -> None:
    """Take a guest through its steps, then look at what it shows."""
    driver = Driver(guest, images, m)

    for step in guest["step"]:
        driver.step(step)

    text = driver.text
    for expected in guest["expect"]:
        assert expected in text, f"{expected!r} is not on\n{text}"
    if "mode" in guest:
        assert m.screen.mode == guest["mode"]
    if "vram_sha256" in guest:
        shown = driver.lines(*guest["vram_lines"], int(guest["vram"], 16))
        assert hashlib.sha256(shown).hexdigest() == guest["vram_sha256"]
    if "colours" in guest:
        assert len(set(driver.frame_buffer())) >= guest["colours"]
    if guest.get("animates"):
        assert driver.animates(), "nothing moves"


@pytest.mark.parametrize(
    ("name", "vram", "pitch"),
    [
        ("mode_04", 0xB8000, 80),
        ("mode_06", 0xB8000, 80),
        ("mode_0d", 0xA0000, 160),
        ("mode_12", 0xA0000, 320),
        ("mode_13", 0xA0000, 320),
        ("mode_01", 0xB8000, 80),
        ("mode_07", 0xB0000, 160),
    ],
)
def test_the_driver_reads_display_lines_of_every_mode(
    name: str, vram: int, pitch: int, machine: Callable[..., Machine]
) -> None:
    m = machine(pictures.image(name))
    pictures.shown(m, name)
    driver = Driver({"id": name, "console": "screen"}, pictures.HERE, m)
    x, y = m.screen.scale
    dots = m.screen.indices[::y, ::x] != 0

    line = driver.lines(7, 9, vram)

    assert len(line) == 2 * pitch
    assert line in driver.frame_buffer() or m.screen.mode in (4, 5, 6)
    if m.screen.mode == 0x13:
        assert [byte != 0 for byte in line] == dots[7:9].ravel().tolist()
    if m.screen.mode == 6:
        assert [bool(byte << x & 0x80) for byte in line for x in range(8)] == dots[
            7:9
        ].ravel().tolist()
