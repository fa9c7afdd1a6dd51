"""Hard disks and boot order on another PC: run the disk guests on QEMU, with our BIOS.

So the guests are right about ATA drives, and our BIOS about drives that are not ours.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.guests.disks import qemu_drives
from tests.guests.test_guests import GUESTS, PASSED, header
from tests.harness import ROOT

BIOS = ROOT / "pyx86emu" / "pc" / "roms" / "bios.bin"
WITH_DISKS = [guest for guest in GUESTS if "boots" in header(guest)]


@pytest.mark.slow
@pytest.mark.parametrize("guest", WITH_DISKS, ids=lambda path: path.stem)
def test_disk_guest_passes_on_qemu_with_our_bios(guest: Path, tmp_path: Path) -> None:
    program = shutil.which("qemu-system-i386")
    if program is None:
        missing("qemu-system-i386", "apt-get install qemu-system-x86")
    command = [program, "-M", "isapc", "-net", "none", "-display", "none", "-bios", str(BIOS)]
    command += ["-debugcon", "stdio", "-no-reboot", "-cpu", "486"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += qemu_drives(header(guest)["boots"], guest.read_bytes(), tmp_path)

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == PASSED, done.stdout + done.stderr
