"""A second opinion: random instruction streams on pyx86emu and on Unicorn, compared block by block.

After every block (about 18 instructions of the 386 subset in real mode, tests/differential) all
registers, the defined flags and the data are compared. Undefined flags are neither compared nor
read. What is left out because the two differ, and who is right:

| left out | Unicorn 2.1.4 | the manual says |
| --- | --- | --- |
| operands over the end of a segment | no segment limits in real mode | 386 PRM 14.7: interrupt 12 or 13, as here; the run checks that the instruction does reach over the end |
| LOOPE, LOOPNE that count down to 0 | leave random flags behind | 386 PRM, LOOP: flags are not affected, as here |
| POPA, POPAD with SP above FFE0h | does not read the place of SP, so sees no end | 386 PRM, POPA: that word is popped and thrown away; over the end it is 12, as here |
| 67h addresses of 64 KiB and more, based on ESP or EBP too | no segment limits in real mode | 386 PRM 14.7: 12 or 13, as here; base and index are made small, which ESP cannot be |
| RETF, IRET across SP=FFFFh | go on above the segment | SP is 16 bits wide, as here |
| INT 6 | ends with an error | 386 PRM, INT: as any other, as here |
| INT 12, INT 13 | as the manual | not told from the exceptions of the first row |
| BT m32,r32 and kin in memory | reach 256 MiB to both sides | no segment is so large: 12 or 13, as here |
| BT m16,r16 and kin below the segment | go on below it | 386 PRM 14.7: 13, as here; the run checks that it is such a bit |
| frames of interrupts with SP 1, 3 or 5 | leaves the frame to its host | no room: 12, without a stack for that one a shutdown, as here |
| exceptions and interrupts | are left to its host | the harness pushes the frame and compares it with ours |
| several memory regions | a store to one is taken for a change of the code in another | it has one region here |
| code in host memory | stale, if the host rewrites it | its cache is flushed for every block |

Undefined by the manual, so not run: SHLD and SHRD by the width or more, BSF and BSR of 0.
In a frame undefined flags are taken over from ours.

Nothing to compare, so not made: port I/O (no ports), HLT (ends each block), undefined opcodes (Unicorn
stops), TF (its host would step), descriptor tables, control, debug and test registers, SMSW and LMSW, CPUID,
RDTSC and caches, ESC, WAIT, LOCK.

Out of reach of the harness: segment registers but for 1000h to 2000h (data must not meet code and vectors), CS but
for F000h, loops and jumps by more than a few bytes, SP as the target of a jump, CALL, RET, IRET, POPF and
ENTER with 66h, string instructions with 67h or more than 23 times, MOVZX and MOVSX of a word
to a word, BSF and BSR of memory. Other tests and the CPU vectors have these.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("unicorn", reason="unicorn is missing: pip install 'pyx86emu[test]'")

from tests.differential.sides import NAMES, Pair
from tests.differential.streams import ALL, Block, make_block

if TYPE_CHECKING:
    from tests.differential.sides import State

QUICK = 200_000
#: Ten million in parts, none of which takes half a minute.
PARTS, PART = 20, 500_000


@pytest.fixture
def pair() -> Iterator[Pair]:
    each = Pair(seed=1)
    yield each
    each.close()


def test_random_streams_agree_with_unicorn(pair: Pair) -> None:
    tally = pair.run(QUICK)

    assert tally.instructions >= QUICK
    assert tally.interrupts > tally.blocks / 10, "INT, #DE and #BR ought to be among them"
    assert tally.limits < tally.blocks / 10, "too many blocks are cut short"


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_million_instructions_agree_with_unicorn(part: int) -> None:
    pair = Pair(seed=100 + part)

    tally = pair.run(PART)

    assert tally.instructions >= PART
    pair.close()


def test_streams_repeat() -> None:
    from random import Random

    first, second = (make_block(Random(7)) for _ in range(2))

    assert first == second


# -- the harness sees what differs, and Unicorn's own bugs are still there -------------------------


def state(**registers: int) -> State:
    return dict.fromkeys(NAMES, 0x1000) | {"eflags": 2} | registers


def block(code: str, defined: int = ALL) -> Block:
    return Block(0x1000, bytes.fromhex(code) + b"\xf4\xf4", [0, len(code) // 2], [ALL, defined])


@pytest.mark.parametrize(
    ("code", "registers", "what"),
    [
        ("3c00 e001", {"ecx": 1, "eax": 0xE1}, "eflags"),  # LOOPNE down to 0
        ("cb", {"esp": 0xFFFE}, "Unicorn"),  # RETF across the end
        ("cd06", {}, "Invalid instruction"),
    ],
)
def test_unicorn_still_has_its_bugs(
    pair: Pair, code: str, registers: dict[str, int], what: str
) -> None:
    pair.maps[0][0x1FFFE:0x20000] = pair.maps[1][0x1FFFE:0x20000] = b"\x20\x10"
    pair.maps[0][0x10000:0x10002] = pair.maps[1][0x10000:0x10002] = b"\x00\xf0"
    pair.maps[0][0xF1020] = pair.maps[1][0xF1020] = 0xF4

    found, _, _ = pair.differ(block(code.replace(" ", "")), state(**registers))

    assert any(what in line for line in found), f"fixed? then take it off the list: {found}"


def test_a_word_over_the_end_of_a_segment_ends_the_comparison(pair: Pair) -> None:
    pair.state = state(ebx=0xFFFF)

    pair.run_block(block("8b07"))  # mov ax,[bx]

    assert (pair.tally.limits, pair.tally.instructions) == (1, 0)


def test_a_difference_is_found_and_shown(pair: Pair) -> None:
    pair.maps[1][0x10010] ^= 1

    found, _, _ = pair.differ(block("90"), state())

    assert found[0].startswith("[10010]: ours")
