"""Build the firmware: assemble bios.asm, set the checksum byte, list the symbols and services.

`python firmware/build.py` writes four files to pyx86emu/pc/roms: bios.bin, the image at F0000h,
bios.sym, a line `F000:offset name` for each label, bios.services, the table of `doctor --bios`, and
demo.bin, the guest of the demo. Needs nasm.
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


def main() -> int:
    """Write the image, the symbol list, the list of services and the guest of the demo."""
    import services  # only here: a test loads this file without its directory

    image, symbols = build()
    ROMS.mkdir(exist_ok=True)
    (ROMS / "bios.bin").write_bytes(image)
    (ROMS / "bios.sym").write_text(symbols)
    (ROMS / "bios.services").write_text(services.text(), "utf-8")
    demo = ["-f", "bin", "-w+error", "-o", str(ROMS / "demo.bin"), str(FIRMWARE / "demo.asm")]
    subprocess.run(["nasm", *demo], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
