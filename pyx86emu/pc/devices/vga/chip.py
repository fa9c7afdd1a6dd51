"""The VGA: be the device that a machine knows; its registers and memory are in the core.

| offset | on a PC  | read                            | write                      |
| ------ | -------- | ------------------------------- | -------------------------- |
| 04, 05 | 3B4h     | CRTC index, data (monochrome)   | the same                   |
| 0A     | 3BAh     | input status 1 (monochrome)     | feature control            |
| 10     | 3C0h     | attribute index                 | attribute index, then data |
| 11     | 3C1h     | attribute data                  |                            |
| 12     | 3C2h     | input status 0                  | miscellaneous output       |
| 13     | 3C3h     | video enable                    | video enable               |
| 14, 15 | 3C4h     | sequencer index, data           | the same                   |
| 16     | 3C6h     | DAC mask                        | the same                   |
| 17     | 3C7h     | DAC state                       | DAC read index             |
| 18     | 3C8h     | DAC write index                 | the same                   |
| 19     | 3C9h     | DAC data: red, green, blue      | the same                   |
| 1A     | 3CAh     | feature control                 |                            |
| 1C     | 3CCh     | miscellaneous output            |                            |
| 1E, 1F | 3CEh     | graphics index, data            | the same                   |
| 24, 25 | 3D4h     | CRTC index, data (colour)       | the same                   |
| 28     | 3D8h     |                                 | CGA mode control           |
| 29     | 3D9h     |                                 | CGA colour select          |
| 2A     | 3DAh     | input status 1 (colour)         | feature control            |

Bit 0 of miscellaneous output says whether the monochrome or the colour ports are there.
"""

from typing import TYPE_CHECKING, Any

from ...._core import VgaCore
from ....device import PioDevice
from .snapshot import VgaSnapshot

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: The port of offset 0.
BASE = 0x3B0


class Vga(PioDevice):
    """The display adapter: registers, four planes of 64 KiB, and what a display needs of them.

    `core` is what `Vm.create_vga()` returns: the core then serves the ports and the memory window,
    and the device is attached to no bus. Without it the device is attached as any other, and has
    ports but no window.

    >>> vga = Vga()
    >>> for index, value in (0x0E, 0x00), (0x0F, 0xA5):
    ...     vga.pio_write(0x24, 1, index)
    ...     vga.pio_write(0x25, 1, value)
    >>> vga.snapshot().crtc[0x0E:0x10].hex()
    '00a5'
    """

    name = "vga"
    length = 0x2B
    ranges = ((0x04, 2), (0x0A, 1), (0x10, 16), (0x24, 2), (0x28, 3))

    def __init__(self, core: VgaCore | None = None) -> None:
        self._own = core is None
        self.core = VgaCore() if core is None else core
        if self._own:
            self.core.clock = self._now

    def _now(self) -> int:
        return self.clock.now()

    def reset(self) -> None:
        """The registers as a VGA's BIOS leaves them in mode 3. Memory keeps its contents."""
        self.core.reset()

    # -- for displays ------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """A number that changes when what shows may have changed: a register, a colour, a byte of
        memory. Each reader compares it with the number that it saw last, so readers do not affect
        each other. Any thread may read it. (KVM_GET_DIRTY_LOG, where the window is memory.)"""
        return self.core.version

    def snapshot(self) -> VgaSnapshot:
        """All that the picture depends on, at this moment. Any thread may call it, also while the
        guest runs: the guest waits meanwhile. MemoryError."""
        state = self.core.state()
        now = self.core.time
        return VgaSnapshot(
            **{name: state[name] for name in VgaSnapshot._fields if name != "frame"},
            frame=now // self.core.frame_ns,
        )

    @property
    def text_crtc(self) -> bytes | None:
        """The 25 registers of the CRTC, at this moment; None in graphics modes. Any thread."""
        return self.core.text_crtc

    def characters(self, crtc: bytes, places: "Buffer") -> bytes | None:
        """The characters at `places` in plane 0, as 16-bit addresses of the host. None: the
        registers, without the cursor's, are no longer `crtc`, or the mode is no text mode. Any
        thread."""
        return self.core.characters(crtc, places)

    # -- saved state -------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that a program can find out, as plain values: the registers and flip-flops as
        ints, register files, the DAC, `latches` and `planes` as bytes."""
        return self.core.state()

    def load(self, record: dict[str, Any]) -> None:
        """Set what `state()` returned. TypeError, ValueError: what is missing or wrong, by name;
        then nothing has changed."""
        self.core.load(record)

    # -- the guest ---------------------------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        return self.core.read(BASE + offset, size)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.core.write(BASE + offset, size, value)
