"""A DOS program on a terminal: keys are typed, lines edited, and Ctrl-C is the program's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.drive import Job

#: mov dl,'>'; again: mov ah,2; int 21h; mov ah,8; int 21h; mov dl,al; cmp al,'q'; jne again
#: mov ax,4C07h; int 21h
KEYS = "b23e b402 cd21 b408 cd21 88c2 3c71 75f2 b8074c cd21"


@pytest.fixture
def com(tmp_path: Path) -> Path:
    """A COM file."""
    return tmp_path / "prog.com"


def line(reads: str) -> str:
    """Prompt, read into 200h by AH=0Ah or 3Fh, and write what was read in brackets."""
    # mov ah,2; mov dl,'>'; int 21h; ...; mov ah,2; mov dl,'['; int 21h; mov ah,40h; mov bx,1
    # mov dx,202h; int 21h; mov ah,2; mov dl,']'; int 21h; mov ax,4C05h; int 21h
    return (
        f"b402 b23e cd21 {reads} b402 b25b cd21 b440 bb0100 ba0202 cd21 b402 b25d cd21 b8054c cd21"
    )


#: mov byte [200h],20; mov dx,200h; mov ah,0Ah; int 21h; mov cl,[201h]; mov ch,0
BUFFERED = line("c606000214 ba0002 b40a cd21 8a0e0102 b500")
#: mov ah,3Fh; xor bx,bx; mov cx,80; mov dx,202h; int 21h; mov cx,ax
HANDLE = line("b43f 31db b95000 ba0202 cd21 89c1")


def test_a_key_comes_at_once_and_is_not_shown_by_the_terminal(com: Path) -> None:
    com.write_bytes(bytes.fromhex(KEYS))
    with Job("dos", com) as job:
        job.until(b">")
        for key, shown in ((b"a", "a"), (b"b", "b"), (b"\x1a", "→")):
            job.type(key)
            job.until(shown.encode())
        job.type(b"q")

        assert job.end() == 7
        assert job.output == ">ab→".encode()


def test_a_line_is_edited_before_the_program_has_it(com: Path) -> None:
    com.write_bytes(bytes.fromhex(BUFFERED))
    with Job("dos", com) as job:
        job.until(b">")
        job.type(b"dix\x7fr\r")
        job.until(b"dix\b \br\r", b"[dir]")

        assert job.end() == 5


@pytest.mark.parametrize(("typed", "read"), [(b"a\r", b"[a\r\n]"), (b"\x1a\r", b"[]")])
def test_ctrl_z_and_enter_are_the_end_of_the_input(com: Path, typed: bytes, read: bytes) -> None:
    com.write_bytes(bytes.fromhex(HANDLE))
    with Job("dos", com) as job:
        job.until(b">")
        job.type(typed)
        job.until(read)

        assert job.end() == 5


@pytest.mark.parametrize(
    "code",
    [
        "b408 cd21 ebfa",  # reads
        "b402 b278 cd21 ebf8",  # writes
        "b40b cd21 ebfa",  # looks whether there is a key
    ],
)
def test_ctrl_c_ends_a_program_that_calls_dos(com: Path, code: str) -> None:
    com.write_bytes(bytes.fromhex("b402 b23e cd21" + code))
    with Job("dos", com) as job:
        job.until(b">")
        job.type(b"\x03")
        job.until(b"^C")

        assert job.end() == 0


def test_a_program_can_have_ctrl_c_itself(com: Path) -> None:
    # mov ah,2; mov dl,'>'; int 21h; mov ax,2523h; mov dx,11Dh; int 21h; mov ah,8; int 21h
    # mov ah,2; mov dl,'.'; int 21h; mov ax,4C03h; int 21h; 11Dh: iret
    handler = "b82325 ba1d01 cd21"
    rest = "b408 cd21 b402 b22e cd21 b8034c cd21 cf"
    com.write_bytes(bytes.fromhex("b402 b23e cd21" + handler + rest))
    with Job("dos", com) as job:
        job.until(b">")
        job.type(b"\x03")
        job.until(b"^C\r\n")
        job.type(b"x")
        job.until(b".")

        assert job.end() == 3


def test_a_program_that_does_not_call_dos_is_ended_by_the_prefix(com: Path) -> None:
    com.write_bytes(bytes.fromhex("b402 b23e cd21 ebfe"))
    with Job("dos", com) as job:
        job.until(b">")
        job.type(b"\x03\x03")
        job.until(b"Ctrl-] q quits")
        job.type(b"\x1dq")

        assert job.end() == 130
        assert b"ended by Ctrl-] q" in job.output


def test_what_a_program_writes_does_nothing_to_the_terminal(com: Path) -> None:
    # mov ah,9; mov dx,10Ch; int 21h; mov ax,4C00h; int 21h
    com.write_bytes(bytes.fromhex("b409 ba0c01 cd21 b8004c cd21") + b"\x1b]0;title\x07\x1b[2J$")
    with Job("dos", com) as job:
        assert job.end() == 0
        assert job.output == "←]0;title\a←[2J".encode()
