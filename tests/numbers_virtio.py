"""The numbers of virtio: call each function with good values."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pyx86emu._core import GuestMap, VirtQueue
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.console import VirtioConsole
from pyx86emu.virtio.ends import FdEnds
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.rng import VirtioRng
from tests.numbers import Place, World, place


def queue(world: World) -> VirtQueue:
    """A queue with one request, which is in flight."""
    memory = GuestMap(world.vm)
    memory.write(0x2000, bytes.fromhex("0030000000000000 08000000 0200 0000"))
    memory.write(0x2100, bytes.fromhex("0000 0100 0000"))
    return VirtQueue(memory, 8, 0x2000, 0x2100, 0x2200)


def popped(world: World) -> Callable[..., object]:
    found = queue(world)
    found.pop()
    return found.push


def ends(world: World) -> Callable[..., object]:
    """A console with descriptors that are closed at the end."""
    there, back = os.pipe()
    world.callback(os.close, there)
    world.callback(os.close, back)

    def make(**numbers: Any) -> object:
        return world.close_later(
            FdEnds(VirtioConsole(), **{"read_fd": None, "write_fd": None} | numbers)
        )

    return make


def blk(world: World) -> Callable[..., object]:
    return lambda **numbers: world.close_later(VirtioBlk(bytes(1 << 20), **numbers))


def transport() -> VirtioMmio:
    return VirtioMmio(VirtioRng())


PLACES: dict[str, Place] = {
    "GuestMap.read": place(lambda w: GuestMap(w.vm).read, addr=0, size=1),
    "GuestMap.write": place(lambda w: lambda addr: GuestMap(w.vm).write(addr, b"x"), addr=0),
    "VirtQueue.__init__": place(
        lambda w: lambda **numbers: VirtQueue(GuestMap(w.vm), **numbers),
        size=8,
        desc=0,
        avail=0x100,
        used=0x200,
        features=0,
        called={"size": "size of a queue"},
    ),
    "VirtQueue.pop_many": place(lambda w: queue(w).pop_many, limit=1),
    "VirtQueue.push": place(popped, head=0, called={"head": "head of a request"}),
    "VirtioBlk.__init__": place(blk, queues=1, queue_size=8),
    "VirtioRng.__init__": place(lambda w: VirtioRng, seed=1),
    "VirtioMmio.attach": place(
        lambda w: lambda **numbers: transport().attach(w.vm, **numbers),
        addr=0xD0000,
        gsi=5,
        called={"addr": "base|addr"},
    ),
    "VirtioMmio.plug": place(
        lambda w: lambda **numbers: transport().plug(w.machine, **numbers),
        addr=0xD0000,
        gsi=5,
        called={"addr": "base|addr"},
    ),
    "FdEnds.__init__": place(ends, read_fd=0, write_fd=1),
}

EXEMPT: dict[str, str] = {
    "FdEnds.__init__.own": "descriptors that the caller has opened for this",
    **dict.fromkeys(
        ("VirtioConsole.__init__", "VirtioConsole.size"),
        "(columns, rows): a pair; tests/virtio/test_console.py has its numbers",
    ),
    **dict.fromkeys(
        (
            *("LoopServer.__init__", "ThreadServer.__init__", "QueueSetUp.__init__"),
            *("VirtioBlk.kicked", "VirtioConsole.kicked", "VirtioConsole.write_config"),
            *("VirtioDevice.accepts", "VirtioDevice.done", "VirtioDevice.kicked"),
            *("VirtioDevice.read_config", "VirtioDevice.requests", "VirtioDevice.write_config"),
            *("VirtioRng.kicked", "VirtioTransport.acknowledge", "VirtioTransport.call"),
            *("VirtioTransport.interrupt", "VirtioTransport.notified", "VirtioTransport.notifier"),
            *("VirtioTransport.set_status", "VirtioTransport.stop_queue"),
        ),
        "called by the transport or the device, with numbers that the other one has checked",
    ),
}
