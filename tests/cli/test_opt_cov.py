"""--symbols and --cov: lines of a run and of a DOS program, added to one file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pyx86emu import cli
from pyx86emu.tools.lcov import Lcov
from tests.on_gdb import need

BOOT = "    org 7C00h\nstart:\n    jmp .end\n    nop\n.end:\n    cli\n    hlt\n"
PROGRAM = "    org 100h\nstart: mov ax, 4C05h\n    int 21h\nnever: ret\n"


@pytest.fixture
def folder(tmp_path: Path, nasm: str) -> Path:
    (tmp_path / "boot.asm").write_text(BOOT)
    (tmp_path / "prog.asm").write_text(PROGRAM)
    for name, out in (("boot", "boot.img"), ("prog", "prog.com")):
        command = [nasm, "-f", "bin", f"{name}.asm", "-o", out, "-l", f"{name}.lst"]
        subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path


def lines(folder: Path, source: str) -> dict[int, int]:
    return Lcov.load(folder / "a.info").record(str(folder / source)).lines


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_runs_are_added_in_one_file(folder: Path) -> None:
    words = ("--symbols", folder / "boot.lst", "--cov", folder / "a.info")

    statuses = [run("run", folder / "boot.img", *words) for _ in range(2)]

    assert statuses == [0, 0]
    assert lines(folder, "boot.asm") == {3: 2, 4: 0, 6: 2, 7: 2}


def test_a_dos_program_has_its_listing_at_its_psp(folder: Path) -> None:
    words = ("--cov", folder / "a.info", "--symbols", folder / "prog.lst", folder / "prog.com")

    assert run("dos", *words) == 5

    assert lines(folder, "prog.asm") == {2: 1, 3: 1, 4: 0}


def test_a_dos_program_in_assembly_needs_no_listing(folder: Path) -> None:
    assert run("dos", "--cov", folder / "a.info", folder / "prog.asm") == 5

    assert lines(folder, "prog.asm") == {2: 1, 3: 1, 4: 0}


def test_a_listing_that_does_not_match_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--symbols", f"{folder / 'prog.lst'}@7b0:0000", "--cov", folder / "a.info")

    assert run("run", folder / "boot.img", *words) == 0

    assert "prog.lst: it is not what was in memory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cov", "a.info"], "--cov needs the listing of a source: nasm -l boot.lst writes it"),
        (["--cov", "boot.asm", "--symbols", "boot.lst"], "boot.asm': line 1 is none"),
        (["--cov", "no/a.info", "--symbols", "boot.lst"], "there is no directory no"),
        (["--cov", "a.info", "--accel", "kvm"], "KVM has no coverage"),
        (["--symbols", "boot.asm"], "has no labels that are known"),
        (["--symbols", "no.lst"], "--symbols no.lst: No such file"),
        (["--symbols", "boot.lst@x"], "the address after @ 'x'"),
    ],
)
def test_what_cannot_be_is_refused_before_the_guest_starts(
    folder: Path,
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    words = ["-accel" if word == "--accel" else word for word in words]

    assert run("run", "boot.img", *words) == 2

    assert message in capsys.readouterr().err
    assert not (folder / "a.info").exists()


def test_genhtml_shows_a_run(folder: Path) -> None:
    need("genhtml")
    run("run", folder / "boot.img", "--symbols", folder / "boot.lst", "--cov", folder / "a.info")

    command = ["genhtml", "a.info", "-o", "html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "75.0% (3 of 4 lines)" in done.stdout.replace("(3 of 4)", "(3 of 4 lines)")
