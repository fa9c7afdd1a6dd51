"""A program runs, ends in a way that has a name, and can be asked what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyx86emu.testing import mnemonics, report
from pyx86emu.testing.assembler import assemble
from pyx86emu.testing.guest import Result, start_of
from pyx86emu.testing.problems import GuestFailed
from pyx86emu.testing.program import Program


def run(
    source: str | bytes, *, limit: int = 10_000, model: str | None = None, **more: Any
) -> Result:
    """Run text or machine code; `more` are registers and memory."""
    memory = more.pop("memory", None)
    program = Program(source) if isinstance(source, bytes) else assemble(source, Path("/nowhere"))
    return Result(start_of(program, more, memory, model), limit)


def test_registers_go_in_and_come_out(nasm: str) -> None:
    r = run("mov cx, ax\nadd cx, bx\nret\n", ax=1000, bx=-1)

    assert (r.cx, r.cl, r.ch, r.ecx) == (999, 999 & 0xFF, 999 >> 8, 999)
    assert (r.cf, r.zf, r.of) == (1, 0, 0)
    assert (r.ended, r.instructions, r.cs) == ("RET", 3, 0x1000)
    with pytest.raises(AttributeError, match="registers"):
        _ = r.axx


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("90", "end of the program"),
        ("c3", "RET"),
        ("f490", "HLT"),
        ("cd20", "exit with status 0"),
        ("b8074ccd21", "exit with status 7"),
    ],
)
def test_a_good_end_has_a_name(code: str, ended: str) -> None:
    r = run(bytes.fromhex(code))

    assert (r.ended, r._ended.good) == (ended, True)


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("0f0b", "#UD, invalid opcode at 1000:0000"),
        ("90f6f3", "#DE, divide error at 1000:0001"),
        ("90cd16", "INT 16h with AH=00h at 1000:0001"),
    ],
)
def test_a_bad_end_has_a_name(code: str, ended: str) -> None:
    r = run(bytes.fromhex(code))

    assert r.ended.startswith(ended)
    assert not r._ended.good
    assert r.history()[-1].ip == int(ended.split(" at 1000:")[1][:4], 16)


@pytest.mark.parametrize("limit", [1, 2, 16, 999, 1000])
def test_a_limit_is_exact(limit: int) -> None:
    r = run(bytes.fromhex("40ebfd"), limit=limit)

    assert (r.instructions, r._ended.limit) == (limit, True)
    assert len(r.history(2000)) == limit


def test_an_endless_loop_is_proved() -> None:
    loop = run(bytes.fromhex("4083e007ebfa"))  # again: inc ax; and ax,7; jmp again
    long = run(bytes.fromhex("40ebfd"))  # it repeats after 65,536 rounds
    ends = run(bytes.fromhex("b9204ee2fe"))  # mov cx,20000; here: loop here

    assert loop.loop is not None
    assert {ip for _, ip in loop.loop} == {0, 1, 4}
    assert long.loop is None
    assert ends.loop is None
    assert "an endless loop: registers and memory" in report.loop(loop)[0]
    assert "it looks like an endless loop" in report.loop(long)[0]


def test_a_loop_that_changes_memory_is_not_called_endless() -> None:
    r = run(bytes.fromhex("ff060005ebfa"), limit=100)  # again: inc word [500h]; jmp again

    assert r.loop is None


def test_output_is_kept(nasm: str) -> None:
    source = "mov ah,9\nmov dx,m\nint 21h\nmov dl,33\nmov ah,2\nint 21h\nmov ax,0E3Fh\nint 10h\n"
    r = run(source + "mov al,46\nout 0E9h,al\nret\nm: db 'hi$'\n")

    assert (r.output, r.ended) == ("hi!?.", "RET")


def test_memory_goes_in_and_comes_out(nasm: str) -> None:
    r = run(
        "mov si, text\nmov al, [si]\nmov [found], al\nmov bl, [500h]\nret\n"
        "text: db 0\nfound: db 0\n",
        memory={"text": b"Z", "1000:0500": b"\x07"},
    )

    assert (r.byte("found"), r.read("text", 2), r.bl) == (ord("Z"), b"ZZ", 7)
    assert r.word("text") == 0x5A5A
    with pytest.raises(ValueError, match="1 MiB"):
        r.read(0xFFFFF, 2)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"ax": 65536}, ValueError),
        ({"ax": -32769}, ValueError),
        ({"ax": "5"}, TypeError),
        ({"memory": {1 << 20: b"x"}}, ValueError),
        ({"memory": {0x500: "text"}}, TypeError),
        ({"memory": {0x500: 5}}, TypeError),
        ({"memory": {"nowhere": b"x"}}, ValueError),
        ({"model": "z80"}, ValueError),
    ],
)
def test_a_wrong_argument_is_an_error(more: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        run(b"\x90", **more)


def test_a_program_that_is_too_long_is_refused() -> None:
    with pytest.raises(GuestFailed, match="one segment"):
        run(bytes(0xFF01))


@pytest.mark.parametrize("model", ["8086", "80286", "80486"])
def test_every_model_runs(model: str) -> None:
    r = run(bytes.fromhex("b90300f3a4c3"), model=model)  # mov cx,3; rep movsb; ret

    assert (r.cx, r.ended) == (0, "RET")
    assert "sp=" in report.of_result(r)


def test_what_was_executed_is_counted() -> None:
    r = run(bytes.fromhex("b90300e2fec3"))  # mov cx,3; here: loop here; ret

    assert r.executed == {0: 1, 3: 3, 5: 1}
    assert r.reached() == {0, 3, 5}
    assert [step.ip for step in r.history(2)] == [3, 5]
    assert [step.ip for step in r.first(2)] == [0, 3]


def test_only_executed_instructions_are_used() -> None:
    pytest.importorskip("capstone")
    r = run(bytes.fromhex("eb02f6e3f3a474fec3"))  # jmp +2; mul bl; rep movsb; je $; ret

    assert r.used("MOVS") and r.used("rep") and r.used("jz") and r.used("add", "jmp")
    assert not r.used("mul") and not r.used("hlt")
    with pytest.raises(ValueError, match="no instruction of x86 is called 'mull'"):
        r.used("mull")


def test_pusha_and_popa_go_by_their_names() -> None:
    pytest.importorskip("capstone")

    r = run(bytes.fromhex("60 61 c3"))

    assert r.used("pusha") and r.used("popa") and not r.used("pushad")


def test_every_name_of_another_spelling_is_known() -> None:
    pytest.importorskip("capstone")

    r = run(b"\xc3")

    assert not r.used(*(name for name in mnemonics.SAME if name != "retn"), "rep", "lock", "movs")


def test_a_missing_capstone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "capstone", None)
    r = run(b"\xc3")

    with pytest.raises(GuestFailed, match=r"pip install 'pyx86emu\[asm\]'"):
        r.used("mul")
    assert "1000:0000" in report.of_result(r)


def test_the_report_names_the_line_that_changed_what_was_read(nasm: str) -> None:
    r = run("mov cx, 5\nsub cx, 2\nmov dx, 1\nret\n")
    assert r.cx == 3

    text = report.of_result(r)

    assert "ecx: guest.asm:2: sub cx, 2   (0x5 -> 0x3)" in text
    assert "guest.asm:3    mov dx, 1                    dx=0001" in text


def test_control_characters_of_a_guest_are_escaped(nasm: str) -> None:
    r = run("mov ax, 0E1Bh\nint 10h\nmov ax, 0E00h\nint 10h ; \x1b[31m\nret\n")

    text = report.of_result(r)

    assert all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize("code", ["e4ff", "ed", "f4", "cc", "ce", "0fff", "8ed0c3", "bc0000cd21"])
def test_hostile_code_ends(code: str) -> None:
    r = run(bytes.fromhex(code), limit=5000)

    assert r.ended
    assert report.of_result(r)
