"""Displays: what a reader of the guest's screen can rely on (seam G). Know no terminal."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from ..devices.vga.snapshot import VgaSnapshot


class Display(Protocol):
    """A display of the guest. Any thread may read it at any time."""

    @property
    def version(self) -> int:
        """A number that changes when the picture may have changed. Each reader compares it with the
        number that it saw last, so readers do not affect each other."""

    @property
    def text(self) -> str | None:
        """Rows of text, joined with line ends; None if the guest shows graphics."""

    @property
    def pixels(self) -> "NDArray[uint8]":
        """What a monitor would show: (height, width, 3)."""


class Adapter(Protocol):
    """The display adapter as a screen sees it: `Vga`. Any thread may read it at any time."""

    @property
    def version(self) -> int:
        """A number that changes when what is shown may have changed."""

    def snapshot(self) -> "VgaSnapshot":
        """Registers and memory at this moment."""


class TextAdapter(Adapter, Protocol):
    """An adapter of which characters can be read without the rest: `Vga`."""

    @property
    def text_crtc(self) -> bytes | None:
        """The registers of the CRTC; None in graphics modes."""

    def characters(self, crtc: bytes, places: "Buffer") -> bytes | None:
        """The bytes of plane 0 at these addresses; None: the registers are others now."""
