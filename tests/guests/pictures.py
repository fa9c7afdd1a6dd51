"""Pictures of our own guests: run a guest that draws, and name what it shows by a hash.

`python -m tests.guests.pictures` prints the table of all; `--write` writes pictures.txt.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import numpy as np

from pyx86emu import ExitReason, Machine
from pyx86emu.pc.screen.screen import Screen

HERE = Path(__file__).parent
TABLE = HERE / "pictures.txt"
GUESTS = sorted(path.stem for path in HERE.glob("mode_*.bin"))
PASSED = 0x10 << 1 | 1


def header(name: str) -> dict[str, str]:
    """What the comments at the top of a guest say: `; types: a{left}`."""
    text = (HERE / f"{name}.asm").read_text("utf-8")
    return dict(re.findall(r"^; (needs|types|qemu): (.+)$", text, re.M))


def shown(m: Machine, name: str) -> Screen:
    """The screen of `m`, which boots the guest, when the guest has passed."""
    m.boot()
    m.keyboard.type(header(name).get("types", ""))
    exit = m.run(timeout=60.0)
    assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), m.debug_text or exit
    return m.screen


def image(name: str) -> bytes:
    """The boot sector."""
    return (HERE / f"{name}.bin").read_bytes()


def fingerprint(screen: Screen) -> str:
    """What a screen shows, in words and as a hash: of the colours of its dots in 6 bits, or of its
    characters, whose glyphs are the BIOS's."""
    rows = screen.lines
    data = np.ascontiguousarray(screen.pixels >> 2).tobytes() if rows is None else b"".join(rows)
    return f"{hashlib.sha256(data).hexdigest()[:16]} {screen.mode_name}"


def table() -> str:
    """A line for each guest."""
    lines = []
    for name in GUESTS:
        with Machine(image(name)) as m:
            lines.append(f"{name:12} {fingerprint(shown(m, name))}\n")
    return "".join(lines)


if __name__ == "__main__":
    if "--write" in sys.argv:
        TABLE.write_text(table(), "utf-8")
    else:
        print(table(), end="")
