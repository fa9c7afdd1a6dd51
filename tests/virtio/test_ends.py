"""Ends of a console: descriptors, a pty, streams of asyncio."""

from __future__ import annotations

import asyncio
import os
import socket

from pyx86emu import Machine
from pyx86emu.virtio.console import MOST_INPUT, VirtioConsole
from pyx86emu.virtio.ends import CHUNK, LIMIT, FdEnds, Pty, streams
from pyx86emu.virtio.mmio import VirtioMmio
from tests.harness import PATIENCE, Running, wait_until
from tests.virtio.driver import Registers, Ring


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


def test_output_goes_on_without_input() -> None:
    console = VirtioConsole()
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    with ours, theirs, FdEnds(console, theirs.fileno(), theirs.fileno()):
        assert console.output is not None
        for letter in (b"a", b"b", b"c"):
            console.output(letter)
            assert ours.recv(1) == letter
        ours.shutdown(socket.SHUT_WR)


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


def test_input_goes_on_when_the_guest_has_room_again() -> None:
    with Machine(b"\xf4") as m:
        console = VirtioConsole()
        transport = VirtioMmio(console)
        m.attach(transport)
        registers, ring = Registers(transport), Ring(m.vm, 64)
        registers.start({0: ring})
        read, write = os.pipe()
        with FdEnds(console, read, None, own=(read,)):
            fed = Running(lambda: [os.write(write, bytes(CHUNK)) for _ in range(400)])
            wait_until(lambda: console.waiting > MOST_INPUT - CHUNK)
            for _ in range(16):
                ring.add([(0x20000, CHUNK, True)])
            got = 0

            def take() -> bool:
                nonlocal got
                registers.kick(0)
                for head, n in ring.reap():
                    got += n
                    ring.offer(head)
                return got == 400 * CHUNK

            wait_until(take)
            fed.result()
        os.close(write)


def test_input_is_not_lost_while_output_waits() -> None:
    console = VirtioConsole()
    ours, theirs = socket.socketpair()
    with ours, theirs, FdEnds(console, theirs.fileno(), theirs.fileno()) as ends:
        theirs.setblocking(False)
        assert console.output is not None
        while not ends.dropped:
            console.output(bytes(LIMIT // 8))  # nobody reads it
        assert console.send(bytes(MOST_INPUT)) == MOST_INPUT
        ours.sendall(b"typed")

        kept = len(ends._kept)
        wait_until(lambda: ours.recv(1 << 16) and len(ends._kept) < kept)  # it looks at both

        console._input.clear()
        wait_until(lambda: console.waiting == 5)
    ends.close()


def test_a_stream_that_nobody_reads_costs_bounded_memory() -> None:
    async def talk() -> None:
        console = VirtioConsole()
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        task = asyncio.create_task(streams(console, reader, writer))
        await asyncio.to_thread(int)
        assert console.output is not None
        for _ in range(50):
            console.output(bytes(LIMIT // 4))
            await asyncio.to_thread(int)
        assert writer.transport.get_write_buffer_size() <= 2 * LIMIT
        ours.shutdown(socket.SHUT_WR)
        await task
        writer.transport.abort()
        ours.close()

    asyncio.run(talk())


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
