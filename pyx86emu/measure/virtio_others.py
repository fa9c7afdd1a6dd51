"""The processes that serve a disk of zeros by vhost-user: start one, end it. Measure nothing.

    daemon      qemu-storage-daemon, with an empty qcow2 image
    python      `VirtioBlk` of this package, with `serve`
    null        answers each request at once, without looking at it: the floor
    mute        takes the queue and never answers, nor waits for kicks

Run as a program, with a kind and the path of a socket, this file is one of the last three.
"""

import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Thread
from typing import Self

from ..pc.disks.image import Disk
from ..virtio.blk import VirtioBlk
from ..virtio.device import Transport, Vring
from ..virtio.vhost.serve import serve
from . import qemu

DAEMON, IMG = "qemu-storage-daemon", "qemu-img"
#: Bytes of the disk.
SIZE = 1 << 20


def kinds() -> tuple[str, ...]:
    """Those that can be measured here, the floor first."""
    found = all(map(qemu.program, (DAEMON, IMG)))
    return ("null", "python", "daemon") if found else ("null", "python")


class Other:
    """One of these processes, at a socket in `where`, a directory for this user alone."""

    def __init__(self, kind: str, where: Path) -> None:
        self.path = where / f"{kind}.sock"
        said: int | None = None
        if kind == "daemon":
            command = _daemon(where / "disk.qcow2", self.path)
            said = subprocess.DEVNULL  # it complains when it is stopped with requests in flight
        else:
            command = [sys.executable, "-m", __name__, kind, str(self.path)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said)

    def use(self, processors: Iterable[int]) -> None:
        """It runs on these processors only."""
        os.sched_setaffinity(self._child.pid, processors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.terminate()
        self._child.wait()


def _daemon(image: Path, sock: Path) -> list[str]:
    """The command that serves a new image. Nothing is stored in it, so a read is answered from the
    image's tables, as the disks of the others are answered from memory."""
    subprocess.run([IMG, "create", "-q", "-f", "qcow2", image, str(SIZE)], check=True)
    return [
        *(DAEMON, "--blockdev", f"driver=file,node-name=file,filename={image}"),
        *("--blockdev", "driver=qcow2,node-name=disk,file=file", "--export"),
        f"type=vhost-user-blk,id=e,node-name=disk,addr.type=unix,addr.path={sock}",
    ]


class Null(VirtioBlk):
    """A disk whose driver never gets data: each chain that is available is used at once."""

    ring: Vring | None = None

    def activate(self, transport: Transport, queues: Sequence[Vring]) -> None:
        super().activate(transport, queues)
        (self.ring,) = queues
        self.read, self.write = transport.memory.read, transport.memory.write
        self.kick, self.call = transport.notifier(0), transport.call(0)
        self.seen = 0

    def reset(self) -> None:
        super().reset()
        self.ring = None

    def answer(self) -> None:
        """One entry of the used ring, its index and an interrupt for each request."""
        assert self.ring is not None
        os.eventfd_read(self.kick)
        size, avail, used = self.ring.size, self.ring.avail, self.ring.used
        flags, made = struct.unpack("<HH", self.read(avail, 4))
        while self.seen != made:
            at = self.seen % size
            head = self.read(avail + 4 + 2 * at, 2)
            self.write(used + 4 + 8 * at, head + b"\0\0\1\0\0\0")
            self.seen = self.seen + 1 & 0xFFFF
            self.write(used + 2, self.seen.to_bytes(2, "little"))
            if not flags & 1:  # VIRTQ_AVAIL_F_NO_INTERRUPT
                os.eventfd_write(self.call, 1)


def answer_at_once(path: str, mute: bool) -> None:
    """Serve a `Null`. Its kicks are read here, before the back end sees them."""
    with Disk(bytes(SIZE), kind="hd") as disk, serve(Null(disk), path, thread=False) as back:
        device = back.device
        assert isinstance(device, Null)
        poll = select.poll()
        poll.register(back.fileno(), select.POLLIN)
        watched = -1
        while True:
            ready = dict(poll.poll())
            if ready.get(watched) == select.POLLIN:
                device.answer()
                continue
            back.step()
            fd = -1 if device.transport is None else device.transport.notifier(0)
            if fd != watched:
                if watched >= 0:
                    poll.unregister(watched)
                if fd >= 0:
                    poll.register(fd, select.POLLIN)
                watched = fd
            if mute and fd >= 0:
                select.poll().poll()  # for ever


def main(kind: str, path: str) -> None:
    """Be one of the processes until standard input ends."""

    def watch() -> None:
        os.read(0, 1)
        os._exit(0)

    Thread(target=watch, daemon=True).start()
    if kind == "python":
        with Disk(bytes(SIZE), kind="hd") as disk, serve(VirtioBlk(disk), path) as back:
            back.wait()
    else:
        answer_at_once(path, kind == "mute")


if __name__ == "__main__":
    main(*sys.argv[1:])
