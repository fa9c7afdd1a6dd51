"""The parts of a Machine: name what its methods find in `self`. Makes nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from ..log import Log
from ..owned import Single

if TYPE_CHECKING:
    from .. import _core
    from ..bus import Bus
    from ..vm import Vm
    from .board import Wires
    from .devices import (
        AtaChannel,
        DebugConsole,
        FloppyController,
        Keyboard8042,
        PostPort,
        Printer,
        Rtc,
        Speaker,
        Uart16550A,
        Vga,
    )
    from .devices.dma import Dma8237
    from .devices.mouse import Ps2Mouse
    from .drives import Drives
    from .machine import Machine
    from .resets import Astray, Resets
    from .screen.screen import Screen
    from .stats import Stats


class Profiling(Protocol):
    """What counts where the instructions go: `tools.profile.Profile`."""

    def running(self, run: "Callable[..., _core.Exit]", /) -> "Callable[..., _core.Exit]":
        """A function that runs as `run` does."""

    def drain(self) -> None:
        """Count what was executed so far."""

    def resync(self) -> None:
        """The guest is elsewhere."""


class Parts(Single):
    """What `Machine.__init__` makes. The classes that Machine consists of use it."""

    vm: "Vm"
    vcpu: "_core.Vcpu"
    drives: "Drives"
    stats: "Stats"
    resets: "Resets"
    screen: "Screen"
    serial_log: Log
    speaker: "Speaker"
    dma: "Dma8237"
    keyboard: "Keyboard8042"
    mouse: "Ps2Mouse"
    rtc: "Rtc"
    post: "PostPort"
    debug: "DebugConsole"
    vga: "Vga"
    floppy: "FloppyController"
    ata: "AtaChannel"
    uart: "Uart16550A"
    com2: "Uart16550A"
    printer: "Printer"
    exit_status: int | None
    booted: bool
    boot_tried: str
    _wires: "Wires"
    _profile: Profiling | None = None
    _astray: "Astray | None" = None

    @property
    def _whole(self) -> "Machine":
        """The Machine that this is a part of, for functions that take one."""
        return cast("Machine", self)

    @property
    def pio(self) -> "Bus":
        """The PIO bus: `m.vm.pio`."""
        return self.vm.pio

    @property
    def mmio(self) -> "Bus":
        """The MMIO bus: `m.vm.mmio`."""
        return self.vm.mmio

    @property
    def time(self) -> float:
        """Guest seconds since power-on."""
        return self.vm.time / 1e9
