"""Guest memory with holes: where there is none, loads float and stores are lost, as on the bus."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

#: Slots begin and end at multiples of it.
PAGE = 4096


class Memory(Protocol):
    """Guest memory by physical address: the Vm. ValueError where there is none."""

    def read(self, addr: int, size: int, /) -> bytes: ...

    def write(self, addr: int, data: bytes, /) -> object: ...


def load(memory: Memory, addr: int, size: int, hole: int = 0xFF) -> bytes:
    """`size` bytes at `addr`, with `hole` for those that are not there. Raises nothing.

    For reads at an address from the guest, which may be any.
    """
    try:
        return memory.read(addr, size)
    except ValueError:
        return b"".join(_load_page(memory, at, n, hole) for at, n in _pages(addr, size))


def store(memory: Memory, addr: int, data: bytes) -> None:
    """Write `data` at `addr` as far as there is memory. Raises nothing."""
    try:
        memory.write(addr, data)
    except ValueError:
        for at, n in _pages(addr, len(data)):
            _store_page(memory, at, data[at - addr : at - addr + n])


def _pages(addr: int, size: int) -> Iterator[tuple[int, int]]:
    """Address and size of the parts of a range that lie in one page each."""
    at, end = addr, addr + size
    while at < end:
        n = min(end, (at // PAGE + 1) * PAGE) - at
        yield at, n
        at += n


def _load_page(memory: Memory, addr: int, size: int, hole: int) -> bytes:
    try:
        return memory.read(addr, size)
    except ValueError:
        return bytes((hole,)) * size


def _store_page(memory: Memory, addr: int, data: bytes) -> None:
    with suppress(ValueError):
        memory.write(addr, data)
