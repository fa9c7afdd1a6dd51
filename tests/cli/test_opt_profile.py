"""--profile: the stacks of a run and of a DOS program, in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu import Machine, cli

#: call f; cli; hlt; f: inc ax; ret
CODE = bytes.fromhex("e80200 fa f4 40 c3")
PROGRAM = "    org 100h\nmain: call work\n    mov ax, 4C03h\n    int 21h\nwork: nop\n    ret\n"


def stacks(path: Path) -> dict[str, int]:
    rows = (line.rsplit(" ", 1) for line in path.read_text().splitlines())
    return {names: int(count) for names, count in rows}


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_a_run_is_profiled_from_its_start(tmp_path: Path) -> None:
    image, out = tmp_path / "a.img", tmp_path / "a.txt"
    image.write_bytes(CODE)

    assert run("run", image, "--profile", out) == 0

    with Machine(image) as m:
        m.run()
        instructions = m.vcpu.instructions
    found = stacks(out)
    assert sum(found.values()) == instructions
    assert found["0000:7c00"] == 3
    assert found["0000:7c00;0000:7c05"] == 2


def test_a_dos_program_in_assembly_has_its_labels(tmp_path: Path, nasm: str) -> None:
    source, out = tmp_path / "a.asm", tmp_path / "a.txt"
    source.write_text(PROGRAM)

    assert run("dos", "--profile", out, source) == 3

    found = stacks(out)
    assert found["main;work"] == 2
    assert "main;int21h" in found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--profile", "no/a.txt"], "there is no directory no"),
        (["--profile", "a.txt", "-accel", "kvm"], "KVM has no profile, use -accel interp"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path,
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.img").write_bytes(CODE)

    assert run("run", "a.img", *words) == 2

    assert message in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_an_error_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(CODE)

    assert run("run", tmp_path / "a.img", "--profile", "/dev/full") == 74
