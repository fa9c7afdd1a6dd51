"""The PCI bus: configuration space, BARs, interrupt lines, states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import BusError, Machine, MachineError, PioDevice, StateError, Vm
from pyx86emu.pc.pci import Bar, PciBus, PciFunction, PciSlot
from tests.harness import Running

ONES = 0xFFFFFFFF


class Board(PciFunction):
    """A device with ports and memory that keep what is written."""

    name = "board"

    def __init__(self, device: int = 7, **more: Any) -> None:
        self.data = {0: bytearray(32), 2: bytearray(0x1000)}
        self.moves = self.resets = self.gone = 0
        bars = (Bar(32, io=True), None, Bar(0x1000))
        self.describe(0x1234, device, 0x0B4000, bars=bars, interrupts=True, **more)

    def bar_read(self, index: int, offset: int, size: int) -> int:
        return int.from_bytes(self.data[index][offset : offset + size], "little")

    def bar_write(self, index: int, offset: int, size: int, value: int) -> None:
        self.data[index][offset : offset + size] = value.to_bytes(size, "little")

    def moved(self) -> None:
        self.moves += 1

    def reset(self) -> None:
        self.resets += 1

    def detached(self) -> None:
        self.gone += 1

    def state(self) -> dict[str, Any]:
        return {"ports": bytes(self.data[0])}

    def load(self, values: dict[str, Any]) -> None:
        self.data[0][:] = values["ports"]


@pytest.fixture
def m() -> Iterator[Machine]:
    with Machine(b"\xf4") as machine:
        yield machine


def plug(m: Machine, gsi: int | None = 10, **more: Any) -> tuple[PciBus, Board, PciSlot]:
    pci, board = PciBus.of(m.vm), Board(**more)
    return pci, board, pci.plug(board, gsi)


def get(m: Machine, device: int, offset: int, size: int = 4) -> int:
    m.pio.write(0xCF8, 4, 1 << 31 | device << 11 | offset & 0xFC)
    return m.pio.read(0xCFC + (offset & 3), size)


def put(m: Machine, device: int, offset: int, value: int, size: int = 4) -> None:
    m.pio.write(0xCF8, 4, 1 << 31 | device << 11 | offset & 0xFC)
    m.pio.write(0xCFC + (offset & 3), size, value)


# -- configuration space ---------------------------------------------------------------------------


def test_there_is_no_bus_without_a_device(m: Machine) -> None:
    assert m.pio.unclaimed(0xCF8, 8)
    _, _, slot = plug(m)
    assert not m.pio.unclaimed(0xCF8, 8)
    assert repr(slot) == "<board at pci 00:01.0>"

    slot.detach()
    slot.detach()

    assert m.pio.unclaimed(0xCF8, 8)
    assert m.pio.unclaimed(0xC000, 0x1000)


def test_the_configuration_is_found_in_every_size(m: Machine) -> None:
    plug(m, subsystem=(0x55AA, 0x33CC))

    assert get(m, 0, 8) == 0x06000000  # the host bridge
    assert get(m, 1, 0) == 0x00071234
    assert get(m, 1, 2, 2) == 7
    assert get(m, 1, 0x0B, 1) == 0x0B
    assert get(m, 1, 0x2C) == 0x33CC55AA
    assert get(m, 1, 0x3C, 2) == 0x010A
    assert get(m, 1, 1, 2) == 0x0712


@pytest.mark.parametrize("address", [1 << 31 | 2 << 11, 1 << 31 | 1 << 11 | 1 << 8, 1 << 11])
def test_what_is_not_there_reads_as_ones(m: Machine, address: int) -> None:
    plug(m)

    m.pio.write(0xCF8, 4, address)
    m.pio.write(0xCFC, 4, 0)

    assert m.pio.read(0xCF8, 4) == address
    assert m.pio.read(0xCFC, 4) == ONES
    assert m.pio.read(0xCFE, 2) == 0xFFFF


def test_the_address_is_written_as_a_doubleword_only(m: Machine) -> None:
    plug(m)
    m.pio.write(0xCF8, 4, ONES)

    m.pio.write(0xCF8, 2, 0)
    m.pio.write(0xCF9, 1, 0)

    assert m.pio.read(0xCF8, 4) == 0x80FFFFFC
    assert m.pio.read(0xCF8, 1) == 0xFF


def test_read_only_bits_stay(m: Machine) -> None:
    plug(m, capabilities=(bytes([9, 0, 4, 1]), bytes([9, 0, 5, 2, 3])))
    before = [get(m, 1, at) for at in range(0, 256, 4)]

    for at in (*range(0, 4, 4), *range(8, 0x0C, 4), *range(0x28, 0x3C, 4), *range(0x40, 256, 4)):
        put(m, 1, at, ONES)
    put(m, 1, 6, 0xFFFF, 2)
    put(m, 1, 0x3D, 0xFF, 1)

    assert [get(m, 1, at) for at in range(0, 256, 4)] == before
    assert before[0x34 // 4] == 0x40
    assert before[0x40 // 4] == 0x01044409  # the next one is at 44h
    assert before[0x44 // 4] & 0xFF00 == 0
    assert before[1] >> 16 & 0x10


# -- BARs ------------------------------------------------------------------------------------------


def test_a_bar_says_its_size_and_moves(m: Machine) -> None:
    _, board, _ = plug(m)
    assert (get(m, 1, 0x10), get(m, 1, 0x14), get(m, 1, 0x18)) == (0xC001, 0, 0xD1000)
    put(m, 1, 0x10, ONES)
    put(m, 1, 0x18, ONES)
    assert (get(m, 1, 0x10), get(m, 1, 0x18)) == (ONES - 31 | 1, ONES - 0xFFF)

    put(m, 1, 0x10, 0x1800)
    put(m, 1, 0x18, 0xD8000)
    m.pio.write(0x1804, 2, 0x1234)
    m.mmio.write(0xD8FFC, 4, 0x12345678)

    assert m.pio.read(0xC004, 2) == 0xFFFF
    assert board.data[0][4:6] == b"\x34\x12"
    assert board.data[2][-4:] == b"\x78\x56\x34\x12"
    assert board.moves >= 4


def test_the_command_register_closes_windows(m: Machine) -> None:
    plug(m)
    m.pio.write(0xC000, 1, 5)
    m.mmio.write(0xD1000, 1, 6)

    put(m, 1, 4, 2, 2)
    assert (m.pio.read(0xC000, 1), m.mmio.read(0xD1000, 1)) == (0xFF, 6)
    put(m, 1, 4, 1, 2)
    assert (m.pio.read(0xC000, 1), m.mmio.read(0xD1000, 1)) == (5, 0xFF)


def test_a_window_over_something_else_waits_until_it_is_free(m: Machine) -> None:
    _, first, _ = plug(m)
    _, second, _ = plug(m)
    m.pio.write(0xC020, 1, 7)
    assert second.data[0][0] == 7

    put(m, 2, 0x10, 0xC000)
    m.pio.write(0xC000, 1, 9)
    assert (first.data[0][0], second.data[0][0]) == (9, 7)
    put(m, 1, 0x10, 0x1800)
    m.pio.write(0xC000, 1, 3)

    assert (first.data[0][0], second.data[0][0]) == (9, 3)
    put(m, 2, 0x10, 0x60)  # over the keyboard controller
    assert second.open_at(0) is None


def test_places_avoid_what_is_there() -> None:
    with Machine(b"\xf4", memory=1 << 20) as m:
        m.attach(PioDevice(), port=0xC010)
        m.vm.add_memory(0xD1000, 0x2000)
        plug(m)

        assert (get(m, 1, 0x10), get(m, 1, 0x18)) == (0xC021, 0xD3000)


# -- interrupts ------------------------------------------------------------------------------------


def request(m: Machine) -> bool:
    return bool(m.vm.irqchip.slave.irr & 4)


def test_a_line_is_up_while_one_of_its_devices_asserts_it(m: Machine) -> None:
    _, first, _ = plug(m)
    _, second, slot = plug(m)
    m.pio.write(0x4D1, 1, 4)

    first.irq(True)
    second.irq(True)
    assert get(m, 1, 6, 2) & 8
    first.irq(False)
    assert not get(m, 1, 6, 2) & 8
    assert request(m)
    put(m, 2, 4, 0x407, 2)  # interrupt disable
    assert not request(m)
    put(m, 2, 4, 0x007, 2)
    assert request(m)

    slot.detach()

    assert not request(m)


def test_with_edges_the_second_device_gets_an_edge_of_its_own(m: Machine) -> None:
    _, first, _ = plug(m)
    _, second, _ = plug(m)
    first.irq(True)
    second.irq(True)
    m.pio.write(0xA1, 1, 0)
    for port in (0xA0, 0x20):  # poll: acknowledge, then end it
        m.pio.write(port, 1, 0x0C)
        m.pio.read(port, 1)
        m.pio.write(port, 1, 0x20)
    assert not request(m)

    first.irq(False)

    assert request(m)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["8086", "80186", "80286"])
def test_an_older_model_has_no_bus(model: str, machine: Callable[..., Machine]) -> None:
    m = machine(b"\xf4", model=model)

    with pytest.raises(MachineError, match=f"32-bit ports, which the {model} lacks: give model="):
        PciBus.of(m.vm)


def test_a_device_that_is_refused_leaves_no_bus(m: Machine) -> None:
    board = Board()

    with pytest.raises(ValueError, match="gsi=9"):
        m.attach(board, gsi=2)

    assert m.pio.unclaimed(0xCF8, 8)
    m.attach(board)
    assert (get(m, 1, 0), board.open_at(0)) == (0x00071234, 0xC000)


def test_wrong_plugs_are_refused(m: Machine) -> None:
    pci, board, _ = plug(m)

    with pytest.raises(MachineError, match="plugged in already"):
        pci.plug(board)
    with Vm() as other:
        other.create_vcpu("80386")
        with pytest.raises(MachineError, match="plugged in already"):
            PciBus.of(other).plug(board)
    with pytest.raises(ValueError, match="gsi=9"):
        pci.plug(Board(), 2)
    with pytest.raises(ValueError, match="gsi"):
        pci.plug(Board(), 16)
    with pytest.raises(TypeError, match="gsi"):
        pci.plug(Board(), "5")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="PciFunction"):
        pci.plug(PioDevice())  # type: ignore[arg-type]
    with pytest.raises(MachineError, match="give no addr="):
        m.attach(Board(), addr=0xD8000)
    assert repr(m.attach(Board())) == "<board at pci 00:02.0>"
    for _ in range(29):
        pci.plug(Board(), None)
    with pytest.raises(MachineError, match="31 devices already"):
        pci.plug(Board())


def test_ports_that_are_taken_are_a_sentence() -> None:
    class Wide(PioDevice):
        length = 0x1000

    with Machine(b"\xf4") as m:
        m.attach(Wide(), port=0xC000)
        pci = PciBus.of(m.vm)
        with pytest.raises(MachineError, match="all ports for PCI devices"):
            pci.plug(Board())
        pci.leave()
        assert m.pio.unclaimed(0xCF8, 8)
    with Vm() as vm:
        vm.pio.attach(PioDevice(), 0xCF8)
        with pytest.raises(BusError, match="overlaps"):
            PciBus.of(vm)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"bars": (Bar(48),)}, "BAR 0 with 0x30 bytes"),
        ({"bars": (Bar(8),)}, "size of BAR 0"),
        ({"bars": (Bar(512, io=True),)}, "size of BAR 0"),
        ({"bars": (None,) * 6 + (Bar(16),)}, "there are 6"),
        ({"subsystem": (1, 1 << 16)}, "subsystem"),
        ({"capabilities": (bytes(2),)}, "capability of 2 bytes"),
        ({"capabilities": (bytes(100), bytes(100))}, "capability of 100 bytes at 0xa4"),
    ],
)
def test_a_wrong_description_is_refused(how: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        PciFunction().describe(1, 2, 3, **how)


# -- reset, end, states ----------------------------------------------------------------------------


def test_a_reset_puts_the_addresses_back(m: Machine) -> None:
    _, board, _ = plug(m)
    put(m, 1, 0x10, 0x1800)
    board.irq(True)
    resets = board.resets

    m.pio.reset()

    assert board.resets == resets + 1
    assert m.pio.read(0xC000, 1) == 0
    assert m.pio.read(0x1800, 1) == 0xFF
    assert not request(m)


def test_the_end_of_the_machine_reaches_each_device() -> None:
    with Machine(b"\xf4") as m:
        _, board, _ = plug(m)

    assert board.gone == 1


def test_a_state_has_the_bus_and_its_devices(m: Machine) -> None:
    _, board, _ = plug(m)
    put(m, 1, 0x10, 0x1800)
    board.data[0][0] = 5
    board.irq(True)
    state = m.save()
    put(m, 1, 0x10, 0x2800)
    board.data[0][0] = 6
    board.irq(False)

    m.restore(state)
    m.restore(state)

    assert m.pio.read(0x1800, 1) == 5
    assert m.pio.read(0x2800, 1) == 0xFF
    assert request(m)
    with Machine(b"\xf4") as other:
        plug(other)
        other.restore(state)
        assert other.pio.read(0x1800, 1) == 5
        assert request(other)
        plug(other)
        with pytest.raises(StateError, match="other PCI devices"):
            other.restore(state)
    with Machine(b"\xf4") as other:
        plug(other, device=8)
        with pytest.raises(StateError, match="another PCI device than 'board'"):
            other.restore(state)


Damage = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: values.update(address=-1),
        lambda values: values.update(functions=3),
        lambda values: values["functions"].pop("00"),
        lambda values: values["functions"].update({"01": 5}),
        lambda values: values["functions"]["01"].update(config=bytes(3)),
        lambda values: values["functions"]["01"].update(config=bytes(256)),
        lambda values: values["functions"]["01"].update(level=1),
        lambda values: values["functions"]["01"].update(device=None),
    ],
)
def test_a_damaged_state_is_a_value_error(m: Machine, damage: Damage) -> None:
    pci, _, _ = plug(m)
    values = pci.state()
    damage(values)
    put(m, 1, 0x10, 0x1800)
    before = pci.state()

    with pytest.raises(ValueError):
        pci.load(values)

    assert pci.state() == before


# -- hostile guests --------------------------------------------------------------------------------

PORTS = st.sampled_from([*range(0xCF8, 0xD00), 0xC000, 0xC004, 0x1800, 0x1810])
VALUES = st.one_of(
    st.integers(0, ONES),
    st.sampled_from([0, ONES, 0x1801, 0xD8000, 0xC000, 0xFFFFF000, 0xA0000, 0x60]),
    st.builds(lambda d, at: 1 << 31 | d << 11 | at * 4, st.integers(0, 2), st.integers(0, 16)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PORTS, st.sampled_from([1, 2, 4]), VALUES), max_size=40))
def test_any_accesses_leave_a_bus_that_works(accesses: list[tuple[int, int, int]]) -> None:
    with Machine(b"\xf4") as m:
        pci, board, _ = plug(m)
        plug(m)
        for port, size, value in accesses:
            m.pio.write(port, size, value & (1 << 8 * size) - 1)
            m.pio.read(port, size)
        assert get(m, 1, 0) == 0x00071234
        pci.load(pci.state())
        m.pio.reset()

        assert (board.open_at(0), board.open_at(2)) == (0xC000, 0xD1000)


def test_two_vcpus_may_move_a_window_at_once(m: Machine, quick_switches: None) -> None:
    pci, board, _ = plug(m)

    def move(base: int) -> None:
        for n in range(300):
            board.config_write(0x10, 4, base + 0x100 * (n % 2))
            pci.remap()

    for each in [Running(lambda: move(0xC400)), Running(lambda: move(0xC800))]:
        each.result()

    board.config_write(4, 2, 0)
    pci.remap()
    assert m.pio.unclaimed(0xC000, 0x1000)
