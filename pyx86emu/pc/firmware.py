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


def symbol(offset: int) -> str | None:
    """The name of the BIOS routine at F000:offset: the last label at or before it. None: there is
    none.

    >>> symbol(0)
    'rom_start'
    """
    found = None
    with open(os.path.join(_ROMS, "bios.sym"), encoding="ascii") as file:
        for line in file:
            address, name = line.split()
            if int(address[5:], 16) > offset:
                break
            found = name
    return found
