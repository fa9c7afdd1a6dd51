"""Plugging: attach devices to a machine; virtio devices get a transport. Makes no part."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import MachineError
from ..memory import PAGE
from .firmware import rom
from .optionroms import END, OTHERS, Placed, add_to
from .parts import Parts

if TYPE_CHECKING:
    from ..address import Address
    from ..bus import Attachment
    from ..device import MmioDevice, PioDevice
    from ..virtio.device import VirtioDevice
    from .pci import PciFunction


class Plugging(Parts):
    """The methods of a Machine that attach devices."""

    _roms: Sequence[tuple[int, bytes]]

    def attach(
        self,
        device: "PioDevice | MmioDevice | PciFunction | VirtioDevice",
        *,
        port: int | None = None,
        addr: "Address | None" = None,
        gsi: int | None = None,
        pull: bool = False,
    ) -> "Attachment":
        """Attach a device at a port or a physical address; `gsi` is its interrupt line, 0 to 15 but
        not 2. A device that is attached after the guest has run is not reset.

        A virtio device, or a transport with one, finds a place and a line itself if none is given
        (docs/VIRTIO.md). A device without a transport gets that of MMIO. A PCI device is plugged
        into the PCI bus, which places it.

        MachineError: both or none of `port` and `addr`. Other errors as for `Bus.attach`.
        """
        plugged: Any = device
        if hasattr(device, "queue_sizes"):
            from ..virtio.mmio import VirtioMmio

            plugged = VirtioMmio(plugged)
        if hasattr(plugged, "plug"):
            if port is not None:
                raise MachineError(f"'{device.name}' is attached with addr=, or without a place")
            attachment: Attachment = plugged.plug(self, addr=addr, gsi=gsi, pull=pull)
            return attachment
        if (port is None) == (addr is None):
            raise MachineError(f"attach '{device.name}' with either port= or addr=")
        if port is not None:
            return self.pio.attach(plugged, port, gsi=gsi, pull=pull)
        assert addr is not None
        return self.mmio.attach(plugged, addr, gsi=gsi, pull=pull)

    def add_rom(self, name: str) -> None:
        """Add an option ROM that comes with the package, at the first free 4 KiB from C8000h on;
        once. POST finds it at the next reset. MachineError: there is no room."""
        data = rom(name).ljust(PAGE, b"\xff")
        for at in range(OTHERS, END, PAGE):
            try:
                if self.vm.read(at, PAGE) == data:
                    return
            except ValueError:  # a hole
                if self.mmio.unclaimed(at, PAGE):
                    add_to(self.vm, [Placed(at, data, name)])
                    self._roms = [*self._roms, (at, data)]
                    return
        raise MachineError(f"there is no room for the option ROM '{name}' below {END:#x}")

    def _unplug(self) -> None:
        """The machine is about to be closed: devices that have threads or descriptors end them."""
        for each in (*self.pio.attachments, *self.mmio.attachments):
            if (gone := getattr(each.device, "detached", None)) is not None:
                gone()
