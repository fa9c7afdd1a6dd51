"""What the tests of the command line share: boot sectors, and a disk with a prompt."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.drive import Image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """Write boot sectors: `image("faf4")` is the path of one."""
    return Image(tmp_path)


@pytest.fixture
def dos_disk(tmp_path: Path, nasm: str) -> Path:
    """A floppy disk with a prompt like that of DOS (prompt.asm)."""
    image = tmp_path / "dos.img"
    source = Path(__file__).with_name("prompt.asm")
    subprocess.run([nasm, "-f", "bin", source, "-o", image], check=True)
    image.write_bytes(image.read_bytes().ljust(1_474_560, b"\0"))
    return image
