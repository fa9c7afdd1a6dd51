"""pyx86emu: a real-mode x86 machine to pip install, with KVM's way of doing I/O.

`Vm` and what it makes are imported with the package. `Machine`, `Disk`, `Screen`, `State`,
`EventFd` and `IrqFd` are imported on their first use.
"""

from typing import TYPE_CHECKING

from ._core import (
    CoalescedRing,
    CoalescedZone,
    Doorbell,
    Exit,
    IoEventFd,
    MemorySlot,
    Registers,
    Vcpu,
)
from .bus import Attachment, Bus
from .capabilities import Capabilities
from .clock import Clock, Timer
from .coalesced import COALESCED
from .device import Device, MmioDevice, PioDevice
from .errors import BusError, DiskError, DiskWarning, MachineError, Pyx86Error, StateError
from .exits import ExitReason
from .structs import (
    Dtable,
    IrqChip,
    MpState,
    PicInputs,
    PicState,
    PitChannel,
    PitCounter,
    PitState,
    Segment,
    Shadow,
    Sregs,
    VcpuEvents,
)
from .vm import Vm

if TYPE_CHECKING:
    from .address import Address
    from .events import EventFd
    from .irqfd import IrqFd
    from .pc.disks.image import Disk
    from .pc.machine import Machine
    from .pc.screen.screen import Screen
    from .saved.state import State
    from .symbols import Symbols

__version__ = "0.1.0"

_LATER = {
    "Address": "address",
    "Disk": "pc.disks.image",
    "EventFd": "events",
    "IrqFd": "irqfd",
    "Machine": "pc.machine",
    "Screen": "pc.screen.screen",
    "Symbols": "symbols",
    "State": "saved.state",
}

__all__ = [
    "COALESCED",
    "Address",
    "Attachment",
    "Bus",
    "BusError",
    "Capabilities",
    "Clock",
    "CoalescedRing",
    "CoalescedZone",
    "Device",
    "Disk",
    "DiskError",
    "DiskWarning",
    "Doorbell",
    "Dtable",
    "EventFd",
    "Exit",
    "ExitReason",
    "IoEventFd",
    "IrqChip",
    "IrqFd",
    "Machine",
    "MachineError",
    "MemorySlot",
    "MmioDevice",
    "MpState",
    "PicInputs",
    "PicState",
    "PioDevice",
    "PitChannel",
    "PitCounter",
    "PitState",
    "Pyx86Error",
    "Registers",
    "Screen",
    "Segment",
    "Shadow",
    "Sregs",
    "State",
    "StateError",
    "Symbols",
    "Timer",
    "Vcpu",
    "VcpuEvents",
    "Vm",
]


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` on its first use. AttributeError: there is no such name."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value
