"""Guests of the tests of the batch: a few bytes each, with four letters that the guest prints."""

from __future__ import annotations

from collections.abc import Iterator

from pyx86emu.tools import batch
from tests.harness import FOREVER, program

#: Print the four bytes at 7DF0h to port E9h, and halt.
PRINT = program(
    """
    fa               ; cli
    31c0 8ed8        ; ds = 0
    bef07d b90400    ; si = 7df0h, cx = 4
    ac e6e9 e2fb     ; lodsb; out 0e9h,al; loop
    f4               ; hlt
    """
)
#: A triple fault: lidt with zeros, int 3.
FAULT = program("fa 31c0 8ed8 0f011ef07d cc")
#: Write AL=3 to isa-debug-exit: status 7.
EXIT = program("fa b003 e6f4 f4")
LOOP = FOREVER
#: jmp 1000:0000, where nothing is.
ZEROS = program("ea 0000 0010")
#: Print what comes over COM1 to port E9h.
ECHO = program("bafd03 ec a801 74fb b2f8 ec e6e9 ebf1")


def sector(code: bytes, text: str = "\0\0\0\0") -> bytes:
    """A boot sector with the code and four letters."""
    return code.ljust(0x1F0, b"\0") + text.encode() + bytes(10) + b"\x55\xaa"


def text_of(number: int) -> str:
    """What the guest of this number prints."""
    return f"{number:04x}"


def numbered(count: int) -> Iterator[batch.Job]:
    """Jobs, each with an image of its own."""
    for number in range(count):
        yield batch.Job(f"guest {number}", sector(PRINT, text_of(number)), texts=16)


def names_and_texts(count: int) -> list[tuple[int, str, str]]:
    """What the results of `numbered` must have."""
    return [(number, f"guest {number}", text_of(number)) for number in range(count)]


def seen(results: list[batch.Result]) -> list[tuple[int, str, str]]:
    """The same of results."""
    return [(each.index, each.name, each.debug) for each in results]
