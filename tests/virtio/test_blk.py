"""VirtioBlk: requests of a driver, and what it does with wrong ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from pyx86emu import Disk, DiskError, Machine, State, StateError
from pyx86emu.virtio import blk, mmio
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.numbers import NEEDS_RESET, VERSION_1
from tests.virtio.driver import Registers, Ring

IMAGE = b"".join(bytes([n]) * 512 for n in range(1, 65))
HEADER, DATA, RESULT = 0x20000, 0x21000, 0x20FF0


class Driver:
    """A driver of one disk."""

    def __init__(self, m: Machine, device: VirtioBlk) -> None:
        self.m = m
        self.transport = VirtioMmio(device)
        m.attach(self.transport)
        self.registers = Registers(self.transport)
        self.start()

    def start(self) -> None:
        self.ring = Ring(self.m.vm, 8)
        self.registers.start({0: self.ring}, VERSION_1)

    def ask(
        self, kind: int, sector: int = 0, data: bytes = b"", room: int = 0
    ) -> tuple[int, bytes]:
        """One request; returns the status and what was read."""
        vm, ring = self.m.vm, self.ring
        vm.write(HEADER, struct.pack("<IIQ", kind, 0, sector) + data)
        vm.write(RESULT, b"\xff")
        ring.free = list(range(8))
        parts = [(HEADER, 16, False), (HEADER + 16, len(data), False), (DATA, room, True)]
        ring.add([part for part in parts if part[1]] + [(RESULT, 1, True)])
        self.registers.kick()
        assert len(ring.reap()) == 1
        return vm.read(RESULT, 1)[0], vm.read(DATA, room)


@pytest.fixture
def disk() -> Iterator[Disk]:
    with Disk(IMAGE, kind="hd") as found:
        yield found


def test_sectors_are_read_and_written(m: Machine, disk: Disk) -> None:
    driver = Driver(m, VirtioBlk(disk))

    assert driver.ask(blk.T_IN, 2, room=1024) == (0, IMAGE[1024:2048])
    assert driver.ask(blk.T_OUT, 3, b"x" * 1024)[0] == 0
    assert driver.ask(blk.T_FLUSH)[0] == 0

    assert disk.read(2, 4) == b"\3" * 512 + b"x" * 1024 + b"\6" * 512
    assert disk.changed == 2


def test_an_image_file_is_not_written(m: Machine, tmp_path: Any) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(IMAGE)
    device = VirtioBlk(str(path))
    driver = Driver(m, device)

    driver.ask(blk.T_OUT, 0, b"y" * 512)
    driver.ask(blk.T_FLUSH)

    assert driver.ask(blk.T_IN, 0, room=512)[1] == b"y" * 512
    device.close()
    assert path.read_bytes() == IMAGE
    with pytest.raises(DiskError, match="closed"):
        device.disk.read(0, 1)


def test_the_serial_is_the_id(m: Machine, disk: Disk) -> None:
    driver = Driver(m, VirtioBlk(disk, serial="disk-7"))

    assert driver.ask(blk.T_GET_ID, room=20) == (0, b"disk-7".ljust(20, b"\0"))
    assert driver.ask(blk.T_GET_ID, room=4) == (0, b"disk")


def test_zeroes_and_discards_are_written_as_zeroes(m: Machine, disk: Disk) -> None:
    driver = Driver(m, VirtioBlk(disk))

    assert driver.ask(blk.T_WRITE_ZEROES, 0, struct.pack("<QII", 1, 2, 1))[0] == 0
    assert driver.ask(blk.T_WRITE_ZEROES, 0, struct.pack("<QII", 60, 1, 0))[0] == 0
    assert driver.ask(blk.T_DISCARD, 0, struct.pack("<QII", 10, 1, 0))[0] == 0

    zero = [n for n in range(64) if disk.read(n, 1) == bytes(512)]
    assert zero == [1, 2, 10, 60]


def test_the_configuration_has_what_the_driver_needs(m: Machine, disk: Disk) -> None:
    driver = Driver(m, VirtioBlk(disk, queues=2, queue_size=16))
    read = driver.transport.mmio_read

    assert read(0x100, 4) == disk.count and read(0x104, 4) == 0
    assert read(0x100 + 12, 4) == 14  # seg_max
    assert read(0x100 + 20, 4) == 512
    assert read(0x100 + 34, 2) == 2  # num_queues
    assert read(0x100 + 36, 4) == read(0x100 + 48, 4) == blk.MOST_ZEROES
    assert driver.registers.offered & (blk.F_MQ | blk.F_FLUSH | blk.F_GEOMETRY)
    assert len(driver.transport.virtio.config) == 60


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ((blk.T_IN, disk_end := 64, b"", 512), 1),
        ((blk.T_IN, (1 << 64) - 1, b"", 512), 1),
        ((blk.T_IN, 0, b"", 100), 1),
        ((blk.T_OUT, disk_end, b"x" * 512, 0), 1),
        ((blk.T_OUT, 0, b"x" * 100, 0), 1),
        ((99, 0, b"", 0), 2),
        ((blk.T_DISCARD, 0, struct.pack("<QII", 0, 1, 1), 0), 2),
        ((blk.T_WRITE_ZEROES, 0, struct.pack("<QII", 0, 1, 2), 0), 2),
        ((blk.T_WRITE_ZEROES, 0, struct.pack("<QII", 63, 2, 0), 0), 1),
        ((blk.T_WRITE_ZEROES, 0, struct.pack("<QII", (1 << 64) - 1, 2, 0), 0), 1),
        ((blk.T_WRITE_ZEROES, 0, b"12345678", 0), 1),
        ((blk.T_WRITE_ZEROES, 0, b"", 0), 1),
    ],
)
def test_wrong_requests_get_a_status(
    m: Machine, request_: tuple[int, int, bytes, int], status: int
) -> None:
    with Disk(IMAGE, kind="hd", geometry=(1, 1, 63)) as disk:
        driver = Driver(m, VirtioBlk(Small(disk)))

        assert driver.ask(*request_)[0] == status

        assert not driver.registers.get(mmio.STATUS) & NEEDS_RESET


class Small:
    """64 sectors of a disk."""

    count = 64
    readonly = False

    def __init__(self, disk: Disk) -> None:
        self.read, self.write, self.flush = disk.read, disk.write, disk.flush


def test_a_request_without_a_header_needs_a_reset(m: Machine, disk: Disk) -> None:
    for parts in ([(HEADER, 15, False), (RESULT, 1, True)], [(HEADER, 16, False)]):
        driver = Driver(m, VirtioBlk(disk))
        driver.ring.add(parts)

        driver.registers.kick()

        assert driver.registers.get(mmio.STATUS) & NEEDS_RESET
        assert "no header of 16 bytes" in str(driver.transport.trouble)


def test_a_read_only_disk_refuses_writes(m: Machine, disk: Disk) -> None:
    disk.readonly = True
    driver = Driver(m, VirtioBlk(disk))

    assert driver.registers.offered & blk.F_RO
    assert not driver.registers.offered & blk.F_DISCARD
    assert driver.ask(blk.T_OUT, 0, b"x" * 512)[0] == 1
    assert driver.ask(blk.T_WRITE_ZEROES, 0, struct.pack("<QII", 0, 1, 0))[0] == 1
    assert disk.changed == 0


def test_what_the_host_cannot_do_is_an_error_of_the_request(m: Machine, disk: Disk) -> None:
    device = VirtioBlk(disk)
    driver = Driver(m, device)
    disk.close(discard=True)

    assert driver.ask(blk.T_IN, 0, room=512)[0] == 1

    assert device.errors == 1
    assert isinstance(device.last_error, DiskError)


def test_a_state_has_what_was_written(m: Machine, disk: Disk) -> None:
    driver = Driver(m, VirtioBlk(disk))
    driver.ask(blk.T_OUT, 1, b"a" * 512)
    state = m.save()
    driver.ask(blk.T_OUT, 1, b"b" * 512)

    m.restore(state)

    assert disk.read(1, 1) == b"a" * 512
    driver.ring.seen = driver.ring.made = 1
    assert driver.ask(blk.T_IN, 1, room=512) == (0, b"a" * 512)


def test_a_state_is_the_same_from_bytes(m: Machine, disk: Disk) -> None:
    driver = Driver(m, VirtioBlk(disk))
    driver.ask(blk.T_OUT, 1, b"a" * 512)
    data = m.save().to_bytes()

    with Machine(b"\xf4") as other, Disk(IMAGE, kind="hd") as same:
        other.attach(VirtioBlk(same))
        other.restore(State.from_bytes(data))

        assert same.read(1, 1) == b"a" * 512
    with Machine(b"\xf4") as other, Disk(IMAGE[::-1], kind="hd") as another:
        other.attach(VirtioBlk(another))
        with pytest.raises(StateError, match="virtio-blk"):
            other.restore(State.from_bytes(data))


def test_a_disk_of_others_cannot_be_saved(m: Machine, disk: Disk) -> None:
    Driver(m, VirtioBlk(Small(disk)))

    with pytest.raises(StateError, match="use a Disk"):
        m.save()


def test_wrong_arguments_are_refused(disk: Disk) -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        VirtioBlk(disk, serial="x" * 21)
    with pytest.raises(ValueError, match="power of two"):
        VirtioBlk(disk, queue_size=12)
    with pytest.raises(ValueError, match="queues"):
        VirtioBlk(disk, queues=0)
    with pytest.raises(TypeError):
        VirtioBlk(7)  # type: ignore[arg-type]


def test_a_queue_that_feeds_itself_leaves_run_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request reads a sector over its header and the available ring: the next request."""
    count = 300
    monkeypatch.setattr("pyx86emu.virtio.device.MOST_AT_ONCE", 20)
    image = b"".join(
        struct.pack("<IIQHH", 0, 0, n + 1, 0, n + 2).ljust(512, b"\0") for n in range(count)
    )
    with Machine(b"\xeb\xfe") as m, Disk(image, kind="hd") as disk:
        device = VirtioBlk(disk)
        transport = VirtioMmio(device)
        m.attach(transport)

        class Fed(Ring):
            @property
            def addresses(self) -> tuple[int, int, int]:
                return self.desc, HEADER + 16, self.used

        ring = Fed(m.vm, 8)
        Registers(transport).start({0: ring}, VERSION_1)
        ring.describe(0, HEADER, 16, 1, 1)
        ring.describe(1, HEADER, 512, 3, 2)
        ring.describe(2, DATA, 1, 2)
        m.vm.write(HEADER, struct.pack("<IIQHH", 0, 0, 0, 0, 1).ljust(512, b"\0"))

        Registers(transport).kick()
        queue = device.queues[0]
        assert queue is not None
        first = queue.pushed
        m.run(timeout=0.2)

        assert first < count
        assert queue.pushed >= count
