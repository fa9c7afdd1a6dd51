"""qemu-storage-daemon: serve an image as a vhost-user-blk device; end, by SIGKILL too, and serve
again. Knows QEMU's programs, not the protocol."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests import on_qemu
from tests.harness import wait_until

DAEMON, IMG = "qemu-storage-daemon", "qemu-img"


def need() -> None:
    """Skip the test, or with CI=true fail it, where the programs are not installed."""
    on_qemu.not_sanitized()
    for program in (DAEMON, IMG):
        if shutil.which(program) is None:
            why = f"{program} is not installed"
            if os.environ.get("CI") == "true":
                pytest.fail(why)
            pytest.skip(why)


def image(path: Path, size: int, raw: bytes | None = None) -> Path:
    """Make a qcow2 image of `size` bytes at `path`, which begins with the bytes `raw`.

    Where each sector is stored is decided now: a write that is done survives the daemon's death by
    SIGKILL, since the host's kernel has it.
    """
    need()
    if raw is None:
        subprocess.run(
            [IMG, "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, str(size)],
            check=True,
        )
        return path
    plain = path.with_suffix(".raw")
    plain.write_bytes(raw.ljust(size, b"\0"))
    command = [
        IMG,
        "convert",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "-o",
        "preallocation=metadata",
        plain,
        path,
    ]
    subprocess.run(command, check=True)
    plain.unlink()
    return path


def raw(path: Path) -> bytes:
    """What is on the disk of a qcow2 image that nobody serves."""
    plain = path.with_suffix(".out")
    subprocess.run([IMG, "convert", "-f", "qcow2", "-O", "raw", path, plain], check=True)
    data = plain.read_bytes()
    plain.unlink()
    return data


class StorageDaemon:
    """The daemon with one export. Use it in a `with` block, which ends it."""

    def __init__(self, disk: Path, sock: Path, queues: int = 1) -> None:
        need()
        self.sock = sock
        self._command = [
            *(DAEMON, "--blockdev", f"driver=file,node-name=file,filename={disk}"),
            *("--blockdev", "driver=qcow2,node-name=disk,file=file"),
            "--export",
            "type=vhost-user-blk,id=export,node-name=disk,writable=on,addr.type=unix,"
            f"addr.path={sock},num-queues={queues}",
            *("--pidfile", str(sock.with_suffix(".pid"))),
        ]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        ready = self.sock.with_suffix(".pid")  # written when the socket listens
        for old in (self.sock, ready):
            old.unlink(missing_ok=True)
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        wait_until(lambda: ready.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, f"{DAEMON} ended with {self.process.returncode}"

    def pause(self) -> None:
        """SIGSTOP: what is made available now stays in flight. It is killed next."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def kill(self) -> None:
        """SIGKILL: it can finish nothing."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """SIGTERM: it writes everything to the image."""
        self.process.terminate()
        self.process.wait()

    def __enter__(self) -> StorageDaemon:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()
