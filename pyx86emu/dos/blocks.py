"""Memory blocks: allocate, resize and free them by the control blocks in guest memory.

A control block (MCB) is the paragraph before its block: "M", or "Z" for the last one; owner (0:
free), size in paragraphs, and from 8 on the name of the program. The guest can write them: a chain
that is broken is an error of DOS, and no walk is longer than memory.
"""

from collections.abc import Iterator
from typing import NamedTuple

from .codes import ARENA_TRASHED, INVALID_BLOCK, NOT_ENOUGH_MEMORY, DosError
from .guest import FIRST_BLOCK, Ram

MIDDLE, LAST = 0x4D, 0x5A
FIRST_FIT, BEST_FIT, LAST_FIT = 0, 1, 2


class Block(NamedTuple):
    """A block: the segment of its control block, whether it is the last one, owner, paragraphs."""

    at: int
    last: bool
    owner: int
    size: int


class Arena:
    """The blocks from FIRST_BLOCK to the end of conventional memory."""

    def __init__(self, ram: Ram) -> None:
        self.ram = ram
        self.strategy = FIRST_FIT

    def make(self, end: int) -> None:
        """One free block up to the segment `end`."""
        self._put(FIRST_BLOCK, True, 0, end - FIRST_BLOCK - 1)

    def _put(self, at: int, last: bool, owner: int, size: int, name: bytes = b"") -> None:
        head = bytes([LAST if last else MIDDLE])
        head += owner.to_bytes(2, "little") + size.to_bytes(2, "little") + bytes(3)
        self.ram.write(at << 4, head + name[:8].ljust(8, b"\0"))

    def _at(self, at: int) -> Block:
        head = self.ram.read(at << 4, 5)
        if head[0] not in (MIDDLE, LAST):
            raise DosError(ARENA_TRASHED)
        owner, size = int.from_bytes(head[1:3], "little"), int.from_bytes(head[3:5], "little")
        return Block(at, head[0] == LAST, owner, size)

    def walk(self) -> Iterator[Block]:
        """All blocks; free ones that follow each other become one. DosError: the chain is
        broken."""
        at = FIRST_BLOCK
        while True:
            block = self._at(at)
            while block.owner == 0 and not block.last:
                after = self._at(self._next(block))
                if after.owner != 0:
                    break
                block = Block(at, after.last, 0, block.size + 1 + after.size)
                self._put(*block)
            yield block
            if block.last:
                return
            at = self._next(block)

    def _next(self, block: Block) -> int:
        after = block.at + block.size + 1
        if after > 0xFFFF:
            raise DosError(ARENA_TRASHED)
        return after

    def largest(self) -> int:
        """Paragraphs of the largest free block."""
        return max((block.size for block in self.walk() if block.owner == 0), default=0)

    def allocate(self, size: int, owner: int) -> int:
        """The segment of a new block of `size` paragraphs. DosError: there is no room."""
        free = [block for block in self.walk() if block.owner == 0 and block.size >= size]
        if not free:
            raise DosError(NOT_ENOUGH_MEMORY)
        kind = self.strategy & 0x3F
        if kind == BEST_FIT:
            block = min(free, key=lambda each: each.size)
        else:
            block = free[-1] if kind >= LAST_FIT else free[0]
        if kind >= LAST_FIT and block.size > size:
            rest = block.size - size - 1
            self._put(block.at, False, 0, rest)
            self._put(block.at + rest + 1, block.last, owner, size)
            return block.at + rest + 2
        self._cut(block, size, owner)
        return block.at + 1

    def _cut(self, block: Block, size: int, owner: int) -> None:
        """Give the first `size` paragraphs of a block to `owner`; the rest is free."""
        name = self.ram.read((block.at << 4) + 8, 8)
        if block.size == size:
            self._put(block.at, block.last, owner, size, name)
        else:
            self._put(block.at, False, owner, size, name)
            self._put(block.at + size + 1, block.last, 0, block.size - size - 1)

    def _find(self, segment: int) -> Block:
        for block in self.walk():
            if block.at + 1 == segment:
                return block
        raise DosError(INVALID_BLOCK)

    def free(self, segment: int) -> None:
        """Free the block at a segment. DosError: there is none."""
        block = self._find(segment)
        self._put(block.at, block.last, 0, block.size)

    def resize(self, segment: int, size: int) -> int:
        """Make a block larger or smaller. The result is its size: less than asked if there is no
        room, and the block has all the room then."""
        block = self._find(segment)
        room = block
        if not block.last:
            after = self._at(self._next(block))
            if after.owner == 0:
                room = Block(block.at, after.last, block.owner, block.size + 1 + after.size)
        if size > room.size:
            self._cut(room, room.size, block.owner)
            return room.size
        self._cut(room, size, block.owner)
        return size

    def own(self, segment: int, owner: int, name: bytes = b"") -> None:
        """Give a block to a program, whose name is kept in the control block."""
        block = self._find(segment)
        self._put(block.at, block.last, owner, block.size, name)

    def free_all(self, owner: int) -> None:
        """Free the blocks of a program that has ended."""
        for block in list(self.walk()):
            if block.owner == owner:
                self._put(block.at, block.last, 0, block.size)

    def of(self, owner: int) -> list[Block]:
        """The blocks of a program."""
        return [block for block in self.walk() if block.owner == owner]
