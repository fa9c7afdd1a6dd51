"""Disassembly: nasm takes it back, models differ, labels and lines are shown."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Machine, Symbols
from pyx86emu.symbols import Source
from pyx86emu.tools.disasm import Line, disassemble
from tests.harness import program

pytest.importorskip("capstone", reason="capstone is not installed: pip install 'pyx86emu[asm]'")


def reader(code: bytes, start: int = 0) -> Callable[[int, int], bytes]:
    return lambda at, size: code[max(at - start, 0) : max(at - start + size, 0)]


def texts(code: str, model: str = "80486", syntax: Any = "nasm") -> list[str]:
    lines = disassemble(reader(program(code)), "0:0", 99, model=model, syntax=syntax)
    return [line.text for line in lines]


def test_nasm_assembles_what_is_printed(tmp_path: Path, nasm: str) -> None:
    rng = random.Random(1)
    lines: dict[str, Line] = {}
    for _ in range(4000):
        code = rng.randbytes(12)
        line = disassemble(reader(code), "0:0", 1)[0]
        lines[line.text] = line
    (tmp_path / "a.asm").write_text("bits 16\n" + "\n".join(lines) + "\n")

    words = [nasm, "-f", "bin", "-w-all", "a.asm", "-o", "a.bin"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)

    assert done.stderr == ""


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("8086", ["db 0x60", "db 0x6a", "add ax, 0x66", "or [bx + si], al"]),
        ("80186", ["pusha", "push 5", "db 0x66", "nop"]),
        ("80386", ["pusha", "push 5", "nop"]),
    ],
)
def test_a_model_has_its_own_instructions(model: str, expected: list[str]) -> None:
    found = texts("60 6a05 66 90", model)

    assert found[: len(expected) - 1][:2] == expected[:2]
    assert ("db 0x66" in found) == (model == "80186")


def test_instructions_of_the_80486_are_bytes_on_an_80386() -> None:
    assert texts("0fc8", "80486") == ["bswap ax"] or texts("0fc8", "80486")[0].startswith("bswap")
    assert texts("0fc8", "80386")[0] == "db 0x0f"
    assert texts("0fa2", "80386")[0] == "db 0x0f"
    assert texts("0f57c0", "80486")[0] == "db 0x0f"  # SSE


@pytest.mark.parametrize(
    ("syntax", "expected"),
    [
        ("nasm", ["mov ax, word [es:2]", "jmp 0x0", "db 0x0f"]),
        ("masm", ["mov ax, word ptr es:[2]", "jmp 0h", "db 0fh"]),
        ("att", ["movw %es:2, %ax", "jmp 0x0", ".byte 0x0f"]),
    ],
)
def test_three_syntaxes(syntax: str, expected: list[str]) -> None:
    assert texts("26a10200 ebfa 0f", syntax=syntax) == expected


def test_labels_and_lines_of_a_listing_are_shown() -> None:
    symbols = Symbols(
        {"start": 0x7C00, "start.loop": 0x7C03}, lines={0x7C03: Source(7, "jmp .loop")}
    )
    code = program("b83412 ebfe")

    found = disassemble(reader(code, 0x7C00), "0:7c00", 2, symbols=symbols)

    assert [line.text for line in found] == ["mov ax, 0x1234", "jmp start.loop"]
    assert str(found).splitlines()[0] == "start:"
    assert str(found).splitlines()[-1].endswith("; jmp .loop")


def test_code_goes_on_at_offset_0_of_its_segment() -> None:
    memory = bytearray(0x20000)
    memory[0x1FFFF], memory[0x10000], memory[0x10001] = 0xB8, 0x34, 0x12

    found = disassemble(reader(bytes(memory)), "1000:ffff", 2)

    assert [(line.cs, line.ip, line.text) for line in found] == [
        (0x1000, 0xFFFF, "mov ax, 0x1234"),
        (0x1000, 2, "add byte [bx + si], al"),
    ]


@pytest.mark.parametrize(
    "words", [{"syntax": "intel"}, {"model": "8088x"}, {"at": "7c00"}, {"at": -1}]
)
def test_bad_arguments_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        disassemble(reader(b"\x90"), words.pop("at", 0), 1, **words)


# -- of a machine ---------------------------------------------------------------------------------


def test_a_machine_disassembles_where_it_is(machine: Callable[..., Machine]) -> None:
    m = machine(program("b83412 cd10 ebfe"))
    m.boot()
    m.symbols = Symbols({"start": 0x7C00, "again": 0x7C05})

    assert [line.text for line in m.disassemble(count=3)] == [
        "mov ax, 0x1234",
        "int 0x10",
        "jmp again",
    ]
    assert m.disassemble("again", 1)[0][:3] == (0x7C05, 0, 0x7C05)
    assert m.disassemble("cs:ip", 1)[0].address == 0x7C00
    assert m.disassemble("post", 1)[0].label == "post"
    assert m.disassemble(0xFFFF0, 1)[0].text.startswith("jmp ")
    assert not m.disassemble(count=0)
    with pytest.raises(ValueError, match="count"):
        m.disassemble(count=-1)
    with pytest.raises(TypeError, match="give Symbols"):
        m.symbols = {"start": 1}  # type: ignore[assignment]


# -- the verb -------------------------------------------------------------------------------------


def verb(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyx86emu", "disasm", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_the_verb_knows_a_boot_sector(tmp_path: Path) -> None:
    image = tmp_path / "boot.bin"
    image.write_bytes(program("b83412 ebfe").ljust(510, b"\0") + b"\x55\xaa")

    found = verb(str(image), "--count", "2")

    assert found.stdout == (
        "0000:7c00  b83412           mov ax, 0x1234\n0000:7c03  ebfe             jmp 0x7c03\n"
    )


def test_the_verb_prints_json(tmp_path: Path) -> None:
    image = tmp_path / "a.com"
    image.write_bytes(program("cd20"))

    rows = json.loads(verb(str(image), "--org", "0:100", "--json").stdout)

    assert [(row["ip"], row["code"], row["text"]) for row in rows] == [(0x100, "cd20", "int 0x20")]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--org", "xyz"), 2, "--org 'xyz'"),
        (("--model", "z80"), 2, "z80"),
        (("--syntax", "intel"), 2, "intel"),
        (("--symbols", "{file}"), 2, "no text and no ELF"),
        (("--symbols", "{file}.not"), 74, "cannot read --symbols"),
    ],
)
def test_the_verb_refuses_in_one_sentence(
    tmp_path: Path, words: tuple[str, ...], status: int, message: str
) -> None:
    image = tmp_path / "a.bin"
    image.write_bytes(b"\x90\0")

    found = verb(str(image), *(word.format(file=image) for word in words))

    assert (found.returncode, found.stdout) == (status, "")
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
