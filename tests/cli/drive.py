"""Drive the command line: in pipes, and as the job of a shell on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

HALT = "faf4"
SPIN = "ebfe"
# again: mov ah,0; int 16h; mov ah,0Eh; int 10h; jmp again
ECHO = "b400 cd16 b40e cd10 ebf6"
SHELL = Path(__file__).with_name("shell.py")
SECONDS = 60


def say(text: str) -> str:
    """Code that writes to the debug port."""
    return "".join(f"b0{char:02x} e6e9" for char in text.encode())


def show(text: str) -> str:
    """Code that writes to the screen."""
    return "b40e" + "".join(f"b0{char:02x} cd10" for char in text.encode("cp437"))


def command(*args: object) -> list[str]:
    """The command line of `pyx86emu ARGS`."""
    return [sys.executable, "-m", "pyx86emu", *map(str, args)]


def pyx86emu(*args: object, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run the command with its output in pipes."""
    kwargs = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "stdin": subprocess.DEVNULL,
    } | kwargs
    return subprocess.run(command(*args), text=True, timeout=120, **kwargs)


def shell(line: str, *args: object) -> subprocess.CompletedProcess[str]:
    """Run a line of sh in which "$@" is the command."""
    return subprocess.run(
        ["sh", "-c", line, "sh", *command(*args)],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


class Image:
    """Writes boot sectors."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, code: str, name: str = "boot.img") -> Path:
        path = self.directory / name
        path.write_bytes(bytes.fromhex(code).ljust(512, b"\0"))
        return path


class Job:
    """The command as the foreground job of a shell (shell.py) on a new terminal.

    `size` is lines and columns. `output` is all that the terminal was sent. `python`: code to run
    instead of the command; `sys.argv` has the arguments.
    """

    def __init__(
        self,
        *args: object,
        size: tuple[int, int] = (30, 90),
        env: Mapping[str, str] | None = None,
        python: str | None = None,
    ) -> None:
        words = command(*args)
        if python is not None:
            words[1:3] = ["-c", python]
        self.output = b""
        self.seen = 0
        self._lines = b""
        self._closed = False
        self.master, slave = pty.openpty()
        self.resize(*size)
        self.line, line = socket.socketpair()
        self.shell = subprocess.Popen(
            [sys.executable, str(SHELL), str(line.fileno()), *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=[line.fileno()],
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
        os.close(slave)
        line.close()
        self.pid = self.report()["pid"]

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        for kill in (lambda: os.kill(self.pid, signal.SIGKILL), self.shell.kill):
            with suppress(ProcessLookupError):
                kill()
        self.shell.wait()
        self.line.close()
        with suppress(OSError):  # hang_up() was there before
            os.close(self.master)

    def resize(self, lines: int, columns: int) -> None:
        """Change the terminal's size, as a window does."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def type(self, data: bytes) -> None:
        """Press keys."""
        os.write(self.master, data)

    def kill(self, number: int) -> None:
        """Send the job a signal."""
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        """Close the terminal, as a window or a connection that ends does."""
        os.close(self.master)
        self._closed = True

    def until(self, *texts: bytes) -> bytes:
        """Read until the texts have come in this order; the result is what came up to there."""
        start = self.seen
        for text in texts:
            self._read(lambda text=text: text in self.output[self.seen :], repr(text))
            self.seen = self.output.index(text, self.seen) + len(text)
        return self.output[start : self.seen]

    def report(self) -> dict[str, Any]:
        """The shell's next report: {"stopped": signal, "whole": ...} or {"status": ...}.

        "whole" says that the terminal's attributes are what they were at first.
        """
        self._read(lambda: b"\n" in self._lines, "a report of the shell")
        line, _, self._lines = self._lines.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def end(self) -> int:
        """Wait for the end; the result is the status. The terminal must be whole."""
        report = self.report()
        self._read(lambda: self._closed, "the end")
        assert report["whole"], "the terminal's attributes were not restored"
        entered, left = self.output.count(b"\x1b[?1049h"), self.output.count(b"\x1b[?1049l")
        assert entered == left, "the second screen was not left"
        assert self.output.rfind(b"\x1b[?25h") >= self.output.rfind(b"\x1b[?25l")
        assert b"Traceback" not in self.output
        status: int = report["status"]
        return status

    def resume(self, how: str = "fg") -> None:
        """Answer a stop."""
        self.line.sendall(how.encode())

    def _read(self, done: Any, what: str) -> None:
        late = monotonic() + SECONDS
        while not done():
            sources = [self.line] if self._closed else [self.line, self.master]
            ready, _, _ = select.select(sources, [], [], max(0, late - monotonic()))
            assert ready, f"{what} does not come; the terminal has {self.output!r}"
            if self.master in ready:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:  # nobody has the terminal open any more
                    self._closed = True
            elif self.line in ready:
                data = self.line.recv(4096)
                assert data or not self._closed, f"{what} does not come: the job has ended"
                self._lines += data
