"""Serial lines of the command line: what each kind does with bytes, and with a bad name."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyx86emu.cli.lines import AHEAD, LIMIT, Line, StdioLine
from pyx86emu.cli.serial import open_line, open_parallel
from pyx86emu.cli.status import HostError, UsageError
from pyx86emu.pc.devices import Printer, Uart16550A

Open = Callable[[str], Line]


class SlowUart(Uart16550A):
    """A port whose guest reads nothing: what it receives stays in `queue`."""

    def _feed(self) -> None:
        pass


@pytest.fixture
def uart() -> Uart16550A:
    return SlowUart()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def open_(uart: Uart16550A, said: list[str]) -> Iterator[Open]:
    """`open_("pty")` is a line of that kind, connected to `uart`."""
    lines = []

    def open_one(text: str) -> Line:
        line = open_line(text, say=said.append)
        lines.append(line)
        line.connect(uart)
        return line

    yield open_one
    for line in lines:
        line.close()


def send(uart: Uart16550A, data: bytes) -> None:
    for byte in data:
        uart.pio_write(0, 1, byte)


def call(said: list[str]) -> socket.socket:
    """A connection to the server that `said` names."""
    found = re.search(r"listening on 127\.0\.0\.1:(\d+)", "\n".join(said))
    assert found, said
    return socket.create_connection(("127.0.0.1", int(found[1])), 10)


def received(uart: Uart16550A, line: Line, count: int) -> bytes:
    """What the guest has received, when it is so many bytes."""
    for _ in range(100_000):
        line.poll()
        if len(uart.queue) >= count:
            break
    return bytes(uart.queue)


def test_none_takes_and_gives_nothing(open_: Open, uart: Uart16550A) -> None:
    for name in ("none", "null"):
        line = open_(name)
        send(uart, b"hello")
        line.poll()

    assert not uart.queue


def test_a_file_gets_what_the_guest_sends(open_: Open, uart: Uart16550A, tmp_path: Path) -> None:
    uart.output = (log := []).append
    line = open_(f"file:{tmp_path}/out.txt")

    send(uart, b"hello")
    line.poll()

    assert (tmp_path / "out.txt").read_bytes() == b"hello"
    assert b"".join(log) == b"hello"  # who took it before takes it still


def test_a_full_disk_is_a_sentence(open_: Open, uart: Uart16550A) -> None:
    line = open_("file:/dev/full")
    send(uart, b"hello")

    with pytest.raises(HostError, match="cannot write to /dev/full: No space left on device"):
        line.poll()
    line.close()


def test_a_pty_is_named_and_carries_bytes_both_ways(
    open_: Open, uart: Uart16550A, said: list[str]
) -> None:
    line = open_("pty")
    send(uart, b"nobody hears this")
    line.poll()
    fd = os.open(said[0].removeprefix("serial line: "), os.O_RDWR | os.O_NOCTTY)

    send(uart, b"out\r\n\x03")
    line.poll()
    os.write(fd, b"in\x03\r")

    assert os.read(fd, 100) == b"out\r\n\x03"
    assert received(uart, line, 4) == b"in\x03\r"
    os.close(fd)
    line.poll()
    send(uart, b"gone")
    line.poll()
    again = os.open(said[0].removeprefix("serial line: "), os.O_RDWR | os.O_NOCTTY)
    line.poll()
    send(uart, b"back")
    line.poll()
    assert os.read(again, 100).endswith(b"back")
    os.close(again)


def test_a_server_listens_on_loopback_and_takes_one_caller_after_the_other(
    open_: Open, uart: Uart16550A, said: list[str]
) -> None:
    line = open_("tcp::0,server,nowait")
    send(uart, b"nobody hears this")

    for name in (b"first", b"second"):
        with call(said) as peer:
            peer.sendall(name)
            uart.queue.clear()
            assert received(uart, line, len(name)) == name
            send(uart, name)
            line.poll()
            assert peer.recv(100) == name
        line.poll()  # it has gone away

    assert not any("warning" in each for each in said)


def test_a_server_on_a_named_host_warns(open_: Open, said: list[str]) -> None:
    open_("tcp:0.0.0.0:0,server,wait=off")

    assert "warning: whoever can reach 0.0.0.0:" in said[-1]


def test_a_server_waits_for_its_first_caller(said: list[str]) -> None:
    heard = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if "waiting" in text:
            heard.set()

    lines: list[Line] = []
    thread = threading.Thread(target=lambda: lines.append(open_line("tcp::0,server", say=say)))
    thread.start()
    assert heard.wait(60)
    assert not lines

    with call(said):
        thread.join(60)

    assert lines
    lines[0].close()


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_client_calls_a_server(open_: Open, uart: Uart16550A, kind: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX) as server:
        server.bind(("127.0.0.1", 0) if kind == "tcp" else f"{tmp_path}/s")
        server.listen()
        where = f"localhost:{server.getsockname()[1]}" if kind == "tcp" else f"{tmp_path}/s"
        line = open_(f"{kind}:{where}")
        peer, _ = server.accept()
        with peer:
            send(uart, b"out")
            line.poll()
            assert peer.recv(100) == b"out"
            peer.sendall(b"in")
            assert received(uart, line, 2) == b"in"

    for _ in range(100):
        line.poll()  # the server has gone: no error
        send(uart, b"more")


def test_a_unix_server_is_for_its_owner_and_is_removed(
    open_: Open, uart: Uart16550A, tmp_path: Path
) -> None:
    path = tmp_path / "serial"
    line = open_(f"unix:{path},server,nowait")

    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        peer.sendall(b"in")
        assert received(uart, line, 2) == b"in"
    line.close()
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_a_file_is_not(open_: Open, tmp_path: Path) -> None:
    stale = tmp_path / "stale"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    open_(f"unix:{stale},server,nowait")

    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="file,server,nowait: Address already in use"):
        open_(f"unix:{tmp_path}/file,server,nowait")
    with pytest.raises(UsageError, match="Address already in use"):
        open_(f"unix:{stale},server,nowait")  # that one is alive

    assert (tmp_path / "file").read_text() == "mine"


def test_a_peer_that_does_not_read_neither_stops_the_guest_nor_fills_memory(
    open_: Open, uart: Uart16550A, said: list[str]
) -> None:
    line = open_("tcp::0,server,nowait")
    with call(said) as peer:
        received(uart, line, 0)
        line.poll()
        block = bytes(CHUNK := 1 << 16)
        assert uart.output is not None
        for _ in range(64 * LIMIT // CHUNK):
            uart.output(block)

        assert line.dropped > 0
        assert len(line._kept) < 2 * LIMIT  # type: ignore[attr-defined]
        assert not uart.inputs & 0x10  # clear to send is off
        taken = 0
        while taken < 64 * LIMIT - line.dropped:
            taken += len(peer.recv(1 << 20))
            line.poll()
        line.poll()
        assert uart.inputs & 0x10


def test_a_guest_that_does_not_read_makes_the_peer_wait(
    open_: Open, uart: Uart16550A, said: list[str]
) -> None:
    line = open_("tcp::0,server,nowait")
    with call(said) as peer:
        peer.sendall(bytes(3 * AHEAD))
        received(uart, line, AHEAD)
        for _ in range(10):
            line.poll()

        assert len(uart.queue) == AHEAD


def test_stdio_reads_and_writes_descriptors_it_leaves_as_they_are(uart: Uart16550A) -> None:
    (keys, typed), (heard, spoken) = os.pipe(), os.pipe()
    line = StdioLine(keys, spoken)
    line.connect(uart)

    os.write(typed, b"in")
    assert received(uart, line, 2) == b"in"
    os.close(typed)
    line.poll()
    send(uart, b"still sends")  # after the end of its input
    line.close()
    line.close()

    assert os.read(heard, 100) == b"still sends"
    assert os.get_blocking(spoken)
    for fd in (keys, heard, spoken):
        os.close(fd)


def test_stdio_loses_no_byte_to_a_slow_reader(uart: Uart16550A) -> None:
    heard, spoken = os.pipe()
    line = StdioLine(-1, spoken)
    line.connect(uart)
    count = 0

    def read() -> None:
        nonlocal count
        while data := os.read(heard, 1 << 16):
            count += len(data)

    thread = threading.Thread(target=read)
    assert uart.output is not None
    uart.output(bytes(2 * LIMIT))
    thread.start()
    uart.output(bytes(LIMIT))
    line.close()
    os.close(spoken)
    thread.join()
    os.close(heard)

    assert (count, line.dropped) == (3 * LIMIT, 0)


def test_a_closed_pipe_on_standard_output_ends_silently(uart: Uart16550A) -> None:
    heard, spoken = os.pipe()
    os.close(heard)
    line = StdioLine(-1, spoken)
    line.connect(uart)
    send(uart, b"x")

    with pytest.raises(HostError) as caught:
        line.poll()

    assert str(caught.value) == ""
    line.close()
    os.close(spoken)


def test_a_printer_prints_to_a_file(tmp_path: Path) -> None:
    line = open_parallel(f"file:{tmp_path}/paper")
    printer = Printer()
    line.connect(printer)
    assert printer.output is not None

    printer.output(b"text")
    line.poll()
    line.close()

    assert (tmp_path / "paper").read_bytes() == b"text"
    open_parallel("none").connect(printer)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "give stdio, file:PATH"),
        ("tty", "give stdio, file:PATH"),
        ("stdio:", "give stdio, file:PATH"),
        ("mon:stdio", "give stdio, file:PATH"),
        ("telnet::4444,server", "use tcp:HOST:PORT"),
        ("file:", "name a file"),
        ("file:/no/such/dir/x", "there is no directory /no/such/dir"),
        ("file:/", "that is a directory"),
        ("file:a\0b", "null"),
        ("tcp:", "give tcp:HOST:PORT"),
        ("tcp:localhost", "give tcp:HOST:PORT"),
        ("tcp:localhost:70000", "give tcp:HOST:PORT"),
        ("tcp:localhost:x", "give tcp:HOST:PORT"),
        ("tcp:127.0.0.1:1", "Connection refused"),
        ("tcp:a\0b:1", "-serial tcp:a"),
        ("tcp::0,sever", "'sever' is not known"),
        ("unix:", "name a socket"),
        ("unix:/no/such/socket", "No such file"),
        ("unix:/no/such/socket,server,nowait", "No such file"),
        ("unix:" + "x" * 200 + ",server", "too long"),
    ],
)
def test_what_is_no_line_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_line(text)

    assert says in str(caught.value)
    assert str(caught.value).startswith("-serial ")


@pytest.mark.parametrize("text", ["", "stdio", "file:", "file:/", "/dev/lp0"])
def test_what_is_no_printer_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="-parallel "):
        open_parallel(text)
