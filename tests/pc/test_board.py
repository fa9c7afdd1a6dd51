"""The board: a device more is a row more; memory map and CMOS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import (
    BusError,
    Disk,
    ExitReason,
    Machine,
    MachineError,
    MmioDevice,
    PioDevice,
)
from pyx86emu.pc import board
from pyx86emu.pc.board import Part, Wires
from pyx86emu.pc.devices import Dma8237, Rtc, Uart16550A

MakeMachine = Callable[..., Machine]


class Latch(PioDevice, MmioDevice):
    """Keeps a byte; a write also raises its line."""

    value = 0x5A

    def pio_read(self, offset: int, size: int) -> int:
        return self.value

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.value = value
        self.irq(True)

    mmio_read, mmio_write = pio_read, pio_write

    def reset(self) -> None:
        self.value = 0x5A


def add(monkeypatch: pytest.MonkeyPatch, *rows: Part) -> None:
    monkeypatch.setattr(board, "PC", board.PC + rows)


def test_a_device_more_is_a_row_more(machine: MakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Part(lambda wires: Latch(), port=0x300))
    m = machine(bytes.fromhex("fa ba0003 ec e6e9 f4"))  # in al,dx; out 0E9h,al

    m.run(timeout=5)

    assert m.debug_text == "Z"
    m.part(Latch).value = 1
    m.reset()
    assert m.part(Latch).value == 0x5A


def test_a_row_has_its_interrupt_line(
    machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, Part(lambda wires: Latch(), port=0x300, gsi=5))
    m = machine(bytes.fromhex("fa ba0003 ee f4"))  # out dx,al

    m.run(timeout=5)

    m.pio.write(0x20, 1, 0x0A)  # the next read of port 20h gives the IRR
    assert m.pio.read(0x20, 1) & 1 << 5


def test_a_row_may_be_device_memory(machine: MakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Part(lambda wires: Latch(), addr=0xD0000))

    assert machine().mmio.read(0xD0000, 1) == 0x5A


def test_a_part_may_be_wired_to_one_of_an_earlier_row(
    machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def late(wires: Wires) -> Latch:
        seen.extend((wires.part(Dma8237), wires.ram, wires.disks))
        return Latch()

    add(monkeypatch, Part(late, port=0x300))
    m = machine(memory=2 << 20)

    assert seen == [m.dma, 2 << 20, (None, None)]


def test_a_part_that_is_not_there_is_named(machine: MakeMachine) -> None:
    with pytest.raises(MachineError, match=r"no Latch on the board: it has dma, keyboard, rtc, "):
        machine().part(Latch)


def test_there_is_no_game_port(machine: MakeMachine) -> None:
    m = machine()

    m.pio.write(0x201, 1, 0)

    assert [m.pio.read(port, 1) for port in range(0x200, 0x208)] == [0xFF] * 8


def test_a_part_is_also_found_by_its_name(machine: MakeMachine) -> None:
    with pytest.raises(MachineError, match=r"no Uart16550A called 'com3' on the board: it has"):
        machine().part(Uart16550A, "com3")


def test_a_row_at_a_taken_port_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Part(lambda wires: Latch(), port=0x3F8))

    with pytest.raises(BusError, match="'latch' overlaps 'uart'"):
        Machine()


def test_every_row_is_a_device_of_the_machine(machine: MakeMachine) -> None:
    m = machine()

    devices = (m.dma, m.keyboard, m.rtc, m.post, m.debug, m.vga, m.floppy, m.ata, m.uart)
    devices = (*devices, m.printer)

    assert all(m.part(type(device)) is device for device in devices)
    assert m.part(type(m.com2), "com2") is m.com2
    assert len(board.PC) == len(devices) + 3  # com2; port 92h and isa-debug-exit have no name


def test_the_two_serial_ports_are_apart(machine: MakeMachine) -> None:
    # mov dx,2F8h; mov al,'2'; out dx,al; mov dx,3F8h; mov al,'1'; out dx,al; cli; hlt
    m = machine(bytes.fromhex("baf802 b032 ee baf803 b031 ee fa f4"))
    sent: list[bytes] = []
    m.com2.output = sent.append

    m.run(timeout=10)

    assert (m.serial, sent) == (b"1", [b"2"])


@pytest.mark.parametrize(
    ("disk", "drive"),
    [(None, 4), (bytes(360 << 10), 1), (bytes(1200 << 10), 2), (bytes(720 << 10), 3)],
    ids=lambda value: str(len(value)) if isinstance(value, bytes) else str(value),
)
def test_the_cmos_names_the_drive(machine: MakeMachine, disk: bytes | None, drive: int) -> None:
    m = machine(None if disk is None else Disk(disk))

    assert m.part(Rtc).cmos[0x10] == drive << 4


@pytest.mark.parametrize(
    ("ram", "base", "extended"),
    [(64 << 10, 64, 0), (640 << 10, 640, 0), (3 << 20, 640, 2048), (1 << 32, 640, 0xFFFF)],
)
def test_the_cmos_has_the_memory(ram: int, base: int, extended: int) -> None:
    registers = board.cmos(ram)

    words = [registers[r] | registers[r + 1] << 8 for r in (0x15, 0x17, 0x30)]
    assert words == [base, extended, extended]


def test_memory_is_where_a_pc_has_it(machine: MakeMachine) -> None:
    m = machine(memory=2 << 20)

    assert [(slot.addr, slot.size, slot.readonly) for slot in m.vm.slots] == [
        (0, 640 << 10, False),
        (0xF0000, 0x10000, True),
        (0x100000, 1 << 20, False),
    ]


def test_a_machine_has_the_parts_before_it_runs(machine: MakeMachine) -> None:
    m = machine(bytes.fromhex("faf4"))

    assert m.boot().reason is ExitReason.MATCH
    assert m.post.code == 0x09
