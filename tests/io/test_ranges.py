"""Ranges of devices: one record, which answers guest, exits and host alike."""

from __future__ import annotations

import errno
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import BusError, ExitReason, MmioDevice, PioDevice, Vm, _core
from tests.io.test_bus import Recorder, run

MakeVm = Callable[..., Vm]

# -- the same answer by every way -----------------------------------------------------------------

#: Before each program: DX = 300h, CX = 2, DI = SI = 2000h.
BEFORE = "ba0003 b90200 bf0020 be0020 fc "


class Says(PioDevice):
    """Gives the same answer to every read, and keeps what it is asked."""

    length = 4

    def __init__(self, answer: Any, width: int) -> None:
        self.answer = answer
        self.max_size = width
        self.log: list[tuple[int, ...]] = []

    def pio_read(self, offset: int, size: int) -> Any:
        self.log.append((offset, size))
        return self.answer

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.log.append((offset, size, value))


class Odd:
    """An integer of somebody else's."""

    def __index__(self) -> int:
        return -0x7EFF  # ...8101h


def pieces(size: int, width: int) -> list[tuple[int, int]]:
    """Offset and size of the parts of an access at offset 0."""
    return [(at, min(width, size - at)) for at in range(0, size, width)]


def cut(answer: int, size: int, width: int) -> int:
    """What a read of `size` bytes is if every part is answered by `answer`."""
    return sum((answer & (1 << 8 * n) - 1) << 8 * at for at, n in pieces(size, width))


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize(
    "answer", [0xFF01, 0x8182838485868788, -1, -0x100, 1 << 70 | 5, True, Odd()]
)
def test_an_answer_is_cut_alike_for_push_for_pull_and_for_the_host(
    vm: MakeVm, answer: Any, size: int, width: int
) -> None:
    wanted = cut(answer.__index__(), size, width)
    in_ = {1: "ec", 2: "ed", 4: "66ed"}[size]
    ins = {1: "f36c", 2: "f36d", 4: "f3666d"}[size]
    for pull in (False, True):
        for code, elements in ((in_, 0), (ins, 2)):
            v, device = vm(), Says(answer, width)
            v.pio.attach(device, 0x300, pull=pull)

            vcpu, left = run(v, BEFORE + "6631c0" + code + "f4")

            if elements:
                stored = v.read(0x2000, size * elements)
                assert stored == wanted.to_bytes(size, "little") * elements, (pull, code)
            else:
                assert vcpu.regs.eax == wanted, (pull, code)  # type: ignore[attr-defined]
            assert device.log == pieces(size, width) * (elements or 1), (pull, code)
            assert not left
            assert v.pio.read(0x300, size) == wanted


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_what_is_written_is_cut_alike_for_push_for_pull_and_for_the_host(
    vm: MakeVm, size: int, width: int
) -> None:
    value = 0x44332211 & (1 << 8 * size) - 1
    wanted = [(at, n, value >> 8 * at & (1 << 8 * n) - 1) for at, n in pieces(size, width)]
    eax = value.to_bytes(4, "little").hex()
    stos = {1: "aa", 2: "ab", 4: "66ab"}[size]
    out = {1: "ee", 2: "ef", 4: "66ef"}[size]
    outs = {1: "f36e", 2: "f36f", 4: "f3666f"}[size]
    for pull in (False, True):
        for code, elements in ((out, 1), (outs, 2)):
            v, device = vm(), Says(0, width)
            v.pio.attach(device, 0x300, pull=pull)

            # mov eax,value; two of them go to 2000h; (out | rep outs); hlt
            _, left = run(v, f"{BEFORE} 66b8{eax} {stos} {stos} {code} f4")

            assert device.log == wanted * elements, (pull, code)
            assert not left
            device.log.clear()
            v.pio.write(0x300, size, value)
            assert device.log == wanted


@pytest.mark.parametrize("pull", [False, True])
@pytest.mark.parametrize("answer", [1.0, None, "1", b"\x01", [1]], ids=repr)
@pytest.mark.parametrize("code", ["ec", "ed", "f36c", "f36d"])
def test_an_answer_that_is_no_integer_is_a_type_error_by_every_way(
    vm: MakeVm, code: str, answer: Any, pull: bool
) -> None:
    v, device = vm(), Says(answer, 1)
    v.pio.attach(device, 0x300, pull=pull)

    with pytest.raises(TypeError, match="integer") as error:
        run(v, BEFORE + code + "f4")
    with pytest.raises(TypeError, match="integer"):
        v.pio.read(0x300, 1)

    if not pull:
        assert "while the guest read" in error.value.__notes__[0]
        device.answer = 5
        assert v.vcpus[0].run().reason is ExitReason.HLT  # the read was made again
        assert 5 in (v.vcpus[0].regs.al, v.read(0x2000, 1)[0])


@pytest.mark.parametrize("pull", [False, True])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_memory_of_a_device_is_cut_alike(vm: MakeVm, width: int, pull: bool) -> None:
    class Latch(MmioDevice):
        length = 0x1000
        max_size = width

        def __init__(self) -> None:
            self.log: list[tuple[int, ...]] = []

        def mmio_read(self, offset: int, size: int) -> int:
            self.log.append((offset, size))
            return -0xFF  # ...FF01h

        def mmio_write(self, offset: int, size: int, value: int) -> None:
            self.log.append((offset, size, value))

    v, device = vm(), Latch()
    v.mmio.attach(device, 0xD0000, pull=pull)

    # mov ax,D000h; mov ds,ax; mov dword [8],44332211h; mov eax,[8]; hlt
    vcpu, left = run(v, "b800d0 8ed8 66c706080011223344 66a10800 f4")

    parts = [(8 + at, n) for at, n in pieces(4, width)]
    written = [(at, n, 0x44332211 >> 8 * (at - 8) & (1 << 8 * n) - 1) for at, n in parts]
    assert device.log == [*written, *parts]
    assert vcpu.regs.eax == cut(-0xFF, 4, width) == v.mmio.read(0xD0008, 4)  # type: ignore[attr-defined]
    assert not left


@pytest.mark.parametrize("pull", [False, True])
def test_the_second_range_of_a_device_is_told_offsets_from_its_base(vm: MakeVm, pull: bool) -> None:
    class Two(Recorder):
        ranges = ((0, 1), (4, 4))
        max_size = 1

    v, device = vm(), Two()
    v.pio.attach(device, 0x2FC, pull=pull)

    run(v, "ba0103 ef f4")
    v.pio.write(0x301, 2, 0)

    assert device.log == [("out", 5, 1, 0), ("out", 6, 1, 0)] * 2


# -- what answers in the core ---------------------------------------------------------------------


def test_chips_of_the_core_stand_in_the_table_of_the_ports(vm: MakeVm) -> None:
    v = vm(irqchip=True)

    names = [(each.start, each.name) for each in v.pio._table.items]

    assert names == [
        (0x20, "the interrupt controller"),
        (0x40, "the interval timer"),
        (0x61, "system control port B"),
        (0xA0, "the interrupt controller"),
        (0x4D0, "the interrupt controller"),
    ]
    assert repr(v.pio) == "<pio bus: empty>"
    assert not vm().pio._table.items


def test_a_table_keeps_the_chips_of_its_own_core_only(vm: MakeVm) -> None:
    v, other = vm(irqchip=True), vm(irqchip=False)
    table = other.pio._table

    with pytest.raises(ValueError, match="stays in its own table"):
        table.replace(table.items, v.pio._table.items)

    assert not table.items


# -- the table -------------------------------------------------------------------------------------


def range_(start: int, end: int, name: str = "") -> _core.Range:
    return _core.Range(start, end, start, 4, lambda o, s: o, lambda o, s, v: None, name)


@pytest.mark.parametrize("of", ["Vm", "no core"])
def test_ranges_are_sorted_and_apart(vm: MakeVm, of: str) -> None:
    table = vm().pio._table if of == "Vm" else _core.RangeTable()
    first, second, overlap = range_(0, 4), range_(4, 8), range_(3, 5)

    for new in ((second, first), (first, overlap), (first, first)):
        with pytest.raises(ValueError, match="sorted and do not overlap"):
            table.replace((), new)
    for junk in ((None,), (5,)):
        with pytest.raises(TypeError, match="a table has ranges"):
            table.replace((), junk)  # type: ignore[arg-type]
    assert not table.replace((first,), ())
    assert table.replace(table.items, (first, second))
    assert not table.replace((first, second), ())  # equal, but another tuple
    assert table.items == (first, second)


def test_a_range_that_is_not_open_is_found_by_nobody(vm: MakeVm) -> None:
    table = vm().pio._table
    mine = range_(0x300, 0x304)
    table.replace((), (mine,))
    assert table.find(0x300, 1) is None

    mine.open(True)

    assert table.find(0x300, 4) is mine
    assert table.find(0x300, 5) is table.find(0x2FF, 1) is table.find(0x304, 1) is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((4, 4, 0, 4, int, int), BusError),
        ((0, 4, 1, 4, int, int), BusError),
        ((-1, 4, 0, 4, int, int), ValueError),
        ((0, 1 << 64, 0, 4, int, int), ValueError),
        ((0.0, 4, 0, 4, int, int), TypeError),
        ((0, 4, 0, 0, int, int), ValueError),
        ((0, 4, 0, 3, int, int), ValueError),
        ((0, 4, 0, 4, int, None), TypeError),
        ((0, 4, 0, 4, 7, int), TypeError),
        ((), TypeError),
    ],
)
def test_a_range_has_a_byte_a_width_and_methods(
    arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        _core.Range(*arguments)


def test_a_vm_has_a_table_for_each_bus(vm: MakeVm) -> None:
    v = vm()

    assert v._backend.ranges("pio") is v.pio._table
    assert v._backend.ranges("mmio") is v.mmio._table
    with pytest.raises(ValueError, match="no bus 'isa' for devices"):
        v._backend.ranges("isa")


def test_a_closed_vm_has_no_ranges_and_takes_none(vm: MakeVm) -> None:
    v = vm(irqchip=True)
    table = v.pio._table
    mine = range_(0x300, 0x304)

    v.close()

    assert not table.items
    with pytest.raises(OSError) as error:
        table.replace((), (mine,))
    assert error.value.errno == errno.EBADF
    assert table.replace((), ())


def test_a_closed_vm_lets_its_devices_go(vm: MakeVm) -> None:
    v, device = vm(), Recorder()
    gone = weakref.ref(device)
    attachment = v.pio.attach(device, 0x300)
    v.close()

    del device, attachment
    gc.collect()

    assert gone() is None


# -- the table by hand ----------------------------------------------------------------------------


def test_another_tuple_is_not_looked_into(vm: MakeVm) -> None:
    """It may hold anything."""
    table = vm(irqchip=True)._backend.ranges("pio")

    assert not table.replace((object(),), table.items)  # type: ignore[arg-type]


def test_the_ports_of_a_chip_cannot_be_taken_away(vm: MakeVm) -> None:
    v = vm(irqchip=True)
    table = v._backend.ranges("pio")

    with pytest.raises(ValueError, match="stays in its table"):
        table.replace(table.items, table.items[1:])

    assert v.pio.read(0x21, 1) == 0


def test_a_vm_that_closes_in_a_reset_refuses_the_device(vm: MakeVm) -> None:
    v = vm()

    class Closes(PioDevice):
        def reset(self) -> None:
            v.close()

    device = Closes()
    with pytest.raises(OSError, match="closed") as refused:
        v.pio.attach(device, 0x100)

    assert refused.value.errno == errno.EBADF
    assert "clock" not in vars(device)


def test_a_chip_of_a_closed_vm_reads_all_ones(vm: MakeVm) -> None:
    v = vm(irqchip=True)
    chip = v._backend.ranges("pio").items[0]
    v.close()

    assert chip.read(0x20, 1) == 0xFF
    assert chip.read(0x20, 2) == 0xFFFF
    chip.write(0x20, 1, 0x11)
