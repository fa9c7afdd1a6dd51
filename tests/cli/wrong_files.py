"""Wrong files: make the files that `wrong_inputs` names, in one directory."""

from __future__ import annotations

import os
from pathlib import Path

#: cli; hlt
HALT = bytes.fromhex("faf4")
MIB = 1 << 20


def starting(data: str | bytes, size: int = 4096, at: int = 0) -> bytes:
    """A file with these bytes at an offset, and otherwise no zeros."""
    start = data.encode("latin-1") if isinstance(data, str) else data
    return (b"\x01" * at + start).ljust(size, b"\x01")


FILES = {
    "boot.img": HALT,
    "empty.img": b"",
    "x.img.gz": starting("\x1f\x8b\x08"),
    "x.zip": starting("PK\x03\x04"),
    "x.xz": starting("\xfd7zXZ\0"),
    "c.iso": starting("\x01CD001", 2 * MIB, 0x8000),
    "x.qcow2": starting("QFI\xfb\0\0\0\3"),
    "x.vmdk": starting("KDMV"),
    "x.vdi": starting("\x7f\x10\xda\xbe", at=0x40),
    "x.vhd": starting("conectix"),
    "x.elf": starting("\x7fELF"),
    "x.exe": starting(b"MZ" + bytes([0, 0, 8, 0, 0, 0, 4, 0])),
    "x.efi": starting(b"MZ".ljust(0x3C, b"\0") + b"\x40\0\0\0PE\0\0"),
    "notes.txt": b"A boot sector is 512 bytes.\n" * 20,
    "boot.asm": b"; boot.asm: says hello\n        org 7C00h\n        mov ax, cs\n",
    "big.img": b"\xf4" * (3 * MIB),
    "x.tar": starting("ustar", at=257),
    "x.png": starting("\x89PNG\r\n\x1a\n"),
    "old.png": b"kept",
    "zeros.img": bytes(2 * MIB),
    "odd.rom": b"\x55\xaa\x01",
    "sum.rom": b"\x55\xaa\x01".ljust(512, b"\x01"),
    "plain.rom": bytes(512),
    "huge.rom": b"\x55\xaa\xff".ljust(256 << 10, b"\0"),
    "bios.rom": bytes(1000),
}


def make(directory: Path) -> None:
    """Write the files."""
    for name, data in FILES.items():
        (directory / name).write_bytes(data)
    (directory / "dir").mkdir()
    (directory / "dir.png").mkdir()
    (directory / "dir/A.TXT").write_text("a\n")
    (directory / "longnames").mkdir()
    (directory / "longnames/a long name.text").touch()
    os.mkfifo(directory / "fifo")
    os.mkfifo(directory / "fifo.png")
    (directory / "loop").symlink_to("loop")
    (directory / "nowhere").symlink_to("gone")
