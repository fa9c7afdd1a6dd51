"""The builds are equal: without tail calls, or under the sanitizers, guests do what they do in the
release build, to the last bit and nanosecond.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pyx86emu._core
from tests.conftest import BUILD, missing
from tests.fuzz.digest import lines

ROOT = Path(__file__).resolve().parents[1]


def lines_of_the_release() -> list[str]:
    """The digest of the build in place, which `make` leaves to the release."""
    if not list((ROOT / "pyx86emu").glob("_core*.so")):
        missing("the release build", "make test")
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "PYTHONMALLOC")}
    env |= {"PYTHONPATH": str(ROOT), "PYX86EMU_BUILD": "release"}
    command = [sys.executable, "-m", "tests.fuzz.digest"]
    result = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, check=True)
    core, *found = result.stdout.splitlines()
    assert Path(core).parent == ROOT / "pyx86emu"
    assert core != pyx86emu._core.__file__
    return found


@pytest.mark.skipif(BUILD not in ("notail", "sanitize"), reason="this is the build in place")
def test_guests_do_the_same_in_the_release_build() -> None:
    theirs = lines_of_the_release()

    differ = [ours for ours, line in zip(lines(), theirs, strict=True) if ours != line]

    assert not differ


def test_a_digest_tells_guests_apart() -> None:
    found = [line.split() for line in lines()]

    assert len({words[-1] for words in found}) == len(found)
