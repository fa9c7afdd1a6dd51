"""A program of DOS is recorded and run again, without its files and its input."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu import Dos, Machine, MachineError
from pyx86emu.tools.record.line import Departed
from tests.harness import program

#: Copies standard input and the file IN.TXT to standard output and to OUT.TXT.
COPY = program(
    """
    ba5001 b8003d cd21     ; mov dx,150h; mov ax,3d00h; int 21h      open IN.TXT
    89c3                   ; mov bx,ax
    b43f b90500 ba7001     ; mov ah,3fh; mov cx,5; mov dx,170h
    cd21                   ; int 21h                                  read
    b440 b90500 bb0100     ; mov ah,40h; mov cx,5; mov bx,1
    cd21                   ; int 21h                                  write to stdout
    ba5701 31c9 b43c cd21  ; mov dx,157h; xor cx,cx; mov ah,3ch; int 21h  create OUT.TXT
    89c6                   ; mov si,ax
    b401 cd21              ; again: mov ah,1; int 21h                 a character
    3c1a 7411              ; cmp al,1ah; jz end
    a27001                 ; mov [170h],al
    89f3 b440 b90100       ; mov bx,si; mov ah,40h; mov cx,1
    ba7001 cd21 ebe7       ; mov dx,170h; int 21h; jmp again
    b8074c cd21            ; end: mov ax,4c07h; int 21h
    """
)
COPY += b"\x90" * (0x50 - len(COPY)) + b"IN.TXT\0OUT.TXT\0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    place.mkdir()
    (place / "IN.TXT").write_bytes(b"hello")
    return place


def record(root: Path, path: Path, every: int = 2_000_000) -> tuple[bytes, int | None]:
    """Record the program: its output, and the instructions."""
    said: list[bytes] = []
    with Dos(COPY, root=root, write=True, stdin=b"ab\ncd", on_output=said.append) as dos:
        with dos.machine.record(path, every=every):
            result = dos.run(timeout=10)
        assert result.errorlevel == 7
        assert (root / "OUT.TXT").read_bytes().startswith(b"ab")
        assert b"".join(said) == result.output
        return result.output, dos.machine.vcpu.instructions


def test_a_replay_needs_neither_the_files_nor_the_input(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "dos.rec"
    output, instructions = record(root, path)
    for name in ("IN.TXT", "OUT.TXT"):
        (root / name).unlink()
    said: list[bytes] = []

    with Dos.replay(path, on_output=said.append) as again:
        result = again.run()

        assert (result.errorlevel, result.how, result.output) == (7, "exit", output)
        assert again.machine.vcpu.instructions == instructions
    assert b"".join(said) == output
    assert not list(root.iterdir())


def test_the_past_of_a_program_can_be_gone_to(root: Path, tmp_path: Path) -> None:
    said: list[bytes] = []
    with Dos(COPY, root=root, write=True, stdin=b"ab\ncd", on_output=said.append) as dos:
        m = dos.machine
        with m.record(every=1000):
            trail = []
            while dos.kernel.ended is None:
                m.run(max_instructions=777)
                trail.append((m.vcpu.instructions, dos.output, m.vm.read(0, 0x10000)))
            size = (root / "OUT.TXT").stat().st_size
            output = b"".join(said)

            for instructions, shown, memory in reversed(trail):
                assert instructions is not None
                m.goto(instructions)
                assert (dos.output, m.vm.read(0, 0x10000)) == (shown, memory)

            m.run(timeout=10)
            assert dos.kernel.ended is not None
        assert b"".join(said).startswith(output)
        assert (root / "OUT.TXT").stat().st_size == size


def test_a_recording_of_dos_is_none_of_a_machine(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "dos.rec"
    record(root, path)
    with pytest.raises(MachineError, match=r"Dos\.replay"):
        Machine.replay(path)
    with Machine(b"\xf4") as m, m.record(path):
        m.run(timeout=0.1)
    with pytest.raises(MachineError, match=r"Machine\.replay"):
        Dos.replay(path)


def test_a_replay_that_asks_for_something_else_departs(root: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from pyx86emu.tools.record.tape import Tape
    from tests.tools.record.test_record import tampered

    path = tmp_path / "dos.rec"
    record(root, path)

    def change(tape: Tape) -> None:
        at = next(i for i, each in enumerate(tape.told) if each.call == "read")
        tape.told[at] = replace(tape.told[at], call="delete")

    tampered(path, change)
    with Dos.replay(path) as again, pytest.raises(Departed, match=r"where DOS asks for 'read' at"):
        again.run()


@pytest.mark.parametrize("answer", [1, (), ("ok", 5, 0, 0), ("error", "x", 0, 0), (1, 2, 3, 4)])
def test_hostile_answers_are_errors(answer: object, root: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from pyx86emu.tools.record.tape import Tape
    from tests.tools.record.test_record import tampered

    path = tmp_path / "dos.rec"
    record(root, path)

    def change(tape: Tape) -> None:
        at = next(i for i, each in enumerate(tape.told) if each.call == "read")
        tape.told[at] = replace(tape.told[at], value=answer)  # type: ignore[arg-type]

    tampered(path, change)
    with Dos.replay(path) as again, pytest.raises(MachineError):
        again.run(timeout=10)
