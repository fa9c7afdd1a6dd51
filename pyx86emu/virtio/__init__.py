"""Virtio: devices whose kicks are ioeventfds and whose interrupts are irqfds. A name is imported
when it is first used."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .blk import VirtioBlk
    from .console import VirtioConsole
    from .device import VirtioDevice
    from .mmio import VirtioMmio
    from .pci import VirtioPci
    from .rng import VirtioRng
    from .vhost.blk import VhostUserBlk
    from .vhost.driver import BlkDriver
    from .vhost.queues import QueueDriver
    from .vhost.serve import BackEnd, serve

_LATER = {
    "BackEnd": "vhost.serve",
    "BlkDriver": "vhost.driver",
    "QueueDriver": "vhost.queues",
    "VhostUserBlk": "vhost.blk",
    "VirtioBlk": "blk",
    "VirtioConsole": "console",
    "VirtioDevice": "device",
    "VirtioMmio": "mmio",
    "VirtioPci": "pci",
    "VirtioRng": "rng",
    "serve": "vhost.serve",
}
__all__ = [  # the names of _LATER
    "BackEnd",
    "BlkDriver",
    "QueueDriver",
    "VhostUserBlk",
    "VirtioBlk",
    "VirtioConsole",
    "VirtioDevice",
    "VirtioMmio",
    "VirtioPci",
    "VirtioRng",
    "serve",
]


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` on its first use. AttributeError: there is no such name."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value
