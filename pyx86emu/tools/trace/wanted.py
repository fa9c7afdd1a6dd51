"""What a trace shows: read its kinds, such as "exec,int,mem:0:7c00+2". Know no machine."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...address import linear

#: Each kind, and what it shows.
KINDS = {
    "exec": "each instruction, before it is executed",
    "int": "interrupts: software, hardware and faults, and the returns from them",
    "io": "IN, OUT, INS and OUTS, with their values",
    "irq": "the lines of the interrupt controller, and the interrupts that the CPU takes",
    "mem:ADDR+LEN": "loads and stores in LEN bytes of memory (default 1)",
    "disk": "requests to hard disks",
    "floppy": "requests to floppy drives",
}
MEM = "mem"
LIST = ", ".join(KINDS)
FORMATS = ("text", "jsonl")


class Memory(NamedTuple):
    """Bytes of guest-physical memory that are watched."""

    first: int
    length: int


class Wanted(NamedTuple):
    """What is asked for."""

    kinds: frozenset[str]
    """Of KINDS, without mem."""
    memory: tuple[Memory, ...] = ()


def wanted(what: str | Iterable[str], symbols: Mapping[str, int] | None = None) -> Wanted:
    """Read kinds, as text with commas or one by one. `symbols`: labels for addresses.

    ValueError: a kind that there is not, or an address that is none; TypeError: no text.

    >>> sorted(wanted("io,int").kinds)
    ['int', 'io']
    >>> wanted(["mem:0:7c00+2"]).memory
    (Memory(first=31744, length=2),)
    """
    words = [what] if isinstance(what, str) else list(what)
    if not all(isinstance(word, str) for word in words):
        raise TypeError(f"a trace is asked for in text: {LIST}")
    kinds, memory = set(), []
    for word in ",".join(words).split(","):
        name, colon, place = word.strip().partition(":")
        if name == MEM:
            memory.append(_memory(place if colon else "", symbols))
        elif name in KINDS and not colon:
            kinds.add(name)
        else:
            raise ValueError(f"no trace of {word.strip()[:60]!r}: choose from {LIST}")
    return Wanted(frozenset(kinds), tuple(memory))


def _memory(text: str, symbols: Mapping[str, int] | None) -> Memory:
    """ADDR+LEN."""
    place, plus, size = text.rpartition("+")
    if not plus:
        place, size = text, "1"
    shown = f"mem:{text[:60]}"
    if not place:
        raise ValueError(f"{shown} needs an address: write mem:ADDR+LEN, such as mem:0:7c00+2")
    try:
        length = int(size, 0)
    except ValueError:
        raise ValueError(f"{shown}: the length {size[:20]!r} is no number") from None
    first = linear(place, symbols=symbols, what=shown)
    if not 1 <= length <= 1 << 20 or first + length > 1 << 32:
        raise ValueError(f"{shown}: a length is from 1 to 1048576, and it ends below 4 GiB")
    return Memory(first, length)


def checked_format(format: str) -> str:
    """ValueError: there is no such format."""
    if format not in FORMATS:
        raise ValueError(f"no format {format!r}: choose from {', '.join(FORMATS)}")
    return format
