"""Devices in other processes: `Bus.forward` sends accesses over a socket, `serve` answers them.

    python -m pyx86emu.forward SOCK pkg.mod:Device

serves a device in a process of its own. docs/IO.md ("Forwarded ranges") has the format.
"""

from .server import serve

__all__ = ["serve"]
