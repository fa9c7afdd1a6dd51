"""The floppy controller: a 765 (82077AA) moves sectors between disks and memory.

`chip` has the registers and phases, `commands` the commands, `drive` the heads and disks.
"""

from .commands import FloppyController

__all__ = ["FloppyController"]
