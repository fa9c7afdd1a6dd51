"""INT 10h by comparison: random calls do the same here, on QEMU, and with QEMU's video BIOS."""

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
CALLS = 300
#: The pages of each mode.
PAGES = {mode: 8 if mode < 4 or mode == 7 else 1 for mode in (*range(8), *range(0x0D, 0x14))}
PAGES |= {0x0D: 8, 0x0E: 4, 0x0F: 2, 0x10: 2}


def guest(nasm: str, mode: int, pages: int, where: Path) -> bytes:
    image = where / "guest.bin"
    command = [nasm, "-f", "bin", "-I", str(ROOT / "tests" / "guests") + "/", "-o", str(image)]
    names = {"MODE": mode, "PAGES": pages, "SEED": mode + 1, "COUNT": CALLS}
    command += [f"-D{name}={value}" for name, value in names.items()]
    subprocess.run([*command, str(HERE / "int10_random.asm")], check=True)
    return image.read_bytes()


def on_qemu(code: bytes, where: Path, *options: str) -> bytes:
    program = shutil.which("qemu-system-i386")
    if program is None:
        missing("qemu-system-i386", "apt-get install qemu-system-x86")
    (where / "floppy.img").write_bytes(code.ljust(FLOPPY, b"\0"))
    command = [str(program), "-M", "isapc", "-vga", "std", "-net", "none", "-display", "none"]
    command += ["-drive", f"file={where / 'floppy.img'},format=raw,if=floppy", "-no-reboot"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-debugcon", f"file:{where / 'debug'}", *options]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0x10 << 1 | 1, done.stderr
    return (where / "debug").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("mode", PAGES, ids=hex)
def test_random_calls_do_the_same_as_with_the_video_bios_of_qemu(
    mode: int, nasm: str, tmp_path: Path
) -> None:
    pages = 8 if mode < 4 or mode == 7 else 1  # QEMU's ignores the page in graphics modes
    code = guest(nasm, mode, pages, tmp_path)
    (tmp_path / "vgabios.bin").write_bytes(bytes(512))  # no ROM: our BIOS serves INT 10h itself

    ours = on_qemu(code, tmp_path, "-L", str(tmp_path), "-bios", str(BIOS))
    theirs = on_qemu(code, tmp_path)

    assert len(ours) > 0x8000
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("mode", PAGES, ids=hex)
def test_random_calls_do_the_same_here_as_on_qemu(
    mode: int, nasm: str, machine: Callable[..., Machine], tmp_path: Path
) -> None:
    code = guest(nasm, mode, PAGES[mode], tmp_path)
    (tmp_path / "vgabios.bin").write_bytes(bytes(512))
    there = on_qemu(code, tmp_path, "-L", str(tmp_path), "-bios", str(BIOS))
    m = machine(code)
    m.boot()

    assert m.run(timeout=60).reason is ExitReason.SHUTDOWN

    assert bytes(m.debug.log) == there
