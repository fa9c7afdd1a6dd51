"""REP in one piece: what a run over plain memory does is what single steps do, wherever it goes."""

from __future__ import annotations

import random

import pytest

from pyx86emu import ExitReason, MmioDevice, Vm
from tests.harness import Guest, Running, program, wait_until

REGISTERS = ("eax", "ecx", "esi", "edi", "eip", "eflags")
STRINGS = (0xA4, 0xA6, 0xAA, 0xAC, 0xAE)  # MOVSB CMPSB STOSB LODSB SCASB; +1: word, 66h: dword
CODE = 0x1000
#: A REP and a little more: some overwrite their own code.
LIMIT = 66_000
#: Where things change: the end of a granule, ROM, a page with a dirty log, a device, RAM again.
ROM, LOG, HOLE, AGAIN = 0x18000, 0x19000, 0x1A000, 0x1B000


class Echo(MmioDevice):
    """Reads as the low byte of its address, remembers what is written."""

    length = 0x1000

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, int]] = []

    def mmio_read(self, offset: int, size: int) -> int:
        return int.from_bytes(bytes((offset + i) & 3 for i in range(size)), "little")

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        self.seen.append((offset, size, value))


def machine(model: str, seed: int) -> tuple[Vm, Echo]:
    rng = random.Random(seed)
    vm, echo = Vm(), Echo()
    vm.add_memory(0, ROM)
    vm.add_memory(ROM, 0x1000, readonly=True)
    vm.add_memory(LOG, 0x1000, dirty_log=True)
    vm.add_memory(AGAIN, 0x5000)
    vm.mmio.attach(echo, HOLE)
    for slot in vm.slots:  # few values, so that comparisons go on for a while
        slot[:] = bytes(rng.choices((0, 0, 0, 0, 0, 0, 0, 1), k=slot.size))
    vm.slots[0][:0x400] = bytes.fromhex("00050000") * 256
    vm.slots[0][0x500:0x501] = b"\xf4"
    vcpu = vm.create_vcpu(model)

    prefixes = rng.choice((b"\xf3", b"\xf2", b"\xf3", b"\xf2", b""))
    if model in ("80386", "80486") and rng.random() < 0.3:
        prefixes += b"\x66"
    if model in ("80386", "80486") and rng.random() < 0.1:
        prefixes += b"\x67"
    code = prefixes + bytes([rng.choice(STRINGS) | rng.getrandbits(1), 0xF4])
    vm.slots[0][CODE : CODE + len(code)] = code

    def place() -> tuple[int, int]:
        """A segment and an offset: anywhere, about an edge, at an end of the segment."""
        edge = rng.choice((ROM, LOG, HOLE, AGAIN, CODE, 0x5000, 0x5100))
        linear = max(0, edge + rng.randrange(-300, 300))
        if rng.random() < 0.25:
            return rng.choice((0, 0x1000)), rng.choice((0, 1, 5, 0xFFF0, 0xFFFD, 0xFFFE, 0xFFFF))
        segment = max(0, (linear >> 4) - rng.randrange(0x1000))
        return segment, linear - (segment << 4)

    regs = vcpu.regs
    regs.cs, regs.ip, regs.ss, regs.sp = 0, CODE, 0x2000 - 0x100, 0xF00
    regs.ds, regs.si = place()
    regs.es, regs.di = place()
    if rng.random() < 0.4:  # overlapping
        regs.es, regs.di = regs.ds, (regs.si + rng.randrange(-9, 10)) & 0xFFFF
    regs.cx = rng.choice((0, 1, 2, 7, 100, 600, 5000, 0xFFFF))
    regs.eax = rng.choice((0, 1, 0x01000000, 0x12345678))
    regs.flags = 2 | rng.choice((0, 0x400)) | rng.choice((0, 0x8D5))
    return vm, echo


def outcome(model: str, seed: int, slice_: int) -> dict[str, object]:
    vm, echo = machine(model, seed)
    with vm:
        vcpu = vm.vcpus[0]
        exit = None
        while vcpu.instructions < LIMIT and (not exit or exit.reason is ExitReason.BUDGET):
            exit = vcpu.run(min(slice_, LIMIT - vcpu.instructions))
        assert exit is not None
        regs = {name: hex(getattr(vcpu.regs, name)) for name in REGISTERS}
        return regs | {
            "end": exit.reason,
            "instructions": vcpu.instructions,
            "memory": [bytes(slot[:]) for slot in vm.slots],
            "dirty": vm.slots[2].dirty(),
            "device": echo.seen,
        }


@pytest.mark.parametrize("model", ["8086", "80286", "80486"])
@pytest.mark.parametrize("part", range(4))
def test_a_run_is_its_iterations(model: str, part: int) -> None:
    for seed in range(part * 30, part * 30 + 30):
        whole = outcome(model, seed, LIMIT)
        steps = outcome(model, seed, 1 if seed % 3 else 37)
        differ = [key for key in whole if whole[key] != steps[key]]
        assert not differ, f"{model}, seed {seed}: {differ}"


def test_a_kick_finds_the_flags_of_the_last_iteration() -> None:
    """Equal bytes, compared again and again: whoever stops behind some of them finds ZF set."""
    code = """
        b9a00f  ; again: mov cx,4000
        31f6    ; xor si,si
        31ff    ; xor di,di
        0c01    ; or al,1
        f3a6    ; rep: repe cmpsb
        ebf3    ; jmp again
        """
    rep, zero = 0x1009, 0x40
    seen: list[bool] = []
    with Guest(program(code)) as guest:
        vcpu, regs = guest.vcpu, guest.vcpu.regs

        def kick() -> None:
            while len(seen) < 100:
                at = vcpu.instructions  # the end of a slice; the kick comes somewhere in the next
                wait_until(lambda at=at: vcpu.instructions > at or len(seen) == 100)  # type: ignore
                vcpu.kick()

        kicks = Running(kick)
        while len(seen) < 100:
            assert vcpu.run().reason is ExitReason.INTR
            if regs.ip == rep and 0 < regs.cx < 4000:
                seen.append(regs.flags & zero != 0)
        kicks.result()

    assert all(seen)
