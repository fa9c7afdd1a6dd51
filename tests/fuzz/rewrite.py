"""Devices that look at registers and write them, always alike: blocks must not be visible."""

from __future__ import annotations

import contextlib

from pyx86emu import BusError, MmioDevice, PioDevice

from .busy import LENGTH, PLACE, PORT, Busy


class Rewriter(PioDevice, MmioDevice):
    """Notes what it sees of the vCPU, then writes a register: blocks must not be visible."""

    max_size = 1

    def __init__(self, world: Rewritten) -> None:
        self.world = world

    def pio_read(self, offset: int, size: int) -> int:
        self.world.rewrite()
        return self.world.answers.getrandbits(8 * size)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.world.rewrite()

    mmio_read = pio_read
    mmio_write = pio_write


class Rewritten(Busy):
    """A machine whose devices look at registers and write them."""

    def __init__(self, model: str, seed: int) -> None:
        super().__init__(model, seed)
        rng, vm = self.rng, self.vm
        self.writes = rng.random() < 0.7
        places = [(vm.pio, port, 1) for port in (PORT, 0x80, 0x90, 0x20, 0x40, 0x61)]
        for bus, at, length in (*places, (vm.mmio, PLACE, LENGTH)):
            with contextlib.suppress(BusError):  # a chip or another device is there
                bus.attach(Rewriter(self), at, length)

    def rewrite(self) -> None:
        """Look, then write."""
        vcpu, rng = self.vcpu, self.answers
        regs = vcpu.regs
        self.log.append(
            (
                regs.cs,
                regs.ip,
                hex(regs.eflags),
                regs.esp,
                regs.eax,
                vcpu.instructions,
                self.vm.time,
            )
        )
        if not self.writes or rng.random() < 0.6:
            return
        name = rng.choice(("cs", "ip", "flags", "sp", "ds", "es", "ss", "ecx", "eax", "edi"))
        value = rng.getrandbits(16)
        if name == "cs" and rng.random() < 0.8:
            value = regs.cs
        if name == "ip" and rng.random() < 0.9:
            value = self.start
        with contextlib.suppress(RuntimeError):  # a read of the guest waits for its answer
            setattr(regs, name, value)
