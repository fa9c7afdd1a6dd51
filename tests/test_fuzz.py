"""Hostile machines: random code, memory, devices and answers. What the fuzz once found is below."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any, Literal

import pytest

import pyx86emu
from pyx86emu import Doorbell, ExitReason, Machine, MmioDevice, PioDevice, Vm
from tests.conformance.guest import CODE, Guest, program

MODELS = ("8086", "80186", "80286", "80386", "80486")
GENERAL = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
SEGMENTS = ("cs", "ds", "es", "ss", "fs", "gs")
BIOS = (Path(pyx86emu.__file__).parent / "roms" / "bios.bin").read_bytes()
LIMIT = 2000
TOP = 0x10FFEE
#: A batch of REP INS that was answered is finished, whatever the budget says.
BATCH = 1024

# -- code -----------------------------------------------------------------------------------------

PREFIXES = bytes.fromhex("26 2e 36 3e 64 65 66 67 f0 f1 f2 f3")
STRINGS = bytes.fromhex("6c 6d 6e 6f a4 a5 a6 a7 aa ab ac ad ae af")
SINGLE = bytes.fromhex("fa fb 9c 9d cf f4 16 17 cc ce fc fd f8 60 61 c9 c3 cb 58")
BRANCHES = bytes.fromhex("70 72 74 75 7c e0 e2 e3 eb")
CONSTANTS = bytes.fromhex("b0 b1 b4 b8 b9 ba bb bc be bf")
PORTS = bytes.fromhex("20 21 40 41 42 43 61 80 90 92 a0 a1")
ODD = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def nasty(rng: random.Random, size: int) -> bytes:
    """Random bytes, a damaged piece of firmware, or instructions with a taste for trouble."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        at = rng.randrange(len(BIOS) - size)
        piece = bytearray(BIOS[at : at + size])
        for _ in range(rng.choice((1, 5, 40))):
            piece[rng.randrange(size)] = rng.getrandbits(8)
        return bytes(piece)
    if kind == 2:
        return bytes(rng.choice((rng.choice(PREFIXES), rng.getrandbits(8))) for _ in range(size))
    out = b""
    while len(out) < size:
        out += bytes(rng.choices(PREFIXES, k=rng.choice((0, 0, 0, 1, 1, 2)))) + instruction(rng)
    return out[:size]


def instruction(rng: random.Random) -> bytes:
    byte = rng.choice((rng.choice(ODD), rng.getrandbits(8)))
    match rng.randrange(10):
        case 0 | 1:
            return bytes([rng.choice(STRINGS)])
        case 2:
            return bytes([0xE4 | rng.randrange(4), rng.choice(PORTS)])
        case 3:
            return bytes([rng.choice(SINGLE)])
        case 4:  # mov byte [cs:near],byte
            return bytes([0x2E, 0xC6, 0x06, rng.getrandbits(8), rng.choice((0, 0x10, 0xFF)), byte])
        case 5:
            return bytes([rng.choice(BRANCHES), rng.randrange(-20, 20) & 0xFF])
        case 6:
            return bytes([rng.choice(CONSTANTS), byte, rng.choice(ODD)])
        case 7:
            return bytes([0x8E, 0xC0 | rng.getrandbits(5)])
        case 8:
            return b"\x0f" + rng.randbytes(2)
        case _:
            return rng.randbytes(rng.randrange(1, 6))


# -- devices --------------------------------------------------------------------------------------


class Wild(PioDevice, MmioDevice):
    """Answers at random; if `wild`, does at random whatever a device may do."""

    def __init__(self, world: World, *, wild: bool) -> None:
        self.world, self.rng, self.wild = world, world.rng, wild
        self.max_size = self.rng.choice((1, 2, 4, 8))

    def pio_read(self, offset: int, size: int) -> int:
        self.world.log.append((offset, size, self.world.vm.time))
        self.act()
        return self.world.answers.getrandbits(8 * size)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.world.log.append((offset, size, value, self.world.vm.time))
        self.act()

    mmio_read = pio_read
    mmio_write = pio_write

    def act(self) -> None:
        if self.wild and self.rng.random() < 0.4:
            with contextlib.suppress(OSError, ValueError):  # what is impossible just now
                self.world.change(self)


# -- machines -------------------------------------------------------------------------------------


class World:
    """A machine with everything at random, made from a seed."""

    def __init__(self, model: str, seed: int, *, wild: bool = False) -> None:
        rng = self.rng = random.Random(f"{model} {seed}")
        self.answers = random.Random(f"answers {seed}")
        self.chips = rng.random() < 0.5
        self.vm = Vm(irqchip=self.chips, shift=rng.choice((7, 7, 0, 12, 20)))
        self.log: list[tuple[Any, ...]] = []
        self.bell = Doorbell()
        self.add_memory()
        self.vcpu = self.vm.create_vcpu(model=model)
        self.vm.a20 = rng.random() < 0.5
        self.fill_memory()
        self.set_registers()
        places = (
            (self.vm.pio, rng.choice((0x62, 0x80, 0x300))),
            (self.vm.mmio, rng.choice((0, 0x400, 0xB8000, 0xD0000, 0xFFFF0))),
        )
        for bus, base in places:
            if rng.random() < 0.7:
                bus.attach(Wild(self, wild=wild), base, rng.choice((1, 7, 0x20)))
        for _ in range(rng.choice((0, 5))):
            self.add_bell()
        if self.chips:
            self.program_chips()
        self.period = rng.choice((0, 0, 777, 1000, 50000))
        if self.period:
            self.vm.clock.call_after(self.period, self.tick)

    def add_memory(self) -> None:
        """All of it, its beginning, a PC's, or single pages with holes, ROM and dirty logs."""
        rng, vm = self.rng, self.vm
        layout = rng.randrange(4)
        if layout == 0:
            vm.add_memory(0, 0x110000)
        elif layout == 1:
            vm.add_memory(0, 0x10000, dirty_log=rng.random() < 0.5)
        elif layout == 2:
            vm.add_memory(0, 0xA0000)
            vm.add_memory(0xF0000, 0x10000, readonly=True)
            vm.add_memory(0x100000, 0x10000)
        else:
            for page in sorted(
                {rng.choice((0, 0xFF, 0x100, rng.randrange(0x110))) for _ in range(50)}
            ):
                rom, log = rng.random() < 0.2, rng.random() < 0.4
                vm.add_memory(page << 12, 0x1000, readonly=rom, dirty_log=log)

    def fill_memory(self) -> None:
        rng = self.rng
        how = rng.randrange(3)
        for slot in self.vm.slots:
            if how == 0:
                slot[:] = rng.randbytes(slot.size)
            elif how == 1:
                slot[:] = nasty(rng, 0x400) * (slot.size // 0x400)
        first = self.vm.slots[0]
        if first.addr == 0 and rng.random() < 0.5:
            handler = nasty(rng, 6) + b"\xcf"
            first[0x500 : 0x500 + len(handler)] = handler
            first[0:0x400] = bytes.fromhex("00050000") * 256

    def set_registers(self) -> None:
        """Code somewhere in memory: anywhere, at an edge of it, before the end of a segment."""
        rng, regs = self.rng, self.vcpu.regs
        slot = rng.choice(self.vm.slots)
        last = slot.addr + slot.size - 1
        places = (slot.addr, last, last - rng.randrange(40), rng.randrange(slot.addr, last))
        at = min(rng.choice(places), TOP)
        code = nasty(rng, rng.choice((20, 100, 600)))[: last + 1 - at]
        slot[at : at + len(code)] = code
        for name in GENERAL:
            odd = rng.choice((0, 0xFFFF, 0xFFFE, 0x10000, 0xFFFFFFFF))
            setattr(regs, name, rng.choice((rng.getrandbits(32), rng.getrandbits(16), odd)))
        low, high = max(0, (at - 0xFFFF + 15) >> 4), min(0xFFFF, at >> 4)
        regs.cs = rng.choice((low, high, rng.randint(low, high)))
        for name in ("ds", "es", "ss"):
            choices = (0, 0x100, 0xF000, 0xFFFF, regs.cs, rng.getrandbits(16))
            setattr(regs, name, rng.choice(choices))
        regs.eflags = rng.choice((2, 0x202, 0x302, 0x402, rng.getrandbits(16)))
        regs.ip = at - (regs.cs << 4)

    def program_chips(self) -> None:
        rng, pio = self.rng, self.vm.pio
        for port, value in ((0x20, 0x11), (0x21, rng.choice((8, 0x20, 0x60))), (0x21, 4), (0x21, 1),
                            (0xA0, 0x11), (0xA1, 0x70), (0xA1, 2), (0xA1, 1), (0x21, 0), (0xA1, 0),
                            (0x43, rng.choice((0x30, 0x32, 0x34, 0x35, 0x36, 0x38))),
                            (0x40, rng.choice((1, 3, rng.getrandbits(8)))), (0x40, 0)):  # fmt: skip
            pio.write(port, 1, value)

    def add_bell(self) -> None:
        rng = self.rng
        bus: Literal["pio", "mmio"] = rng.choice(("pio", "mmio"))
        port, length = rng.randrange(256), rng.choice((0, 1, 2, 4))
        coalesce = rng.random() < 0.5
        with contextlib.suppress(FileExistsError):
            self.vm.ioeventfd(port, length, bus=bus, fd=self.bell, coalesce=coalesce)

    def tick(self) -> None:
        self.log.append(("tick", self.vm.time))
        self.vm.clock.call_after(self.period, self.tick)
        if self.chips:
            self.vm.irq_line(5, bool(len(self.log) & 1))

    def change(self, device: Wild) -> None:
        """One thing that a device may do to its machine while the guest waits for it."""
        rng, vm, vcpu = self.rng, self.vm, self.vcpu
        page = rng.randrange(0x110) << 12
        match rng.randrange(16):
            case 0:
                raise LookupError("a device may raise")
            case 1:
                vm.a20 = not vm.a20
            case 2:
                vm.add_memory(page, 0x1000, dirty_log=True)[:] = nasty(rng, 0x1000)
            case 3 if len(vm.slots) > 1:
                rng.choice(vm.slots[1:]).delete()
            case 4 if len(vm.slots) > 1:
                rng.choice(vm.slots[1:]).move(page)
            case 5:
                vcpu.kick()
            case 6:
                vcpu.reset()
            case 7:
                vcpu.nmi()
            case 8:
                vcpu.interrupt(rng.randrange(256), queue=True)
            case 9:
                vm.pio.detach(device)
            case 10:
                self.add_bell()
            case 11 if vm.ioeventfds:
                rng.choice(vm.ioeventfds).deassign()
            case 12:
                vm.write((vcpu.regs.cs << 4) + rng.randrange(0x1000), rng.randbytes(4))
            case 13 if self.chips:
                vm.irq_line(rng.randrange(16), rng.random() < 0.5)
            case 14:
                vm.clock.call_at(vm.time + rng.choice((0, 100, 100_000)), lambda: None)
            case 15:
                with pytest.raises(RuntimeError):
                    vcpu.run()

    def run(self, slices: list[int]) -> list[tuple[Any, ...]] | None:
        """Spend LIMIT instructions in slices; the exits. None: the guest sleeps and time flies."""
        vcpu = self.vcpu
        seen: list[tuple[Any, ...]] = []
        for turn in range(20_000):
            left = LIMIT - vcpu.instructions
            if left <= 0 or len(seen) > LIMIT:
                break
            asked, before = min(left, slices[turn % len(slices)]), vcpu.instructions
            try:
                exit = vcpu.run(asked)
            except LookupError:
                continue
            spent = vcpu.instructions - before
            assert spent <= asked + BATCH, f"{spent} instructions, {asked} allowed"
            if exit.reason is ExitReason.BUDGET:
                if spent < asked:
                    return None
                continue
            what = (exit.reason, exit.addr, exit.size, exit.write, exit.value)
            seen += [what] * max(1, exit.count)
            if exit.reason in (ExitReason.IO, ExitReason.MMIO):
                if not exit.write:
                    exit.reply(bytes([exit.addr * 7 & 0xFF]) * (exit.size * exit.count))
            elif exit.reason not in (ExitReason.INTR, ExitReason.HYPERCALL):
                break
        return seen

    def facts(self) -> dict[str, Any]:
        """All that a run may change."""
        regs = {n: hex(getattr(self.vcpu.regs, n)) for n in (*GENERAL, *SEGMENTS, "eip", "eflags")}
        return regs | {
            "instructions": self.vcpu.instructions,
            "time": self.vm.time,
            "bell": self.bell.count,
            "log": self.log,
            "memory": [slot[:] for slot in self.vm.slots],
        }


def survive(model: str, seed: int) -> None:
    """Nothing but what World.run() allows."""
    world = World(model, seed, wild=True)
    world.run([LIMIT])
    world.vm.close()


def compare(model: str, seed: int) -> None:
    """One machine in blocks, in slices, one instruction at a time: blocks must not be visible."""
    facts = []
    for slices in ([LIMIT], [1], [3, 50, 1, 333, 7]):
        world = World(model, seed)
        exits = world.run(slices)
        facts.append({"exits": exits} | world.facts())
        world.vm.close()
        if exits is None or len(exits) > LIMIT:
            return
    for other, name in zip(facts[1:], ("steps", "slices"), strict=True):
        differ = [key for key in facts[0] if facts[0][key] != other[key]]
        assert not differ, f"{model}, seed {seed}: {name} differ from blocks in {differ}"


@pytest.mark.parametrize("model", MODELS)
def test_wild_machines_do_no_harm(model: str) -> None:
    for seed in range(60):
        survive(model, seed)


@pytest.mark.parametrize("model", MODELS)
def test_blocks_are_not_visible(model: str) -> None:
    for seed in range(25):
        compare(model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100, 2100, 500))
@pytest.mark.parametrize("model", MODELS)
def test_ten_thousand_wild_machines_do_no_harm(model: str, start: int) -> None:
    for seed in range(start, start + 500):
        survive(model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_blocks_are_not_visible_in_many_machines(model: str) -> None:
    for seed in range(100, 500):
        compare(model, seed)


def damaged(image: bytes, model: str, seed: int) -> None:
    """A whole PC boots a damaged disk: whatever the guest does, no exception."""
    rng = random.Random(f"{model} {seed}")
    disk = bytearray(image)
    for _ in range(rng.choice((1, 3, 10, 60))):
        disk[rng.randrange(min(len(disk), rng.choice((512, 8192, 65536))))] = rng.getrandbits(8)
    with Machine(bytes(disk), model=model) as machine:
        machine.run(max_instructions=60_000)
        assert machine.vcpu.instructions <= 60_000 + BATCH


@pytest.mark.parametrize("model", MODELS)
def test_damaged_boot_sectors(model: str) -> None:
    for seed in range(6):
        rng = random.Random(seed)
        damaged((nasty(rng, 510) + b"\x55\xaa") * 8, model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_damaged_guests(model: str, guests: Path) -> None:
    for image in sorted(guests.glob("*.img")):
        for seed in range(10):
            damaged(image.read_bytes(), model, seed)


# -- what it found --------------------------------------------------------------------------------


@pytest.mark.parametrize("before", range(1, 40))
def test_code_that_runs_into_a_hole(before: int) -> None:
    with Guest() as guest:
        guest.ram[0x10000 - before : 0x10000] = b"\x90" * before
        guest.vcpu.regs.cs, guest.vcpu.regs.ip = 0x0F00, 0x1000 - before

        exit = guest.vcpu.run(1000)

        assert exit.reason is ExitReason.INTERNAL_ERROR
        assert (guest.vcpu.regs.ip, guest.vcpu.instructions) == (0x1000, before)


@pytest.mark.parametrize("edi", [0xFFFFFFFF, 0xFFFFFFFE, 0x10000, 0xFFFF])
@pytest.mark.parametrize("code", ["67f36c", "67f36d", "67f3666d", "676c"])
def test_ins_beyond_the_segment(code: str, edi: int) -> None:
    with Guest(bytes.fromhex(code)) as guest:
        guest.vcpu.regs.edi, guest.vcpu.regs.ecx = edi, 5
        texts = guest.exits()
        assert texts[-1] == "HLT IN VECTOR 13" or edi == 0xFFFF


def test_batch_of_ins_that_faults_is_forgotten() -> None:
    """INSW up to FFFFh faults in the middle of its batch; the handler's INSB asks the port anew."""
    with Guest(program("bff1ff b93200 f36d  ; mov di,0xfff1; mov cx,50; rep insw")) as guest:
        guest.ram[0x2000:0x2003] = program("6c f4  ; insb; hlt") + b"\x90"
        guest.vector(13, 0x2000)

        assert guest.exits() == [
            "IO in port=0x0 size=2 count=15",
            "IO in port=0x0 size=1 count=1",
            "HLT",
        ]


def test_batch_of_ins_that_overwrites_its_own_instruction() -> None:
    with Guest(program("bf0610 b90500 f36c 90 90 90 90 6c  ; mov di,0x1006; ...")) as guest:
        guest.answer = lambda exit: b"\x90" * (exit.size * exit.count)

        # The first byte makes NOP; INSB of it, so four bytes of the batch are nobody's any more.
        assert guest.exits() == [f"IO in port=0x0 size=1 count={n}" for n in (5, 1, 1)] + ["HLT"]


@pytest.mark.parametrize("flags", [2, 0x102], ids=["nmi", "trap"])
def test_queued_interrupt_waits_behind_others(flags: int) -> None:
    """It is queued while IF is 0; an NMI, or the traps of single steps, come first."""
    with Guest(
        program("90 90 fb 90 e699  ; nop; nop; sti; nop; out 0x99,al"), flags=flags
    ) as guest:
        guest.ram[0x2000:0x2002] = program("41 cf  ; inc cx; iret")
        guest.ram[0x3000:0x3002] = program("43 cf  ; inc bx; iret")
        guest.vector(1, 0x2000)
        guest.vector(2, 0x2000)
        guest.vector(0x40, 0x3000)
        guest.vcpu.interrupt(0x40, queue=True)
        if flags == 2:
            guest.vcpu.nmi()

        assert guest.run().reason is ExitReason.IO

        assert guest.vcpu.regs.bx == 1
        assert guest.vcpu.regs.cx >= 1


@pytest.mark.parametrize("code", ["eb fe", "fb f4 eb fd"], ids=["jmp", "hlt"])
def test_timer_that_always_asks_for_now(code: str) -> None:
    with Guest(bytes.fromhex(code), irqchip=True) as guest:

        def again() -> None:
            guest.vm.clock.call_at(guest.vm.time, again)

        again()

        assert guest.vcpu.run(1000).reason is ExitReason.BUDGET
        assert guest.vcpu.instructions <= 1000


@pytest.mark.parametrize("model", MODELS[:2])
def test_prefixes_end_where_the_host_sets_ip(model: str) -> None:
    with Guest(b"\x26" * 200, model=model) as guest:
        guest.ram[0x2000:0x2004] = program("a00050 f4  ; mov al,[0x5000]; hlt")
        guest.ram[0x5000:0x5001], guest.ram[0x6000:0x6001] = b"\1", b"\2"
        guest.vcpu.regs.es = 0x100
        guest.vcpu.run(3)

        guest.vcpu.regs.ip = 0x2000

        assert guest.exits() == ["HLT"]
        assert guest.vcpu.regs.al == 1


@pytest.mark.parametrize(
    "code", ["0f22c1", "0f22d1", "0f26f1", "0f23c1"], ids=["cr0", "cr2", "tr6", "dr0"]
)
def test_moves_to_special_registers_go_on(code: str) -> None:
    with Guest(bytes.fromhex(code) + program("40 40  ; inc ax; inc ax"), model="80386") as guest:
        for _ in range(3):
            guest.start()
            assert guest.exits() == ["HLT"]
            assert guest.vcpu.regs.ax == 2


@pytest.mark.parametrize(
    "code",
    [
        program("66b9ffffffff 67f3ac ebf4  ; mov ecx,-1; rep lodsb"),
        program("66b9ffffffff 67f3a4 ebf4  ; mov ecx,-1; rep movsb"),
        program("66b9ffffffff f36e ebf5  ; mov ecx,-1; rep outsb"),
        program("cd21 ebfc  ; int 0x21"),
        program("8ed3 8ed3 8ed3 ebf8  ; mov ss,bx ..."),
        program("fb fb fb fb ebfa  ; sti ..."),
        program("c606001090 ebf9  ; mov byte [0x1000],0x90"),
        program("0f0b  ; ud2"),
        b"\x66\x67\x2e" * 200,
    ],
    ids=["lods", "movs", "outs", "int", "mov ss", "sti", "smc", "ud2", "prefixes"],
)
@pytest.mark.parametrize("irqchip", [False, True])
def test_nothing_outlives_its_budget(code: bytes, irqchip: bool) -> None:
    with Guest(code, irqchip=irqchip) as guest:
        guest.ram[0x2000:0x2001] = b"\xcf"
        guest.vector(0x21, 0x2000)
        for vector in (6, 12, 13):
            guest.vector(vector, CODE)
        guest.vm.pio.attach(PioDevice(), 0, 4)

        for n in (1, 10, 1000, 20_000):
            before = guest.vcpu.instructions
            assert guest.vcpu.run(n).reason is ExitReason.BUDGET
            assert guest.vcpu.instructions == before + n
