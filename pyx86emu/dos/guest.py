"""The part of DOS that is in guest memory: place its entries, vectors and tables. Serves nothing.

| linear | what |
| --- | --- |
| 00700h | the entries, `CODE` (firmware/dos.asm), and the text that they print |
| 00A00h | tables of DOS: see the offsets below |
| 01000h | stack of the shell, downwards |
| 0FEF0h | a jump to the entry of CP/M calls: see `CALL_5` |
| 14000h | first memory control block |

No program is below 64 KiB, where EXEPACK fails. The run-time system of MS-Pascal compares the
paragraphs from its data on as signed words: with 512 KiB or more, MASM 1.10 has no stack.
"""

from ..memory import Memory, load, store

SEGMENT = 0x70
PORT = 0x10
CODE = bytes.fromhex(
    "e6102e803eb20000753bcfe611cfe612cfe613ebede614ebe9e615ebe5e616cfb003cfb80702f9cb"
    "faf4ebfce617ea0000000058582e8f06b0009c502eff36b00088ccebbb505351525657551e062ea0"
    "b200502e8b0eb300e313beb500fc2eac5156b40ebb0700cd105e59e2f158a8087517a804751ba802"
    "7504e82000cffbcd28f4fae81700e977ffe81100e618e971ffe80900e619cd23e61ae965ff2e8f06"
    "b000071f5d5f5e5a595b582eff26b0000000000000"
)
#: Offsets in the segment.
IDLE, BIOS16, CPM, ACTION, COUNT, TEXT = 0x28, 0x2F, 0x33, 0xB2, 0xB3, 0xB5
#: A RETF: the function that makes capital letters, which leaves AL as it is.
CASE_MAP = 0x27
#: The text that is printed at once.
CHUNK = 512
#: Values of ACTION.
PRINT, WAIT, BREAK, MORE = 1, 2, 4, 8

#: Offsets of the tables: the list of lists (INT 21h, AH=52h), NUL, the InDOS flag, capitals
#: (AH=65h), characters of file names, the order of characters, lead bytes, the stack of the shell.
LISTS, NUL, IN_DOS, CAPITALS, NAME_CHARS, ORDER, LEAD_BYTES, STACK = (
    0x320, 0x342, 0x360, 0x400, 0x490, 0x4C0, 0x5D0, 0x900,
)  # fmt: skip
FIRST_BLOCK = 0x1400
#: LASTDRIVE: DOS 3 and later have 5 at least.
LAST_DRIVE = 5
#: Where the far CALL at PSP:5 goes, in segment 0. Its offset, at PSP:6, is also the size of the
#: program's segment.
CALL_5 = 0xFEF0

#: The vectors that lead to DOS, by their entries.
VECTORS = {
    0x00: 0x19, 0x1B: 0x1D, 0x20: 0x0B, 0x21: 0x00, 0x22: IDLE, 0x23: 0x15, 0x24: 0x20,
    0x25: 0x23, 0x26: 0x23, 0x27: 0x0E, 0x28: 0x1F, 0x29: 0x11, 0x2A: 0x1F, 0x2F: 0x1F,
}  # fmt: skip
#: What an entry is told by: PORT + this.
INT21, INT20, INT27, INT29, INT23, INT0, INT1B, INT16, NEXT, BROKE, CONTINUED = range(11)


class Ram:
    """Guest memory by linear address. Where there is none, reads give FFh and writes are lost."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def read(self, at: int, size: int) -> bytes:
        """`size` bytes."""
        return load(self.memory, at, size)

    def write(self, at: int, data: bytes) -> None:
        """Write bytes."""
        store(self.memory, at, data)

    def u8(self, at: int) -> int:
        """A byte."""
        return self.read(at, 1)[0]

    def u16(self, at: int) -> int:
        """A word."""
        return int.from_bytes(self.read(at, 2), "little")

    def u32(self, at: int) -> int:
        """A doubleword."""
        return int.from_bytes(self.read(at, 4), "little")

    def put(self, at: int, value: int, size: int = 2) -> None:
        """Write a number of `size` bytes."""
        self.write(at, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    def text(self, at: int, most: int = 128) -> bytes | None:
        """The bytes before the next 0; None: there is none within `most` bytes."""
        text, zero, _ = self.read(at, most).partition(b"\0")
        return text if zero else None


def capital(char: int) -> int:
    """A character as a capital letter, in code page 437."""
    upper = bytes([char]).decode("cp437").upper()
    try:
        return upper.encode("cp437")[0] if len(upper) == 1 else char
    except UnicodeEncodeError:
        return char


def install(ram: Ram) -> None:
    """Put DOS into memory, and set its vectors. The BIOS has set all others."""
    base = SEGMENT << 4
    ram.write(base, CODE)
    lists = bytearray(0x22)
    lists[0x04:0x08] = far(0xFFFF, 0xFFFF)  # no system file table to walk
    lists[0x10:0x12] = (512).to_bytes(2, "little")
    lists[0x20], lists[0x21] = 1, LAST_DRIVE  # block devices, LASTDRIVE
    ram.write(base + LISTS - 2, FIRST_BLOCK.to_bytes(2, "little") + lists)
    ram.write(base + NUL, far(0xFFFF, 0xFFFF) + b"\x04\x80\0\0\0\0NUL     ")
    table = bytes(capital(char) for char in range(128, 256))
    ram.write(base + CAPITALS, (128).to_bytes(2, "little") + table)
    bad = b'."/\\[]:|<>+=;,'
    chars = bytes([0x01, 0x00, 0xFF, 0x00, 0x00, 0x20, 0x02, len(bad)]) + bad
    ram.write(base + NAME_CHARS, len(chars).to_bytes(2, "little") + chars)
    order = bytes(capital(char) for char in range(256))
    ram.write(base + ORDER, (256).to_bytes(2, "little") + order)
    ram.write(CALL_5, b"\xea" + far(SEGMENT, CPM))
    for vector, offset in VECTORS.items():
        ram.write(4 * vector, far(SEGMENT, offset))


def serve_keyboard(ram: Ram) -> None:
    """Let INT 16h call the host first."""
    ram.write((SEGMENT << 4) + BIOS16, ram.read(4 * 0x16, 4))
    ram.write(4 * 0x16, far(SEGMENT, 0x2C))


def far(segment: int, offset: int) -> bytes:
    """A far pointer.

    >>> far(0x1234, 0x5678).hex()
    '78563412'
    """
    return offset.to_bytes(2, "little") + segment.to_bytes(2, "little")
