"""The numbers of vhost-user: call each function with good values."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.rng import VirtioRng
from pyx86emu.virtio.vhost.blk import VhostUserBlk
from pyx86emu.virtio.vhost.driver import BlkDriver
from pyx86emu.virtio.vhost.queues import QueueDriver
from pyx86emu.virtio.vhost.serve import BackEnd, serve
from tests.numbers import Place, World, place


def back_end(world: World, thread: bool = True) -> BackEnd:
    """A back end whose front end says nothing."""
    here, there = socket.socketpair()
    world.close_later(here)
    made: BackEnd = world.close_later(serve(VirtioBlk(bytes(1 << 20)), there, thread=thread))
    return made


def connected(world: World, kind: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a device or a driver that is connected to a back end."""
    path = os.path.join(world.empty, "numbers.sock")
    world.close_later(serve(VirtioBlk(bytes(1 << 20)), path))
    return lambda **numbers: world.close_later(kind(path, **numbers))


def device(world: World) -> Callable[..., Any]:
    return connected(world, VhostUserBlk)


def driver(world: World) -> Callable[..., Any]:
    return connected(world, BlkDriver)


def queue_driver(world: World) -> Callable[..., Any]:
    """Makes a driver of two queues, that is connected to a back end."""
    path = os.path.join(world.empty, "queues.sock")
    world.close_later(serve(Two(), path))
    return lambda **numbers: world.close_later(QueueDriver(path, **{"queues": 2} | numbers))


def waiting(world: World) -> Callable[..., object]:
    """Collects from a queue in which there is a request."""
    made = queue_driver(world)()

    def collect(queue: int) -> object:
        made.submit(room=8, queue=0)
        return made.collect(queue)

    return collect


def written(world: World) -> Callable[..., object]:
    """Writes a sector."""
    return lambda sector: driver(world)().write(sector, bytes(512))


class Two(VirtioRng):
    """Random bytes at two queues."""

    queue_sizes = (64, 64)


PLACES: dict[str, Place] = {
    "VhostUserBlk.__init__": place(device, queues=1, queue_size=256, timeout=10.0, reconnect=1.0),
    "VhostUserBlk.settle": place(lambda w: device(w)().settle, timeout=10.0),
    "BlkDriver.__init__": place(driver, timeout=10.0, depth=8, size=65536),
    "BlkDriver.read": place(lambda w: driver(w)().read, sector=0, count=1),
    "BlkDriver.write": place(written, sector=0),
    "BlkDriver.request": place(lambda w: driver(w)().request, kind=0, sector=0, data=512),
    "BlkDriver.submit": place(lambda w: driver(w)().submit, kind=0, sector=0, data=512),
    "QueueDriver.__init__": place(
        queue_driver, queues=2, timeout=10.0, depth=8, size=65536, accept=0
    ),
    "QueueDriver.request": place(lambda w: queue_driver(w)().request, room=8, queue=1),
    "QueueDriver.submit": place(lambda w: queue_driver(w)().submit, room=8, queue=1),
    "QueueDriver.collect": place(waiting, queue=0),
    "BackEnd.step": place(lambda w: back_end(w, thread=False).step, timeout=0.0),
    "BackEnd.wait": place(lambda w: back_end(w).wait, timeout=0.0),
}
EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        ("VhostUserBlk.kicked", "VhostUserBlk.write_config"),
        "as those of VirtioDevice",
    ),
    **dict.fromkeys(
        (
            *("Channel.receive", "Channel.send", "Fds.__init__", "Fds.add", "Inflight.__init__"),
            *(
                "Driver.__init__",
                "DriverQueue.__init__",
                "Link.__init__",
                "Link.open",
                "Link.set_config",
                "Link.settle",
                "Link.start",
            ),
            *("Link.stop", "Mapped.guest_address", "Session.__init__", "Session.begin"),
            *("Session.config", "Session.enable_queue", "Session.inflight", "Session.set_config"),
            *("Session.set_features", "Session.start_queue", "Session.stop_queue"),
            *("Tracked.pop_many", "Tracked.push", "Tracked.recover", "Tracker.__init__"),
            *("inflight.area_size", "inflight.new_memory", "mapped.mapped", "messages.name_of"),
            *("messages.packed", "regions.inside", "session.duplicate"),
        ),
        "called by the package only, with numbers that it has looked at",
    ),
}
