"""The kernels: guest programs to be timed. Say how many instructions each of them takes.

The programs are bench/kernels/NAME.asm. They are loaded at 7C00h, get the number of turns in ECX
and zero in the other registers, and end in HLT. An iteration of a REP and the delivery of an
interrupt count as one instruction. The counts follow the listings, instruction by instruction. The
compiler is the exception: only another compiler could compute its count, so it is a constant, which
tests check by single steps here and by Unicorn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from os import path

BIN = path.join(path.dirname(__file__), "bin")

#: The address where a kernel is loaded and starts, and the size of its memory.
ENTRY = 0x7C00
MEMORY = 1 << 20

Count = Callable[[int], int]
"""Turns -> instructions."""


@dataclass(frozen=True)
class Kernel:
    """One program with its input. `count` returns its instructions, including the HLT."""

    name: str
    count: Count
    program: str = ""
    ebx: int = 0
    chips: bool = False
    """It uses the 8259, the 8254 or port 61h, so an engine without chips cannot run it."""
    per_tick: int = 0
    """More instructions for each interrupt. The program leaves the number of interrupts at 600h."""

    once: int = 0
    """More instructions in the first run, which sets up memory."""

    @property
    def code(self) -> bytes:
        with open(path.join(BIN, f"{self.program or self.name}.bin"), "rb") as file:
            return file.read()


def linear(fixed: int, turn: int | Callable[[], int]) -> Count:
    """Return a count of `fixed` instructions once and `turn` for each turn."""
    return lambda turns: fixed + turns * (turn if isinstance(turn, int) else turn())


def random_words(n: int) -> list[int]:
    """Return what the macro of this name puts into the array, in 3 + 4n instructions."""
    words, word = [], 1
    for _ in range(n):
        word = (word * 25173 + 13849) & 0xFFFF
        words.append(word)
    return words


@cache
def crc32() -> int:
    """5 a byte, 4 a bit, and 1 more for each bit that is 1 when it is shifted out."""
    text = b"".join(word.to_bytes(2, "little") for word in random_words(2048))
    crc, ones = 0xFFFFFFFF, 0
    for byte in text:
        crc ^= byte
        for _ in range(8):
            bit = crc & 1
            crc = crc >> 1 ^ bit * 0xEDB88320
            ones += bit
    return 2 + len(text) * (5 + 8 * 4) + ones + 2


@cache
def sieve() -> int:
    limit, flags = 0x4000, bytearray(0x4000)
    count = 6 + limit + 1  # up to REP STOSB, its iterations, and MOV SI,2
    for n in range(2, 0x80):
        count += 2
        if not flags[n]:
            multiples = range(2 * n, limit, n)
            count += 2 + 4 * len(multiples)
            for m in multiples:
                flags[m] = 1
        count += 3
    return count + 2


@cache
def fib(n: int = 18) -> int:
    """Count the routine, without the call."""
    return 3 if n < 2 else 13 + fib(n - 1) + fib(n - 2)


def bytecode() -> int:
    dispatch = 4
    load = store = plus = minus = dispatch + 5
    number, jump = dispatch + 4, dispatch + 7
    loop = 4 * load + plus + minus + 2 * store + number + jump
    return 3 + 100 * loop - 2 + dispatch + 2  # the last jump is not taken


@cache
def search() -> int:
    text = b"abcdefgh" * 512
    text = text[:-5] + b"hello"
    count, at = 2, 0
    while True:
        found = text.index(b"h", at) + 1
        count += 1 + (found - at) + 1 + 4  # MOV, REPNE SCASB, JNE, four MOVs
        if text[found : found + 4] == b"ello":
            return count + 4 + 1 + 4 + 3 * len(text) + 2
        count += 1 + 1 + 3  # REPE CMPSB ends at the first byte
        at = found


@cache
def inssort() -> int:
    words = random_words(200)
    count = 3 + 4 * len(words) + 1
    for i in range(1, len(words)):
        count += 2
        at = i
        while True:
            if words[at - 1] <= words[i]:
                count += 3
                break
            count += 7
            at -= 1
            if at == 0:
                break
        words.insert(at, words.pop(i))
        count += 4
    return count + 2


@cache
def quicksort() -> int:
    words = random_words(1000)

    def sort(low: int, high: int) -> int:
        if low >= high:
            return 3  # CMP, JAE, RET
        count, border = 5, low
        for at in range(low, high):
            smaller = words[at] < words[high]
            count += 3 + 3 + 4 * smaller
            if smaller:
                words[at], words[border] = words[border], words[at]
                border += 1
        words[border], words[high] = words[high], words[border]
        return count + 13 + sort(low, border - 1) + sort(border + 1, high)

    return 3 + 4 * len(words) + 3 + sort(0, len(words) - 1) + 2


#: Instructions of the compiler for compiler.toy, and of the program that it makes: counted.
COMPILER = 56_674


def footprint(kib: int) -> Kernel:
    """Return the kernel that runs this many KiB of code."""
    routines = kib * 1024 // 64
    count = linear(5 + 1 + 1, 2 + 15 * routines + 2)
    once = 3 + 40 * routines
    return Kernel(f"footprint-{kib}K", count, "footprint", ebx=routines, once=once)


#: KiB of code that a footprint kernel runs in each turn.
FOOTPRINTS = (64, 128, 256, 384, 512, 640)

KERNELS = (
    Kernel("alu", linear(1, 6)),
    Kernel("sieve", linear(2, sieve)),
    Kernel("fib", linear(2, lambda: 6 + fib())),
    Kernel("fibfar", linear(2, lambda: 6 + fib())),
    Kernel("crc32", linear(2 + 3 + 4 * 2048 + 1, crc32)),
    Kernel("muldiv", linear(1, 10)),
    Kernel("memcpy", linear(3, 3 * (3 + 4096) + 2)),
    Kernel("stos", linear(3, 3 * (2 + 4096) + 2)),
    Kernel("smc", linear(1, 5)),
    Kernel("smc-opcode", linear(1, 5)),
    Kernel("bytecode", linear(4, bytecode)),
    Kernel("search", linear(4 + 4 * 512 + 8 + 1, search)),
    Kernel("arith32", linear(1, 12)),
    Kernel("farcall", linear(2, 16)),
    Kernel("inssort", linear(3, inssort)),
    Kernel("quicksort", linear(4, quicksort)),
    Kernel("compiler", linear(7, COMPILER)),
    Kernel("irq", linear(23, 3), chips=True, per_tick=7),
    Kernel("poll", linear(1, 6), chips=True),
    *map(footprint, FOOTPRINTS),
)
