"""Aliased buffers: one memory in several slots, above 1 MiB too, with A20 and dirty logs."""

from __future__ import annotations

import mmap
from typing import Any

from pyx86emu import MemorySlot, PioDevice

from .code import nasty
from .world import TOP, World

PAGE = 0x1000
#: The port at which the guest asks the host for one of its deeds.
PORT = 0xE0


#: The code begins with a row of instructions of one byte; most stores go there.
ROW = 24
HARMLESS = bytes.fromhex("40 41 43 45 46 48 4b 90 f8 f9")


class Host(PioDevice):
    """What the host does to aliases when the guest writes to a port: decided by the seed alone."""

    max_size = 1

    def __init__(self, world: Aliased) -> None:
        self.world = world

    def pio_read(self, offset: int, size: int) -> int:
        return int(self.world.vm.a20) << 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.world.deed(value)


class Aliased(World):
    """A machine whose memory is one buffer, several times; the guest changes its own code."""

    def add_memory(self) -> None:
        rng, vm = self.rng, self.vm
        self.pages = rng.choice((4, 16, 33))
        self.buffer = mmap.mmap(-1, self.pages * PAGE)
        self.first = {vm.add_memory(0, buffer=self.buffer, dirty_log=rng.random() < 0.5): 0}
        tops = (0x100, 0x101, 0x104, 0x10F, 0x110, 0x200, 0x1000, 0x8000, 0xFFF00)
        for _ in range(rng.choice((1, 2, 4))):
            first = rng.randrange(self.pages)
            size = rng.randrange(1, self.pages - first + 1)
            page = rng.choice((rng.randrange(self.pages, 0x100), *tops, *tops))
            view = memoryview(self.buffer)[first * PAGE : (first + size) * PAGE]
            try:
                rom, log = rng.random() < 0.2, rng.random() < 0.6
                slot = vm.add_memory(page * PAGE, buffer=view, readonly=rom, dirty_log=log)
                self.first[slot] = first * PAGE
            except FileExistsError:
                continue

    def set_registers(self) -> None:
        """As usual; often with code that stores into an alias of itself, and a host to call."""
        super().set_registers()
        rng, regs, vm = self.rng, self.vcpu.regs, self.vm
        vm.pio.attach(Host(self), PORT)
        self.near, self.spot = regs.ip, 0  # the code: its offset in CS, and in the buffer
        if rng.random() < 0.1:
            return
        # Above 1 MiB code is only seen while A20 is open; the 8086 and 80186 have no A20.
        low = [slot for slot in vm.slots if slot.addr <= (TOP if vm.a20 else 0xFFFFF)]
        segments = [min(slot.addr >> 4, 0xFFFF) for slot in low] + [0, 0xF800, 0xFFFF]
        slot = rng.choice(low)
        regs.cs = min(slot.addr >> 4, 0xFFFF)
        regs.ip = slot.addr - (regs.cs << 4) + rng.choice((0x600, 0x7F0, 0xF00, 0xFE0))
        self.near = regs.ip
        for name in ("ds", "es", "ss"):
            setattr(regs, name, rng.choice((*segments, regs.cs)))
        if rng.random() < 0.8:
            regs.ss, regs.esp = 0, 0x3F00
            regs.eflags = rng.choice((2, 0x202, 0x402))
        code = bytes(rng.choice(HARMLESS) for _ in range(ROW))
        for _ in range(rng.choice((4, 12, 25))):
            code += self.store() if rng.random() < 0.95 else nasty(rng, 4)
        code += b"\xe9" + (-(len(code) + 3) & 0xFFFF).to_bytes(2, "little")
        at = (regs.cs << 4) + regs.ip
        code = code[: slot.addr + slot.size - at]
        slot[at : at + len(code)] = code
        self.spot = self.first[slot] + at - slot.addr
        if rng.random() < 0.8:  # faults and interrupts come back
            vm.write(0x500, b"\x40\xcf")
            vm.write(0, bytes.fromhex("00050000") * 256)

    def store(self) -> bytes:
        """Instructions that store near the code, through any segment, or call the host."""
        rng = self.rng
        span = ROW if rng.random() < 0.9 else 120
        where = (self.near + rng.randrange(span) & 0xFFFF).to_bytes(2, "little")
        far = (self.near + rng.randrange(span) & 0xFFFF).to_bytes(2, "little")
        prefix = rng.choice((b"", b"\x26", b"\x26", b"\x2e", b"\x36"))
        byte = bytes([rng.choice(HARMLESS)])
        return rng.choice((
            prefix + b"\xc6\x06" + where + byte,           # mov byte [near],
            prefix + b"\xc6\x06" + far + byte,
            prefix + b"\xfe\x06" + where,                  # inc byte [near]
            prefix + b"\x80\x36" + where + b"\x01",        # xor byte [near],1
            b"\xb0" + byte + b"\xbf" + where + b"\xb9\x03\x00\xf3\xaa",  # rep stosb
            b"\xbf" + where + b"\xbe" + far + b"\xb9\x05\x00\xf3\xa4",
            b"\xb0" + bytes([rng.getrandbits(8)]) + b"\xe6" + bytes([PORT]),  # call the host
            b"\xb0" + bytes([rng.getrandbits(8) & 0xF0 | 5]) + b"\xe6" + bytes([PORT]),
            b"\x40\x43", b"\x01\xd8", b"\x72\x01\x40", b"\x50\x58",
        ))  # fmt: skip

    def deed(self, value: int) -> None:
        """One thing that a host does; which one the guest says."""
        vm = self.vm
        slots = vm.slots
        slot = slots[(value >> 4) % len(slots)]
        at = slot.addr + (value * 37 % (slot.size - 8))
        near = (self.spot - self.first[slot] + value % ROW) % (slot.size - 4)
        match value & 15:
            case 0 | 1:
                vm.a20 = bool(value & 2)
            case 2:
                vm.a20 = not vm.a20
            case 3:
                self.log.append(("dirty", self.dirty()))
            case 4:
                slot[slot.addr + near : slot.addr + near + 2] = bytes([0x40, HARMLESS[value >> 5]])
            case 5:
                vm.write(slot.addr + near, bytes([HARMLESS[value % 10]]))
            case 6 if not slot.readonly:
                with memoryview(slot) as view:
                    view[near] = HARMLESS[value % 9]
            case 7 if slot is not slots[0]:
                self.move(slot, (value >> 4) + 0x20)
            case 8 if slot is not slots[0]:
                self.move(slot, 0x100 + (value >> 4))
            case 9 if len(slots) > 2 and slot is not slots[0]:
                slot.delete()
            case 11:
                slot.readonly = not slot.readonly
            case 12:
                slot.dirty_log = not slot.dirty_log
            case 10:
                self.log.append(("sum", sum(self.buffer[self.spot : self.spot + 90])))
            case _:
                self.log.append((slot.addr, slot[at : at + 4]))

    def move(self, slot: MemorySlot, page: int) -> None:
        try:
            slot.move(page * PAGE)
        except FileExistsError:
            self.log.append("taken")

    def dirty(self) -> list[bytes | None]:
        logs: list[bytes | None] = []
        for slot in self.vm.slots:
            try:
                logs.append(slot.dirty())
            except FileNotFoundError:  # it has no log
                logs.append(None)
        return logs

    def facts(self) -> dict[str, Any]:
        return super().facts() | {"dirty": self.dirty(), "slots": [repr(s) for s in self.vm.slots]}
