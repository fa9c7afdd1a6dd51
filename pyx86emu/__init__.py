"""pyx86emu: a real-mode x86 machine to pip install, with KVM's way of doing I/O.

Every name is imported on its first use. `import pyx86emu` itself loads nothing more: pytest does it
in every project, for the plugin.
"""

TYPE_CHECKING = False  # type checkers take it for true; `typing` is not imported for it
if TYPE_CHECKING:
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
    from .address import Address
    from .bus import Attachment, Bus
    from .capabilities import Capabilities
    from .clock import Clock, Timer
    from .coalesced import COALESCED
    from .device import Device, MmioDevice, PioDevice
    from .dos.machine import Dos, DosResult
    from .errors import BusError, DiskError, DiskWarning, MachineError, Pyx86Error, StateError
    from .events import EventFd
    from .exits import ExitReason
    from .irqfd import IrqFd
    from .pc.disks.image import Disk
    from .pc.machine import Machine
    from .pc.screen.screen import Screen
    from .saved.state import State
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
    from .symbols import Symbols
    from .vm import Vm

__version__ = "0.1.0"

_LATER = {
    "COALESCED": "coalesced",
    "Address": "address",
    "Attachment": "bus",
    "Bus": "bus",
    "BusError": "errors",
    "Capabilities": "capabilities",
    "Clock": "clock",
    "CoalescedRing": "_core",
    "CoalescedZone": "_core",
    "Device": "device",
    "Disk": "pc.disks.image",
    "DiskError": "errors",
    "DiskWarning": "errors",
    "Doorbell": "_core",
    "Dtable": "structs",
    "Dos": "dos.machine",
    "DosResult": "dos.machine",
    "EventFd": "events",
    "Exit": "_core",
    "ExitReason": "exits",
    "IoEventFd": "_core",
    "IrqChip": "structs",
    "IrqFd": "irqfd",
    "Machine": "pc.machine",
    "MachineError": "errors",
    "MemorySlot": "_core",
    "MmioDevice": "device",
    "MpState": "structs",
    "PicInputs": "structs",
    "PicState": "structs",
    "PioDevice": "device",
    "PitChannel": "structs",
    "PitCounter": "structs",
    "PitState": "structs",
    "Pyx86Error": "errors",
    "Registers": "_core",
    "Screen": "pc.screen.screen",
    "Segment": "structs",
    "Shadow": "structs",
    "Sregs": "structs",
    "State": "saved.state",
    "StateError": "errors",
    "Symbols": "symbols",
    "Timer": "clock",
    "Vcpu": "_core",
    "VcpuEvents": "structs",
    "Vm": "vm",
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
    "Dos",
    "DosResult",
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
