"""Guests that use a virtio disk and check themselves: run one, with the disk served in some way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from pyx86emu import Disk, Exit, ExitReason, Machine
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.pci import VirtioPci
from pyx86emu.virtio.vhost.blk import VhostUserBlk
from pyx86emu.virtio.vhost.serve import serve
from tests.on_storage_daemon import StorageDaemon, image, need

HERE = Path(__file__).parent
#: The exit status of a guest whose checks have all passed.
PASSED = 0x10 << 1 | 1
#: Each sector is filled with its number.
IMAGE = b"".join(bytes([n]) * 512 for n in range(64))
WAYS = ("exit", "pull", "vcpu", "thread", "asyncio")
PEERS = ("serve", "storage-daemon")
#: The transport that each guest has a driver for.
TRANSPORTS: dict[str, Any] = {
    "queue_poll": VirtioMmio,
    "queue_irq": VirtioMmio,
    "pci_poll": VirtioPci,
    "pci_irq": VirtioPci,
}


def boot_sector(guest: str) -> bytes:
    """The binary of a guest of this directory."""
    return (HERE / f"{guest}.bin").read_bytes()


def check_passed(m: Machine, exit: Exit, transport: Any) -> None:
    """Fail with what the guest, or its device, has said."""
    assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), (
        m.debug_text or m.screen.text.strip() or transport.trouble or exit
    )


def run(
    machine: Callable[..., Machine],
    guest: str,
    way: str,
    gsi: int | None = None,
    **options: Any,
) -> tuple[Machine, bytes]:
    """Run a guest with a disk that is served this way; it has to pass. Returns sector 3 as it is
    then."""
    m = machine(boot_sector(guest), **options)
    loop = asyncio.new_event_loop()
    with Disk(IMAGE, kind="hd") as disk, closing(loop):
        served: Any = {"thread": "thread", "asyncio": loop}.get(way, "vcpu")
        blk = VirtioBlk(disk, served=served)
        transport = TRANSPORTS[guest](blk, ioeventfd=way not in ("exit", "pull"))
        attached = m.attach(transport, gsi=gsi, pull=way == "pull")
        thread = threading.Thread(target=loop.run_forever)
        if way == "asyncio":
            thread.start()
        exit = m.run(wall=20.0)
        if way == "asyncio":
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        check_passed(m, exit, transport)
        sector = disk.read(3, 1)
        attached.detach()
    return m, sector


def run_behind(
    machine: Callable[..., Machine], guest: str, peer: str, where: Path, **options: Any
) -> Machine:
    """The same with a disk that `peer` serves over vhost-user."""
    where.chmod(0o700)
    sock = where / "blk.sock"
    m = machine(boot_sector(guest), shared=True, **options)
    with ExitStack() as stack:
        if peer == "serve":
            disk = stack.enter_context(Disk(IMAGE, kind="hd"))
            stack.enter_context(serve(VirtioBlk(disk), sock))
        else:
            need()
            qcow2 = image(where / "disk.qcow2", 1 << 20, IMAGE)
            stack.enter_context(StorageDaemon(qcow2, sock))
        transport = TRANSPORTS[guest](stack.enter_context(closing(VhostUserBlk(sock))))
        attached = m.attach(transport)
        check_passed(m, m.run(wall=20.0), transport)
        attached.detach()
    return m


def left(m: Machine, guest: str) -> str:
    """A digest of the buffers of a guest. The used ring, which is before them, is another in each
    run if somebody else serves: several requests may be done in any order."""
    first, end = 0x13000 if TRANSPORTS[guest] is VirtioPci else 0x10200, 0x15000
    return sha256(m.vm.read(first, end - first)).hexdigest()
