"""The keyboard: an 8042 gives the scan codes of an AT keyboard to the guest.

`chip` has the 8042, `keyboard` the keyboard and the methods of the host, `keys` the key names.
"""

from .chip import COMMAND, DATA, STATUS
from .keyboard import Keyboard8042

__all__ = ["COMMAND", "DATA", "STATUS", "Keyboard8042"]
