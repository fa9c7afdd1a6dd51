"""The VGA: give the machine a display adapter, and displays what it holds."""

from .chip import Vga
from .snapshot import VgaSnapshot

__all__ = ["Vga", "VgaSnapshot"]
