"""What the core offers to a back end of another kind: exits, push devices, classes of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, IoEventFd, MemorySlot, MmioDevice, PioDevice, Vm, _core

MakeVm = Callable[..., Vm]


class Echo(PioDevice, MmioDevice):
    """Answers the offset; keeps what was written."""

    length = 4
    max_size = 2

    def reset(self) -> None:
        self.seen: list[tuple[int, int, int]] = []

    def pio_read(self, offset: int, size: int) -> int:
        return 0xA0 + offset | 0xFF0000

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.seen.append((offset, size, value))

    mmio_read, mmio_write = pio_read, pio_write


# -- push devices ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bus", ["pio", "mmio"])
def test_a_back_end_calls_push_devices_through_the_table(vm: MakeVm, bus: str) -> None:
    machine, device = vm(), Echo()
    table = machine._backend.ranges(bus)
    getattr(machine, bus).attach(device, 0x300)

    assert table.push_read(0x301, 1) == 0xA1
    assert table.push_read(0x300, 4) == 0x00A200A0
    assert table.push_read(0x303, 2) is None  # partly outside
    assert table.push_read(0x200, 1) is None
    assert table.push_write(0x300, 4, 0x1_4433_2211)
    assert not table.push_write(0x303, 2, 1)
    assert device.seen == [(0, 2, 0x2211), (2, 2, 0x4433)]


def test_pull_devices_and_chips_are_not_called(vm: MakeVm) -> None:
    machine, device = vm(irqchip=True), Echo()
    table = machine._backend.ranges("pio")
    machine.pio.attach(device, 0x300, pull=True)

    assert table.push_read(0x300, 1) is None
    assert not table.push_write(0x300, 1, 5)
    assert table.push_read(0x20, 1) is None
    assert device.seen == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-1, 1), ValueError),
        ((0, 0), ValueError),
        ((0, 9), ValueError),
        ((1.5, 1), TypeError),
        ((0, "1"), TypeError),
    ],
)
def test_wrong_accesses_are_refused(
    vm: MakeVm, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    table = vm()._backend.ranges("pio")

    with pytest.raises(error):
        table.push_read(*arguments)
    with pytest.raises(error):
        table.push_write(*arguments, 0)


# -- exits ----------------------------------------------------------------------------------------


def test_an_access_exit_is_what_exit_makes() -> None:
    taken: list[bytes] = []
    write = _core.access_exit(ExitReason.IO, 0x80, 2, 1, b"\x34\x12", None, 0xF000, 0xFFF0)
    read = _core.access_exit(ExitReason.MMIO, 0xD0000, 4, 1, None, taken.append, 1, 2)

    by_hand = Exit(ExitReason.IO, port=0x80, data=b"\x34\x12", cs=0xF000, ip=0xFFF0)
    assert (repr(write), write.data, write.value) == (repr(by_hand), b"\x34\x12", 0x1234)
    assert repr(read) == repr(Exit(ExitReason.MMIO, addr=0xD0000, size=4, cs=1, ip=2))
    read.reply(0x5A)
    assert taken == [b"\x5a\0\0\0"]
    with pytest.raises(RuntimeError, match="waits for no answer"):
        write.reply(1)


@pytest.mark.parametrize(
    "arguments",
    [
        (ExitReason.HLT, 0, 1, 1, None, None, 0, 0),
        (5, 0, 1, 1, None, None, 0, 0),
        (ExitReason.IO, 0, 0, 1, None, None, 0, 0),
        (ExitReason.IO, 0, 9, 1, None, None, 0, 0),
        (ExitReason.IO, 0, 1, 0, None, None, 0, 0),
        (ExitReason.IO, 0, 1, 4097, None, None, 0, 0),
        (ExitReason.IO, 0, 2, 1, b"a", None, 0, 0),
        (ExitReason.IO, 0, 1, 2, b"a", None, 0, 0),
    ],
)
def test_what_is_no_access_makes_no_exit(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"access is|bytes of data"):
        _core.access_exit(*arguments)


# -- classes of a back end ------------------------------------------------------------------------


class MySlot(MemorySlot):
    """A slot of a back end."""


class MyEntry(IoEventFd):
    """An ioeventfd of a back end."""


class Mine(_core.Vm):
    """A back end that has its own slots and entries."""

    slot_class = MySlot
    entry_class = MyEntry


def test_a_back_end_has_slots_and_entries_of_its_own_classes() -> None:
    back_end = Mine()
    slot = back_end.add_memory(0, 0x1000)
    entry = back_end.ioeventfd(0x80)

    assert type(slot) is MySlot
    assert type(entry) is type(back_end.ioeventfds[0]) is MyEntry
    assert slot[0:2] == b"\0\0"
    assert back_end.ioeventfd_deassign(0x80, fd=entry.fileno()) == entry  # type: ignore[func-returns-value]
    back_end.close()


@pytest.mark.parametrize("name", ["slot_class", "entry_class"])
@pytest.mark.parametrize("wrong", [int, 5, None, object])
def test_other_classes_are_refused(name: str, wrong: Any) -> None:
    back_end = type("Wrong", (_core.Vm,), {name: wrong})()

    with pytest.raises(TypeError, match=f"the {name} of a back end"):
        back_end.add_memory(0, 0x1000) if name == "slot_class" else back_end.ioeventfd(0x80)
    back_end.close()


@pytest.mark.parametrize("made", [MySlot, MyEntry])
def test_nobody_else_makes_them(made: type) -> None:
    with pytest.raises(TypeError, match="objects are made by Vm"):
        made()
