"""Build the firmware: assemble bios.asm, set the checksum byte, list the symbols and services.

`python firmware/build.py` writes five files to pyx86emu/pc/roms: bios.bin, the image at F0000h,
bios.sym, a line `F000:offset name` for each label, bios.services, the table of `doctor --bios`,
virtioblk.bin, the option ROM of virtio disks, and demo.bin, the guest of the demo. Needs nasm.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parent
ROMS = FIRMWARE.parent / "pyx86emu" / "pc" / "roms"
SIZE = 0x10000

_LABEL = re.compile(r"^ *([0-9A-F]+) +[0-9A-F]+  ([a-z]\w*)$", re.MULTILINE)


def build(nasm: str = "nasm") -> tuple[bytes, str]:
    """Return the image, whose bytes add up to zero, and the symbol list."""
    with tempfile.TemporaryDirectory() as directory:
        where = Path(directory)
        options = ["-f", "bin", "-w+error", "-DMAP", "-I", f"{FIRMWARE}/", "-o", "bios.bin"]
        subprocess.run([nasm, *options, str(FIRMWARE / "bios.asm")], cwd=where, check=True)
        image = bytearray((where / "bios.bin").read_bytes())
        labels = sorted(
            (int(offset, 16), name)
            for offset, name in _LABEL.findall((where / "bios.map").read_text())
        )
    if len(image) != SIZE:
        raise SystemExit(f"bios.asm gives {len(image)} bytes instead of {SIZE}: see its last lines")
    image[-1] = -sum(image[:-1]) & 0xFF
    return bytes(image), "".join(f"F000:{offset:04X} {name}\n" for offset, name in labels)


def option_rom(name: str, nasm: str = "nasm") -> bytes:
    """Return an option ROM, whose bytes add up to zero. Its last byte is free."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "rom"
        options = ["-f", "bin", "-w+error", "-I", f"{FIRMWARE}/", "-o", str(out)]
        subprocess.run([nasm, *options, str(FIRMWARE / f"{name}.asm")], check=True)
        image = bytearray(out.read_bytes())
    if image[-1]:
        raise SystemExit(f"{name}.asm has no free byte at its end: make it a block longer")
    image[-1] = -sum(image) & 0xFF
    return bytes(image)


def main() -> int:
    """Write the image, the symbol list, the list of services, the ROMs and the guest of the demo."""
    import services  # only here: a test loads this file without its directory

    image, symbols = build()
    ROMS.mkdir(exist_ok=True)
    (ROMS / "bios.bin").write_bytes(image)
    (ROMS / "bios.sym").write_text(symbols)
    (ROMS / "bios.services").write_text(services.text(), "utf-8")
    (ROMS / "virtioblk.bin").write_bytes(option_rom("virtioblk"))
    demo = ["-f", "bin", "-w+error", "-o", str(ROMS / "demo.bin"), str(FIRMWARE / "demo.asm")]
    subprocess.run(["nasm", *demo], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
