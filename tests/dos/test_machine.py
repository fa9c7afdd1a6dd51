"""Dos: load a program, run it, say how it ended."""

from __future__ import annotations

import pytest

from pyx86emu import Dos, MachineError

HELLO = bytes.fromhex("b409 ba0c01 cd21 b8074c cd21") + b"Hello$"


def test_a_program_writes_and_ends_with_its_errorlevel() -> None:
    with Dos(HELLO) as dos:
        result = dos.run(timeout=1)

        assert (result.errorlevel, result.how, result.text) == (7, "exit", "Hello")
        assert dos.machine.screen.text is not None
        assert dos.machine.screen.text.split() == ["Hello"]


def test_a_program_that_does_not_end_has_no_errorlevel() -> None:
    with Dos(b"\xeb\xfe") as dos:  # jmp $
        result = dos.run(max_instructions=1000)

    assert (result.errorlevel, result.how) == (None, "stopped")


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (b"", "is empty"),
        (bytes(65536), "at most 65278 bytes"),
        (b"MZ" + bytes(30), "EXE header is wrong"),
    ],
)
def test_what_is_no_program_is_refused(program: bytes, says: str) -> None:
    with pytest.raises(MachineError, match=says):
        Dos(program)
