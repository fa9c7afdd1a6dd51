"""INT 10h: run the video guests on the oldest models, and on another VGA: QEMU's, with our image.

QEMU would add a video BIOS of its own at C0000h, which our BIOS would call. It takes the file from
a directory named by `-L`; here that file is not a ROM.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine
from tests.conftest import missing
from tests.harness import ROOT

HERE = Path(__file__).parent
BIOS = ROOT / "pyx86emu" / "pc" / "roms" / "bios.bin"
FLOPPY = 1_474_560
PASSED = 0x10 << 1 | 1
ALL = (
    "bios_256 bios_colour bios_fonts bios_graphics bios_known bios_lines bios_modes bios_pages"
    " bios_palette bios_planar bios_pointers bios_screen bios_state bios_string"
)
GUESTS = [HERE / f"{name}.bin" for name in ALL.split()]


@pytest.mark.parametrize("model", ["8086", "80286"])
@pytest.mark.parametrize("guest", GUESTS, ids=lambda path: path.stem)
def test_video_guest_passes_on_old_models(
    guest: Path, model: str, machine: Callable[..., Machine]
) -> None:
    m = machine(guest.read_bytes(), model=model)
    m.boot()

    assert m.run(timeout=60.0).reason is ExitReason.SHUTDOWN

    assert m.exit_status == PASSED, m.debug_text


@pytest.mark.slow
@pytest.mark.parametrize("guest", GUESTS, ids=lambda path: path.stem)
def test_video_guest_passes_on_qemu_with_our_bios(guest: Path, tmp_path: Path) -> None:
    program = shutil.which("qemu-system-i386")
    if program is None:
        missing("qemu-system-i386", "apt-get install qemu-system-x86")
    image = tmp_path / "floppy.img"
    image.write_bytes(guest.read_bytes().ljust(FLOPPY, b"\0"))
    (tmp_path / "vgabios.bin").write_bytes(bytes(512))

    command = [str(program), "-M", "isapc", "-vga", "std", "-net", "none", "-display", "none"]
    command += ["-L", str(tmp_path), "-bios", str(BIOS), "-debugcon", "stdio", "-no-reboot"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-drive", f"file={image},format=raw,if=floppy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == PASSED, done.stdout + done.stderr
