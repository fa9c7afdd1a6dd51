"""Drivers in Python for one virtio device on the PCI bus: a legacy one and a modern one."""

from __future__ import annotations

from typing import Any

from pyx86emu import Machine
from pyx86emu.virtio import pci
from pyx86emu.virtio.device import VirtioDevice
from pyx86emu.virtio.numbers import FEATURES_OK, VERSION_1
from pyx86emu.virtio.pci import VirtioPci
from tests.virtio.driver import Ring

#: Where the BARs of the first device are.
PORT, MEMORY = 0xC000, 0xD1000


class LegacyRing(Ring):
    """The layout of 2.7.2: the used ring begins at a page."""

    def __init__(self, m: Machine, size: int, base: int = 0x10000) -> None:
        super().__init__(m.vm, size, base)
        self.used = self.avail + 6 + 2 * size + 4095 & -4096
        self.base = base


def legacy(m: Machine, device: VirtioDevice, features: int = 0, **how: Any) -> Any:
    """A device that a legacy driver has set up, with its queue 0."""
    transport = VirtioPci(device, **how)
    m.attach(transport)
    ring = LegacyRing(m, 8)
    m.pio.write(PORT + pci.STATUS, 1, 0)
    m.pio.write(PORT + pci.STATUS, 1, 3)
    m.pio.write(PORT + pci.GUEST_FEATURES, 4, features)
    m.pio.write(PORT + pci.QUEUE_SELECT, 2, 0)
    m.pio.write(PORT + pci.QUEUE_PFN, 4, ring.base >> 12)
    m.pio.write(PORT + pci.STATUS, 1, 7)
    return transport, ring


class Modern:
    """The structures of 4.1.4, found by the capabilities, over memory or the configuration."""

    def __init__(self, m: Machine, by_config: bool = False, number: int = 1) -> None:
        self.m, self.by_config, self.number = m, by_config, number
        self.at: dict[int, tuple[int, int]] = {}
        link = self.config(0x34, 1)
        while link:
            kind, bar, offset = (self.config(link + 3, 1), self.config(link + 4, 1), link + 8)
            self.at[kind] = bar, self.config(offset, 4)
            self.access = link if kind == pci.CAP_PCI else 0
            if kind == pci.CAP_NOTIFY:
                self.multiplier = self.config(link + 16, 4)
            link = self.config(link + 1, 1)

    def config(self, offset: int, size: int, value: int | None = None) -> int:
        self.m.pio.write(0xCF8, 4, 1 << 31 | self.number << 11 | offset & 0xFC)
        if value is not None:
            self.m.pio.write(0xCFC + (offset & 3), size, value)
            return value
        return self.m.pio.read(0xCFC + (offset & 3), size)

    def _place(self, kind: int, offset: int, size: int) -> int:
        bar, base = self.at[kind]
        if not self.by_config:
            return (self.config(0x10 + 4 * bar, 4) & ~15) + base + offset
        self.config(self.access + 4, 1, bar)
        self.config(self.access + 8, 4, base + offset)
        self.config(self.access + 12, 4, size)
        return self.access + 16

    def get(self, offset: int, size: int, kind: int = pci.CAP_COMMON) -> int:
        at = self._place(kind, offset, size)
        return self.config(at, size) if self.by_config else self.m.mmio.read(at, size)

    def put(self, offset: int, size: int, value: int, kind: int = pci.CAP_COMMON) -> None:
        at = self._place(kind, offset, size)
        if self.by_config:
            self.config(at, size, value)
        else:
            self.m.mmio.write(at, size, value)

    def negotiate(self, features: int = VERSION_1) -> int:
        for status in (0, 1, 3):
            self.put(pci.DEVICE_STATUS, 1, status)
        for half in range(2):
            self.put(pci.DRIVER_FEATURE_SELECT, 4, half)
            self.put(pci.DRIVER_FEATURE, 4, features >> 32 * half & 0xFFFFFFFF)
        self.put(pci.DEVICE_STATUS, 1, 11)
        return self.get(pci.DEVICE_STATUS, 1)

    def start(self, ring: Ring, features: int = VERSION_1, index: int = 0) -> None:
        assert self.negotiate(features) & FEATURES_OK
        self.put(pci.COMMON_QUEUE_SELECT, 2, index)
        self.put(pci.COMMON_QUEUE_SIZE, 2, ring.size)
        for offset, addr in zip((0x20, 0x28, 0x30), ring.addresses, strict=True):
            self.put(offset, 4, addr)
            self.put(offset + 4, 4, 0)
        self.put(pci.QUEUE_ENABLE, 2, 1)
        self.put(pci.DEVICE_STATUS, 1, 15)

    def kick(self, index: int = 0) -> None:
        self.put(pci.COMMON_QUEUE_SELECT, 2, index)
        where = self.get(0x1E, 2) * self.multiplier
        self.put(where, 2, index, pci.CAP_NOTIFY)
