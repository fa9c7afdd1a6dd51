"""The keyboard: an 8042 hands the scan codes of an AT keyboard to the guest.

The chip is in `chip`, the keyboard with the host's side of it in `keyboard`, key names in `keys`.
"""

from .chip import COMMAND, DATA, STATUS
from .keyboard import Keyboard8042

__all__ = ["COMMAND", "DATA", "STATUS", "Keyboard8042"]
