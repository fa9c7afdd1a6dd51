"""ROM images that come with the package: find and read them. Know files, not what runs in them."""

import os
from functools import cache
from typing import NamedTuple

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


@cache
def labels() -> dict[str, int]:
    """The linear addresses of the routines of our BIOS.

    >>> hex(labels()["post"])
    '0xf000e'
    """
    with open(os.path.join(_ROMS, "bios.sym"), encoding="ascii") as file:
        rows = [line.split() for line in file]
    return {name: 0xF0000 + int(address[5:], 16) for address, name in rows}


class Service(NamedTuple):
    """One thing that the BIOS does, as the contract in its source has it."""

    interrupt: str
    function: str
    what: str
    source: str


def services() -> list[Service]:
    """What our BIOS does, in the order of interrupts and functions.

    >>> services()[0].interrupt, services()[-1].source
    ('INT 02h', 'mouse.inc')
    """
    with open(os.path.join(_ROMS, "bios.services"), encoding="utf-8") as file:
        return [Service(*line.rstrip("\n").split("\t")) for line in file]
