"""`pyx86emu dos`: ERRORLEVEL, standard input and output, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyx86emu import cli

#: Print "Hello, é" and a line end, then end with AL = 7.
HELLO = bytes.fromhex("b409 ba0c01 cd21 b8074c cd21") + b"Hello, \x82\r\n$"
#: again: mov ah,8; int 21h; cmp al,1Ah; je end; mov dl,al; mov ah,2; int 21h; jmp again
#: end: int 20h
CAT = bytes.fromhex("b408 cd21 3c1a 7408 88c2 b402 cd21 ebf0 cd20")


def start(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "pyx86emu", "dos", *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.com"
    path.write_bytes(HELLO)
    return path


def test_errorlevel_is_the_exit_status(hello: Path) -> None:
    done = start(hello)

    assert (done.returncode, done.stderr) == (7, b"")
    assert done.stdout.decode() == "Hello, é\n"


def test_standard_input_is_the_programs(tmp_path: Path) -> None:
    (tmp_path / "cat.com").write_bytes(CAT)

    text = start(tmp_path / "cat.com", stdin="aé\nb".encode())
    raw = start("--binary", tmp_path / "cat.com", stdin=b"a\n\xffb")

    assert (text.returncode, text.stdout.decode()) == (0, "aé\rb")
    assert (raw.returncode, raw.stdout) == (0, b"a\n\xffb")


def test_words_after_the_program_are_its_own(tmp_path: Path) -> None:
    # mov bl,[80h]; mov bh,0; mov byte [bx+81h],'$'; mov dx,81h; mov ah,9; int 21h; int 20h
    code = bytes.fromhex("8a1e8000 b700 c687810024 ba8100 b409 cd21 cd20")
    (tmp_path / "echo.com").write_bytes(code)

    done = start("--timeout", "5", tmp_path / "echo.com", "--write", "-x", "/y")

    assert done.stdout == b" --write -x /y"


def test_an_asm_file_is_assembled(tmp_path: Path, nasm: str) -> None:
    (tmp_path / "p.asm").write_text("org 100h\n mov ax, 4C2Ah\n int 21h\n")
    (tmp_path / "bad.asm").write_text("org 100h\n mov ax\n")

    good, bad = start(tmp_path / "p.asm"), start(tmp_path / "bad.asm")

    assert nasm
    assert good.returncode == 42
    assert bad.returncode == 2
    assert b"bad.asm:2: error" in bad.stderr


def test_without_nasm_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.asm").write_text("org 100h\n ret\n")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert cli.main(["dos", str(tmp_path / "p.asm")]) == 2
    assert "needs nasm, which is not installed" in capsys.readouterr().err


def test_json_has_the_output(hello: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dos", "--json", str(hello)]) == 7

    report = json.loads(capsys.readouterr().out)
    assert (report["errorlevel"], report["how"]) == (7, "exit")
    assert report["output"] == "Hello, é\n"


def test_a_program_that_does_not_end_is_124(tmp_path: Path) -> None:
    (tmp_path / "loop.com").write_bytes(b"\xeb\xfe")

    done = start("--max-instructions", 100_000, tmp_path / "loop.com")

    assert done.returncode == 124
    assert b"the program has not ended" in done.stderr
    assert b"\nthe last instructions:\n" in done.stderr
    assert b":0100  ebfe             jmp 0x100\n" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.com"], "cannot open none.com"),
        (["--root", "none", "hello.com"], "cannot open none"),
        (["--root", "hello.com", "hello.com"], "is no directory"),
        (["--write", "hello.com"], "without --root"),
        (["--env", "X", "hello.com"], "NAME=TEXT"),
        (["-display", "term", "hello.com"], "no terminal"),
        (["hello.com", "x" * 127], "126 is the most"),
        ([], "PROGRAM"),
    ],
)
def test_what_cannot_be_is_refused(
    hello: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(hello.parent)

    assert cli.main(["dos", *words]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


def test_run_names_the_verb(hello: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", str(hello)]) == 2
    assert f"`pyx86emu dos {hello}` runs it" in capsys.readouterr().err
