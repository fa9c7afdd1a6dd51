"""Bad ends on the command line: each says what happened, where, from where, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import cli
from tests.cli.drive import HALT, Image, pyx86emu, say
from tests.harness import python

LISTING = """\
     1                                  org 0x7C00
     2 00000000 FA                      start: cli
     3 00000001 EBFE                    hang: jmp $
"""


def run(capsys: Any, *words: object) -> tuple[int, str, str]:
    """Run the command in this process."""
    status = cli.main([*map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize(
    ("code", "options", "status", "words"),
    [
        (  # jmp 3000:0010
            "9090 ea10000030",
            (),
            124,
            (
                "executes zeros at 3000:",
                "came to zeros at 3000:0010, jumped from 0000:7c02",
                "--stop-on zeros ends it where",
                "add byte [bx + si], al",
                "more of them",
                "jmp 0x3000:0x10",
                "instructions that are not shown",
            ),
        ),
        (
            "9090 ea10000030",
            ("--stop-on", "zeros"),
            10,
            ("executing zeros at 3000:0010, jumped from 0000:7c02", "\n  0000:7c02  ea10000030 "),
        ),
        (  # lidt with a limit of 0; ud2
            "0f011e207c 0f0b",
            (),
            124,
            (
                "resets the machine again and again, ",
                "triple fault at 0000:7c05 (#UD at 0000:7c05, then #GP: IDT limit 0)",
                "-no-reboot ends",
                "\n  0000:7c05  0f0b ",
            ),
        ),
        (  # inc ax; ud2
            "40 0f0b",
            (),
            124,
            (
                "0000:7c01 (0f 0b 00 00) raises #UD",
                "dummy_iret of the BIOS",
                "\n  0000:7c01  0f0b ",
            ),
        ),
        (
            "fb ebfe",
            (),
            124,
            ("jmp $ at 0000:7c01 with interrupts on", "this instruction at least "),
        ),
        ("fa ebfe", (), 124, ("jmp $ at 0000:7c01 with interrupts off", "only a reset or an NMI")),
        (
            "41 ebfd",
            (),
            124,
            ("it runs at 0000:7c0", "raise --timeout", "inc cx", "these 2 instructions at least "),
        ),
        (  # INT 60h, whose vector is 0
            "31c0 8ed8 a38001 a38201 cd60",
            ("--stop-on", "null-vector"),
            10,
            (
                "a vector of 0, which leads to 0000:0000, INT 60h at 0000:7c0a",
                "\n  0000:7c0a  cd60 ",
            ),
        ),
        (  # mov dx,1234h; in al,dx; test al,1; jnz
            "ba3412 ec a801 75fb",
            (),
            124,
            ("port 0x1234, which no device has, is read in a loop at 0000:7c03", "in al, dx"),
        ),
        (  # mov sp,7C06h; mov cx,9090h; push cx
            "31c0 8ed0 bc067c b99090 51",
            ("--stop-on", "stack"),
            10,
            ("stack runs into code: the instruction at 0000:7c0a", "\n  0000:7c0a  51 "),
        ),
        ("b0fe e664 f4", ("-no-reboot",), 4, ("8042 reset pulse at 0000:7c02", "out 0x64, al")),
        ("b001 e692 f4", ("-no-reboot",), 4, ("port 92h at 0000:7c02", "out 0x92, al")),
        ("90 ea0000ffff", ("-no-reboot",), 4, ("to the reset vector at 0000:7c01", "jmp 0xffff")),
        (
            "0f20c0 0c01 0f22c0" + HALT,
            (),
            6,
            ("switches to protected mode", "0000:7c05", "\n  0000:7c03  0c01 "),
        ),
        (
            "90" + HALT,
            ("--expect", "hello"),
            8,
            ("--expect 'hello' not met", "HLT at 0000:7c02", "\n  0000:7c02  f4 "),
        ),
    ],
)
def test_a_bad_end_says_what_where_and_from_where(
    code: str,
    options: tuple[str, ...],
    status: int,
    words: tuple[str, ...],
    image: Image,
    capsys: Any,
) -> None:
    found, _, err = run(capsys, image(code), "--timeout", 1, *options)

    assert found == status
    for each in words:
        assert each in err
    assert "\nthe last instructions:\n" in err
    assert len(err.splitlines()) <= 22


@pytest.mark.parametrize(
    ("code", "options", "status", "err"),
    [
        (say("hello") + HALT, (), 0, ""),
        ("b010 e6f4 f4", (), 33, ""),
        (say("hello") + "b400 cd16", ("--expect", "hello"), 0, ""),
    ],
)
def test_a_good_end_says_nothing(
    code: str, options: tuple[str, ...], status: int, err: str, image: Image, capsys: Any
) -> None:
    found, _, said = run(capsys, image(code), *options)

    assert (found, said) == (status, err)


def test_a_guest_that_waits_for_a_key_has_one_sentence(image: Image, capsys: Any) -> None:
    status, _, err = run(capsys, image(say("a") + "b400 cd16"), "--timeout", 1)

    assert (status, len(err.splitlines())) == (124, 1)
    assert "waits for a key" in err


def test_a_hard_disk_without_a_signature_is_named(tmp_path: Path, capsys: Any) -> None:
    disk = tmp_path / "hd.img"
    disk.write_bytes(b"\xfa\xf4".ljust(1 << 20, b"\0"))

    status, _, err = run(capsys, "-hda", disk, "--timeout", 1)

    assert status == 124
    assert "hard disk: its first sector does not end with 55AAh" in err
    assert "the last instructions" not in err


def test_json_has_the_last_instructions_of_a_bad_end(image: Image, capsys: Any) -> None:
    bad = json.loads(run(capsys, image("90 0f20c0 0c01 0f22c0"), "--json")[1])
    good = json.loads(run(capsys, image(HALT), "--json")[1])

    assert bad["last"][-1] == "0000:7c04  0c01             or al, 1"
    assert good["last"] == []


def test_json_has_the_faults_and_where_the_guest_came_from(image: Image, capsys: Any) -> None:
    idt = json.loads(run(capsys, image("0f011e207c 0f0b"), "-no-reboot", "--json")[1])
    lost = json.loads(run(capsys, image("ea10000030"), "--stop-on", "zeros", "--json")[1])

    assert idt["fault"] == "#UD at 0000:7c05, then #GP: IDT limit 0"
    assert (lost["fault"], lost["jumped_from"]) == (None, "0000:7c00")


def test_symbols_name_the_places(tmp_path: Path, image: Image, capsys: Any) -> None:
    (listing := tmp_path / "boot.lst").write_text(LISTING)

    _, _, err = run(capsys, image("fa ebfe"), "--timeout", 1, "--symbols", listing)

    assert "jmp hang" in err
    assert "; hang, line 3: hang: jmp $" in err


@pytest.mark.parametrize(
    ("content", "status", "text"),
    [(b"\x7fELF", 2, "symbols of "), (None, 2, "No such file")],
)
def test_symbols_that_cannot_be_read_are_refused(
    content: bytes | None, status: int, text: str, tmp_path: Path, image: Image, capsys: Any
) -> None:
    path = tmp_path / "names"
    if content is not None:
        path.write_bytes(content)

    found, _, err = run(capsys, image(HALT), "--symbols", path)

    assert found == status
    assert text in err


def test_a_good_end_imports_no_tool(image: Image) -> None:
    code = (
        "import sys; from pyx86emu.cli import main; main(sys.argv[1:]); "
        "print([m for m in sys.modules if m.startswith('pyx86emu.tools') or m in "
        "('capstone', 'numpy', 'pyx86emu.symbols')])"
    )

    result = python("-c", code, image(HALT))

    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_an_end_on_kvm_has_no_history_and_says_the_rest(image: Image) -> None:
    from tests import on_kvm

    on_kvm.need("kvm")

    result = pyx86emu(image("fa ebfe"), "-accel", "kvm", "--timeout", 1)

    assert result.returncode == 124
    assert "an endless loop" in result.stderr
    assert "the last instructions" not in result.stderr
