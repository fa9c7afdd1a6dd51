"""Guest memory with holes: read and write where some may be missing, as a bus does."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from ._core import exact

#: Bytes in a page. Memory slots begin and end at multiples of it.
PAGE = 4096


class Memory(Protocol):
    """Guest memory by physical address: the Vm. ValueError: there is no memory at an address."""

    def read(self, addr: int, size: int, /) -> bytes: ...

    def write(self, addr: int, data: bytes, /) -> object: ...


def load(memory: Memory, addr: int, size: int, hole: int = 0xFF) -> bytes:
    """Read `size` bytes at `addr`; each byte without memory reads as `hole`. Raises nothing.

    For an address that comes from the guest, which may be any.
    """
    try:
        return memory.read(addr, size)
    except ValueError:
        return b"".join(
            _load_page(memory, at, n, hole) for at, n in _pages(exact(addr, "addr"), size)
        )


def store(memory: Memory, addr: int, data: bytes) -> None:
    """Write `data` at `addr`; bytes without memory are lost. Raises nothing."""
    try:
        memory.write(addr, data)
    except ValueError:
        for at, n in _pages(exact(addr, "addr"), len(data)):
            _store_page(memory, at, data[at - addr : at - addr + n])


def _pages(addr: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut a range at page borders: address and size of each part."""
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
