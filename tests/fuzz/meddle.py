"""Devices that take part in everything: they re-enter, raise, close the Vm, rewrite registers."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable
from typing import Any

from pyx86emu import EventFd, ExitReason, MmioDevice, PioDevice

from .busy import LENGTH, PLACE, PORT, Busy
from .code import nasty
from .world import EXITS, LIMIT

#: What a call that is impossible just now raises.
IMPOSSIBLE = (OSError, ValueError, RuntimeError, IndexError)
REGISTERS = (
    "cs",
    "ip",
    "eip",
    "flags",
    "eflags",
    "sp",
    "ss",
    "ds",
    "eax",
    "ecx",
    "edi",
    "cr0",
    "dr7",
    "dr0",
)


class Stop(BaseException):
    """As rude as KeyboardInterrupt."""


RAISED = (
    LookupError,
    Stop,
    StopIteration,
    MemoryError,
    KeyboardInterrupt,
    GeneratorExit,
    BlockingIOError,
)


class Meddler(PioDevice, MmioDevice):
    """Answers with anything, after it did anything."""

    length = 4

    def __init__(self, world: Meddled) -> None:
        self.world, self.rng = world, world.rng
        self.max_size = self.rng.choice((1, 2, 4, 8))

    def pio_read(self, offset: int, size: int) -> Any:
        self.world.meddle(self)
        if self.rng.random() < 0.9:
            return self.rng.getrandbits(8 * size)
        return self.rng.choice(
            (1 << 8 * size, -1, 1 << 70, -(1 << 70), True, None, "x", 1.5, b"a", [1])
        )

    def pio_write(self, offset: int, size: int, value: int) -> Any:
        self.world.meddle(self)
        return self.rng.choice((None, None, 5, "x"))

    mmio_read = pio_read
    mmio_write = pio_write

    def reset(self) -> None:
        if self.world.rng.random() < 0.02:
            raise LookupError("no reset today")


class Meddled(Busy):
    """A machine with such devices, on both buses, push and pull."""

    def __init__(self, model: str, seed: int) -> None:
        self.descriptors = len(os.listdir("/proc/self/fd"))
        super().__init__(model, seed)
        self.depth = 0
        self.inside = False  # is it run() that calls the device?
        self.others: list[Meddler] = []
        self.views: list[memoryview] = []
        self.event = EventFd()
        pull = self.rng.random() < 0.2
        with contextlib.suppress(*IMPOSSIBLE, *RAISED):
            self.vm.pio.attach(Meddler(self), PORT, 4, pull=pull)
            self.vm.mmio.attach(Meddler(self), PLACE, LENGTH, pull=pull)
        for _ in range(self.rng.choice((0, 1, 3))):
            with contextlib.suppress(*IMPOSSIBLE, *RAISED):
                self.add_device()

    def add_device(self) -> None:
        rng, vm = self.rng, self.vm
        device = Meddler(self)
        bus, places = rng.choice((
            (vm.pio, (0, 0x10, 0x62, 0x70, 0x80, 0x300, rng.getrandbits(16))),
            (vm.mmio, (0, 0x400, 0xB8000, 0xD0000, 0xFFFF0, rng.getrandbits(20))),
        ))  # fmt: skip
        bus.attach(device, rng.choice(places), rng.choice((1, 7, 0x40)), pull=rng.random() < 0.3)
        self.others.append(device)

    def meddle(self, device: Meddler) -> None:
        if self.depth > 3 or self.rng.random() < 0.5:
            return
        self.depth += 1
        try:
            self.deed(device)
        except IMPOSSIBLE:
            pass
        finally:
            self.depth -= 1

    def deed(self, device: Meddler) -> None:
        rng, vm, vcpu = self.rng, self.vm, self.vcpu
        addr, port = (
            rng.getrandbits(20),
            rng.choice((0x62, 0x80, 0x300, 0x20, 0x40, rng.getrandbits(16))),
        )
        page = rng.randrange(0x110) << 12
        match rng.randrange(28):
            case 0:
                vm.read(addr, rng.choice((1, 5000)))
            case 1:
                vm.write(
                    (vcpu.regs.cs << 4) + vcpu.regs.ip + rng.randrange(-20, 40), rng.randbytes(9)
                )
            case 2:
                rng.choice((vm.pio, vm.mmio)).read(port, rng.choice((1, 2, 4, 8)))
            case 3:
                rng.choice((vm.pio, vm.mmio)).write(
                    port, rng.choice((1, 2, 4)), rng.getrandbits(16)
                )
            case 4:
                self.add_device()
            case 5:
                rng.choice((vm.pio, vm.mmio)).detach(device)
            case 6:
                rng.choice((vm.pio, vm.mmio)).detach(rng.choice(self.others))
            case 7 if self.inside:
                self.refused(rng.choice((vcpu.run, vcpu.step, lambda: vcpu.run(3))))
            case 8:
                vcpu.kick()
            case 9:
                vcpu.reset()
            case 10:
                vcpu.nmi()
            case 11:
                vcpu.interrupt(rng.randrange(256), queue=rng.random() < 0.7)
            case 12 | 13:
                setattr(
                    vcpu.regs,
                    rng.choice(REGISTERS),
                    rng.choice((rng.getrandbits(16), 0, 0xFFFF, 2)),
                )
            case 14:
                for name in REGISTERS:
                    setattr(vcpu.regs, name, rng.getrandbits(16))
            case 15:
                vcpu.debug(
                    rng.random() < 0.3,
                    [rng.getrandbits(16) for _ in range(rng.choice((0, 1, 64)))],
                    [(page, port + 1, "w"), (addr, 3, "rw")],
                )
            case 16 if rng.random() < 0.1:
                vm.close()
            case 17:
                raise rng.choice(RAISED)("a device may raise")
            case 18:
                gc.collect(0)
            case 19:
                timer = vm.clock.call_after(
                    rng.choice((0, 100, 100_000)), lambda: self.meddle(device)
                )
                if rng.random() < 0.3:
                    timer.cancel()
            case 20:
                self.add_bell()
            case 21 if vm.ioeventfds:
                rng.choice(vm.ioeventfds).deassign()
            case 22:
                self.change_slots(page)
            case 23:
                vm.irq_line(rng.randrange(16), rng.random() < 0.5)
            case 24:
                vm.irqfd(rng.randrange(16), self.event)
                self.event.write(1)
            case 25:
                vm.a20 = not vm.a20
            case 26 if len(vm.vcpus) < 3:
                vm.create_vcpu(vcpu.model)
            case _:
                repr(
                    (
                        vm,
                        vcpu,
                        vcpu.regs,
                        vm.slots,
                        vm.pio,
                        vm.clock,
                        vm.ioeventfds,
                        vcpu.ready,
                        vcpu.if_flag,
                    )
                )

    def refused(self, run: Callable[[], object]) -> None:
        """A device cannot run its own vCPU."""
        try:
            run()
        except (RuntimeError, OSError):
            return
        raise AssertionError("a device could run its own vCPU")

    def change_slots(self, page: int) -> None:
        rng, vm = self.rng, self.vm
        slot = rng.choice(vm.slots) if vm.slots else None
        match rng.randrange(6):
            case 0 if slot:
                slot.delete()
            case 1 if slot:
                slot.move(page)
            case 2 if slot and page & 0x3000 == 0x1000:
                slot.readonly = not slot.readonly
            case 2 if slot and page & 0x3000 == 0x2000:
                slot.dirty_log = not slot.dirty_log
            case 2 if slot and page & 0x3000 == 0x3000:
                slot.clear_dirty(0, slot.size >> 12, slot.dirty(clear=False))
            case 2 if slot:
                slot.dirty()
            case 3 if slot and not slot.readonly:
                view = memoryview(slot)
                view[rng.randrange(len(view))] = rng.getrandbits(8)
                self.views.append(view)
            case 4 if self.views:
                self.views.pop().release()
            case _:
                vm.add_memory(page, 0x1000, dirty_log=rng.random() < 0.5)[:] = nasty(rng, 0x1000)

    def endure(self) -> int:
        """Run; nothing comes out but what devices raise, answers that are none, and limits hold."""
        vcpu, rng = self.vcpu, self.rng
        expected = (*RAISED, *IMPOSSIBLE, TypeError)
        still = 0
        for _ in range(3000):
            before, asked = vcpu.instructions, rng.choice((1, 7, 100, LIMIT))
            if before >= LIMIT or still > EXITS:
                break
            try:
                self.inside = True
                vcpu.debug(singlestep=rng.random() < 0.1)  # step() has no limits
                exit = vcpu.run(asked)
                self.inside = False
                bus = {ExitReason.IO: self.vm.pio, ExitReason.MMIO: self.vm.mmio}.get(exit.reason)
                spent = vcpu.instructions - before
                assert spent <= asked, f"{spent} instructions, {asked} allowed"
                if bus is not None and not bus.dispatch(exit) and not exit.write:
                    exit.reply(exit.addr)
                repr(exit)
            except expected:
                self.inside = False
            still = 0 if vcpu.instructions > before else still + 1
        return vcpu.instructions

    def end(self) -> None:
        """Close; no descriptor is left, whatever the devices did."""
        self.vm.close()
        self.event.close()
        gc.collect()
        left = len(os.listdir("/proc/self/fd")) - self.descriptors
        assert left <= 0, f"{left} descriptors more than before"
