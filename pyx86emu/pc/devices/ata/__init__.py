"""The hard disk controller: an ATA channel moves sectors between two drives and the data port.

`channel` has the ports and the interrupt, `drive` the commands of one drive, `identify` what a
drive says about itself.
"""

from .channel import AtaChannel

__all__ = ["AtaChannel"]
