"""Guests for the wait of added-up rings: make each kind of slow code. They know no clock.

"Misaligned" ones access memory over the end of a granule of 256 bytes: others are quick.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise

from .. import _core
from ..vm import Vm

START = 0x1000
#: out 80h,al: the first ring is signalled at once, the others are counted. They are so many that
#: the slice is a burst, which does not end soon.
RINGS = 10
RING = bytes.fromhex("e680") * RINGS
BODY = START + len(RING)
#: Bytes of a body. It ends with a jump to its begin.
ROOM = 0x7000
#: The most instructions of a slice.
SLICE = 4096


@dataclass(frozen=True)
class Slow:
    """A kind of code: instructions that are repeated, and what they need."""

    name: str
    code: bytes
    #: Units that an instruction spends, as core/io/rings.pxi counts them.
    units: float
    registers: tuple[tuple[str, int], ...] = ()


def kind(name: str, code: str, units: float, **registers: int) -> Slow:
    """Return a kind whose code, in hex, is repeated to the end of the body."""
    one = bytes.fromhex(code)
    return Slow(name, one * (ROOM // len(one)), units, tuple(registers.items()))


def decoding() -> Slow:
    """Return blocks of which each stores to the next, which is then decoded again."""
    places = range(BODY, BODY + ROOM, 8)
    # mov byte [next],0c6h; jmp next
    code = [
        b"\xc6\x06" + struct.pack("<H", next_) + b"\xc6\xeb\x01\x90"
        for _, next_ in pairwise(places)
    ]
    return Slow("decode", b"".join(code), 30.0, (("ds", 0),))


GUESTS = (
    kind("jumps", "eb00", 0.0),
    kind("divisions", "66f7f3", 0.0, eax=1, ebx=0xFFFFFFFF, edx=0x7FFFFFFF),
    kind("returns", "e80200 eb02 c3 90", 0.0),
    kind("strings", "a4", 0.0),
    kind("pusha", "bc0080 60606060 60606060", 0.0),
    kind("pusha-granules", "bc0880 60", 1 / 2),
    kind("pusha-misaligned", "bc0980 60", 2 / 2),
    kind("pushad-misaligned", "bc1180 6660", 2 / 2),
    kind("enter-31", "bc00f0 bd00e0 66c800001f", 80.0),
    kind("stores-misaligned", "66a3fe00", 1.0),
    kind("locked-misaligned", "f0660106fe00", 2.0),
    kind("strings-misaligned", "befd00 bffd00 66a5", 2 / 3),
    decoding(),
    kind("timer", "e640", 2.9, eax=0x34),
    kind("timer-dwords", "66e740", 7.8, eax=0x34343434),
    kind("rings", "e680 e681", 1.0),
)


def start(vm: Vm, slow: Slow) -> "_core.Vcpu":
    """Put the guest into a Vm with an irqchip, and return its vCPU."""
    end = BODY + len(slow.code) + 3
    vm.add_memory(0, 0x110000)
    vm.write(START, RING + slow.code + b"\xe9" + struct.pack("<H", BODY - end & 0xFFFF))
    return vm.create_vcpu()


def one_slice(vcpu: "_core.Vcpu", slow: Slow, instructions: int = SLICE) -> None:
    """Ring, and run the code for the rest of the instructions, which are at most a slice."""
    regs = vcpu.regs
    regs.cs, regs.ip = 0, START
    regs.ds, regs.es, regs.ss, regs.sp = 0x2000, 0x3000, 0x4000, 0x8000
    regs.si = regs.di = 0
    for name, value in slow.registers:
        setattr(regs, name, value)
    vcpu.run(instructions)
