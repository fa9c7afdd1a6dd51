"""Guests that misuse a virtio device: run() keeps its limits, no memory, no descriptor is lost."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import struct
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from pyx86emu import Disk, Machine, MachineError, State, StateError
from pyx86emu._core import GuestMap, VirtQueue
from pyx86emu.virtio import VirtioConsole, VirtioRng, mmio, serve
from pyx86emu.virtio.blk import T_IN, T_WRITE_ZEROES, VirtioBlk
from pyx86emu.virtio.device import Served, VirtioDevice
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.numbers import DRIVER_OK, EVENT_IDX, FAILED, INDIRECT_DESC, VERSION_1
from pyx86emu.virtio.pci import VirtioPci
from pyx86emu.virtio.serving import LoopServer, ThreadServer
from tests.harness import Running, descriptors, wait_until
from tests.virtio.driver import INDIRECT, Registers, Ring

TABLE, HEADER, DATA, RESULT = 0x30000, 0x38000, 0x40000, 0x38800
MIB = 1 << 20


@pytest.fixture
def m() -> Iterator[Machine]:
    with Machine(b"\xeb\xfe", model="80386") as machine:
        yield machine


class Fed(VirtioDevice):
    """Its queue is never empty: whatever it gives back is made available again."""

    device_id = 0x2A
    name = "fed"
    queue_sizes = (8,)

    def __init__(self, *, served: Served = "vcpu") -> None:
        super().__init__(served=served)
        self.ring: Ring | None = None
        self.turns = 0

    def kicked(self, index: int) -> None:
        for batch in self.requests(index):
            self.done(index, [(head, b"") for head, _, _ in batch])
            assert self.ring is not None
            self.ring.offer(*[head for head, _, _ in batch])
            self.turns += 1


def started(m: Machine, device: VirtioDevice, size: int = 8, **how: Any) -> tuple[Registers, Ring]:
    """A device that a driver has set up, with one queue."""
    transport = VirtioMmio(device, **how)
    m.attach(transport)
    registers, ring = Registers(transport), Ring(m.vm, size)
    features = VERSION_1 | INDIRECT_DESC
    registers.start({0: ring}, features)
    return registers, ring


# -- the status ------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", ["vcpu", "thread"])
def test_only_a_reset_clears_bits_of_the_status(m: Machine, served: Served) -> None:
    registers, _ = started(m, Fed(served=served))
    threads = threading.active_count()

    registers.put(mmio.STATUS, 11)
    assert registers.get(mmio.STATUS) == 15
    registers.put(mmio.STATUS, 15)  # not a second activation

    assert threading.active_count() == threads
    registers.put(mmio.STATUS, 0x100)
    assert registers.get(mmio.STATUS) == 0


def test_a_driver_that_has_failed_and_goes_on_can_be_saved(m: Machine) -> None:
    transport = VirtioMmio(VirtioConsole())
    m.attach(transport)
    registers = Registers(transport)
    registers.negotiate()
    registers.set_queue(0, Ring(m.vm, 8))

    registers.put(mmio.STATUS, FAILED | DRIVER_OK | 11)
    with Machine(b"\xeb\xfe", model="80386") as other:
        same = VirtioMmio(VirtioConsole())
        other.attach(same)
        other.restore(m.save())

        assert same.status == transport.status == FAILED | 11  # it does not live


def test_features_stay_once_a_legacy_driver_works(m: Machine) -> None:
    transport = VirtioPci(VirtioConsole())
    m.attach(transport)
    transport.bar_write(0, 0x08, 4, 0x20)  # the page of queue 0
    transport.bar_write(0, 0x12, 1, 7)

    transport.bar_write(1, 0x0C, 4, 1 << 28)  # modern registers: other features
    transport.bar_write(1, 0x08, 4, 1)
    transport.bar_write(1, 0x0C, 4, 1)
    transport.bar_write(1, 0x14, 1, 15)

    assert transport.virtio.negotiated == 0
    m.restore(m.save())


@pytest.mark.parametrize("served", ["vcpu", "thread"])
def test_two_vcpus_may_write_the_registers_at_once(
    m: Machine, quick_switches: None, served: Served
) -> None:
    registers, ring = started(m, Fed(served=served))

    def drive() -> None:
        for n in range(300):
            registers.put(mmio.STATUS, 0)
            with contextlib.suppress(AssertionError):  # the other one has reset it meanwhile
                registers.start({0: ring})
            registers.kick(n % 2)
            registers.get(mmio.INTERRUPT_STATUS)

    for each in [Running(drive), Running(drive)]:
        each.result()


# -- how much at once ------------------------------------------------------------------------------


def indirect(m: Machine, ring: Ring, parts: list[tuple[int, int, bool]], times: int) -> None:
    """Make so many requests available that share one indirect table."""
    table = b""
    for n, (addr, size, writable) in enumerate(parts, 1):
        more = n < len(parts)
        table += struct.pack("<QIHH", addr, size, 2 * writable | more, n * more)
    m.vm.write(TABLE, table)
    for head in range(times):
        ring.describe(head, TABLE, len(table), INDIRECT)
    ring.offer(*range(times))


def test_large_reads_are_carried_out_in_portions(m: Machine) -> None:
    """Each request has some bytes of ring, and 8 MiB of data that overlap in the guest."""

    class Counted(VirtioBlk):
        most = 0

        def done(self, index: int, batch: Any) -> None:
            self.most = max(self.most, sum(len(data) for _, data, _ in batch))
            super().done(index, batch)

    device = Counted(bytes(16 * MIB))
    registers, ring = started(m, device, 256)
    m.vm.write(HEADER, struct.pack("<IIQ", T_IN, 0, 0))
    parts = [(HEADER, 16, False), *[(DATA, 65536, True)] * 128, (RESULT, 1, True)]
    indirect(m, ring, parts, 16)

    registers.kick()

    first = len(ring.reap())
    assert 0 < first < 16
    assert device.most <= 32 * MIB
    m.run(max_instructions=100_000)
    assert first + len(ring.reap()) == 16


def test_what_may_be_written_counts_for_pop_many() -> None:
    ram = bytearray(1 << 20)
    memory = GuestMap([(0, len(ram), ram)])
    ring = Ring(memory, 8, 0x1000)
    queue = VirtQueue(memory, 8, *ring.addresses)
    for _ in range(4):
        ring.add([(0x8000, 0xC0000, True), (0x8000, 0xC0000, True)])
    small = len(queue.pop_many())
    assert (small, queue.carried) == (4, 4 * 2 * 0xC0000)

    huge = Ring(memory, 8, 0x4000)
    again = VirtQueue(memory, 8, *huge.addresses, INDIRECT_DESC)
    table = b"".join(
        struct.pack("<QIHH", 0, 0xFFFFF, 2 | (n < 7), (n + 1) * (n < 7)) for n in range(8)
    )
    memory.write(0x6000, table)
    for head in range(8):
        huge.describe(head, 0x6000, len(table), INDIRECT)
    huge.offer(*range(8))
    assert len(again.pop_many()) == 3  # 8 MiB each
    assert len(again.pop_many()) == 3
    assert len(again.pop_many()) == 2


def test_a_request_zeroes_a_bounded_part_of_the_disk(m: Machine) -> None:
    device = VirtioBlk(bytes(4 * MIB))
    registers, ring = started(m, device)
    most = int.from_bytes(device.config[48:52], "little")
    segments = int.from_bytes(device.config[52:56], "little")
    assert most * segments * 512 <= MIB
    m.vm.write(HEADER, struct.pack("<IIQQII", T_WRITE_ZEROES, 0, 0, 0, most + 1, 0))
    ring.add([(HEADER, 32, False), (RESULT, 1, True)])

    registers.kick()

    assert m.vm.read(RESULT, 1) == b"\1"


# -- queues that are never empty -------------------------------------------------------------------


def test_a_thread_that_never_gets_done_ends_at_a_reset(m: Machine) -> None:
    device = Fed(served="thread")
    registers, ring = started(m, device)
    device.ring = ring
    ring.add([(DATA, 16, False)])
    registers.kick()
    wait_until(lambda: device.turns > 3)

    Running(lambda: registers.put(mmio.STATUS, 0)).result()

    assert registers.get(mmio.STATUS) == 0


def test_a_loop_does_other_things_meanwhile(m: Machine) -> None:
    async def work() -> int:
        device = Fed(served=asyncio.get_running_loop())
        registers, ring = started(m, device)
        device.ring = ring
        ring.add([(DATA, 16, False)])
        registers.kick()
        while device.turns < 3:
            await asyncio.to_thread(int)
        registers.put(mmio.STATUS, 0)
        return device.turns

    assert Running(lambda: asyncio.run(work())).result() >= 3


def test_a_state_has_what_was_left_for_later(m: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyx86emu.virtio.device.MOST_AT_ONCE", 4)
    with Disk(bytes(MIB), kind="hd") as disk, Disk(bytes(MIB), kind="hd") as copy:
        registers, ring = started(m, VirtioBlk(disk), 16)
        m.vm.write(HEADER, struct.pack("<IIQ", T_IN, 0, 0))
        for _ in range(8):
            ring.add([(HEADER, 16, False), (RESULT, 1, True)])
        registers.kick()
        assert len(ring.reap()) == 4
        state = m.save()

        with Machine(b"\xeb\xfe", model="80386") as other:
            other.attach(VirtioMmio(VirtioBlk(copy)))
            other.restore(state)
            other.run(max_instructions=1000)

            assert other.vm.read(ring.used + 2, 1) == b"\x08"
        registers.put(mmio.STATUS, 0)
        assert m.vm.clock.timers == []


def test_nothing_is_stored_after_a_reset_in_the_middle(m: Machine) -> None:
    ring, found = Ring(m.vm, 8), b""

    def reset(_: bytes) -> None:
        nonlocal found
        registers.put(mmio.STATUS, 0)
        found = m.vm.read(ring.desc, ring.end - ring.desc)

    transport = VirtioMmio(VirtioConsole(reset))
    m.attach(transport)
    registers = Registers(transport)
    registers.start({1: ring}, VERSION_1 | EVENT_IDX)
    ring.add([(DATA, 4, False)])

    registers.kick(1)

    assert m.vm.read(ring.desc, ring.end - ring.desc) == found


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: values.pop("selected"),
        lambda values: values.update(queues=(None,)),
        lambda values: values["device"].update(random=(3, (1 << 80,) * 625, None)),
        lambda values: values["device"]["queues"][0].pop("popped"),
        lambda values: values["device"]["queues"][0].update(in_flight=7),
        lambda values: values["device"]["queues"][0].update(broken=b"no text"),
    ],
)
def test_a_damaged_state_is_a_state_error(
    m: Machine, damage: Callable[[dict[str, Any]], object]
) -> None:
    started(m, VirtioRng(seed=1))
    state = m.save()
    before = state.to_bytes()
    name = next(each for each in state.devices if "rng" in each)
    values = deepcopy(state.devices[name])
    damage(values)
    state.devices[name] = values

    with Machine(b"\xeb\xfe", model="80386") as other:
        other.attach(VirtioRng(seed=1))
        with pytest.raises(StateError, match="damaged"):
            other.restore(state)
        other.restore(State.from_bytes(before))


# -- what is left behind ---------------------------------------------------------------------------


def test_each_activation_frees_the_one_before(m: Machine) -> None:
    registers, ring = started(m, Fed(served="thread"))

    for _ in range(20):
        registers.start({0: ring})

    gc.collect()
    assert sum(type(each) is ThreadServer for each in gc.get_objects()) <= 2


def test_a_thread_that_raises_closes_its_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", int)

    class Bad(Fed):
        def kicked(self, index: int) -> None:
            raise ZeroDivisionError

    before = descriptors()
    with Machine(b"\xeb\xfe") as m:
        registers, _ = started(m, Bad(served="thread"))
        registers.kick()
        wait_until(lambda: registers.get(mmio.STATUS) & 0x40)
    assert descriptors() == before


def test_a_loop_in_its_own_thread_closes_descriptors_at_once(m: Machine) -> None:
    async def restart() -> None:
        registers, ring = started(m, Fed(served=asyncio.get_running_loop()))
        before = descriptors()
        for _ in range(10):
            registers.start({0: ring})
        assert descriptors() == before

    asyncio.run(restart())


def test_a_loop_that_is_closed_keeps_no_descriptor() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    before = descriptors()

    with pytest.raises(RuntimeError, match="closed"):
        LoopServer(loop, {0: 0}, int)

    assert descriptors() == before


# -- one device, one guest -------------------------------------------------------------------------


def test_a_device_is_in_one_place(m: Machine, tmp_path: Any) -> None:
    device = VirtioBlk(bytes(MIB))
    attachment = m.attach(device)

    with Machine(b"\xf4", model="80386") as other:
        for again in (device, VirtioMmio(device), VirtioPci(device)):
            with pytest.raises(MachineError, match="in use already"):
                other.attach(again)
        with pytest.raises(MachineError, match="in use already"):
            serve(device, tmp_path / "blk.sock")

        attachment.detach()
        other.attach(VirtioPci(device))
    m.attach(device)
