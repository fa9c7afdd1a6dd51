"""--trace and -d: what a guest does, in a file or on standard error."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pyx86emu import cli
from tests.cli.drive import pyx86emu

#: mov ax,0E41h; int 10h; out 80h,al; cli; hlt
CODE = bytes.fromhex("b8410e cd10 e680 faf4")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "boot.img"
    path.write_bytes(CODE.ljust(510, b"\0") + b"\x55\xaa")
    return path


def test_a_trace_goes_to_a_file_as_text_or_json(image: Path, tmp_path: Path) -> None:
    text, lines = tmp_path / "text", tmp_path / "jsonl"

    assert cli.main([str(image), "--trace", "int,io", "--trace-file", str(text)]) == 0
    words = ["--trace", "int,io", "--trace-file", str(lines), "--format", "jsonl"]
    assert cli.main([str(image), *words]) == 0

    records = [json.loads(line) for line in lines.read_text("ascii").splitlines()]
    assert len(text.read_text("ascii").splitlines()) == len(records)
    assert {each["kind"] for each in records} == {"int", "io"}
    assert [each["at"] for each in records if each["at"].startswith("0000:")] == [
        "0000:7c03", "0000:7c05",
    ]  # fmt: skip


def test_a_trace_goes_to_standard_error_by_default(image: Path) -> None:
    done = pyx86emu(image, "--trace", "io")

    assert done.returncode == 0
    assert "out 0080 <- 41" in done.stderr
    assert "out 0080" not in done.stdout


def test_the_log_of_qemu_goes_to_its_file(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "log"

    assert cli.main([str(image), "-d", "int,in_asm", "-D", str(path)]) == 0

    text = path.read_text("ascii")
    assert "IN: reset_vector\n0x000ffff0:" in text
    assert "v=10 e=0000 i=1 cpl=0 IP=0000:00007c03" in text


def test_d_help_lists_the_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-d", "help"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Log items (comma separated):"
    assert [line.split()[0] for line in lines[1:]] == ["in_asm", "int", "exec", "cpu"]


def test_a_trace_that_cannot_be_written_ends_the_run_and_the_report_is_still_made(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")

    words = ["--trace", "exec", "--trace-file", "/dev/full", "--json"]
    assert cli.main([str(image), *words]) == 74

    told = capsys.readouterr()
    assert "cannot write the trace to /dev/full" in told.err
    assert json.loads(told.out)["status"] == 74


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--trace", "exec,foo"],
            "no trace of 'foo': choose from exec, int, io, irq, mem:ADDR+LEN",
        ),
        (["--trace", "mem:nowhere"], "nowhere"),
        (["--trace", "mem"], "mem: needs an address"),
        (["--trace", "io", "--format", "xml"], "--format xml: choose from text, jsonl"),
        (["--trace-file", "x"], "--trace-file x: it belongs to --trace KINDS, which is not given"),
        (["--format", "text"], "--format text: it belongs to --trace KINDS"),
        (["-D", "x"], "-D x: it belongs to -d ITEMS, which is not given"),
        (["-d", "int,op"], "'op' is none of in_asm, int, exec, cpu; -d help lists them"),
        (["--trace", "io", "--trace-file", "/"], "--trace-file /: that is a directory"),
        (["--trace", "io", "-accel", "kvm"], "KVM cannot be traced, use -accel interp"),
        (["-d", "int", "-accel", "kvm"], "KVM cannot be traced, use -accel interp"),
    ],
)
def test_what_cannot_be_done_is_refused(
    image: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(image), *words]) == 2

    assert sentence in capsys.readouterr().err


def test_labels_of_the_bios_are_addresses(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "trace"

    words = ["--trace", "mem:reset_vector+5", "--trace-file", str(path)]
    assert cli.main([str(image), *words]) == 0


def test_a_dos_program_is_traced(tmp_path: Path) -> None:
    program, path = tmp_path / "a.com", tmp_path / "trace"
    program.write_bytes(bytes.fromhex("b8074c cd21"))  # mov ax,4C07h; int 21h

    assert cli.main(["dos", "--trace", "int", "--trace-file", str(path), str(program)]) == 7

    assert re.search(r"int +software 21h from \w+:0103 AX=4c07", path.read_text("ascii"))


def test_a_replay_is_traced(image: Path, tmp_path: Path) -> None:
    recording, first, second = (tmp_path / name for name in ("rec", "first", "second"))
    words = ["--trace", "exec,io", "--trace-file"]

    assert cli.main([str(image), "--record", str(recording), *words, str(first)]) == 0
    assert cli.main(["replay", str(recording), *words, str(second)]) == 0

    assert first.read_text("ascii") == second.read_text("ascii")
