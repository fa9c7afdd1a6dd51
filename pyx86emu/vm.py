"""Vm: the core's virtual machine with its two buses and its clock."""

from typing import Literal

from . import _core
from .bus import Bus
from .clock import Clock


class Vm(_core.Vm):
    """A virtual machine without parts: memory slots, vCPUs, ioeventfds, and two buses for devices.

    >>> with Vm() as vm:
    ...     ram = vm.add_memory(0, 0x10000)
    ...     ram[0x1000:0x1001] = bytes([0xF4])
    ...     vcpu = vm.create_vcpu()
    ...     vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    ...     vcpu.run().reason.name
    'HLT'
    """

    def __init__(
        self,
        accel: str = "interp",
        irqchip: bool = False,
        *,
        shift: int = 7,
        clock: Literal["virtual", "host"] = "virtual",
    ) -> None:
        super().__init__(accel, irqchip, shift=shift, clock=clock)
        self.clock = Clock(self)
        """The guest's time, and timers on it."""
        self.pio = Bus(self, "pio", self.clock)
        """The ports."""
        self.mmio = Bus(self, "mmio", self.clock)
        """Guest-physical addresses outside RAM."""
