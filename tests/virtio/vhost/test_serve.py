"""serve(): a device in Python as a back end, for our front end, for QEMU, for hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import struct
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyx86emu import Vm
from pyx86emu.virtio import BlkDriver
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.vhost.channel import Channel, Closed
from pyx86emu.virtio.vhost.messages import ADDR, INFLIGHT, ONE_REGION, STATE, U64, Region, table
from pyx86emu.virtio.vhost.numbers import NEED_REPLY, Request
from pyx86emu.virtio.vhost.serve import BackEnd, serve
from pyx86emu.virtio.vhost.session import Session
from pyx86emu.virtio.vhost.sockets import Caller
from tests import on_qemu
from tests.harness import descriptors, wait_until
from tests.virtio.vhost.load import DISK, FLUSH, VERSION_1, driven, use_added_memory
from tests.virtio.vhost.ramdisk import RamDisk
from tests.virtio.vhost.served import Served

SIZE = 1 << 20


@pytest.fixture
def device() -> RamDisk:
    return RamDisk(bytearray(SIZE), queues=2)


@pytest.fixture
def back(device: RamDisk, sock: Path) -> Iterator[BackEnd]:
    with serve(device, sock) as made:
        yield made


def call(sock: Path) -> Channel:
    """A front end that says what it likes."""
    one = socket.socket(socket.AF_UNIX)
    one.connect(str(sock))
    return Channel(one)


def refused(front: Channel, back: BackEnd) -> str:
    """Wait until the back end has hung up. Returns why."""
    with pytest.raises(Closed):
        while True:
            front.receive(20)
    front.close()
    wait_until(lambda: back.errors)
    return str(back.errors[-1])


# -- its work --------------------------------------------------------------------------------------


def test_requests_are_carried_out_by_a_device_in_python(vm: Vm, sock: Path) -> None:
    device = RamDisk(bytearray(DISK))
    with serve(device, sock) as back:
        with driven(vm, sock) as (_, load):
            load.run(1000)

            load.check(bytes(device.disk))
        assert back.errors == []


def test_a_back_end_of_ours_that_is_killed_loses_nothing(
    vm: Vm, sock: Path, tmp_path: Path
) -> None:
    with Served(sock, tmp_path / "disk", DISK) as process, driven(vm, sock) as (link, load):
        for _ in range(2):
            load.run(300)
            load.fill(load.made + 8)
            process.kill()
            process.start()
        load.run(300)

        assert link.sessions == 3
        assert link._inflight is not None  # the list was the back end's
        assert not load.busy
        load.check(process.file.read_bytes())


@pytest.mark.parametrize("words", [("hold",), ("hold", "forgets")], ids=["its list", "our list"])
def test_the_oldest_request_is_not_lost_though_later_ones_are_done(
    vm: Vm, sock: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Its entry in the available ring is overwritten by then: the used index alone loses it."""
    with Served(sock, tmp_path / "disk", DISK, *words) as process, driven(vm, sock) as (link, load):
        load.fill(1)
        ((_, held),) = load.busy
        for _ in range(45):  # 315 others: the ring has 256 entries
            load.run_others(7)
        assert [slot for _, slot in load.busy] == [held]
        assert (link._inflight is None) == ("forgets" in words)

        process.kill()
        process.start(*words[1:])

        while load.busy:
            load.collect()
        load.check(process.file.read_bytes())


def test_memory_that_is_added_while_the_device_works_is_mapped(vm: Vm, sock: Path) -> None:
    device = RamDisk(bytearray(DISK))
    with serve(device, sock) as back:
        with driven(vm, sock) as (link, load):
            use_added_memory(vm, link, load)
        load.check(bytes(device.disk))
        assert back.errors == []


@pytest.mark.parametrize("used", [(1,), ()])
def test_a_driver_need_not_use_all_queues(vm: Vm, sock: Path, used: tuple[int, ...]) -> None:
    with (
        serve(RamDisk(bytearray(DISK), queues=2), sock) as back,
        driven(vm, sock, used, reconnect=None) as (link, load),
    ):
        assert link.settle(10)
        load.run(50 * len(used))

        assert (link.error, back.errors) == (None, [])


def test_the_next_front_end_is_served_after_the_first(back: BackEnd, sock: Path) -> None:
    for count in (1, 2):
        session = Session(Caller(str(sock)).connect())
        session.begin()
        assert session.queues() == 2
        session.close()
        wait_until(lambda count=count: back.connections == count)


def test_an_event_loop_may_do_the_work(sock: Path, device: RamDisk) -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        with serve(device, sock, thread=False) as back:
            loop.add_reader(back.fileno(), back.step)
            session = Session(Caller(str(sock)).connect())
            await asyncio.to_thread(session.begin)
            count = await asyncio.to_thread(session.queues)
            session.close()
            loop.remove_reader(back.fileno())
        return count

    assert asyncio.run(main()) == 2


def test_closing_removes_the_socket_and_ends_the_thread(device: RamDisk, sock: Path) -> None:
    before = descriptors()
    back = serve(device, sock)
    assert sock.stat().st_mode & 0o777 == 0o600

    back.close()
    back.close()

    assert back.wait(0)
    assert not sock.exists()
    assert descriptors() <= before


def test_a_device_that_is_attached_is_not_served(sock: Path) -> None:
    device = RamDisk(bytearray(SIZE))
    device.served = "thread"
    with pytest.raises(ValueError, match="the BackEnd calls it"):
        serve(device, sock)
    with pytest.raises(TypeError, match="takes a VirtioDevice"):
        serve(object(), sock)  # type: ignore[arg-type]


def test_an_error_of_the_device_ends_the_connection_and_is_kept(
    vm: Vm, back: BackEnd, device: RamDisk, sock: Path
) -> None:
    def broken(index: int) -> None:
        raise RuntimeError("this device is broken")

    device.kicked = broken  # type: ignore[method-assign]

    with driven(vm, sock, reconnect=None):
        wait_until(lambda: back.errors)

    assert "this device is broken" in str(back.errors[0])


# -- QEMU ------------------------------------------------------------------------------------------


def test_qemu_boots_from_a_device_in_python(sock: Path, tmp_path: Path, nasm: str) -> None:
    program = on_qemu.need()
    boot = tmp_path / "boot.bin"
    source = Path(__file__).with_name("int13.asm")
    subprocess.run([nasm, "-f", "bin", source, "-o", boot], check=True)
    pattern = bytes(range(256)) * 2
    device = VirtioBlk((boot.read_bytes() + pattern).ljust(4 << 20, b"\0"))
    command = [program, "-M", "pc,memory-backend=ram", "-m", "64M", "-net", "none"]
    command += ["-object", "memory-backend-memfd,id=ram,size=64M,share=on"]
    command += ["-chardev", f"socket,id=blk,path={sock}"]
    command += ["-device", "vhost-user-blk-pci,chardev=blk,num-queues=1,bootindex=0"]
    command += ["-debugcon", "stdio", "-display", "none", "-no-reboot"]
    command += ["-device", "isa-debug-exit,iobase=0xf4"]

    with serve(device, sock) as back:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120, check=False
        )

        assert (ended.returncode, ended.stdout) == (1, b"R")
        assert (back.errors, back.connections, device.errors) == ([], 1, 0)
    assert device.disk.read(2, 1) == b"\1" + pattern[1:]


# -- hostile front ends ----------------------------------------------------------------------------


def memory(size: int) -> int:
    fd = os.memfd_create("test")
    os.ftruncate(fd, size)
    return fd


Say = Callable[[Channel, int], None]
ROW = Region(0, 0x10000, 1 << 40)


def set_up(front: Channel, fd: int, *, num: int = 16, at: int = 1 << 40) -> None:
    front.send(Request.SET_FEATURES, U64.pack(VERSION_1 | 1 << 30))
    front.send(Request.SET_MEM_TABLE, table([ROW]), (fd,))
    front.send(Request.SET_VRING_NUM, STATE.pack(0, num))
    front.send(Request.SET_VRING_ADDR, ADDR.pack(0, 0, at, at + 0x2000, at + 0x1000, 0))


def kick(front: Channel, fd: int, with_what: int | None = None) -> None:
    event = os.eventfd(0)
    what = event if with_what is None else with_what
    try:
        front.send(Request.SET_VRING_KICK, U64.pack(0), (what,))
        front.send(Request.SET_VRING_ENABLE, STATE.pack(0, 1))
    finally:
        os.close(event)


def send(*messages: tuple[int, bytes, bool]) -> Say:
    def say(front: Channel, fd: int) -> None:
        for request, payload, with_fd in messages:
            front.send(request, payload, (fd,) if with_fd else ())

    return say


def ring_outside(front: Channel, fd: int) -> None:
    set_up(front, fd, at=(1 << 40) + 0xE000)
    kick(front, fd)


def kick_that_is_a_file(front: Channel, fd: int) -> None:
    set_up(front, fd)
    kick(front, fd, fd)


def moved(front: Channel, fd: int) -> None:
    set_up(front, fd)
    kick(front, fd)
    front.send(Request.SET_VRING_ADDR, ADDR.pack(0, 0, 0, 0, 0, 0))


def no_memory_any_more(front: Channel, fd: int) -> None:
    set_up(front, fd)
    kick(front, fd)
    front.send(Request.SET_MEM_TABLE, table([Region(0, 0x1000, 1 << 40)]), (fd,))


def other_features(front: Channel, fd: int) -> None:
    set_up(front, fd)
    kick(front, fd)
    front.send(Request.SET_FEATURES, U64.pack(VERSION_1 | FLUSH | 1 << 30))


HOSTILE = {
    "other features while a queue runs": (other_features, "while a queue runs"),
    "a request that is unknown": (send((200, b"", False)), "request 200 is not supported"),
    "memory that is shorter": (
        send((Request.SET_MEM_TABLE, table([Region(0, 0x20000, 0)]), True)),
        "of a file that has 0x10000",
    ),
    "memory far away in the file": (
        send((Request.SET_MEM_TABLE, table([Region(0, 0x1000, 0, 1 << 62)]), True)),
        "at offset 0x4000",
    ),
    "a region that was never added": (
        send((Request.REM_MEM_REG, ONE_REGION.pack(0, *ROW), False)),
        "which was not added",
    ),
    "the same region twice": (
        send(*[(Request.ADD_MEM_REG, ONE_REGION.pack(0, *ROW), True)] * 2),
        "two memory regions",
    ),
    "a queue that is not there": (
        send((Request.SET_VRING_NUM, STATE.pack(2, 16), False)),
        "queue 2 of 'ramdisk', which has 2",
    ),
    "a size that is no power of two": (
        send((Request.SET_VRING_NUM, STATE.pack(0, 48), False)),
        "a power of two up to 256",
    ),
    "a base of more than 16 bits": (
        send((Request.SET_VRING_BASE, STATE.pack(0, 1 << 16), False)),
        "an index has 16 bits",
    ),
    "features that are not offered": (
        send((Request.SET_FEATURES, U64.pack(1 << 63), False)),
        "not offered",
    ),
    "protocol features that are not offered": (
        send((Request.SET_PROTOCOL_FEATURES, U64.pack(1 << 5), False)),
        "has more than",
    ),
    "a kick before the rest": (lambda front, fd: kick(front, fd), "before SET_VRING_NUM"),
    "a ring that is not in the memory": (ring_outside, "is in no memory region"),
    "a kick that is a file": (kick_that_is_a_file, "nothing to wait for"),
    "a ring that moves while it runs": (moved, "moves queue 0, which runs"),
    "memory that leaves a ring without": (no_memory_any_more, "is in no memory region"),
    "inflight memory for too many queues": (
        send((Request.GET_INFLIGHT_FD, INFLIGHT.pack(0, 0, 3, 16), False)),
        "for 3 queues",
    ),
    "inflight memory that is too small": (
        send((Request.SET_INFLIGHT_FD, INFLIGHT.pack(64, 0, 1, 256), True)),
        "of 64 bytes",
    ),
    "an enable that is neither": (
        send((Request.SET_VRING_ENABLE, STATE.pack(0, 2), False)),
        "0 or 1 expected",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_front_end_may_not_do_ends_its_connection(
    back: BackEnd, sock: Path, what: str
) -> None:
    say, words = HOSTILE[what]
    fd = memory(0x10000)
    before = descriptors()
    front = call(sock)

    with contextlib.suppress(Closed):  # it has seen the fault, and there is more to say
        say(front, fd)

    assert words in refused(front, back)
    wait_until(lambda: descriptors() <= before)
    session = Session(Caller(str(sock)).connect())
    session.begin()  # others are served
    session.close()
    os.close(fd)


def test_rings_of_a_hostile_driver_break_the_queue_not_the_process(
    back: BackEnd, device: RamDisk, sock: Path
) -> None:
    fd = memory(0x10000)
    front = call(sock)
    set_up(front, fd)
    err = os.eventfd(0)
    front.send(Request.SET_VRING_ERR, U64.pack(0), (err,))
    # Head 99 of a ring of 16.
    os.pwrite(fd, struct.pack("<HHH", 0, 1, 99), 0x1000)
    event = os.eventfd(1)
    front.send(Request.SET_VRING_KICK, U64.pack(0), (event,))
    front.send(Request.SET_VRING_ENABLE, STATE.pack(0, 1))

    wait_until(lambda: select.select([err], [], [], 0)[0])
    assert os.eventfd_read(err) == 1
    assert back.errors == []
    for each in (fd, err, event):
        os.close(each)
    front.close()


def test_a_reply_is_sent_where_it_is_asked_for(back: BackEnd, sock: Path) -> None:
    front = call(sock)
    front.send(Request.SET_PROTOCOL_FEATURES, U64.pack(1 << 3))
    front.send(Request.SET_OWNER, flags=NEED_REPLY)

    answer = front.receive(20)

    assert (answer.request, answer.u64()) == (Request.SET_OWNER, 0)
    front.close()


def test_what_a_device_raises_can_be_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Bad(VirtioBlk):
        def kicked(self, index: int) -> None:
            raise RuntimeError("a bug of mine")

    path = tmp_path / "blk.sock"
    with serve(Bad(bytes(1 << 20)), path, on_error=traceback.print_exception) as back:
        with BlkDriver(path, timeout=0.3) as disk, pytest.raises(TimeoutError):
            disk.read(0, 1)
        assert back.connections > 1

    err = capsys.readouterr().err
    assert 'raise RuntimeError("a bug of mine")' in err
