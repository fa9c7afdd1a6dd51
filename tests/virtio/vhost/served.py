"""A process that serves a RamDisk in a file: `python -m tests.virtio.vhost.served SOCKET FILE`.

The file outlives the process, and so does what was written to it. With the word `hold` the first
request that it gets is never done; with `forgets` it offers no INFLIGHT_SHMFD.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyx86emu.virtio.vhost import backend
from pyx86emu.virtio.vhost.numbers import Protocol
from pyx86emu.virtio.vhost.serve import serve
from tests.harness import ROOT
from tests.virtio.vhost.ramdisk import RamDisk


class Served:
    """Such a process. Use it in a `with` block, which ends it."""

    def __init__(self, sock: Path, file: Path, size: int, *words: str) -> None:
        self.sock = sock
        self.file = file
        file.write_bytes(bytes(size))
        self.start(*words)

    def start(self, *words: str) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", __name__, str(self.sock), str(self.file), *words]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self._gone()

    def end(self) -> None:
        """It ends when its standard input does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._gone()

    def _gone(self) -> None:
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()


class Holder(RamDisk):
    """Never gives its first request back, but all later ones."""

    held: int | None = None

    def done(self, index: int, batch: Sequence[Sequence[Any]]) -> None:
        if self.held is None:
            self.held, batch = batch[0][0], batch[1:]
        super().done(index, batch)


def main(sock: str, file: str, *words: str) -> None:
    if "forgets" in words:
        backend.OFFERED &= ~Protocol.INFLIGHT_SHMFD.bit
    kind = Holder if "hold" in words else RamDisk
    with open(file, "r+b") as opened, mmap.mmap(opened.fileno(), 0) as disk:
        back = serve(kind(disk), sock)
        print("ready", flush=True)
        sys.stdin.read()
        back.close()
        for error in back.errors:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
