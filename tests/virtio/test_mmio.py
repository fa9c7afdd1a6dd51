"""VirtioMmio: registers, negotiation, notifications, interrupts, resets."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import Machine, MachineError, StateError
from pyx86emu.virtio import mmio
from pyx86emu.virtio.device import Served, VirtioDevice, Vring
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.numbers import (
    DRIVER_OK,
    EVENT_IDX,
    FEATURES_OK,
    INDIRECT_DESC,
    NEEDS_RESET,
    VERSION_1,
)
from tests.harness import descriptors, wait_until
from tests.virtio.driver import Registers, Ring
from tests.virtio.echo import Echo, ask, guest


def started(
    m: Machine, device: VirtioDevice, features: int = VERSION_1, **how: Any
) -> tuple[VirtioMmio, Registers, Ring]:
    """A device that a driver has set up, with one queue."""
    transport = VirtioMmio(device, **how)
    m.attach(transport)
    registers, ring = Registers(transport), Ring(m.vm, 8)
    registers.start({0: ring}, features)
    return transport, registers, ring


KICK32 = "66c706500000000000 90f4"  # mov dword [50h],0; nop; hlt
KICK16 = "c70650000000 90f4"  # mov word [50h],0; nop; hlt


# -- registers -----------------------------------------------------------------------------------


def test_the_registers_say_what_is_there(m: Machine) -> None:
    transport = m.attach(Echo()).device
    registers = Registers(transport)

    fixed = [registers.get(at) for at in (mmio.MAGIC, mmio.VERSION, mmio.DEVICE_ID)]

    assert fixed == [0x74726976, 2, Echo.device_id]
    assert registers.offered == Echo.features | VERSION_1 | EVENT_IDX | INDIRECT_DESC | 1 << 35
    registers.put(mmio.QUEUE_SEL, 1)
    assert registers.get(mmio.QUEUE_NUM_MAX) == 16
    registers.put(mmio.QUEUE_SEL, 2)
    assert registers.get(mmio.QUEUE_NUM_MAX) == 0
    registers.put(mmio.DEVICE_FEATURES_SEL, 2)
    assert registers.get(mmio.DEVICE_FEATURES) == 0


def test_places_and_lines_are_found_by_themselves(m: Machine) -> None:
    found = [m.attach(Echo()) for _ in range(8)]

    assert [each.base for each in found] == list(range(0xD0000, 0xD1000, 0x200))
    assert [each.device.gsi for each in found] == [10, 11, 9, 5, 10, 11, 9, 5]  # type: ignore[attr-defined]
    with pytest.raises(MachineError, match="all places"):
        m.attach(Echo())
    with pytest.raises(MachineError, match="addr="):
        m.attach(Echo(), port=0x300)
    with pytest.raises(MachineError, match="attached already"):
        m.attach(found[0].device, addr=0xD8000)


def test_halves_of_registers_are_accepted(m: Machine) -> None:
    transport = m.attach(Echo()).device
    low, high = transport.mmio_read(0, 2), transport.mmio_read(2, 2)
    assert (high << 16 | low) == mmio.MAGIC_VALUE

    transport.mmio_write(mmio.DRIVER_FEATURES_SEL, 2, 1)
    transport.mmio_write(mmio.DRIVER_FEATURES, 2, 1)
    transport.mmio_write(mmio.DRIVER_FEATURES + 2, 2, 0x8000)
    transport.mmio_write(mmio.QUEUE_DESC_LOW, 2, 0x1230)
    transport.mmio_write(mmio.QUEUE_DESC_LOW + 2, 2, 0x4)
    transport.mmio_write(mmio.STATUS, 2, 1)
    transport.mmio_write(mmio.STATUS + 2, 2, 0)  # no reset

    assert transport.driver_features == 0x8000_0001 << 32
    assert transport.queues[0].desc == 0x41230
    assert transport.mmio_read(mmio.STATUS, 4) == 1
    assert transport.mmio_read(mmio.MAGIC + 1, 1) == 0
    assert transport.mmio_read(mmio.MAGIC + 1, 2) == 0


def test_the_configuration_takes_bytes(m: Machine) -> None:
    transport = m.attach(Echo()).device

    transport.mmio_write(mmio.CONFIG + 1, 1, ord("0"))

    assert transport.mmio_read(mmio.CONFIG, 4) == int.from_bytes(b"c0nf", "little")
    assert transport.mmio_read(mmio.CONFIG + 12, 4) == ord("n")
    assert transport.mmio_read(mmio.CONFIG + 0xFC, 4) == 0


# -- negotiation ---------------------------------------------------------------------------------


def test_features_that_are_not_offered_are_refused(m: Machine) -> None:
    registers = Registers(m.attach(Echo()).device)

    assert registers.negotiate(VERSION_1 | 1 << 41) & FEATURES_OK == 0
    assert registers.negotiate(0) & FEATURES_OK == 0  # VERSION_1 is needed
    assert registers.negotiate(VERSION_1 | 1 << 40) & FEATURES_OK


def test_driver_ok_without_features_needs_a_reset(m: Machine) -> None:
    registers = Registers(m.attach(Echo()).device)

    registers.put(mmio.STATUS, 7)

    assert registers.get(mmio.STATUS) & NEEDS_RESET
    assert not registers.get(mmio.STATUS) & DRIVER_OK


@pytest.mark.parametrize("size", [0, 3, 16, 0xFFFFFFFF])
def test_a_queue_of_a_wrong_size_needs_a_reset(m: Machine, size: int) -> None:
    registers = Registers(m.attach(Echo()).device)
    registers.negotiate()
    registers.set_queue(0, Ring(m.vm, 8))
    registers.put(mmio.QUEUE_NUM, size)

    registers.put(mmio.STATUS, 15)

    assert registers.get(mmio.STATUS) & NEEDS_RESET
    registers.kick()  # nothing happens


def test_a_broken_ring_sets_needs_reset_and_interrupts(m: Machine) -> None:
    transport, registers, ring = started(m, Echo())
    ring.offer(200)

    registers.kick()

    assert registers.get(mmio.STATUS) & NEEDS_RESET
    assert registers.get(mmio.INTERRUPT_STATUS) == 2
    assert "echo: it makes descriptor 200 available" in str(transport.trouble)
    registers.put(mmio.STATUS, 0)
    assert registers.get(mmio.STATUS) == registers.get(mmio.INTERRUPT_STATUS) == 0
    ring = Ring(m.vm, 8)
    registers.start({0: ring})
    ask(m, ring)
    registers.kick()
    assert ring.reap()


# -- by exit and by ioeventfd, here and elsewhere ----------------------------------------------


@pytest.mark.parametrize("kick", [KICK32, KICK16])
@pytest.mark.parametrize("ioeventfd", [True, False])
def test_a_guest_kicks_and_its_thread_serves(m: Machine, ioeventfd: bool, kick: str) -> None:
    device = Echo()
    transport, _, ring = started(m, device, ioeventfd=ioeventfd)
    ask(m, ring)
    guest(m, kick)

    m.vcpu.run(2)  # MOV, NOP

    assert ring.reap() == [(0, 5)]
    assert m.vm.read(0x21000, 5) == b"hello"
    assert device.threads == [threading.get_ident()]
    assert sum(each.hits for each in m.vm.ioeventfds) == int(ioeventfd)
    assert transport.isr == 1


def test_by_exit_the_machine_serves_a_pull_device(m: Machine) -> None:
    transport = VirtioMmio(Echo(), ioeventfd=False)
    m.attach(transport, pull=True)
    registers, ring = Registers(transport), Ring(m.vm, 8)
    registers.start({0: ring})
    ask(m, ring)
    guest(m, "fa" + KICK32)
    exits = m.stats.mmio_exits

    m.run(max_instructions=100)

    assert ring.reap() == [(0, 5)]
    assert m.stats.mmio_exits == exits + 1


def test_a_thread_serves_and_its_interrupt_is_an_irqfd(m: Machine) -> None:
    device = Echo(served="thread")
    _, registers, ring = started(m, device)
    ask(m, ring)
    guest(m, KICK32)

    m.vcpu.run(1)

    wait_until(lambda: registers.get(mmio.INTERRUPT_STATUS) == 1)
    assert ring.reap() == [(0, 5)]
    assert device.threads and device.threads[0] != threading.get_ident()
    wait_until(lambda: bool(m.vm.irqchip.slave.irr & 4))
    registers.put(mmio.INTERRUPT_ACK, 1)
    assert registers.get(mmio.INTERRUPT_STATUS) == 0
    m.vm.close()


def test_an_event_loop_serves(m: Machine) -> None:
    async def serve() -> list[int]:
        device = Echo(served=asyncio.get_running_loop())
        _, registers, ring = started(m, device)
        ask(m, ring)
        guest(m, KICK32)
        event = asyncio.Event()
        device.worked = event.set
        m.vcpu.run(1)
        await event.wait()
        registers.put(mmio.STATUS, 0)
        await asyncio.to_thread(int)
        assert ring.reap() == [(0, 5)]
        return device.threads

    assert asyncio.run(serve()) == [threading.get_ident()]


@pytest.mark.parametrize("served", ["vcpu", "thread"])
def test_a_reset_closes_what_was_opened(m: Machine, served: Served) -> None:
    others = set(threading.enumerate())
    transport, registers, _ = started(m, Echo(served=served))
    assert m.vm.ioeventfds
    mine = set(threading.enumerate()) - others
    assert bool(mine) is (served == "thread")

    registers.put(mmio.STATUS, 0)

    assert m.vm.ioeventfds == ()
    assert not any(thread.is_alive() for thread in mine)
    assert transport.virtio.transport is None


def test_who_works_outside_gets_descriptors(m: Machine) -> None:
    class Outside(VirtioDevice):
        queue_sizes = (8,)
        device_id = 0x2A
        name = "outside"

        def activate(self, transport: Any, queues: Any) -> None:
            self.kick, self.call = transport.notifier(0), transport.call(0)
            self.rings = queues

    device = Outside(served="outside")
    _, registers, ring = started(m, device)
    assert device.rings == [Vring(0, 8, *ring.addresses)]
    guest(m, KICK32)

    m.vcpu.run(2)

    assert os.eventfd_read(device.kick) == 1
    m.vm.write(ring.used + 2, b"\1\0")  # what a back end does
    os.eventfd_write(device.call, 1)
    wait_until(lambda: bool(m.vm.irqchip.slave.irr & 4))
    assert registers.get(mmio.INTERRUPT_STATUS) == 1
    registers.put(mmio.INTERRUPT_ACK, 1)
    assert registers.get(mmio.INTERRUPT_STATUS) == 0
    with pytest.raises(StateError, match="another process"):
        m.save()


def test_a_device_outside_needs_ioeventfds() -> None:
    with pytest.raises(ValueError, match="ioeventfd=True"):
        VirtioMmio(Echo(served="outside"), ioeventfd=False)
    with pytest.raises(ValueError, match="served"):
        Echo(served="elsewhere")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="VirtioDevice"):
        VirtioMmio(object())  # type: ignore[arg-type]


def test_a_new_configuration_interrupts(m: Machine) -> None:
    device = Echo()
    _, registers, _ = started(m, device)

    device.config_is_new(lambda: device.data.__setitem__(0, ord("C")))

    assert registers.get(mmio.INTERRUPT_STATUS) == 2
    assert registers.get(mmio.CONFIG_GENERATION) == 1


def test_a_queue_that_the_driver_stops_is_left_alone(m: Machine) -> None:
    _, registers, ring = started(m, Echo())
    registers.put(mmio.QUEUE_SEL, 0)

    registers.put(mmio.QUEUE_READY, 0)
    ask(m, ring)
    registers.kick()

    assert registers.get(mmio.QUEUE_READY) == 0
    assert ring.reap() == []


def test_what_the_device_raises_comes_out_of_run(m: Machine) -> None:
    class Bad(Echo):
        def kicked(self, index: int) -> None:
            raise ZeroDivisionError("in the device")

    _, _, ring = started(m, Bad())
    ask(m, ring)
    guest(m, KICK32)

    with pytest.raises(ZeroDivisionError, match="in the device"):
        m.vcpu.run(2)


def test_what_a_thread_raises_needs_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bad(Echo):
        def kicked(self, index: int) -> None:
            raise ZeroDivisionError("in the device")

    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    opened = descriptors()
    with Machine(b"\xf4") as m:
        transport, registers, ring = started(m, Bad(served="thread"))
        ask(m, ring)
        guest(m, KICK32)

        m.vcpu.run(1)

        wait_until(lambda: bool(raised))
        assert registers.get(mmio.STATUS) & NEEDS_RESET
        assert transport.trouble == "echo: ZeroDivisionError('in the device')"
        registers.put(mmio.STATUS, 0)
    wait_until(lambda: descriptors() <= opened)


# -- states --------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", ["vcpu", "thread"])
def test_a_state_has_the_device_with_its_rings(served: Served) -> None:
    with Machine(b"\xf4") as m:
        transport, registers, ring = started(m, Echo(served=served), VERSION_1 | EVENT_IDX)
        ask(m, ring)
        state = m.save()
        registers.kick()
        wait_until(lambda: ring.reap() == [(0, 5)])
        registers.put(mmio.STATUS, 0)

        m.restore(state)
        ring.seen = 0
        done = ring.reap()
        assert served == "thread" or done == []  # a thread may have begun
        assert transport.status == 15
        registers.kick()

        wait_until(lambda: (done or ring.reap()) == [(0, 5)])


def test_a_state_of_another_device_is_refused(m: Machine) -> None:
    class Other(Echo):
        device_id = 7
        name = "echo"

    started(m, Echo())
    state = m.save()
    with Machine(b"\xf4") as other:
        other.attach(Other())
        with pytest.raises((StateError, ValueError), match="another virtio device"):
            other.restore(state)


Damage = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: values.update(status="x"),
        lambda values: values.update(queues=()),
        lambda values: values.update(selected=(1, 2)),
        lambda values: values.update(isr=9),
        lambda values: values.update(trouble=3),
        lambda values: values["queues"][0].update(size=-1),
        lambda values: values["device"].update(queues=(None, None)),
        lambda values: values["device"]["queues"][0].update(popped=1 << 16),
        lambda values: values["device"]["queues"][0].update(in_flight=(1, 1)),
    ],
)
def test_a_damaged_state_is_a_value_error(m: Machine, damage: Damage) -> None:
    transport, _, _ = started(m, Echo())
    values = transport.state()
    damage(values)

    with pytest.raises(ValueError):
        transport.load(values)


# -- its end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["detach", "close", "drop"])
def test_a_device_that_is_gone_leaves_no_thread(how: str) -> None:
    others, open_before = set(threading.enumerate()), descriptors()
    m = Machine(b"\xf4")
    transport, _, _ = started(m, Echo(served="thread"))
    (mine,) = set(threading.enumerate()) - others

    if how == "detach":
        m.mmio.detach(transport)
        assert not mine.is_alive()
        transport.attach(m.vm, 0xD8000)
    if how == "drop":
        m.vm.close()
    m.close()
    del m, transport
    gc.collect()

    wait_until(lambda: not mine.is_alive())
    wait_until(lambda: descriptors() <= open_before)
