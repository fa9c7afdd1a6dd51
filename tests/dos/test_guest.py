"""The entries in guest memory are those of firmware/dos.asm; the page has all functions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from pyx86emu.dos import calls, guest
from pyx86emu.dos.table import TABLE

ROOT = Path(__file__).parents[2]


def test_the_bytes_are_those_of_the_source(nasm: str, tmp_path: Path) -> None:
    out = tmp_path / "dos.bin"

    subprocess.run([nasm, "-f", "bin", "-o", out, ROOT / "firmware/dos.asm"], check=True)

    assert out.read_bytes() == guest.CODE


def test_the_page_lists_the_functions() -> None:
    assert calls.__all__
    page = (ROOT / "docs/DOS.md").read_text("utf-8")
    listed = {
        number: " ".join(text.split())
        for numbers, text in re.findall(r"^\| ((?:[0-9A-F]{2}h(?:, )?)+) \| (.*) \|$", page, re.M)
        for number in (int(each.strip()[:-1], 16) for each in numbers.split(","))
    }

    assert listed == {n: " ".join((f.__doc__ or "").split()) for n, f in TABLE.items()}
