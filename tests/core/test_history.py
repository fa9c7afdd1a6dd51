"""vcpu.history: the last instructions, as single steps find them."""

import random

import pytest

from pyx86emu import ExitReason, Vm

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


def places(vm: Vm, n: int = 4096) -> list[tuple[int, int, int]]:
    return [(e.cs, e.ip, e.instructions) for e in vm.vcpus[0].history(n)]


class Stepped:
    """The reference: single steps of another Vm with the same guest."""

    def __init__(self, vm: Vm) -> None:
        self.vm, self.vcpu = vm, vm.vcpus[0]
        self.found: list[tuple[int, int, int]] = []
        self.exits: list[str] = []

    def run(self, instructions: int) -> None:
        """As run(max_instructions) does, with all exits answered by 0."""
        until = self.vcpu.instructions + instructions
        while self.vcpu.instructions < until:
            regs, before = self.vcpu.regs, self.vcpu.instructions
            here = (regs.cs, regs.ip)
            code = self.vm.read(here[0] * 16 + here[1], 16)
            going_on = repeated(code[: len(code) - len(code.lstrip(PREFIXES)) + 1])
            reason = self.vcpu.step().reason
            if self.vcpu.instructions != before:
                last = self.found[-1] if self.found else None
                if not (going_on and last and last[:2] == here and self.rep_left == before):
                    self.found.append((*here, before))
                self.rep_left = self.vcpu.instructions if (regs.cs, regs.ip) == here else None
            if reason in (ExitReason.HLT, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR):
                break

    rep_left: int | None = None


def run(vm: Vm, instructions: int) -> None:
    vcpu = vm.vcpus[0]
    until = vcpu.instructions + instructions
    while vcpu.instructions < until:
        reason = vcpu.run(until - vcpu.instructions).reason
        if reason in (ExitReason.HLT, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR):
            break


LOOP = bytes.fromhex("b90500 41 49 83f903 7401 90 e2f5 e8f0ff c3")


def test_it_is_off_at_first_and_says_how_to_switch_it_on():
    vcpu = guest(LOOP).vcpus[0]

    assert vcpu.record_history is False
    with pytest.raises(RuntimeError, match="record_history = True"):
        vcpu.history()


def test_it_lists_the_last_instructions_with_their_bytes():
    vm = guest(bytes.fromhex("b80100 40 ebfd"))  # mov ax,1; again: inc ax; jmp again
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run(5)

    assert [(e.ip, e.code.hex(), e.instructions) for e in vcpu.history()] == [
        (0x1000, "b80100", 0),
        (0x1003, "40", 1),
        (0x1004, "ebfd", 2),
        (0x1003, "40", 3),
        (0x1004, "ebfd", 4),
    ]
    assert [e.ip for e in vcpu.history(2)] == [0x1003, 0x1004]
    assert vcpu.history(0) == []


def test_an_instruction_that_a_jump_skips_is_not_in_it():
    vm = guest(bytes.fromhex("31c0 85c0 7401 40 90 f4"))  # xor; test; jz over: inc ax; nop; hlt
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["31c0", "85c0", "7401", "90", "f4"]


def test_a_rep_is_one_instruction_however_many_iterations_it_has():
    vm = guest(bytes.fromhex("b98813 f3aa 90 f4"))  # mov cx,5000; rep stosb; nop; hlt
    vcpu = vm.vcpus[0]
    vcpu.regs.di = 0x2000
    vcpu.record_history = True

    vcpu.run(1000)  # ends in the middle of it
    vcpu.run()

    assert [(e.code.hex(), e.instructions) for e in vcpu.history()] == [
        ("b98813", 0),
        ("f3aa", 1),
        ("90", 5001),
        ("f4", 5002),
    ]


def test_a_read_that_exits_is_in_it_once_when_it_is_complete():
    vm = guest(bytes.fromhex("90 e460 40 f4"))  # nop; in al,60h; inc ax; hlt
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    assert vcpu.run().reason is ExitReason.IO
    assert [e.code.hex() for e in vcpu.history()] == ["90"]
    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["90", "e460", "40", "f4"]


def test_a_device_sees_the_instructions_before_its_own():
    vm = guest(bytes.fromhex("90 40 e660 90 f4"))
    vcpu = vm.vcpus[0]
    vcpu.record_history = True
    seen = []

    from pyx86emu import PioDevice

    class Device(PioDevice):
        length = 1

        def pio_write(self, offset: int, size: int, value: int) -> None:
            seen.extend(e.code.hex() for e in vcpu.history())

    vm.pio.attach(Device(), 0x60)
    vcpu.run()

    assert seen == ["90", "40"]


def test_an_instruction_that_faults_is_in_it_and_the_delivery_is_not():
    vm = guest(bytes.fromhex("31c9 f7f1 90"))  # xor cx,cx; div cx
    ram = vm.slots[0]
    ram[0:4] = bytes.fromhex("00200000")
    ram[0x2000:0x2002] = bytes.fromhex("40f4")
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["31c9", "f7f1", "40", "f4"]


def test_code_that_was_rewritten_since_is_marked_and_shown_as_it_was():
    vm = guest(bytes.fromhex("40 c606001048 90 f4"))  # inc ax; mov byte [1000h],48h; nop; hlt
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [(e.code.hex(), e.rewritten) for e in vcpu.history()] == [
        ("40", True),
        ("c606001048", False),
        ("90", False),
        ("f4", False),
    ]
    assert str(vcpu.history()[0]) == "0000:1000  40 (rewritten since)"


def test_a_store_that_changes_the_running_block_ends_it_there():
    code = bytes.fromhex("c606061048 40 40 f4")  # mov byte [1006h],48h: the second inc is dec now
    vm = guest(code)
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["c606061048", "40", "48", "f4"]


def test_switching_it_off_forgets_it():
    vm = guest(LOOP)
    vcpu = vm.vcpus[0]
    vcpu.record_history = True
    vcpu.run(100)

    vcpu.record_history = False
    vcpu.record_history = False

    assert vcpu.record_history is False
    vcpu.run(100)
    vcpu.record_history = True
    assert vcpu.history() == []


def test_wrong_numbers_are_refused():
    vcpu = guest(LOOP).vcpus[0]
    vcpu.record_history = True

    for n in (-1, 4097):
        with pytest.raises(ValueError, match="n"):
            vcpu.history(n)
    with pytest.raises(TypeError):
        vcpu.history("16")
    with pytest.raises(AttributeError):
        del vcpu.record_history


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
        ram[4 * vector : 4 * vector + 4] = bytes([0, 0x06, 0, 0])
    ram[0x600:0x603] = b"\x40\x41\xcf"  # inc ax; inc cx; iret
    vm.vcpus[0].regs.cx = 5
    return vm


@pytest.mark.parametrize("model", ["8086", "80186", "80286", "80386", "80486"])
@pytest.mark.parametrize("seed", range(12))
def test_it_is_what_single_steps_find(seed: int, model: str):
    vm, plain = prepared(seed, model), prepared(seed, model)
    stepped = Stepped(prepared(seed, model))
    vm.vcpus[0].record_history = True
    r = random.Random(seed)

    for _ in range(4):
        n = r.choice((1, 7, 100, 600))
        run(vm, n)
        run(plain, n)
        stepped.run(n)

    assert places(vm) == stepped.found[-4096:]
    assert vm.vcpus[0].instructions == plain.vcpus[0].instructions
    assert repr(vm.vcpus[0].regs) == repr(plain.vcpus[0].regs)
    assert vm.read(0, 0x120000) == plain.read(0, 0x120000)
