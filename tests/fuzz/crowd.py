"""Several vCPUs in threads on shared code that changes itself, while slots move and lines toggle.

What happens depends on the host's scheduler, so nothing is compared: it has to end well.
"""

from __future__ import annotations

import contextlib
import random
import threading
from typing import Literal

from pyx86emu import Doorbell, ExitReason, PioDevice, Vcpu, Vm

from .code import nasty

PAGE = 0x1000
#: Deeds of the host, and calls of run() of each vCPU.
DEEDS, RUNS = 150, 60
#: Seconds after which a thread hangs, on a busy host and under the sanitizers.
HANGS = 40.0


class Counter(PioDevice):
    """Counts accesses of all vCPUs; the core calls it with the GIL."""

    length = 4
    count = 0

    def pio_read(self, offset: int, size: int) -> int:
        self.count += 1
        return self.count & (1 << 8 * size) - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.count += 1


class Crowd:
    """The Vm, its vCPUs, and what the host does to them."""

    def __init__(self, model: str, seed: int) -> None:
        rng = self.rng = random.Random(f"crowd {model} {seed}")
        self.chips = rng.random() < 0.6
        clock: Literal["virtual", "host"] = rng.choice(("virtual", "virtual", "host"))
        self.vm = Vm(irqchip=self.chips, clock=clock)
        self.bell = Doorbell()
        self.vm.add_memory(0, 0x20000, dirty_log=rng.random() < 0.5)
        for page in (0x20, 0x28, 0xF0, 0x100):
            self.vm.add_memory(page * PAGE, rng.choice((1, 8)) * PAGE, dirty_log=rng.random() < 0.5)
        self.vm.pio.attach(Counter(), 0x300)
        self.vm.pio.attach(Counter(), 0xE0)
        self.write_code()
        self.vcpus = [self.vm.create_vcpu(model=model) for _ in range(rng.choice((2, 3, 4)))]
        for number, vcpu in enumerate(self.vcpus):
            self.aim(vcpu, 0x8000 + 0x400 * number, rng)
        self.closing = False
        self.problems: list[BaseException] = []
        self.ran = 0

    def write_code(self) -> None:
        """Loops that store into each other, and handlers that return."""
        rng, vm = self.rng, self.vm
        vm.write(0, bytes.fromhex("00050000") * 256)
        vm.write(0x500, b"\x50\xb0\x20\xe6\x20\x58\xcf" if self.chips else b"\x40\xcf")
        for at in range(0x1000, 0x3000, 0x80):
            code = b""
            while len(code) < 0x60:
                code += self.piece()
            code = (
                code[:0x60]
                + b"\xe9"
                + rng.choice((-0x63, 0x80 - 0x63)).to_bytes(2, "little", signed=True)
            )
            vm.write(at, code)
        vm.write(0x3000, b"\xe9\x00\xe0")  # back to 1003h
        vm.write(0x20000, nasty(rng, 0x800))

    def piece(self) -> bytes:
        rng = self.rng
        near = rng.randrange(0x1000, 0x3000).to_bytes(2, "little")
        return rng.choice((
            b"\xc6\x06" + near + bytes([rng.choice((0x40, 0x43, 0x90, 0xF8))]),
            b"\xf0\xfe\x06" + (0x4000).to_bytes(2, "little"), b"\x87\x06" + near,
            b"\xe4\xe0", b"\xe6\xe0", b"\xe6\x99", b"\x40", b"\x01\xd8", b"\x50\x58",
            b"\xfb", b"\xfa", b"\xfb\xf4", b"\xbf\x00\x40\xb9\x10\x00\xf3\xab", b"\xcd\x20",
            nasty(rng, 4),
            b"\xa1\x00\x50", b"\xa3\x00\x90", b"\xf6\x06\x00\x40\x01\x74\x00",
        ))  # fmt: skip

    def aim(self, vcpu: Vcpu, stack: int, rng: random.Random) -> None:
        regs = vcpu.regs
        regs.cs = regs.ds = regs.es = 0
        regs.ip = rng.randrange(0x1000, 0x3000, 0x80)
        regs.ss, regs.sp = 0, stack
        regs.eflags = rng.choice((2, 0x202))

    def serve(self, number: int, rng: random.Random) -> None:
        """A vCPU's thread: run, answer, start again where the guest came to an end."""
        vcpu = self.vcpus[number]
        try:
            for _ in range(RUNS):
                asked, before = rng.choice((1, 50, 1000, 5000)), vcpu.instructions
                try:
                    exit = vcpu.step() if rng.random() < 0.05 else vcpu.run(asked)
                except OSError:
                    assert self.closing, "run() refuses though the Vm is open"
                    return
                spent = vcpu.instructions - before
                self.ran += spent
                assert spent <= asked or asked == 1, f"{spent} instructions, {asked} allowed"
                if exit.reason in (ExitReason.IO, ExitReason.MMIO):
                    if not exit.write:
                        exit.reply(exit.addr)
                elif exit.reason not in (ExitReason.BUDGET, ExitReason.INTR, ExitReason.DEBUG):
                    vcpu.reset()
                    self.aim(vcpu, 0x8000 + 0x400 * number, rng)
        except BaseException as problem:
            self.problems.append(problem)

    def deed(self) -> None:
        """One thing that a host does while its vCPUs run."""
        rng, vm = self.rng, self.vm
        slots, vcpu = vm.slots, rng.choice(self.vcpus)
        page = rng.choice((0x20, 0x28, 0x30, 0xF0, 0x100, 0x108)) * PAGE
        match rng.randrange(14):
            case 0 | 1:
                rng.choice(slots[1:]).move(page)
            case 2:
                rng.choice(slots[1:]).delete()
            case 3:
                slot = vm.add_memory(page, rng.choice((1, 8)) * PAGE, dirty_log=True)
                slot[page : page + 0x800] = nasty(rng, 0x800)
            case 4:
                rng.choice(slots).dirty()
            case 5:
                vcpu.kick()
            case 6:
                vm.irq_line(rng.randrange(16), rng.random() < 0.5)
            case 7:
                vm.write(rng.randrange(0x1000, 0x3000), self.piece())
            case 8:
                with memoryview(slots[0]) as view:
                    view[rng.randrange(0x1000, 0x3000)] = rng.choice((0x40, 0x90))
            case 9:
                rng.choice((vcpu.nmi, lambda: vcpu.interrupt(0x20, queue=True)))()
            case 10:
                entry = vm.ioeventfd(
                    rng.choice((0x99, 0x300)), fd=self.bell, coalesce=rng.random() < 0.5
                )
                if rng.random() < 0.7:
                    entry.deassign()
            case 11:
                vm.a20 = not vm.a20
            case 12:
                vm.clock.call_after(rng.choice((0, 1000, 10**6)), vcpu.kick)
            case _:
                repr(
                    (vm, vm.slots, vcpu, vcpu.regs, vcpu.instructions, vm.time, vm.read(0x1000, 64))
                )

    def run(self) -> int:
        """Threads, deeds, and the end of it all: close() while they run."""
        threads = [
            threading.Thread(
                target=self.serve,
                args=(number, random.Random(self.rng.random())),
                name=f"vCPU {number}",
                daemon=True,
            )
            for number in range(len(self.vcpus))
        ]
        for thread in threads:
            thread.start()
        for _ in range(DEEDS):
            with contextlib.suppress(OSError, IndexError):  # taken, gone, no slot left
                self.deed()
        self.closing = True
        self.vm.close()
        for thread in threads:
            thread.join(HANGS)
        alive = [thread.name for thread in threads if thread.is_alive()]
        assert not alive, f"{', '.join(alive)} did not end after close()"
        for problem in self.problems:
            raise problem
        return self.ran


def crowd(model: str, seed: int) -> int:
    """No crash, no hang, no exception but those of the rules, budgets kept."""
    return Crowd(model, seed).run()
