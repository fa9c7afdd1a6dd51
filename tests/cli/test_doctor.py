"""`doctor`: what the installation has, and the services of the BIOS."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pyx86emu import __version__
from pyx86emu.cli import doctor, main
from pyx86emu.pc.firmware import services

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"


def run(capfd: pytest.CaptureFixture[str], *args: str) -> str:
    assert main(["doctor", *args]) == 0
    return capfd.readouterr().out


def test_the_installation_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    out = run(capfd)

    assert re.search(rf"^pyx86emu +{re.escape(__version__)}$", out, re.M)
    assert re.search(r"^KVM +(usable|not usable: )", out, re.M)
    assert "8086 80186 80286 80386 80486" in out


def test_a_package_that_is_missing_says_what_needs_it() -> None:
    assert doctor.extra("no-such-package", "nothing") == "not installed (nothing)"


def test_the_services_are_shown_with_their_source(capfd: pytest.CaptureFixture[str]) -> None:
    out = run(capfd, "--bios")

    assert re.search(r"^INT 17h +AH=00h +Print AL +int17.inc$", out, re.M)
    assert re.search(r"^INT 15h +AX=E820h +80386 and later", out, re.M)


def test_json_has_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    assert json.loads(run(capfd, "--json"))["pyx86emu"] == __version__
    rows = json.loads(run(capfd, "--bios", "--json"))
    assert [tuple(row.values()) for row in rows] == [tuple(each) for each in services()]


def test_every_vector_of_post_has_a_service() -> None:
    """40h is INT 13h of diskettes, 42h and 6Dh are INT 10h; 76h only notes that it came."""
    source = (FIRMWARE / "post.inc").read_text("utf-8")
    named = set(re.findall(r"vector +([0-9A-F]{2})h, (?:entry_)?int", source))

    without = {f"INT {each}h" for each in named} - {each.interrupt for each in services()}

    assert len(named) > 15
    assert without <= {"INT 40h", "INT 42h", "INT 6Dh", "INT 76h"}


def test_every_function_of_int_15h_has_a_service() -> None:
    source = (FIRMWARE / "int15.inc").read_text("utf-8")
    functions = set(re.findall(r"db +0?([0-9A-F]{2})h\n +dw", source))
    shown = " ".join(each.function for each in services() if each.interrupt == "INT 15h")

    assert functions
    assert {
        each for each in functions if f"{each}h" not in shown and f"={each}" not in shown
    } == set()


def test_a_wrong_word_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--what"]) == 2
    assert "unknown option --what" in capfd.readouterr().err
