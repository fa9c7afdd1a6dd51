"""Hostile machines: memory, devices and registers at random, from a seed. Run, note everything."""

from __future__ import annotations

import contextlib
import random
from typing import Any, Literal

from pyx86emu import Doorbell, Exit, ExitReason, MmioDevice, PioDevice, Vm

from .code import nasty

GENERAL = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
SEGMENTS = ("cs", "ds", "es", "ss", "fs", "gs")
#: Instructions of one run.
LIMIT = 2000
TOP = 0x10FFEE
#: Exits of one instruction: PUSHA and ENTER in a hole make the most, some of them reads.
EXITS = 300


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
        self.written: list[tuple[Any, ...]] = []
        self.handed: list[tuple[Any, ...]] = []
        self.vm.coalesced.capacity = rng.choice((3, 169, 5000))
        for _ in range(rng.choice((0, 0, 5))):
            self.add_zone()
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
        slot = rng.choice([slot for slot in self.vm.slots if slot.addr <= TOP])
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

    def add_zone(self) -> None:
        """Over low ports, or anywhere in memory; one in two with an on_drain."""
        rng = self.rng
        on_drain = self.handed.extend if rng.random() < 0.5 else None
        if rng.random() < 0.5:
            self.vm.coalesce(
                rng.randrange(256), rng.choice((1, 4, 200)), bus="pio", on_drain=on_drain
            )
        else:
            self.vm.coalesce(
                rng.randrange(0x110) << 12, rng.choice((0x800, 0x20000)), on_drain=on_drain
            )

    def tick(self) -> None:
        self.log.append(("tick", self.vm.time))
        self.vm.clock.call_after(self.period, self.tick)
        if self.chips:
            self.vm.irq_line(5, bool(len(self.log) & 1))

    def change(self, device: Wild) -> None:
        """One thing that a device may do to its machine while the guest waits for it."""
        rng, vm, vcpu = self.rng, self.vm, self.vcpu
        page = rng.randrange(0x110) << 12
        match rng.randrange(18):
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
                self.add_zone()
            case 16 if vm.coalesced.zones:
                rng.choice(vm.coalesced.zones).remove()
            case 17:
                try:
                    vcpu.run()
                except RuntimeError:
                    return
                raise AssertionError("a device could run its own vCPU")

    def run(self, slices: list[int]) -> list[tuple[Any, ...]] | None:
        """Spend LIMIT instructions in slices; the exits. None: they depend on the slices, because
        the guest sleeps and time flies, or because a batch reads ahead.
        """
        vcpu = self.vcpu
        seen: list[tuple[Any, ...]] = []
        still = 0  # exits since the last instruction
        ahead = False
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
            still = 0 if spent else still + 1
            assert still <= EXITS, f"exits without end: {exit!r}"
            assert spent <= asked, f"{spent} instructions, {asked} allowed"
            if exit.reason is ExitReason.BUDGET:
                if spent < asked:
                    return None
                continue
            if exit.count > 1 and self.reads_ahead(exit):
                ahead = True
            what = (exit.reason, exit.addr, exit.size, exit.write, exit.value)
            seen += [what] * max(1, exit.count)
            if exit.reason in (ExitReason.IO, ExitReason.MMIO):
                if not exit.write:
                    exit.reply(bytes([exit.addr * 7 & 0xFF]) * (exit.size * exit.count))
            elif exit.reason not in (ExitReason.INTR, ExitReason.HYPERCALL):
                break
        return None if ahead else seen

    def reads_ahead(self, exit: Exit) -> bool:
        """Is this a batch of REP INS that goes on behind its page (as KVM's do), round its segment
        or over its own code? Its reads come before what one element would have led to first.
        """
        regs, size = self.vcpu.regs, exit.size * exit.count
        at = (regs.es << 4) + regs.di
        if regs.eflags & 0x400:
            low, room = at + exit.size - size, min(at & 0xFFF, regs.di)
        else:
            low, room = at, min(0x1000 - (at & 0xFFF), 0x10000 - regs.di)
        code = (exit.cs << 4) + exit.ip
        return size > room or (code - low + 15) & 0xFFFFF < size + 15

    def facts(self) -> dict[str, Any]:
        """All that a run may change."""
        self.written += self.vm.coalesced.drain()
        regs = {n: hex(getattr(self.vcpu.regs, n)) for n in (*GENERAL, *SEGMENTS, "eip", "eflags")}
        return regs | {
            "instructions": self.vcpu.instructions,
            "time": self.vm.time,
            "bell": self.bell.count,
            "log": self.log,
            "written": self.written,
            "handed": self.handed,
            "memory": [slot[:] for slot in self.vm.slots],
        }
