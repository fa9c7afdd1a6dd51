"""Random guests, and a reference that finds by single steps what they do."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from pyx86emu import Exit, ExitReason, Vm

PREFIXES = b"\x26\x2e\x36\x3e\xf2\xf3\x64\x65\x66\x67"
STRINGS = b"\xa4\xa5\xa6\xa7\xaa\xab\xac\xad\xae\xaf\x6c\x6d\x6e\x6f"


def guest(code: bytes, model: str = "80486", at: int = 0x1000) -> Vm:
    vm = Vm()
    ram = vm.add_memory(0, 0x120000)
    ram[at : at + len(code)] = code
    vcpu = vm.create_vcpu(model)
    vcpu.regs.cs = vcpu.regs.ds = vcpu.regs.es = vcpu.regs.ss = 0
    vcpu.regs.ip, vcpu.regs.sp = at, 0x8000
    return vm


def repeated(code: bytes) -> bool:
    """Is this a string instruction with REP?"""
    rest = code.lstrip(PREFIXES)
    return bool(rest) and rest[0] in STRINGS and any(b in b"\xf2\xf3" for b in code)


def run(vm: Vm, instructions: int) -> list[Exit]:
    """Run so many instructions, with all reads answered by 0. Returns the exits of accesses."""
    vcpu, found = vm.vcpus[0], []
    until = vcpu.instructions + instructions
    while vcpu.instructions < until:
        exit = vcpu.run(until - vcpu.instructions)
        if exit.reason in (ExitReason.IO, ExitReason.MMIO):
            found.append(exit)
        elif exit.reason in (ExitReason.HLT, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR):
            break
    return found


JUMPS = frozenset(
    [
        *range(0x70, 0x80),
        0x9A,
        0xC2,
        0xC3,
        *range(0xCA, 0xD0),
        *range(0xE0, 0xE4),
        *range(0xE8, 0xEC),
    ]
)
Place = tuple[int, int, int]
"""CS, IP, and how many instructions were retired before."""


@dataclass
class Stepped:
    """The reference: single steps of a Vm."""

    vm: Vm
    found: list[Place] = field(default_factory=list)
    """The instructions; a REP is one."""
    blocks: list[Place] = field(default_factory=list)
    """Those after a jump, an interrupt or a fault, and the first one."""
    ints: list[Place] = field(default_factory=list)
    """INT n, INT3, INTO."""
    watched: list[Place] = field(default_factory=list)
    """Those that accessed what `vcpu.debug(watch=...)` watches, one for each iteration."""
    rep_left: int | None = None
    turned: bool = True

    def run(self, instructions: int) -> None:
        """As run(max_instructions) does, with all reads answered by 0."""
        vcpu = self.vm.vcpus[0]
        until = vcpu.instructions + instructions
        while vcpu.instructions < until:
            if not self.step():
                break

    def step(self) -> bool:
        vcpu = self.vm.vcpus[0]
        regs, before = vcpu.regs, vcpu.instructions
        here = (regs.cs, regs.ip)
        code = self.vm.read(here[0] * 16 + here[1], 16)
        level = {"8086": 0, "80186": 1, "80286": 2}.get(vcpu.model, 3)
        prefixes = PREFIXES if level == 3 else PREFIXES[:6]
        rest = code.lstrip(prefixes + b"\xf0")
        rep = repeated(code[: len(code) - len(rest) + 1])
        opcode, second = (rest + b"\0\0")[:2]
        jumps = (
            opcode in JUMPS
            or (opcode == 0xFF and 2 <= second >> 3 & 7 <= 5)
            or (opcode == 0xF1 and level == 3)
            or (opcode == 0x0F and level == 3 and 0x80 <= second <= 0x8F)
            or (level == 0 and (0x60 <= opcode <= 0x6F or opcode in (0xC0, 0xC1, 0xC8, 0xC9)))
        )
        overflow = regs.flags & 0x800
        sp = regs.sp
        exit = vcpu.step()
        while exit.reason in (ExitReason.IO, ExitReason.MMIO) and vcpu.instructions == before:
            exit = vcpu.step()
        while exit.watch is None and exit.reason is ExitReason.DEBUG and exit.dr6 & 15:
            exit = vcpu.step()
        if vcpu.instructions != before:
            place = (*here, before)
            if exit.watch is not None:
                self.watched.append(place)
            if not (rep and self.found and self.found[-1][:2] == here and self.rep_left == before):
                self.found.append(place)
                if self.turned:
                    self.blocks.append(place)
                self.turned = False
                if opcode in (0xCD, 0xCC) or (opcode == 0xCE and overflow):
                    self.ints.append(place)
            self.rep_left = vcpu.instructions if (regs.cs, regs.ip) == here else None
            delivered = (regs.cs, regs.ip) == (0, HANDLER) and regs.sp == (sp - 6) & 0xFFFF
            self.turned = self.turned or jumps or delivered
        return exit.reason not in (
            *(ExitReason.HLT, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR),
        )


HANDLER = 0x600


def random_guest(seed: int) -> bytes:
    """Instructions of all kinds, with jumps, REPs, stores to code, ports, faults and interrupts."""
    r = random.Random(seed)
    parts = [
        lambda: bytes([r.choice(b"\x40\x41\x4a\x4b\x90\xf8\xf9\x9c\x9d\x50\x58\x53\x5b")]),
        lambda: bytes([r.choice(b"\x01\x29\x31\x39\x85"), 0xC0 | r.randrange(64) & ~0x24]),
        lambda: bytes([0x70 | r.randrange(16), r.choice((1, 2, 3, 4, 0xFB, 0xF0))]),
        lambda: bytes([0xB8 | r.choice((0, 1, 2, 3, 6, 7)), r.randrange(256), r.choice((0x10, 2))]),
        lambda: bytes([0xB1, r.randrange(9), r.choice(b"\xf2\xf3"), r.choice(STRINGS[:10])]),
        lambda: bytes([r.choice((0xE4, 0xE6)), r.randrange(64, 70)]),
        lambda: b"\xc6\x06" + bytes([r.randrange(256), 0x10, r.choice(b"\x40\x90\x48\xf5")]),
        lambda: bytes([0xCD, r.randrange(4, 8)]),
        lambda: bytes([r.choice(b"\xfb\xfa\xcc\xf6"), 0xF1]),
        lambda: b"\xe8" + bytes([r.randrange(64), 0]),
        lambda: bytes([r.choice(b"\xc3\xcb\x0f"), r.randrange(256)]),
        lambda: bytes([0xE2, r.choice((0xFC, 0xF8, 2))]),
    ]
    code = b"".join(
        r.choices(parts, weights=[8, 6, 5, 5, 3, 1, 2, 1, 1, 1, 1, 2])[0]() for _ in range(90)
    )
    return code[:250] + b"\xe9\x03\xff"


def prepared(seed: int, model: str) -> Vm:
    vm = guest(random_guest(seed), model)
    ram = vm.slots[0]
    for vector in range(256):
        ram[4 * vector : 4 * vector + 4] = HANDLER.to_bytes(4, "little")
    ram[HANDLER : HANDLER + 3] = b"\x40\x41\xcf"  # inc ax; inc cx; iret
    vm.vcpus[0].regs.cx = 5
    return vm


class Looping:
    """A guest that goes round a loop of random pieces: predicated jumps, loops, near, far and
    indirect calls, REPs, interrupts, and now and then a store to its own code."""

    ROUTINES, FAR, TABLE = 0x1800, 0x1900, 0x3000

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.code = bytearray()
        self.places: list[int] = []  # of INC AX, which stores make DEC AX
        parts = [
            *[self.arithmetic] * 6,
            *[self.shift] * 3,
            *[self.skip] * 6,
            *[self.jump] * 3,
            *[self.loop] * 2,
            *(self.call, self.call_indirect, self.call_far, self.jump_register, self.pushed),
            *(self.repeat, self.interrupt, self.flags, self.incremented),
        ]
        for _ in range(self.r.randrange(25, 60)):
            self.r.choice(parts)()
        if self.places and self.r.random() < 0.5:
            at = self.r.choice(self.places)
            self.add(f"c606 {at & 255:02x}{at >> 8:02x} {self.r.choice((0x40, 0x48)):02x}")
        self.add("050179 d1c0")  # add ax,7901h; rol ax,1
        back = -(len(self.code) + 3) & 0xFFFF
        self.code += bytes([0xE9, back & 255, back >> 8])

    def add(self, text: str) -> None:
        self.code += bytes.fromhex(text)

    def alu(self) -> bytes:
        """ADD, SUB, XOR, CMP or MOV between AX, DX and SI; INC or DEC; MOV of a word."""
        r = self.r
        regs = (0, 2, 6)
        rr = 0xC0 | r.choice(regs) << 3 | r.choice(regs)
        return r.choice(
            (
                bytes([r.choice((0x01, 0x29, 0x31, 0x39, 0x89, 0x11)), rr]),
                bytes([r.choice((0x40, 0x48)) + r.choice(regs)]),
                bytes([0xB8 + r.choice(regs), r.randrange(256), r.randrange(256)]),
            )
        )

    def arithmetic(self) -> None:
        self.code += self.alu()

    def shift(self) -> None:
        """The step of a CRC."""
        r = self.r
        self.add(f"d1{r.choice((0xE0, 0xE8)):02x} {r.choice((0x72, 0x73)):02x}03")
        self.add(f"35{r.randrange(65536):04x}")

    def skip(self) -> None:
        """A jump over one to three instructions that may be predicated."""
        body = b"".join(self.alu() for _ in range(self.r.randrange(1, 4)))
        self.code += self.r.choice((b"\x39\xd0", b"\x85\xd2", b"\xd1\xe8", b""))
        self.code += bytes([0x70 | self.r.randrange(16), len(body)]) + body

    def jump(self) -> None:
        """A jump over a store."""
        self.code += bytes([0x70 | self.r.randrange(16), 3, 0xA3, 0x00, 0x20])

    def loop(self) -> None:
        body = b"".join(self.alu() for _ in range(self.r.randrange(3)))
        count = self.r.randrange(1, 6)
        self.code += bytes([0xB9, count, 0]) + body + bytes([self.r.choice((0xE2, 0xE0, 0xE1))])
        self.code += bytes([-len(body) - 2 & 255])

    def call(self) -> None:
        to = self.ROUTINES + 16 * self.r.randrange(4) - (0x1000 + len(self.code) + 3)
        self.code += b"\xe8" + (to & 0xFFFF).to_bytes(2, "little")

    def call_indirect(self) -> None:
        """mov bx,n; call [bx+3000h]; half of them depend on AX."""
        if self.r.random() < 0.5:
            self.add("89c3 83e306 ff97 0030")  # mov bx,ax; and bx,6
        else:
            self.add(f"bb{2 * self.r.randrange(4):02x}00 ff97 0030")

    def call_far(self) -> None:
        segment = self.r.choice((0, 0x10, 0x100))
        at = self.FAR - 16 * segment
        self.code += b"\x9a" + at.to_bytes(2, "little") + segment.to_bytes(2, "little")

    def jump_register(self) -> None:
        at = 0x1000 + len(self.code) + 6
        self.code += b"\xbb" + at.to_bytes(2, "little") + b"\xff\xe3\x90"

    def pushed(self) -> None:
        """mov bx,next; push bx; ret"""
        at = 0x1000 + len(self.code) + 5
        self.code += b"\xbb" + at.to_bytes(2, "little") + b"\x53\xc3"

    def repeat(self) -> None:
        string = self.r.choice((0xAA, 0xAB, 0xAE, 0xA6))
        self.add(f"bf0021 b9{self.r.randrange(9):02x}00 f3{string:02x}")

    def interrupt(self) -> None:
        self.add(self.r.choice(("cd05", "ce", "cc")))

    def flags(self) -> None:
        self.add("9c 9d")

    def incremented(self) -> None:
        self.places.append(0x1000 + len(self.code))
        self.add("40")

    def vm(self, model: str) -> Vm:
        vm = guest(bytes(self.code), model)
        ram = vm.slots[0]
        for vector in range(256):
            ram[4 * vector : 4 * vector + 4] = HANDLER.to_bytes(4, "little")
        ram[HANDLER : HANDLER + 2] = b"\x42\xcf"  # inc dx; iret
        routines = ("40 c3", "3d0080 7202 29d0 c3", "56 5e 7501 46 c3", "d1e8 7303 353412 c20000")
        for n, text in enumerate(routines):
            at, code = self.ROUTINES + 16 * n, bytes.fromhex(text)
            ram[at : at + len(code)] = code
            ram[self.TABLE + 2 * n : self.TABLE + 2 * n + 2] = at.to_bytes(2, "little")
        ram[self.FAR : self.FAR + 2] = b"\x4e\xcb"  # dec si; retf
        return vm
