"""Loading programs: COM and EXE into a block of memory, with PSP and environment. Runs nothing.

Sources: MS-DOS Programmer's Reference, "Program Segment Prefix" and ".EXE File Header".
"""

from typing import NamedTuple

from .blocks import Arena
from .codes import BAD_ENVIRONMENT, BAD_FORMAT, NOT_ENOUGH_MEMORY, DosError
from .guest import CALL_5, Ram, far

PSP_PARAGRAPHS = 0x10
#: The largest COM program: a segment without PSP and two bytes of stack.
LARGEST_COM = 0x10000 - 0x100 - 2
#: A program file, and an environment, are at most so large.
LARGEST_PROGRAM, LARGEST_ENVIRONMENT = 16 << 20, 0x7FFF
VERSION = (5, 0)
#: Offsets in a PSP.
TOP, VECTOR_22, PARENT, ENVIRONMENT, STACK, FCB1, FCB2, TAIL = (
    0x02, 0x0A, 0x16, 0x2C, 0x2E, 0x5C, 0x6C, 0x80,
)  # fmt: skip


class Header(NamedTuple):
    """The header of an EXE file, in bytes and paragraphs."""

    image: int
    start: int
    relocations: int
    table: int
    least: int
    most: int
    ss: int
    sp: int
    ip: int
    cs: int


class Start(NamedTuple):
    """Where a program starts: its PSP, and CS:IP and SS:SP."""

    psp: int
    cs: int
    ip: int
    ss: int
    sp: int


def header(data: bytes) -> Header | None:
    """The header of an EXE file; None: it is a COM file. DosError: it is no program."""
    if len(data) < 0x1C or data[:2] not in (b"MZ", b"ZM"):
        return None
    word = [int.from_bytes(data[i : i + 2], "little") for i in range(0, 0x1C, 2)]
    start, size = word[4] * 16, word[2] * 512
    if word[1] and size:
        size += (word[1] & 511 or 512) - 512
    size = min(size, len(data))
    if start < 0x1C or size < start or word[12] + 4 * word[3] > len(data):
        raise DosError(BAD_FORMAT)
    return Header(
        size - start, start, word[3], word[12], word[5], word[6], word[7], word[8], word[10],
        word[11],
    )  # fmt: skip


def environment(variables: dict[str, str]) -> bytes:
    """The strings of an environment, with the 0 at their end."""
    strings = [f"{name}={value}".encode("cp437") + b"\0" for name, value in variables.items()]
    return (b"".join(strings) or b"\0") + b"\0"


def copy_environment(ram: Ram, segment: int) -> bytes:
    """The strings of an environment in memory. DosError: they do not end."""
    data = ram.read(segment << 4, LARGEST_ENVIRONMENT)
    if data[:1] == b"\0":
        return b"\0\0"
    end = data.find(b"\0\0")
    if end < 0:
        raise DosError(BAD_ENVIRONMENT)
    return data[: end + 2]


def put_environment(ram: Ram, arena: Arena, strings: bytes, program: str) -> int:
    """Put an environment, with the program's path, into a block of its own. DosError: no room."""
    data = strings + b"\x01\0" + program.encode("cp437", "replace") + b"\0"
    segment = arena.allocate(-(-len(data) // 16), 8)
    ram.write(segment << 4, data)
    return segment


def load(ram: Ram, arena: Arena, data: bytes, name: bytes) -> Start:
    """Put the program into a block of memory of its own, after room for the PSP, and relocate it.
    DosError: no room, or a relocation outside of the program."""
    exe = header(data)
    if exe is None:
        return _load_com(ram, arena, data, name)
    image = -(-exe.image // 16)
    room = arena.largest()
    least = PSP_PARAGRAPHS + image + exe.least
    if exe.least == 0 and exe.most == 0:
        least, size = PSP_PARAGRAPHS + image, room  # at the upper end of memory
        at = room - image
    else:
        size = min(room, PSP_PARAGRAPHS + image + max(exe.least, exe.most))
        at = PSP_PARAGRAPHS
    if room < least:
        raise DosError(NOT_ENOUGH_MEMORY)
    where = [data[exe.table + 4 * i : exe.table + 4 * i + 4] for i in range(exe.relocations)]
    code = bytearray(data[exe.start : exe.start + exe.image])
    psp = arena.allocate(size, 8)
    try:
        first = psp + at
        relocate(code, where, first)
    except DosError:
        arena.free(psp)
        raise
    arena.own(psp, psp, name)
    ram.write(first << 4, bytes(code))
    return Start(psp, (exe.cs + first) & 0xFFFF, exe.ip, (exe.ss + first) & 0xFFFF, exe.sp)


def relocate(code: bytearray, where: list[bytes], segment: int) -> None:
    """Add a segment to each word that a table of far pointers names. DosError: one is outside."""
    for each in where:
        offset = int.from_bytes(each[:2], "little") + 16 * int.from_bytes(each[2:], "little")
        if offset + 2 > len(code):
            raise DosError(BAD_FORMAT)
        value = int.from_bytes(code[offset : offset + 2], "little") + segment
        code[offset : offset + 2] = (value & 0xFFFF).to_bytes(2, "little")


def load_overlay(ram: Ram, data: bytes, segment: int, relocation: int) -> None:
    """AH=4Bh, AL=3: put a program to a segment, without PSP. DosError: it is no program."""
    exe = header(data)
    if exe is None:
        ram.write(segment << 4, data[:0x10000])
        return
    code = bytearray(data[exe.start : exe.start + exe.image])
    table = (data[exe.table + 4 * i : exe.table + 4 * i + 4] for i in range(exe.relocations))
    relocate(code, list(table), relocation)
    ram.write(segment << 4, bytes(code))


def _load_com(ram: Ram, arena: Arena, data: bytes, name: bytes) -> Start:
    if len(data) > LARGEST_COM:
        raise DosError(BAD_FORMAT)
    size = arena.largest()
    if size * 16 < len(data) + 0x200:
        raise DosError(NOT_ENOUGH_MEMORY)
    psp = arena.allocate(size, 8)
    arena.own(psp, psp, name)
    ram.write((psp << 4) + 0x100, data)
    sp = min(0xFFFE, size * 16 - 2)
    ram.put((psp << 4) + sp, 0)
    return Start(psp, psp, 0x100, psp, sp)


def make_psp(
    ram: Ram, psp: int, top: int, parent: int, env: int, table: bytes, tail: bytes
) -> None:
    """Write a PSP. INT 22h-24h are taken from the vectors as they are."""
    page = bytearray(256)
    page[0x00:0x02] = b"\xcd\x20"
    page[TOP : TOP + 2] = top.to_bytes(2, "little")
    page[0x05:0x0A] = b"\x9a" + far(0, CALL_5)
    page[VECTOR_22 : VECTOR_22 + 12] = ram.read(4 * 0x22, 12)
    page[PARENT : PARENT + 2] = parent.to_bytes(2, "little")
    page[0x18:0x2C] = table
    page[ENVIRONMENT : ENVIRONMENT + 2] = env.to_bytes(2, "little")
    page[0x32:0x34] = (20).to_bytes(2, "little")
    page[0x34:0x38] = far(psp, 0x18)
    page[0x38:0x3C] = b"\xff\xff\xff\xff"
    page[0x40:0x42] = bytes(VERSION)
    page[0x50:0x53] = b"\xcd\x21\xcb"
    page[FCB1 : FCB1 + 16], page[FCB2 : FCB2 + 16] = fcbs(tail)
    page[TAIL : TAIL + 2 + len(tail)] = bytes([len(tail)]) + tail + b"\r"
    ram.write(psp << 4, bytes(page))


def fcbs(tail: bytes) -> tuple[bytes, bytes]:
    """The first two words of a command tail as unopened FCBs.

    >>> fcbs(b" a:x.txt *.c")[1][:12]
    b'\\x00????????C  '
    """
    first, rest, _ = parse_fcb(tail)
    second, _, _ = parse_fcb(rest)
    return first + bytes(4), second + bytes(4)


def parse_fcb(text: bytes, *, skip: bool = True) -> tuple[bytes, bytes, int]:
    """A word as the drive, name and extension of an FCB; what is after it; and AL of AH=29h: 0, or
    1 with ? or *, or FFh if there is no such drive. `skip`: a separator before it is skipped."""
    ends = b' \t\r\n\0:;,=+<>|"/[]\\' + bytes(range(1, 32))
    blanks = len(text) - len(text.lstrip(b" \t"))
    rest = text[blanks:]
    at = blanks + (len(rest) - len(rest.lstrip(b" \t:;,=+")) if skip else 0)
    drive = 0
    if text[at + 1 : at + 2] == b":" and text[at : at + 1].isalpha():
        drive = (text[at] & 0xDF) - 0x40
        at += 2
    dots = next((dots for dots in (b"..", b".") if text[at:].startswith(dots)), b"")
    if dots:  # a directory itself, or the one above
        return bytes([drive]) + dots.ljust(11), text[at + len(dots) :], 0xFF * (drive not in (0, 3))
    found = b""
    for size in (8, 3):
        field = bytearray()
        while at < len(text) and text[at] not in ends and text[at] != 0x2E:
            field.append(text[at])
            at += 1
        head, star, _ = bytes(field).upper().partition(b"*")
        found += head[:size].ljust(size, b"?" if star else b" ")
        if size == 8 and text[at : at + 1] == b".":
            at += 1
    wild = 1 if b"?" in found else 0
    return bytes([drive]) + found, text[at:], 0xFF if drive not in (0, 3) else wild
