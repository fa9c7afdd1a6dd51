"""The PC's devices, one file each. They know their ports, not where the bus puts them."""

from .ata import AtaChannel
from .debugport import DebugConsole, DebugExit
from .dma import Dma8237
from .doorbell import DoorbellDevice
from .floppy import FloppyController
from .keyboard import Keyboard8042
from .post import PostPort
from .printer import Printer
from .rtc import Rtc
from .speaker import Speaker
from .system import SystemControlA
from .uart import Uart16550A
from .vga import Vga

__all__ = [
    "AtaChannel",
    "DebugConsole",
    "DebugExit",
    "Dma8237",
    "DoorbellDevice",
    "FloppyController",
    "Keyboard8042",
    "PostPort",
    "Printer",
    "Rtc",
    "Speaker",
    "SystemControlA",
    "Uart16550A",
    "Vga",
]
