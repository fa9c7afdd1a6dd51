"""`python -m pyx86emu.forward` as users run it: in a process of its own, at a path or inherited."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyx86emu import EventFd, Vm
from tests.harness import ROOT, python, wait_until
from tests.io.forwarded import pair

DEVICE = """
from pyx86emu import PioDevice

class Sum(PioDevice):
    length = 4

    def reset(self):
        self.sum = 0

    def pio_read(self, offset, size):
        return self.sum

    def pio_write(self, offset, size, value):
        self.sum += value
        self.irq(True)
        self.irq(False)

class Outer:
    inner = Sum

nothing = object
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "mine" / "parts.py").write_text(DEVICE)
    return tmp_path / "mine"


@contextmanager
def started(
    folder: Path, *arguments: object, fds: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"}
    child = subprocess.Popen(
        [sys.executable, "-m", "pyx86emu.forward", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        pass_fds=fds,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def connect(path: Path) -> socket.socket:
    wait_until(path.exists)
    sock = socket.socket(socket.AF_UNIX)

    def connected() -> bool:
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            return False
        return True

    wait_until(connected)
    return sock


def use(sock: socket.socket) -> int:
    with Vm() as vm:
        at = vm.pio.forward(0x80, 4, sock)
        vm.pio.write(0x80, 1, 5)
        vm.pio.write(0x80, 1, 6)
        value = vm.pio.read(0x80, 2)
        at.detach()
    return value


@pytest.mark.usefixtures("interruptible")
def test_it_serves_at_a_path_one_connection_after_another(folder: Path) -> None:
    path = folder / "device.sock"
    with started(folder, path, "parts:Sum") as child:
        for _ in range(2):
            with connect(path) as sock:
                assert path.stat().st_mode & 0o777 == 0o600
                assert use(sock) == 11  # it is reset for each
        child.send_signal(signal.SIGTERM)
        assert child.wait() == 130

    assert not path.exists()


def test_once_ends_after_the_first_connection(folder: Path) -> None:
    path = folder / "device.sock"
    with started(folder, "--once", path, "parts:Outer.inner") as child:
        with connect(path) as sock:
            assert use(sock) == 11
        assert child.wait() == 0

    assert not path.exists()


@pytest.mark.parametrize("said", [b"x" * 32, b"half"])
def test_a_connection_that_breaks_the_protocol_is_not_the_last(folder: Path, said: bytes) -> None:
    path = folder / "device.sock"
    with started(folder, path, "parts:Sum") as child:
        with connect(path) as sock:
            sock.sendall(said)
        assert child.stderr is not None
        assert child.stderr.readline().startswith("pyx86emu.forward: the other end ")
        with connect(path) as sock:
            assert use(sock) == 11

    path = folder / "once.sock"
    with started(folder, "--once", path, "parts:Sum") as child:
        with connect(path) as sock:
            sock.sendall(said)
        assert child.wait() == 74


def test_it_serves_an_inherited_socket_and_raises_a_line(folder: Path) -> None:
    with pair() as (here, there), EventFd() as line:
        fds = (there.fileno(), line.fileno())
        with started(folder, f"fd:{fds[0]}", "parts:Sum", "--irq", fds[1], fds=fds) as child:
            there.close()
            assert use(here) == 11
            assert line.read() == 2
            here.close()
            assert child.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("sock", "parts"), 2, "name it as package.module:Class"),
        (("sock", ":Sum"), 2, "name it as package.module:Class"),
        (("sock", "no.such.module:X"), 2, "cannot import no.such.module"),
        (("sock", "parts:Product"), 2, "parts has no Product"),
        (("fd:77", "parts:Sum"), 2, "fd:77 is no socket that this process has inherited"),
        (("fd:x", "parts:Sum"), 2, "fd:x is no socket"),
        (("fd:0", "parts:Sum"), 2, "fd:0 is no socket"),
        (("sock", "parts:Sum", "--irq", "77"), 2, "--irq 77 is no eventfd"),
        (("none/sock", "parts:Sum"), 74, "cannot listen at none/sock: No such file"),
        (("parts.py", "parts:Sum"), 74, "cannot listen at parts.py: Address already in use"),
        (("s" * 200, "parts:Sum"), 74, "too long"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    folder: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = python(
        "-c",
        f"import os, sys; os.chdir({str(folder)!r}); sys.path.insert(0, '.'); "
        f"from pyx86emu.forward.__main__ import main; sys.exit(main({list(arguments)!r}))",
    )

    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("pyx86emu.forward: ") and words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_directory_that_others_may_enter_is_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with started(folder, folder / "device.sock", "parts:Sum") as child:
        assert child.stderr is not None
        said = child.stderr.read()
        assert child.wait() == 2

    assert "use a directory of mode 700" in said and not (folder / "device.sock").exists()


def test_what_is_no_device_is_one_sentence(folder: Path) -> None:
    with pair() as (_, there):
        fd = there.fileno()
        with started(folder, f"fd:{fd}", "parts:nothing", fds=(fd,)) as child:
            assert child.stderr is not None
            said = child.stderr.read()
            assert child.wait() == 2

    assert "parts:nothing gives object: make it a PioDevice" in said and said.count("\n") == 1
