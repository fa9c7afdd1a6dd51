"""The floppy controller: a 765 (82077AA) moves sectors between disks and memory.

Registers and phases are in `chip`, what the commands do in `commands`, heads and disks in `drive`.
"""

from .commands import FloppyController

__all__ = ["FloppyController"]
