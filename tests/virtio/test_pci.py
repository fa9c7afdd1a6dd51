"""VirtioPci: legacy registers, modern structures, notifications, interrupts, states."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import EventFd, Machine, MachineError, StateError
from pyx86emu.pc.pci import PciBus
from pyx86emu.virtio import pci
from pyx86emu.virtio.console import VirtioConsole
from pyx86emu.virtio.device import Served, VirtioDevice
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.numbers import DRIVER_OK, EVENT_IDX, FEATURES_OK, NEEDS_RESET, VERSION_1
from pyx86emu.virtio.pci import VirtioPci
from pyx86emu.virtio.rng import VirtioRng
from tests.harness import descriptors, wait_until
from tests.virtio.driver import Ring
from tests.virtio.echo import Echo, ask, guest
from tests.virtio.pci_driver import MEMORY, PORT, LegacyRing, Modern, legacy


class Outside(Echo):
    """It gives its descriptors to somebody else."""

    def activate(self, transport: Any, queues: Any) -> None:
        self.kicks = [transport.notifier(ring.index) for ring in queues]
        self.calls = [transport.call(ring.index) for ring in queues]


KICK = "31c0 ba10c0 ef 90f4"  # xor ax,ax; mov dx,C010h; out dx,ax; nop; hlt
KICK_MEMORY = "c70600180000 90 90 90 f4"  # mov word [1800h],0


# -- legacy ----------------------------------------------------------------------------------------


def test_a_legacy_driver_sees_a_transitional_device(m: Machine) -> None:
    attached = m.attach(VirtioPci(Echo()))

    assert repr(attached) == "<echo at pci 00:01.0>"
    config = PciBus.of(m.vm).functions[1].config
    assert struct.unpack_from("<HH", config) == (0x1AF4, 0x1005)
    assert config[8] == 0
    assert struct.unpack_from("<HH", config, 0x2C) == (0x1AF4, 4)
    assert m.pio.read(PORT, 4) == 1 << 5 | 1 << 28 | 1 << 29
    assert m.pio.read(PORT + pci.QUEUE_SIZE, 2) == 8
    m.pio.write(PORT + pci.QUEUE_SELECT, 2, 1)
    assert m.pio.read(PORT + pci.QUEUE_SIZE, 4) == 1 << 16 | 16
    m.pio.write(PORT + pci.QUEUE_SELECT, 2, 2)
    assert m.pio.read(PORT + pci.QUEUE_SIZE, 2) == 0
    assert m.pio.read(PORT + pci.LEGACY_CONFIG, 4) == int.from_bytes(b"conf", "little")
    m.pio.write(PORT + pci.LEGACY_CONFIG + 1, 1, ord("0"))
    assert m.pio.read(PORT + pci.LEGACY_CONFIG, 2) == int.from_bytes(b"c0", "little")


@pytest.mark.parametrize(
    ("device", "number", "kind"), [(VirtioConsole, 0x1003, 3), (VirtioRng, 0x1005, 4)]
)
def test_each_type_has_its_number(
    m: Machine, device: Callable[[], VirtioDevice], number: int, kind: int
) -> None:
    m.attach(VirtioPci(device()))

    config = PciBus.of(m.vm).functions[1].config
    assert struct.unpack_from("<H", config, 2) + struct.unpack_from("<H", config, 0x2E) == (
        number,
        kind,
    )


def test_another_type_is_for_modern_drivers_only(m: Machine) -> None:
    class Other(Echo):
        device_id = 0x2A

    m.attach(VirtioPci(Other()))

    config = PciBus.of(m.vm).functions[1].config
    assert struct.unpack_from("<HH", config) == (0x1AF4, 0x106A)
    assert (config[8], config[0x10:0x14]) == (1, bytes(4))
    assert m.pio.unclaimed(PORT, 0x1000)


@pytest.mark.parametrize("ioeventfd", [True, False])
def test_a_legacy_driver_kicks_and_reads_the_isr(m: Machine, ioeventfd: bool) -> None:
    transport, ring = legacy(m, Echo(), ioeventfd=ioeventfd)
    ask(m, ring)
    guest(m, KICK)

    m.vcpu.run(3)

    assert ring.reap() == [(0, 5)]
    assert m.vm.read(0x21000, 5) == b"hello"
    assert sum(each.hits for each in m.vm.ioeventfds) == int(ioeventfd)
    assert transport.virtio.negotiated == 0
    assert m.vm.irqchip.slave.irr & 4
    assert m.pio.read(PORT + pci.ISR, 1) == 1
    assert not m.vm.irqchip.slave.irr & 4
    assert m.pio.read(PORT + pci.ISR, 1) == 0


def test_registers_are_accepted_in_halves(m: Machine) -> None:
    transport = VirtioPci(Echo())
    m.attach(transport)

    m.pio.write(PORT + pci.GUEST_FEATURES, 2, 0x20)
    m.pio.write(PORT + pci.GUEST_FEATURES + 2, 2, 0x2000)
    m.pio.write(PORT + pci.QUEUE_PFN, 2, 0x10)
    m.pio.write(PORT + pci.QUEUE_PFN + 2, 2, 0x1)

    assert m.pio.read(PORT + pci.GUEST_FEATURES, 4) == 0x20000020
    assert m.pio.read(PORT + pci.QUEUE_PFN, 4) == 0x10010
    assert m.pio.read(PORT + pci.QUEUE_PFN + 2, 2) == 1
    queue = transport.queues[0]
    assert (queue.desc, queue.avail, queue.used) == (0x10010000, 0x10010080, 0x10011000)
    m.pio.write(PORT + pci.QUEUE_PFN, 4, 0)
    assert not queue.ready


def test_features_that_are_not_offered_need_a_reset(m: Machine) -> None:
    transport, _ = legacy(m, Echo(), 1 << 6)

    assert transport.status & NEEDS_RESET
    assert not transport.status & DRIVER_OK


def test_buffers_from_before_driver_ok_are_served(m: Machine) -> None:
    transport = VirtioPci(Echo())
    m.attach(transport)
    ring = LegacyRing(m, 8)
    m.pio.write(PORT + pci.QUEUE_PFN, 4, ring.base >> 12)
    ask(m, ring)

    m.pio.write(PORT + pci.STATUS, 1, 7)

    assert ring.reap() == [(0, 5)]


def test_a_legacy_driver_takes_a_queue_back(m: Machine) -> None:
    _, ring = legacy(m, Echo())

    m.pio.write(PORT + pci.QUEUE_PFN, 4, 0)
    ask(m, ring)
    m.pio.write(PORT + pci.QUEUE_NOTIFY, 2, 0)

    assert ring.reap() == []
    assert m.pio.read(PORT + pci.QUEUE_PFN, 4) == 0


# -- modern ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_config", [False, True])
def test_a_modern_driver_works_over_memory_or_the_configuration(
    m: Machine, by_config: bool
) -> None:
    transport = VirtioPci(Echo())
    m.attach(transport)
    driver = Modern(m, by_config)
    ring = Ring(m.vm, 4)
    assert set(driver.at) == {1, 2, 3, 4, 5}
    assert driver.get(0x12, 2) == 2
    assert driver.get(0x10, 2) == 0xFFFF  # no MSI-X
    driver.put(pci.DEVICE_FEATURE_SELECT, 4, 1)
    assert driver.get(pci.DEVICE_FEATURE, 4) == (1 << 40 | 1 << 35 | VERSION_1) >> 32

    driver.start(ring, VERSION_1 | EVENT_IDX | 1 << 40)
    ask(m, ring)
    driver.kick()

    assert ring.reap() == [(0, 5)]
    assert transport.virtio.negotiated == VERSION_1 | EVENT_IDX | 1 << 40
    assert driver.get(0, 1, pci.CAP_ISR) == 1
    assert driver.get(0, 1, pci.CAP_ISR) == 0
    assert driver.get(0, 4, pci.CAP_DEVICE) == int.from_bytes(b"conf", "little")
    driver.put(2, 2, int.from_bytes(b"NF", "little"), pci.CAP_DEVICE)
    assert transport.virtio.config[:4] == b"coNF"
    driver.put(pci.COMMON_QUEUE_SELECT, 2, 0)
    assert driver.get(pci.QUEUE_DESC, 4) == ring.desc


def test_a_modern_driver_needs_version_1(m: Machine) -> None:
    transport = VirtioPci(Echo())
    m.attach(transport)
    driver = Modern(m)

    assert driver.negotiate(0) & FEATURES_OK == 0
    assert driver.negotiate(VERSION_1 | 1 << 41) & FEATURES_OK == 0
    driver.put(pci.DEVICE_STATUS, 1, 7)
    assert driver.get(pci.DEVICE_STATUS, 1) & NEEDS_RESET
    driver.put(pci.DEVICE_STATUS, 1, 0)
    assert driver.get(pci.DEVICE_STATUS, 1) == 0


def test_the_capability_refuses_wrong_places(m: Machine) -> None:
    m.attach(VirtioPci(Echo()))
    driver = Modern(m, by_config=True)

    for bar, offset, length in ((1, 0x1000, 4), (1, 2, 4), (1, 0, 3), (2, 0, 4), (9, 0, 1)):
        driver.config(driver.access + 4, 1, bar)
        driver.config(driver.access + 8, 4, offset)
        driver.config(driver.access + 12, 4, length)
        driver.config(driver.access + 16, 4, 0xFFFFFFFF)
        assert driver.config(driver.access + 16, 4) == 0

    driver.config(driver.access + 4, 1, 0)  # the legacy registers
    driver.config(driver.access + 8, 4, pci.QUEUE_SIZE)
    driver.config(driver.access + 12, 4, 2)
    assert driver.config(driver.access + 16, 2) == 8


@pytest.mark.parametrize("served", ["vcpu", "thread"])
def test_a_kick_in_memory_is_an_ioeventfd(m: Machine, served: Served) -> None:
    device = Echo(served=served)
    m.attach(VirtioPci(device))
    ring = Ring(m.vm, 8)
    Modern(m).start(ring)
    ask(m, ring)
    guest(m, KICK_MEMORY)

    m.vcpu.run(2)

    wait_until(lambda: ring.reap() == [(0, 5)])
    assert sum(each.hits for each in m.vm.ioeventfds) == 1
    assert (device.threads[0] == threading.get_ident()) is (served == "vcpu")


# -- notifications follow the BARs -----------------------------------------------------------------


def test_the_ioeventfds_follow_the_bars(m: Machine) -> None:
    _, ring = legacy(m, Echo())
    assert sorted(each.addr for each in m.vm.ioeventfds) == [0xC010, 0xD1800]
    driver = Modern(m)

    driver.config(0x10, 4, 0x1880)
    driver.config(0x14, 4, 0xD8000)
    assert sorted(each.addr for each in m.vm.ioeventfds) == [0x1890, 0xD8800]
    ask(m, ring)
    guest(m, KICK.replace("10c0", "9018"))
    m.vcpu.run(3)
    assert ring.reap() == [(0, 5)]

    driver.config(4, 2, 4)
    assert m.vm.ioeventfds == ()
    driver.config(4, 2, 7)
    assert len(m.vm.ioeventfds) == 2
    m.pio.reset()
    assert m.vm.ioeventfds == ()
    assert m.pio.read(PORT + pci.STATUS, 1) == 0


def test_an_ioeventfd_of_somebody_else_leaves_exits(m: Machine) -> None:
    with EventFd() as mine:
        m.vm.ioeventfd(0xC010, 2, bus="pio", datamatch=0, fd=mine)
        _, ring = legacy(m, Echo())
        ask(m, ring)

        m.pio.write(PORT + pci.QUEUE_NOTIFY, 2, 0)

        assert ring.reap() == [(0, 5)]


# -- interrupts ------------------------------------------------------------------------------------


def test_who_works_outside_interrupts_until_the_end_of_the_interrupt(m: Machine) -> None:
    device = Outside(served="outside")
    _, ring = legacy(m, device)
    m.pio.write(0x4D1, 1, 4)
    m.pio.write(0xA1, 1, 0)
    guest(m, KICK)
    m.vcpu.run(3)
    assert os.eventfd_read(device.kicks[0]) == 2  # one at DRIVER_OK
    high = lambda: bool(m.vm.irqchip.slave.irr & 4)  # noqa: E731

    m.vm.write(ring.used + 2, b"\1\0")  # what a back end does
    os.eventfd_write(device.calls[0], 1)
    wait_until(high)
    for port in (0xA0, 0x20):  # take the interrupt: poll both chips
        m.pio.write(port, 1, 0x0C)
        m.pio.read(port, 1)
    assert m.pio.read(PORT + pci.ISR, 1) == 1
    m.vm.write(ring.used + 2, b"\2\0")  # more, between the ISR and the end
    end(m)

    wait_until(high)
    for port in (0xA0, 0x20):
        m.pio.write(port, 1, 0x0C)
        m.pio.read(port, 1)
    assert m.pio.read(PORT + pci.ISR, 1) == 1
    end(m)
    wait_until(lambda: not high())
    assert m.pio.read(PORT + pci.ISR, 1) == 0
    with pytest.raises(StateError, match="another process"):
        m.save()


def end(m: Machine) -> None:
    """The end of an interrupt, by the guest: mov al,20h; out A0h,al; out 20h,al."""
    guest(m, "b020 e6a0 e620 90 f4")
    m.vcpu.run(4)


def test_mmio_and_pci_do_not_share_a_line_if_they_need_not(m: Machine) -> None:
    made: list[Any] = [VirtioMmio(VirtioRng()), VirtioPci(VirtioRng()), VirtioPci(VirtioRng())]
    made += [VirtioMmio(VirtioRng()), VirtioPci(VirtioRng()), VirtioPci(VirtioRng())]

    for each in made:
        m.attach(each)

    assert [each.gsi for each in made] == [10, 11, 9, 5, 11, 9]


def test_a_new_configuration_interrupts(m: Machine) -> None:
    device = Echo()
    legacy(m, device)

    device.config_is_new(lambda: device.data.__setitem__(0, ord("C")))

    assert m.pio.read(PORT + pci.ISR, 1) == 2
    assert Modern(m).get(0x15, 1) == 1


# -- its end, states -------------------------------------------------------------------------------


@pytest.mark.parametrize("served", ["vcpu", "thread"])
@pytest.mark.parametrize("kind", [legacy, None])
def test_a_state_has_the_device_with_its_rings(served: Served, kind: Any) -> None:
    with Machine(b"\xf4") as m:
        if kind is not None:
            transport, ring = legacy(m, Echo(served=served))
        else:
            transport, ring = VirtioPci(Echo(served=served)), Ring(m.vm, 8)
            m.attach(transport)
            Modern(m).start(ring)
        ask(m, ring)
        status = transport.status
        state = m.save()
        m.pio.write(PORT + pci.QUEUE_NOTIFY, 2, 0)
        wait_until(lambda: ring.reap() == [(0, 5)])
        m.pio.write(PORT + pci.STATUS, 1, 0)

        m.restore(state)
        ring.seen = 0
        assert transport.status == status
        assert transport.isr == 0 or served == "thread"  # it looks at its queues at once
        m.pio.write(PORT + pci.QUEUE_NOTIFY, 2, 0)

        wait_until(lambda: ring.reap() == [(0, 5)])
        wait_until(lambda: bool(m.vm.irqchip.slave.irr & 4))
        pending = m.save()
        assert m.pio.read(PORT + pci.ISR, 1) == 1
        m.restore(pending)
        assert m.vm.irqchip.slave.irr & 4
        assert m.pio.read(PORT + pci.ISR, 1) == 1
        assert not m.vm.irqchip.slave.irr & 4


Damage = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: values.update(legacy=1),
        lambda values: values.update(selected=(1, 2)),
        lambda values: values.update(selected=5),
        lambda values: values.update(status="x"),
        lambda values: values["device"].update(queues=()),
    ],
)
def test_a_damaged_state_is_a_value_error(m: Machine, damage: Damage) -> None:
    transport, _ = legacy(m, Echo())
    values = transport.state()
    damage(values)

    with pytest.raises(ValueError):
        transport.load(values)


@pytest.mark.parametrize("served", ["vcpu", "thread", "outside"])
@pytest.mark.parametrize("how", ["detach", "close"])
def test_a_device_that_is_gone_leaves_nothing(how: str, served: Any) -> None:
    threads, opened = threading.active_count(), descriptors()
    m = Machine(b"\xf4")
    transport, _ = legacy(
        m, Outside(served="outside") if served == "outside" else Echo(served=served)
    )

    if how == "detach":
        PciBus.of(m.vm).unplug(transport)
        assert m.pio.unclaimed(0xCF8, 8)
        assert m.vm.ioeventfds == ()
        assert threading.active_count() <= threads + 1  # the Vm's own, of irqfds
        m.attach(transport)
    m.close()

    wait_until(lambda: threading.active_count() == threads)
    wait_until(lambda: descriptors() == opened)


def test_wrong_places_are_refused(m: Machine) -> None:
    transport = VirtioPci(Echo())
    with pytest.raises(MachineError, match="give no addr="):
        m.attach(transport, addr=0xD8000)
    with pytest.raises(MachineError, match="addr="):
        m.attach(transport, port=0xC000)
    with pytest.raises(ValueError, match="gsi=9"):
        m.attach(transport, gsi=2)
    assert m.pio.unclaimed(0xCF8, 8)
    m.attach(transport)
    with pytest.raises(MachineError, match="attached already"):
        m.attach(transport)


def test_an_old_model_is_refused(machine: Callable[..., Machine]) -> None:
    m = machine(b"\xf4", model="80286")

    with pytest.raises(MachineError, match="32-bit ports"):
        m.attach(VirtioPci(Echo()))


# -- hostile guests --------------------------------------------------------------------------------

PORTS = st.sampled_from([*range(PORT, PORT + 0x20), 0xCF8, 0xCFC, 0xCFC])
PLACES = st.sampled_from([*range(MEMORY, MEMORY + 0x40), MEMORY + 0x100, MEMORY + 0x200, 0xD1800])
VALUES = st.one_of(
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([0, 1, 3, 7, 11, 15, 16, 0x10, 0x9F, 0xFFFFFFFF, 1 << 20]),
    st.builds(lambda at: 1 << 31 | 1 << 11 | at * 4, st.integers(0, 40)),
)
ACCESS = st.tuples(st.one_of(PORTS, PLACES), st.sampled_from([1, 2, 4]), VALUES)


@pytest.mark.parametrize("ioeventfd", [True, False])
@settings(max_examples=80, deadline=None)
@given(accesses=st.lists(ACCESS, max_size=60))
def test_any_accesses_leave_a_device_that_works(
    ioeventfd: bool, accesses: list[tuple[int, int, int]]
) -> None:
    with Machine(b"\xf4") as m:
        transport = VirtioPci(Echo(), ioeventfd=ioeventfd)
        m.attach(transport)
        for at, size, value in accesses:
            bus = m.mmio if at > 0xFFFF else m.pio
            bus.write(at, size, value & (1 << 8 * size) - 1)
            bus.read(at, size)
        m.restore(m.save())
        m.pio.reset()
        driver, ring = Modern(m), Ring(m.vm, 8)
        driver.start(ring)
        ask(m, ring)
        driver.kick()

        assert ring.reap() == [(0, 5)]
