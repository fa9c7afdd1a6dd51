"""The first test of a vhost-user back end: `BACKEND="my-backend --socket={}" pytest THIS_FILE`.

A driver in Python uses the disk that your back end serves; no guest, no KVM.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyx86emu.virtio import BlkDriver, VirtioBlk, serve

BACKEND = os.environ.get("BACKEND")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[BlkDriver]:
    """A driver; without BACKEND it is connected to a device of this package."""
    path = f"{tmp_path}/backend.sock"
    if BACKEND is None:
        with serve(VirtioBlk(bytes(1 << 20)), path), BlkDriver(path) as driver:
            yield driver
    else:
        with subprocess.Popen(BACKEND.format(path).split()) as process:
            with BlkDriver(path) as driver:
                yield driver
            process.terminate()


def test_what_is_written_is_read_again(disk: BlkDriver) -> None:
    disk.write(8, b"abc".ljust(512, b"\0"))
    disk.flush()
    assert disk.read(8, 1)[:3] == b"abc"


def test_a_read_beyond_the_end_is_an_error(disk: BlkDriver) -> None:
    status, _ = disk.request(0, disk.sectors, 512)  # VIRTIO_BLK_T_IN
    assert status == 1  # VIRTIO_BLK_S_IOERR
