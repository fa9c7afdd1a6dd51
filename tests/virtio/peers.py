"""Who else serves a disk, and what guest and device have left in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path

from pyx86emu import Disk, Machine
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.vhost.blk import VhostUserBlk
from pyx86emu.virtio.vhost.serve import serve
from tests.on_storage_daemon import StorageDaemon, image, need

PEERS = ("serve", "storage-daemon")


@contextmanager
def behind(peer: str, data: bytes, where: Path) -> Iterator[VhostUserBlk]:
    """A device whose disk has this data, and is served by `peer`."""
    where.chmod(0o700)
    sock = where / "blk.sock"
    with ExitStack() as stack:
        if peer == "serve":
            disk = stack.enter_context(Disk(data, kind="hd"))
            stack.enter_context(serve(VirtioBlk(disk), sock))
        else:
            need()
            qcow2 = image(where / "disk.qcow2", 1 << 20, data)
            stack.enter_context(StorageDaemon(qcow2, sock))
        yield stack.enter_context(closing(VhostUserBlk(sock)))


def left(m: Machine, buffers: int) -> str:
    """A digest of the buffers of a guest, which end at 15000h. The used ring is another in each
    run, if somebody else serves: several requests may be done in any order."""
    return sha256(m.vm.read(buffers, 0x15000 - buffers)).hexdigest()
