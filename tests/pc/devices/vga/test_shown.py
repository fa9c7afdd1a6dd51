"""What a display gets of the VGA: versions, snapshots, frames; and what a saved machine keeps."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, Machine, Vm
from pyx86emu._core import VgaCore
from pyx86emu.pc.devices import Vga
from tests import on_kvm
from tests.harness import wait_until
from tests.pc.devices.vga.programs import mode, out, program, store, string
from tests.pc.devices.vga.test_window import HLT, codes, finish, ready

MakeVm = Callable[..., Vm]
FILL = string("stos", (0xB800, 0), 300, 1, False, 0x21)


@pytest.mark.parametrize("name", ["text", "planes", "256"])
@pytest.mark.parametrize("accel", ["interp", "kvm"])
def test_each_store_to_the_window_is_another_version(accel: str, name: str) -> None:
    on_kvm.need(accel)
    segment = 0xB800 if name == "text" else 0xA000
    fill = string("stos", (segment, 0x2000), 300, 1, False, 1)
    with Vm(accel) as vm:
        code = codes(*mode(name), fill) + HLT + codes(store(segment, 0x5000, 2, 1)) + HLT + HLT
        core = ready(vm, code)
        vcpu = vm.vcpus[0]
        assert vcpu.run().reason is ExitReason.HLT
        assert core.mapped is (name != "planes")
        before = core.version
        assert core.version == before

        assert vcpu.run().reason is ExitReason.HLT

        after = core.version
        assert after != before
        assert core.version == after
        assert vcpu.run().reason is ExitReason.HLT
        assert core.version == after


def test_a_read_is_no_other_version(machine: Callable[..., Machine]) -> None:
    m = machine()
    before = m.vga.version

    for port in (0x3C1, 0x3CC, 0x3C5, 0x3CF, 0x3D5, 0x3DA, 0x3C9, 0x3C7):
        m.pio.read(port, 1)
    m.vm.read(0xB8000, 0x1000)

    assert m.vga.version == before


@pytest.mark.parametrize(
    ("port", "values"),
    [
        (0x3C0, (0x00,)),  # the picture goes off
        (0x3C2, (0x63,)),
        (0x3C6, (0x0F,)),
        (0x3C9, (1, 2, 3)),
        (0x3D8, (0x09,)),
        (0x3D9, (0x01,)),
    ],
    ids=str,
)
def test_a_register_that_shows_is_another_version(
    port: int, values: tuple[int, ...], machine: Callable[..., Machine]
) -> None:
    m = machine()
    m.pio.read(0x3DA, 1)
    before = m.vga.version

    for value in values:
        m.pio.write(port, 1, value)

    assert m.vga.version != before


def test_a_snapshot_is_what_the_guest_wrote_whether_mapped_or_not(vm: MakeVm) -> None:
    machine = vm()
    core = ready(machine, codes(*mode("text"), store(0xB800, 0, 0x0741, 2), FILL) + HLT)
    vga = Vga(core)
    finish(machine)
    assert core.mapped

    mapped = vga.snapshot()
    machine.pio.write(0x3CE, 2, 0x0506)
    planar = vga.snapshot()

    assert mapped.planes == planar.planes
    assert mapped.planes[0:6] == b"\x21\0\x21\0\x21\0"
    assert mapped.planes[0x10000:0x10006] == b"\x21\0\x21\0\x21\0"


def test_frames_count_guest_time(machine: Callable[..., Machine]) -> None:
    m = machine(bytes.fromhex("fb f4 ebfd"))  # sti; hlt; jmp
    m.run(timeout=0.5)

    assert m.vga.snapshot().frame == m.vm.time // m.vga.core.frame_ns
    assert m.vga.snapshot().frame in (35, 36)


def test_snapshots_of_another_thread_leave_the_short_way_open(vm: MakeVm) -> None:
    """They stop the vCPU for a moment; they do not share the chips for good."""
    machine = vm()
    core = ready(machine, codes(*mode("planes"), store(0xA000, 1, 1, 1)) + b"\xeb\xfe")
    vga = Vga(core)
    seen: list[Any] = []
    runner = threading.Thread(target=machine.vcpus[0].run)
    runner.start()
    wait_until(lambda: core.version and core.state()["planes"][1])

    seen.append(vga.snapshot())
    machine.vcpus[0].kick()
    runner.join()

    assert seen[0].planes[1] == 1


# -- saved state -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_vga_goes_on_from_its_state(seed: int, vm: MakeVm) -> None:
    steps = program(random.Random(seed), 40)
    half = len(steps) // 2
    whole, first, second = vm(), vm(), vm()
    one = ready(whole, codes(*steps) + HLT)
    finish(whole)
    two = ready(first, codes(*steps[:half]) + HLT)
    finish(first)
    three = ready(second, codes(*steps[half:]) + HLT)
    second.write(0x8000, first.read(0x8000, 0x8000))

    three.load(two.state())
    finish(second)

    assert three.state() == one.state()


def test_flip_flops_and_half_a_colour_are_part_of_the_state(attach: Callable[..., Any]) -> None:
    vga, other = attach(Vga()), attach(Vga())
    vga.pio_write(0x18, 1, 7)
    vga.pio_write(0x19, 1, 1)
    vga.pio_write(0x19, 1, 2)
    vga.pio_write(0x10, 1, 0x31)

    other.load(vga.state())
    other.pio_write(0x19, 1, 3)
    other.pio_write(0x10, 1, 0x55)

    assert other.snapshot().dac[21:24] == b"\1\2\3"
    assert other.snapshot().attribute[0x11] == 0x55
    assert vga.state()["attribute_data"] == 1


def test_load_is_another_version(attach: Callable[..., Any]) -> None:
    vga = attach(Vga())
    before = vga.version

    vga.load(vga.state())

    assert vga.version != before


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"misc": 256}, ValueError, "misc"),
        ({"misc": "x"}, TypeError, "misc"),
        ({"dac": bytes(767)}, ValueError, "dac of a VGA has 768 bytes, not 767"),
        ({"planes": [0]}, TypeError, "planes of a VGA is bytes, not list"),
        ({"dac_component": 3}, ValueError, "dac_component"),
        ({"what": 1}, ValueError, "has no 'what'"),
    ],
    ids=str,
)
def test_a_state_that_is_none_changes_nothing(
    change: dict[str, Any], error: type[Exception], text: str
) -> None:
    core = VgaCore()
    core.write(0x3C2, 1, 0xE3)
    before = core.state()

    with pytest.raises(error, match=text):
        core.load(before | change)

    assert core.state() == before


def test_a_state_with_a_part_missing_is_refused() -> None:
    core = VgaCore()
    state = core.state()
    del state["crtc"]

    with pytest.raises(ValueError, match="no 'crtc'"):
        core.load(state)
    with pytest.raises(TypeError, match="not list"):
        core.load([])  # type: ignore[arg-type]


# -- time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["short way", "long way"])
def test_a_guest_that_polls_retrace_sees_70_frames_a_second(how: str, vm: MakeVm) -> None:
    # mov dx,3dah; l: in al,dx; test al,8; jz l; m: in al,dx; test al,8; jnz m; inc bx; jmp l
    poll = bytes.fromhex("bada03 ec a808 74fb ec a808 75fb 43 ebf3")
    machine = vm()
    ready(machine, codes(*mode("text")) + poll)
    if how == "long way":
        machine.create_vcpu()
    vcpu = machine.vcpus[0]
    vcpu.regs.bx = 0

    vcpu.run(deadline=10**9)

    assert vcpu.regs.bx in (70, 71)


def test_two_runs_see_the_same_raster(vm: MakeVm) -> None:
    # count, for each of the four values, how often it is read
    count = bytes.fromhex("b90080 bada03 ec 2409 98 93 fe870090 93 e2f4 f4")
    seen = []
    for _ in range(2):
        machine = vm()
        ready(machine, codes(out(0x3C2, 0x67, 1)) + count)
        finish(machine)
        seen.append((machine.read(0x9000, 16), machine.vcpus[0].instructions))

    assert seen[0] == seen[1]
    assert any(seen[0][0])


@pytest.mark.parametrize("accel", ["interp", "kvm"])
def test_a_state_loaded_over_a_mapped_window_shows(accel: str) -> None:
    on_kvm.need(accel)
    with Vm(accel) as machine:
        core = ready(machine, codes(*mode("text"), FILL) + HLT + FILL.code + HLT)
        vcpu = machine.vcpus[0]
        assert vcpu.run().reason is ExitReason.HLT
        before = core.state()
        machine.write(0xB8000, bytes(600))
        assert core.mapped

        core.load(before)

        assert core.state() == before
        assert machine.read(0xB8000, 4) == b"\x21" * 4
        assert vcpu.run().reason is ExitReason.HLT
