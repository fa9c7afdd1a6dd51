"""Firmware of others on our machine, and our BIOS on another PC (`make firmware-elsewhere`).

Video BIOSes: Debian's `vgabios` (Bochs's, for real mode) and SeaVGABIOS of `seabios`. The other PC
is QEMU's isapc. Not under the sanitizers: QEMU is not ours to check.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.pc.screen.render import render
from pyx86emu.pc.screen.scan import mode_name
from tests.conftest import BUILD, missing
from tests.guests.test_guests import HERE, PASSED, memory
from tests.harness import ROOT, wait_until

pytestmark = pytest.mark.skipif(BUILD == "sanitize", reason="programs of others: not sanitized")

MakeMachine = Callable[..., Machine]

BIOS = ROOT / "pyx86emu" / "pc" / "roms" / "bios.bin"
PATIENCE = 120.0
VIDEO = {
    "vgabios": "/usr/share/vgabios/vgabios.bin",
    "SeaVGABIOS isavga": "/usr/share/seabios/vgabios-isavga.bin",
    "SeaVGABIOS stdvga": "/usr/share/seabios/vgabios-stdvga.bin",
}
#: What holds on a PC that is not ours too, with our BIOS.
ON_ISAPC = ("dev_aux", "dev_com2", "dev_e820", "dev_lpt", "dev_print")


@pytest.fixture(params=VIDEO, ids=lambda name: name.replace(" ", "-"))
def video_bios(request: pytest.FixtureRequest) -> Path:
    """The file of a video BIOS."""
    path = Path(VIDEO[request.param])
    if not path.exists():
        missing(str(path), f"apt-get install {path.parent.name}")
    return path


@pytest.fixture
def qemu() -> list[str]:
    """The command of an ISA PC without display, with our BIOS."""
    program = shutil.which("qemu-system-i386")
    if program is None:
        missing("qemu-system-i386", "apt-get install qemu-system-x86")
    return [
        *(str(program), "-M", "isapc", "-net", "none", "-display", "none", "-no-reboot"),
        *("-bios", str(BIOS), "-parallel", "null", "-serial", "null", "-serial", "null"),
    ]


def run(machine: MakeMachine, code: str, rom: Path) -> Machine:
    """Boot a sector with this code, then halt."""
    m = machine(bytes.fromhex(code + "fa f4"), option_roms=[rom])
    exit = m.run(timeout=20)
    assert exit.reason is ExitReason.HLT
    assert exit.message is None or not exit.message
    return m


def test_it_serves_int_10h_in_place_of_ours(machine: MakeMachine, video_bios: Path) -> None:
    # teletype "Hi"; font of INT 43h: ES to 600h; mode: to 602h; a cell back: to 604h
    code = (
        "b8480e bb0700 cd10 b8690e cd10"
        " b83011 b701 cd10 31c0 8ed8 8c060006"
        " b40f cd10 a30206 b402 b700 ba0000 cd10 b408 cd10 a30406"
    )
    m = run(machine, code, video_bios)

    assert 0xC000 <= int.from_bytes(m.vm.read(0x42, 2), "little") < 0xC800
    assert m.screen.text is not None
    assert m.screen.text.splitlines()[0].startswith("Hi")
    assert 0xC000 <= int.from_bytes(m.vm.read(0x600, 2), "little") < 0xC800
    assert m.vm.read(0x602, 4) == b"\x03\x50H\x07"


@pytest.mark.parametrize(
    ("mode", "name"),
    [(0x13, "320x200 256 colours"), (0x12, "640x480 16 colours"), (0x0D, "320x200 16 colours")],
)
def test_its_graphics_modes_show_a_pixel(
    machine: MakeMachine, video_bios: Path, mode: int, name: str
) -> None:
    # set mode; write pixel (5,3) of colour 4; read it back: AL to 600h
    code = f"b8{mode:02x}00 cd10 b8040c b700 b90500 ba0300 cd10 b40d cd10 31d2 8eda a20006"
    m = run(machine, code, video_bios)

    assert mode_name(m.vga.snapshot()) == name
    assert m.vm.read(0x600, 1) == b"\x04"
    picture = render(m.vga.snapshot())
    lit = picture[picture.any(axis=2)]
    assert 1 <= len(lit) <= 4  # a dot, or four of a monitor's
    assert (lit[:, 0] > 100).all() and not lit[:, 1:].any()


def test_freedos_runs_with_it(machine: MakeMachine, video_bios: Path, guests: Path) -> None:
    image = guests / "freedos-1440k.img"
    if not image.exists():
        pytest.skip(f"there is no {image}")
    m = machine(str(image), option_roms=[video_bios])

    exit = m.run(until=r"A:\\>", timeout=120)

    assert exit.reason is ExitReason.MATCH
    m.keyboard.type("ver /r\n")
    assert m.run(until=r"(?i)freecom.*A:\\>", timeout=60).reason is ExitReason.MATCH


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_ISAPC)
def test_our_bios_serves_our_guests_on_qemu(qemu: list[str], name: str, tmp_path: Path) -> None:
    image = tmp_path / "disk"
    data = (HERE / f"{name}.bin").read_bytes()
    image.write_bytes(data.ljust(1440 << 10, b"\0"))
    asks = dict(re.findall(r"^; (needs): (.+)$", (HERE / f"{name}.asm").read_text("utf-8"), re.M))
    command = [*qemu, "-debugcon", "stdio", "-m", str(max(2, memory(asks) >> 20))]
    command += ["-icount", "shift=7,sleep=off", "-rtc", "clock=vm"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-drive", f"file={image},format=raw,if=floppy"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert done.returncode == PASSED, done.stdout + done.stderr


@pytest.mark.slow
def test_our_bios_serves_the_mouse_of_qemu(qemu: list[str], tmp_path: Path) -> None:
    image, said = tmp_path / "disk", tmp_path / "said"
    image.write_bytes((HERE / "bios_mouse.bin").read_bytes().ljust(1440 << 10, b"\0"))
    command = [*qemu, "-debugcon", f"file:{said}", "-monitor", "stdio"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-drive", f"file={image},format=raw,if=floppy"]

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        try:
            wait_until(lambda: said.exists() and said.read_text() or process.poll() is not None)
            process.stdin.write("mouse_move 5 -3\nmouse_button 1\n")
            process.stdin.flush()
            assert process.wait(PATIENCE) == PASSED, said.read_text()
        finally:
            process.kill()


@pytest.mark.slow
def test_our_bios_boots_freedos_on_qemu(qemu: list[str], guests: Path) -> None:
    image = guests / "freedos-1440k.img"
    if not image.exists():
        pytest.skip(f"there is no {image}")
    command = [*qemu, "-snapshot", "-monitor", "stdio"]
    command += ["-drive", f"file={image},format=raw,if=floppy"]
    screen = ""

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        to, of = process.stdin, process.stdout

        def at_its_prompt() -> bool:
            nonlocal screen
            to.write("xp /2000xh 0xb8000\nprint 12345\n")
            to.flush()
            screen = text_of(of)
            return "A:\\>" in screen

        try:
            wait_until(at_its_prompt)
        finally:
            process.kill()


def text_of(monitor: Iterable[str]) -> str:
    """The text in what the monitor answers, up to the 12345 (3039h) that follows."""
    cells: list[int] = []
    for line in monitor:
        if line.strip() == "0x3039":
            break
        if re.match(r"0*b[89a-f][0-9a-f]{3}: 0x", line):
            cells += [int(each, 16) & 0xFF for each in re.findall(r"0x([0-9a-f]{4})\b", line)]
    return bytes(cells).decode("cp437")
