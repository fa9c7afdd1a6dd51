"""The buses: who owns an address, who is told about overlaps, how exits are dispatched."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import BusError, ExitReason, MmioDevice, PioDevice, Vm
from tests import harness

MakeVm = Callable[..., Vm]


class Recorder(PioDevice):
    """Keeps what it is told."""

    length = 4

    def __init__(self) -> None:
        self.log: list[tuple[object, ...]] = []
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def pio_read(self, offset: int, size: int) -> int:
        self.log.append(("in", offset, size))
        return 0x44332211 >> 8 * offset & (1 << 8 * size) - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.log.append(("out", offset, size, value))


class Narrow(Recorder):
    """An 8-bit chip."""

    max_size = 1


class Gap(Recorder):
    """A chip that answers at offsets 0 and 4, as the 8042 does."""

    length = 5
    ranges = ((0, 1), (4, 1))


def run(vm: Vm, code: str) -> tuple[object, list[object]]:
    """Run code at 0:1000 to its HLT, dispatching exits; the vCPU and the exits not dispatched."""
    vcpu = harness.vcpu(vm, code)
    left: list[object] = []
    while (exit := vcpu.run()).reason in (ExitReason.IO, ExitReason.MMIO):
        bus = vm.pio if exit.reason is ExitReason.IO else vm.mmio
        if not bus.dispatch(exit):
            left.append(exit)
    assert exit.reason is ExitReason.HLT
    return vcpu, left


# mov dx,302h; mov ax,1234h; out dx,ax; in al,dx; hlt
OUT_IN = "ba0203 b83412 ef ec f4"


@pytest.mark.parametrize("pull", [False, True])
def test_a_device_is_told_offsets(vm: MakeVm, pull: bool) -> None:
    v, device = vm(), Recorder()
    v.pio.attach(device, 0x300, pull=pull)

    vcpu, left = run(v, OUT_IN)

    assert device.log == [("out", 2, 2, 0x1234), ("in", 2, 1)]
    assert vcpu.regs.al == 0x33
    assert not left


@pytest.mark.parametrize("pull", [False, True])
def test_a_wide_access_is_split_for_a_narrow_device(vm: MakeVm, pull: bool) -> None:
    v, device = vm(), Narrow()
    v.pio.attach(device, 0x300, pull=pull)

    vcpu, _ = run(v, "ba0103 b83412 ef ed f4")

    assert device.log[:2] == [("out", 1, 1, 0x34), ("out", 2, 1, 0x12)]
    assert vcpu.regs.ax == 0x3322


@pytest.mark.parametrize("pull", [False, True])
def test_a_device_may_have_several_ranges(vm: MakeVm, pull: bool) -> None:
    v, device = vm(), Gap()
    v.pio.attach(device, 0x60, pull=pull)

    _, left = run(v, "e660 e662 e664 f4")

    assert [entry[1] for entry in device.log] == [0, 4]
    assert [exit.port for exit in left] == [0x62]


@pytest.mark.parametrize("pull", [False, True])
def test_an_access_that_is_only_half_inside_exits(vm: MakeVm, pull: bool) -> None:
    v, device = vm(), Recorder()
    v.pio.attach(device, 0x300, pull=pull)

    _, left = run(v, "ba0303 ef f4")

    assert not device.log
    assert [(exit.port, exit.size) for exit in left] == [(0x303, 2)]


def test_attach_connects_line_and_clock_and_resets(vm: MakeVm) -> None:
    v, device = vm(irqchip=True), Recorder()

    v.pio.attach(device, 0x300, gsi=5)

    assert device.clock is v.clock
    assert device.resets == 1
    device.irq(True)
    device.irq(False)


def test_overlapping_range_names_both_owners(vm: MakeVm) -> None:
    v = vm()
    v.pio.attach(Recorder(), 0x3F8)

    with pytest.raises(BusError) as error:
        v.pio.attach(Narrow(), 0x3FB)

    assert str(error.value) == (
        "range 0x3fb-0x3fe of 'narrow' overlaps 'recorder' (0x3f8-0x3fb): "
        "attach one of them at another port"
    )


def test_ports_of_the_core_are_taken(vm: MakeVm) -> None:
    with pytest.raises(BusError, match="overlaps the interrupt controller"):
        vm(irqchip=True).pio.attach(Recorder(), 0x1E)
    vm().pio.attach(Recorder(), 0x1E)


@pytest.mark.parametrize("base", [-1, 0xFFFD])
def test_a_range_outside_the_bus_is_refused(vm: MakeVm, base: int) -> None:
    with pytest.raises(BusError, match=r"outside the pio bus: attach it within 0x0-0xffff"):
        vm().pio.attach(Recorder(), base)


def test_the_wrong_bus_is_refused(vm: MakeVm) -> None:
    with pytest.raises(BusError, match=r"'recorder' has no mmio_read .* attach it to vm.pio"):
        vm().mmio.attach(Recorder(), 0xD0000)  # type: ignore[arg-type]


@pytest.mark.parametrize("pull", [False, True])
def test_detached_ports_are_free_again(vm: MakeVm, pull: bool) -> None:
    v, device, other = vm(), Recorder(), Recorder()
    v.pio.attach(device, 0x300, pull=pull)

    v.pio.detach(device)
    v.pio.attach(other, 0x302)
    run(v, OUT_IN)

    assert not device.log
    assert len(other.log) == 2
    with pytest.raises(BusError, match="is not attached to the pio bus"):
        v.pio.detach(device)


def test_detaching_twice_is_harmless(vm: MakeVm) -> None:
    attachment = vm().pio.attach(Recorder(), 0x300)

    attachment.detach()
    attachment.detach()

    assert repr(attachment) == "<recorder at pio 0x300-0x303>"


def test_mmio_devices_answer_loads_and_stores(vm: MakeVm) -> None:
    class Latch(MmioDevice):
        length = 0x100
        value = 0

        def mmio_read(self, offset: int, size: int) -> int:
            return self.value + offset

        def mmio_write(self, offset: int, size: int, value: int) -> None:
            self.value = value

    v, device = vm(), Latch()
    v.mmio.attach(device, 0xD0000)

    # mov ax,D000h; mov ds,ax; mov byte [0],7; mov al,[5]; hlt
    vcpu, left = run(v, "b800d0 8ed8 c606000007 a00500 f4")

    assert vcpu.regs.al == 12
    assert not left


@pytest.mark.parametrize("pull", [False, True])
def test_three_bytes_reach_a_word_device_as_a_word_and_a_byte(vm: MakeVm, pull: bool) -> None:
    """A dword across a page is cut there. What a device answers beyond its width is dropped."""

    class Words(MmioDevice):
        length = 0x1000
        max_size = 2

        def __init__(self) -> None:
            self.log: list[tuple[int, int, int]] = []

        def mmio_read(self, offset: int, size: int) -> int:
            return -0x100 + size

        def mmio_write(self, offset: int, size: int, value: int) -> None:
            self.log.append((offset, size, value))

    v, device = vm(), Words()
    v.mmio.attach(device, 0x20000, pull=pull)

    # mov ax,2000h; mov ds,ax; mov eax,44332211h; mov [0FFDh],eax; mov eax,[0FFDh]; hlt
    vcpu, _ = run(v, "b80020 8ed8 66b811223344 66a3fd0f 66a1fd0f f4")

    assert device.log == [(0xFFD, 2, 0x2211), (0xFFF, 1, 0x33)]
    assert vcpu.regs.eax == 0x0001FF02


def test_dispatch_answers_every_element_of_ins(vm: MakeVm) -> None:
    v, device = vm(), Recorder()
    v.pio.attach(device, 0x300, pull=True)

    # mov dx,300h; mov cx,5; mov di,2000h; cld; rep insb; hlt
    run(v, "ba0003 b90500 bf0020 fc f36c f4")

    assert v.read(0x2000, 6) == b"\x11" * 5 + b"\0"


def test_the_host_reads_and_writes_as_the_guest_would(vm: MakeVm) -> None:
    v, device = vm(), Narrow()
    v.pio.attach(device, 0x300)

    assert v.pio.read(0x302, 4) == 0xFFFF4433
    v.pio.write(0x303, 2, 0xAABB)

    assert device.log[-1] == ("out", 3, 1, 0xBB)


def test_ioeventfd_of_a_bus_fills_in_the_bus(vm: MakeVm) -> None:
    v = vm()
    bell = v.pio.ioeventfd(0x510, 1)

    run(v, "ba1005 ee ee f4")

    assert bell.read() == 2


@pytest.mark.parametrize("pull", [False, True])
@pytest.mark.parametrize("code", ["ec", "b90100 f36c a00020", "b90200 f36c a00120"])
def test_what_a_device_answers_beyond_the_width_is_dropped(
    vm: MakeVm, code: str, pull: bool
) -> None:
    class Wide(Recorder):
        def pio_read(self, offset: int, size: int) -> int:
            return 0xFF01

    v = vm()
    v.pio.attach(Wide(), 0x300, pull=pull)

    # mov di,2000h; cld; mov dx,300h; (in al,dx | mov cx,n; rep insb; mov al,[...]); hlt
    vcpu, _ = run(v, f"bf0020 fc ba0003 {code} f4")

    assert vcpu.regs.al == 1
    assert v.pio.read(0x300, 1) == 1


def test_only_accesses_are_dispatched(vm: MakeVm) -> None:
    v, device = vm(), Recorder()
    v.pio.attach(device, 0)

    assert v.pio.dispatch(harness.vcpu(v, "f4").run()) is False

    assert not device.log
