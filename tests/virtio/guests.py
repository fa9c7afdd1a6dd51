"""Guests that use a virtio disk and check themselves: run one, with the disk served in some way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from pyx86emu import Disk, Exit, ExitReason, Machine
from pyx86emu.virtio.blk import VirtioBlk

HERE = Path(__file__).parent
#: The exit status of a guest whose checks have all passed.
PASSED = 0x10 << 1 | 1
#: Each sector is filled with its number.
IMAGE = b"".join(bytes([n]) * 512 for n in range(64))
WAYS = ("exit", "pull", "vcpu", "thread", "asyncio")


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
    make: Callable[..., Any],
    way: str,
    gsi: int | None = None,
    **options: Any,
) -> tuple[Machine, bytes]:
    """Run a guest with a disk at the transport `make`, served this way; it has to pass. Returns
    sector 3 as it is then."""
    m = machine(boot_sector(guest), **options)
    loop = asyncio.new_event_loop()
    with Disk(IMAGE, kind="hd") as disk, closing(loop):
        served: Any = {"thread": "thread", "asyncio": loop}.get(way, "vcpu")
        transport = make(VirtioBlk(disk, served=served), ioeventfd=way not in ("exit", "pull"))
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
