"""BlkDriver, and the example that a back end's author begins with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pyx86emu.virtio import BlkDriver, VirtioBlk, serve
from tests.harness import ROOT, wait_until
from tests.on_storage_daemon import image, need
from tests.virtio.vhost.served import Served

EXAMPLE = ROOT / "pyx86emu" / "examples" / "test_my_backend.py"


def run(tmp_path: Path, **environment: str) -> str:
    """The example, copied as an author would copy it."""
    copy = Path(shutil.copy(EXAMPLE, tmp_path))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy)]
    ended = subprocess.run(
        command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_first_test_of_an_author_has_at_most_40_lines_and_passes(tmp_path: Path) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 40
    assert "2 passed" in run(tmp_path)


def test_the_first_test_of_an_author_passes_with_the_storage_daemon(tmp_path: Path) -> None:
    need()
    disk = image(tmp_path / "disk.qcow2", 1 << 20)
    daemon = (
        f"qemu-storage-daemon --blockdev driver=file,node-name=file,filename={disk} "
        "--blockdev driver=qcow2,node-name=disk,file=file --export "
        "type=vhost-user-blk,id=e,node-name=disk,writable=on,addr.type=unix,addr.path={}"
    )

    assert "2 passed" in run(tmp_path, BACKEND=daemon)


def test_many_requests_are_in_flight_at_once(sock: Path) -> None:
    with serve(VirtioBlk(bytes(1 << 20)), sock), BlkDriver(sock, depth=4) as disk:
        tickets = {disk.submit(1, 8 * n, bytes([n]) * 512) for n in range(4)}
        with pytest.raises(RuntimeError, match="in flight"):
            disk.submit(4)

        while tickets:
            tickets -= {ticket for ticket, status, _ in disk.collect() if status == 0}

        assert [disk.read(8 * n, 1)[0] for n in range(4)] == [0, 1, 2, 3]


def test_the_back_end_may_be_started_after_the_driver(sock: Path) -> None:
    made: list[BlkDriver] = []
    thread = threading.Thread(target=lambda: made.append(BlkDriver(sock)))
    thread.start()

    with serve(VirtioBlk(bytes(1 << 20)), sock):
        thread.join(30)

        assert made[0].sectors == 2048
        made[0].close()


def test_a_driver_goes_on_with_the_next_back_end(sock: Path, tmp_path: Path) -> None:
    with Served(sock, tmp_path / "disk", 1 << 20) as process, BlkDriver(sock) as disk:
        disk.write(1, b"1" * 512)
        process.kill()
        process.start()

        assert disk.read(1, 1) == b"1" * 512
        wait_until(lambda: disk.connections == 2)


def test_nobody_at_the_socket_is_a_timeout(sock: Path) -> None:
    with pytest.raises(TimeoutError, match="no back end listens"):
        BlkDriver(sock, timeout=0)


def test_a_status_that_is_not_0_is_an_error(sock: Path) -> None:
    with serve(VirtioBlk(bytes(1 << 20)), sock), BlkDriver(sock) as disk:
        with pytest.raises(OSError, match="the read of 1 sectors at 2048 has ended with status 1"):
            disk.read(2048, 1)
        with pytest.raises(ValueError, match="at most size=65536"):
            disk.request(0, 0, 65537)
        with pytest.raises(ValueError, match="no whole sectors"):
            disk.write(0, b"x")
