"""ROM images that come with the package: find and read them. Know files, not what runs in them."""

import os
from functools import cache

_ROMS = os.path.join(os.path.dirname(__file__), "roms")


@cache
def rom(name: str) -> bytes:
    """The bytes of roms/<name>.bin.

    >>> len(rom("bios"))
    65536
    """
    with open(os.path.join(_ROMS, name + ".bin"), "rb") as file:
        return file.read()
