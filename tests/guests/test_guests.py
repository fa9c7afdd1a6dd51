"""Our own guests: self-checking boot sectors, each built from the source beside it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine

HERE = Path(__file__).parent
GUESTS = sorted(HERE.glob("*.bin"))
PASSED = 0x10 << 1 | 1


def header(guest: Path) -> dict[str, str]:
    """What the comments at the top ask of the machine: `; types: a{left}`."""
    text = guest.with_suffix(".asm").read_text("utf-8")
    return dict(re.findall(r"^; (needs|types|model|sends): (.+)$", text, re.M))


@pytest.mark.parametrize("guest", GUESTS, ids=lambda path: path.stem)
def test_guest_passes(guest: Path, machine: Callable[..., Machine]) -> None:
    asks = header(guest)
    memory = 2 << 20 if asks.get("needs") == "memory=2M" else 1 << 20
    m = machine(guest.read_bytes(), model=asks.get("model", "80486"), memory=memory)
    m.boot()
    m.keyboard.type(asks.get("types", ""))

    exit = m.run(timeout=60.0)

    assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), m.debug_text or exit
    assert asks.get("sends", "") in m.serial_text


@pytest.mark.parametrize("source", sorted(HERE.glob("*.asm")), ids=lambda path: path.stem)
def test_guest_is_built_from_its_source(source: Path, nasm: str, tmp_path: Path) -> None:
    built = tmp_path / "guest.bin"

    command = [nasm, "-w+error", "-f", "bin", str(source), "-o", str(built)]
    subprocess.run(command, cwd=HERE, check=True)

    assert built.read_bytes() == source.with_suffix(".bin").read_bytes(), "build it again"
