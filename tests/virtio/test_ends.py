"""Ends of a console: descriptors, a pty, streams of asyncio."""

from __future__ import annotations

import asyncio
import os
import socket

from pyx86emu.virtio.console import VirtioConsole
from pyx86emu.virtio.ends import LIMIT, FdEnds, Pty, streams
from tests.harness import wait_until


def test_descriptors_carry_bytes_both_ways() -> None:
    console = VirtioConsole()
    ours, theirs = socket.socketpair()
    with ours, theirs, FdEnds(console, theirs.fileno(), theirs.fileno()):
        ours.sendall(b"to the guest")
        wait_until(lambda: console.waiting == 12)

        assert console.output is not None
        console.output(b"from the guest")

        assert ours.recv(100) == b"from the guest"
        ours.shutdown(socket.SHUT_WR)
        console.output(b"!")
        assert ours.recv(100) == b"!"
    assert console.output is None


def test_a_reader_that_does_not_read_costs_bytes_not_time() -> None:
    console = VirtioConsole()
    there, back = os.pipe()
    os.set_blocking(back, False)
    ends = FdEnds(console, None, back, own=(back,))
    assert console.output is not None
    for _ in range(20):
        console.output(bytes(LIMIT // 8))
    assert ends.dropped > 0

    ends.close()
    ends.close()

    os.close(there)


def test_a_pty_is_a_terminal() -> None:
    console = VirtioConsole()
    with Pty(console) as pty:
        fd = os.open(pty.path, os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"typed\n")
        wait_until(lambda: console.waiting == 6)
        assert console.output is not None
        console.output(b"shown\n")

        assert os.read(fd, 100) == b"shown\n"
        os.close(fd)


def test_streams_of_asyncio_carry_bytes_both_ways() -> None:
    async def talk() -> None:
        console = VirtioConsole()
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        other, to_guest = await asyncio.open_connection(sock=ours)
        task = asyncio.create_task(streams(console, reader, writer))
        to_guest.write(b"to the guest")
        await asyncio.to_thread(wait_until, lambda: console.waiting == 12)
        assert console.output is not None
        console.output(b"from the guest")
        assert await other.read(100) == b"from the guest"
        to_guest.write_eof()
        await task
        assert console.output is None
        writer.close()
        to_guest.close()

    asyncio.run(talk())
