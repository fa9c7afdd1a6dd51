"""The numbers of the PCI bus: call each function with good values."""

from __future__ import annotations

from pyx86emu.pc.pci import PciBus, PciFunction
from pyx86emu.virtio.pci import VirtioPci
from pyx86emu.virtio.rng import VirtioRng
from tests.numbers import Place, World, place


class Board(PciFunction):
    """A device with nothing in it."""

    def __init__(self) -> None:
        self.describe(1, 2, 0)


def bus(world: World) -> PciBus:
    return PciBus.of(world.vm)


PLACES: dict[str, Place] = {
    "PciBus.plug": place(lambda w: lambda gsi: bus(w).plug(Board(), gsi), gsi=5),
    "PciFunction.attach": place(lambda w: lambda gsi: Board().attach(w.vm, gsi), gsi=5),
    "PciFunction.plug": place(lambda w: lambda gsi: Board().plug(w.machine, gsi=gsi), gsi=5),
    "PciFunction.describe": place(
        lambda w: Board().describe, vendor=1, device=2, class_code=3, revision=4
    ),
    "VirtioPci.attach": place(
        lambda w: lambda gsi: VirtioPci(VirtioRng()).attach(w.vm, gsi), gsi=5
    ),
    "VirtioPci.plug": place(
        lambda w: lambda gsi: VirtioPci(VirtioRng()).plug(w.machine, gsi=gsi), gsi=5
    ),
}

EXEMPT: dict[str, str] = {
    "PciFunction.describe.subsystem": "a pair; tests/pc/test_pci.py has its numbers",
    **dict.fromkeys(
        (
            *("PciFunction.bar_read", "PciFunction.bar_write", "PciFunction.base"),
            *("PciFunction.config_read", "PciFunction.config_write", "PciFunction.open_at"),
            *("PciSlot.__init__", "Window.__init__", "transport.put_bytes"),
            *("VirtioPci.bar_read", "VirtioPci.bar_write"),
            *("VirtioPci.config_read", "VirtioPci.config_write", "VirtioPci.set_status"),
        ),
        "called by the bus or the device, with numbers that the bus has checked",
    ),
}
