"""Programs: PSP, memory blocks, relocation, children, and how each ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu import Dos, MachineError
from tests.dos.calling import Caller

EXIT = "b44ccd21"


def exe(code: bytes, relocations: tuple[int, ...] = (), *, least: int = 16) -> bytes:
    """An EXE file: the header has two paragraphs and the relocations; the stack is after it."""
    table = b"".join(at.to_bytes(4, "little") for at in relocations)
    header = 0x20 + -(-len(table) // 16) * 16
    size = header + len(code)
    words = [0x5A4D, size % 512, -(-size // 512), len(relocations), header // 16, least, 0xFFFF]
    words += [-(-len(code) // 16), 0x100, 0, 0, 0, 0x20, 0]
    head = b"".join(word.to_bytes(2, "little") for word in words).ljust(0x20, b"\0")
    return (head + table).ljust(header, b"\0") + code


def test_an_exe_is_relocated() -> None:
    # mov ax,SEGMENT of the program; mov bx,cs; sub ax,bx; mov ah,4Ch; int 21h
    code = bytes.fromhex("b80000 8ccb 29d8 b44c cd21")

    with Dos(exe(code, (1,))) as dos:
        result = dos.run(timeout=1)

    assert (result.errorlevel, result.how) == (0, "exit")


@pytest.mark.parametrize("at", [0x7FFF, 0xFFFF0000, 8])
def test_a_relocation_outside_of_the_program_is_refused(at: int) -> None:
    with pytest.raises(MachineError, match="EXE header"):
        Dos(exe(bytes.fromhex("b80000 b44c cd21 90 90"), (at,)))


def test_an_exe_that_needs_more_memory_than_there_is_is_refused() -> None:
    with pytest.raises(MachineError, match="more memory"):
        Dos(exe(b"\xf4", least=0xFFF0))


def test_the_psp_has_the_command_line() -> None:
    with Caller(args=["one.txt", "/x"], env={"Lib": "C:\\L"}) as c:
        assert c.get(0, 2) == b"\xcd\x20"
        assert c.get(0x80, 13) == b"\x0b one.txt /x\r"
        assert c.get(0x5C, 12) == b"\0ONE     TXT"
        env = int.from_bytes(c.get(0x2C, 2), "little")
        strings = c.dos.machine.vm.read(env << 4, 200)

    assert strings.startswith(b"COMSPEC=C:\\COMMAND.COM\0PATH=C:\\\0")
    assert b"\0LIB=C:\\L\0\0\x01\0C:\\PROGRAM.COM\0" in strings


@pytest.mark.parametrize("args", [["x" * 126], ["a\rb"], "\u4e00"])
def test_a_command_line_that_cannot_be_is_refused(args: list[str] | str) -> None:
    with pytest.raises(MachineError, match="args"):
        Dos(b"\xc3", args)


def test_memory_is_allocated_resized_and_freed() -> None:
    with Caller() as c:
        assert c.call(0x48, bx=0xFFFF) == -8
        assert c.regs.bx < 0x10  # the COM program has it all
        assert c.call(0x4A, es=c.regs.ds, bx=0x1000) >= 0
        one, two = c.call(0x48, bx=0x10), c.call(0x48, bx=0x20)
        assert two == one + 0x11
        assert c.call(0x4A, es=one, bx=0x11) == -8
        assert c.regs.bx == 0x10
        assert c.call(0x49, es=one) >= 0
        assert c.call(0x48, bx=0x10) == one
        assert c.call(0x49, es=0x1234) == -9


def test_broken_memory_blocks_are_an_error() -> None:
    with Caller() as c:
        c.dos.machine.vm.write((c.regs.ds - 1) << 4, b"?")

        assert c.call(0x48, bx=1) == -7
        assert c.call(0x49, es=c.regs.ds) == -7


def test_a_child_returns_its_errorlevel(tmp_path: Path) -> None:
    # mov al,[82h]; mov ah,4Ch; int 21h
    (tmp_path / "child.com").write_bytes(bytes.fromhex("a08200") + bytes.fromhex(EXIT))

    with Caller(root=tmp_path) as c:
        assert c.call(0x4A, es=c.regs.ds, bx=0x1000) >= 0
        c.put(0x280, b"\x02 Q\r")
        c.put(0x290, bytes([0, 0, 0x80, 2]) + c.regs.ds.to_bytes(2, "little") + bytes(8))
        for _ in range(3):
            assert c.call(0x4B, b"child.com", al=0, es=c.regs.ds, bx=0x290) >= 0
            assert c.call(0x4D) == ord("Q")
            assert c.call(0x62) >= 0
            assert c.regs.bx == c.regs.ds
        assert c.call(0x4B, b"none.com", al=0, es=c.regs.ds, bx=0x290) == -2


@pytest.mark.parametrize(
    ("code", "errorlevel", "how"),
    [
        ("b80542" + "b44ccd21", 5, "exit"),  # mov ax,4205h; mov ah,4Ch; int 21h
        ("cd20", 0, "exit"),
        ("c3", 0, "exit"),  # ret, to the INT 20h of the PSP
        ("b400cd21", 0, "exit"),
        ("ba1001 cd27", 0, "resident"),
        ("b80931 ba2000 cd21", 9, "resident"),
        ("31c9 f7f1", 255, "error"),  # a division by zero
        ("cd23", 0, "ctrl-c"),
    ],
)
def test_how_a_program_ends(code: str, errorlevel: int, how: str) -> None:
    with Dos(bytes.fromhex(code)) as dos:
        result = dos.run(timeout=1)

    assert (result.errorlevel, result.how) == (errorlevel, how)


def test_a_call_of_cp_m_is_served() -> None:
    with Dos(bytes.fromhex("b102 b241 e8fefe c3")) as dos:  # call 5; ret
        result = dos.run(timeout=1)

    assert (result.text, result.how) == ("A", "exit")


def test_the_far_call_of_the_psp_says_how_large_the_segment_is() -> None:
    # mov ax,[6]; cmp ax,0FEF0h; jne $; ret
    with Dos(bytes.fromhex("a10600 3df0fe 75fe c3")) as dos:
        assert dos.run(timeout=1).how == "exit"


def test_memory_after_a_program_is_less_than_half_of_what_a_word_counts() -> None:
    with Dos(bytes.fromhex("cd20")) as dos:
        psp = dos.machine.vcpu.regs.ds
        top = int.from_bytes(dos.machine.vm.read((psp << 4) + 2, 2), "little")

    # MS-Pascal's run-time system compares the paragraphs after the program as signed words.
    assert top - (psp + 0xE00) < 0x8000


def test_an_unknown_function_is_named_with_its_caller() -> None:
    notes: list[str] = []
    with Dos(bytes.fromhex("b4ff cd21 7302 ebfe c3"), on_note=notes.append) as dos:
        segment = dos.machine.vcpu.regs.ds
        result = dos.run(timeout=1, max_instructions=10_000)

    assert result.notes == tuple(notes)
    assert "AH=FFh" in notes[0]
    assert f"called from {segment:04x}:0102" in notes[0]
    assert result.how == "stopped"  # CF was set: jmp $


def test_vectors_are_the_parents_again_at_the_end() -> None:
    with Dos(bytes.fromhex("b82325 ba3412 cd21 cd20")) as dos:
        before = dos.machine.vm.read(4 * 0x22, 12)
        dos.run(timeout=1)

        assert dos.machine.vm.read(4 * 0x23, 8) == before[4:]
