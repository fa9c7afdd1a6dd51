"""The window A0000h-BFFFFh: code, ioeventfds, memory slots and watchpoints in it; the host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from struct import pack

import pytest

from pyx86emu import BusError, ExitReason, Machine, PioDevice, Vm
from pyx86emu._core import VgaCore
from tests.pc.devices.vga.programs import Step, mode, out, store, string

MakeVm = Callable[..., Vm]
CODE = 0x1000
HLT = b"\xf4"


def ready(vm: Vm, code: bytes, at: int = CODE) -> VgaCore:
    """A Vm with a VGA whose vCPU is about to execute `code`."""
    core = vm.create_vga()
    vm.add_memory(0, 0x20000)
    vm.write(CODE, code)
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, at
    vcpu.regs.ss, vcpu.regs.sp = 0x1000, 0x8000
    return core


def finish(vm: Vm, how: str = "blocks") -> None:
    vcpu = vm.vcpus[0]
    for _ in range(100_000):
        if how == "steps" and vm.read(vcpu.regs.cs * 16 + vcpu.regs.ip, 1) == HLT:
            vcpu.step()
            return
        exit = vcpu.step() if how == "steps" else vcpu.run(1000)
        if exit.reason is ExitReason.HLT:
            return
        assert exit.reason in (ExitReason.BUDGET, ExitReason.DEBUG), exit
    raise AssertionError("the guest does not halt")


def codes(*steps: Step) -> bytes:
    return b"".join(step.code for step in steps)


def far_jump(segment: int, offset: int) -> bytes:
    return b"\xea" + pack("<HH", offset, segment)


def put_code(segment: int, at: int, code: bytes) -> list[Step]:
    """Stores that write code into the window."""
    return [store(segment, at + i, byte, 1) for i, byte in enumerate(code)]


# -- code in the window ----------------------------------------------------------------------------

# inc byte [cs:0120h], whose operand is the immediate of the next instruction: mov al,0
REWRITES = b"\x2e\xfe\x06\x06\x01" + b"\xb0\x00" + b"\xa2\x00\x90" + HLT


@pytest.mark.parametrize("how", ["blocks", "steps"])
@pytest.mark.parametrize(
    ("name", "segment"), [("text", 0xB800), ("256", 0xA000), ("cga 2", 0xB800), ("planes", 0xA000)]
)
def test_code_in_the_window_is_executed_and_may_rewrite_itself(
    name: str, segment: int, how: str, vm: MakeVm
) -> None:
    machine = vm()
    steps = [*mode(name), string("stos", (segment, 0x400), 100, 1, False, 0)]
    code = codes(*steps, *put_code(segment, 0x100, REWRITES)) + far_jump(segment, 0x100)
    ready(machine, code)

    finish(machine, how)

    assert machine.read(0x9000, 1) == b"\x01"


@pytest.mark.parametrize("how", ["blocks", "steps"])
def test_the_next_instruction_is_fetched_from_the_new_mapping(how: str, vm: MakeVm) -> None:
    """Text memory loses its chaining while code runs in it: bytes at odd addresses are gone."""
    machine = vm()
    steps = [*mode("text"), string("stos", (0xB800, 0x400), 100, 1, False, 0)]
    # In the window: nop; mov dx,3CEh; mov ax,0C06h; out dx,ax, and what comes after it.
    body = b"\x90\xba\xce\x03\xb8\x06\x0c\xef" + b"\xb0\x5a" + HLT  # mov al,5Ah
    ready(machine, codes(*steps, *put_code(0xB800, 0x100, body)) + far_jump(0xB800, 0x100))

    finish(machine, how)

    regs = machine.vcpus[0].regs
    assert (regs.cs, regs.ip, regs.ax & 0xFF) == (0xB800, 0x10B, 0)  # 5Ah is at another offset


def test_code_where_the_window_shows_nothing_is_an_error(vm: MakeVm) -> None:
    machine = vm()
    ready(machine, codes(*mode("text")) + far_jump(0xA000, 0))

    assert machine.vcpus[0].run(10_000).reason is ExitReason.INTERNAL_ERROR


def test_code_in_planes_that_reads_a_device_is_executed_once(vm: MakeVm) -> None:
    class Kicks(PioDevice):
        reads = 0

        def pio_read(self, offset: int, size: int) -> int:
            self.reads += 1
            machine.vcpus[0].kick()  # the instruction is finished by itself
            return 0x5A

    machine = vm()
    device = Kicks()
    machine.pio.attach(device, 0x60)
    body = b"\xe4\x60\xa2\x00\x90" + HLT  # in al,60h; mov [9000h],al
    code = codes(*mode("planes"), *put_code(0xA000, 0x100, body)) + far_jump(0xA000, 0x100)
    ready(machine, code)
    vcpu = machine.vcpus[0]

    while vcpu.run(10_000).reason is not ExitReason.HLT:
        pass

    assert (machine.read(0x9000, 1), device.reads) == (b"\x5a", 1)


def test_a_stack_in_planes_works(vm: MakeVm) -> None:
    machine = vm()
    code = codes(*mode("planes")) + bytes.fromhex("b800a0 8ed0 bc0010 b83412 50 b80000 5b 891e0090")
    ready(machine, code + HLT)

    finish(machine)

    assert machine.read(0x9000, 2) == b"\x34\x12"


# -- who else is there -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["planes", "text"])
def test_an_ioeventfd_in_the_window_beats_the_vga_where_it_is_no_memory(
    name: str, vm: MakeVm
) -> None:
    machine = vm()
    core = ready(machine, codes(*mode("planes"), *[store(0xA000, 4, 7, 1)] * 3) + HLT)
    bell = machine.mmio.ioeventfd(0xA0004, 1)

    finish(machine)

    assert bell.read() == 3
    assert core.state()["planes"][4] == 0


def test_an_ioeventfd_at_a_port_beats_the_vga(vm: MakeVm) -> None:
    machine = vm()
    core = ready(machine, codes(out(0x3C4, 0x0902, 2), out(0x3C5, 0x05, 1)) + HLT)
    word, byte = machine.pio.ioeventfd(0x3C4, 2), machine.pio.ioeventfd(0x3C5, 1)

    finish(machine)

    assert (word.read(), byte.read()) == (1, 1)
    assert core.state()["sequencer"][2] == 3


def test_memory_in_the_window_keeps_its_place(vm: MakeVm) -> None:
    machine = vm()
    fill = string("stos", (0xB800, 0x100), 300, 1, False, 0x55)
    core = ready(machine, codes(*mode("text"), fill, fill) + HLT)
    slot = machine.add_memory(0xB8000, 0x1000, dirty_log=True)

    finish(machine)

    assert not core.mapped
    assert slot[0xB8100:0xB822C] == b"\x55" * 300
    assert slot.dirty() == b"\x01"
    assert not any(core.state()["planes"])


def test_memory_cannot_be_added_where_the_window_is_memory(vm: MakeVm) -> None:
    machine = vm()
    core = ready(machine, codes(*mode("text"), string("stos", (0xB800, 0), 300, 1, False, 1)) + HLT)
    finish(machine)
    assert core.mapped

    with pytest.raises(OSError, match="overlaps"):
        machine.add_memory(0xB8000, 0x1000)


def test_a_device_at_the_vga_s_addresses_is_refused_by_name(vm: MakeVm) -> None:
    machine = vm()
    machine.create_vga()

    with pytest.raises(BusError, match="overlaps the VGA"):
        machine.pio.attach(PioDevice(), 0x3C4)


def test_a_vga_where_a_device_is_says_which(vm: MakeVm) -> None:
    machine = vm()
    machine.pio.attach(PioDevice(), 0x3D4)

    with pytest.raises(BusError, match=r"range 0x3d4-0x3d5 of the VGA overlaps 'piodevice'"):
        machine.create_vga()

    assert machine.pio.read(0x3C4, 1) == 0xFF
    machine.pio.detach(next(iter(machine.pio._attached)).device)  # type: ignore[arg-type]
    assert machine.create_vga().read(0x3CC, 1) == 0x67


def test_a_vm_has_one_vga(vm: MakeVm) -> None:
    machine = vm()
    machine.create_vga()

    with pytest.raises(FileExistsError, match="has a VGA already"):
        machine.create_vga()


def test_a_closed_vm_takes_no_vga() -> None:
    machine = Vm()
    machine.close()

    with pytest.raises(OSError, match="closed"):
        machine.create_vga()


def test_the_vga_of_a_closed_vm_can_be_looked_at() -> None:
    with Vm() as machine:
        core = ready(
            machine, codes(*mode("text"), string("stos", (0xB800, 0), 300, 1, False, 7)) + HLT
        )
        finish(machine)
        before = core.state()

    assert core.state() == before
    core.write(0x3CE, 2, 0x0506)
    assert not core.mapped
    core.reset()
    assert core.state()["graphics"][6] == 0x0E


def test_a_word_over_the_end_of_the_window_is_two_accesses(vm: MakeVm) -> None:
    machine = vm()
    core = ready(machine, codes(*mode("planes"), store(0xA001, 0xFFEF, 0x1122, 2)) + HLT)

    exit = machine.vcpus[0].run(10_000)

    assert exit.reason is ExitReason.HLT
    assert core.state()["planes"][0xFFFF] == 0x22


def test_a_closed_a20_line_changes_nothing_in_the_window(vm: MakeVm) -> None:
    machine = vm()
    core = ready(machine, codes(*mode("planes"), store(0xA000, 9, 0x42, 1)) + HLT)
    machine.a20 = False

    finish(machine)

    assert core.state()["planes"][9] == 0x42


@pytest.mark.parametrize("name", ["planes", "text", "256"])
def test_a_watchpoint_in_the_window_stops_after_the_access(name: str, vm: MakeVm) -> None:
    segment = 0xB800 if name == "text" else 0xA000
    fill = string("stos", (segment, 0x100), 200, 1, False, 3)
    machine = vm()
    ready(machine, codes(*mode(name), fill, store(segment, 0x10, 1, 1)) + HLT)
    vcpu = machine.vcpus[0]
    vcpu.debug(watch=[(segment * 16 + 0x10, 1, "w")])

    exit = vcpu.run(10_000)

    assert exit.reason is ExitReason.DEBUG
    assert vcpu.run(10_000).reason is ExitReason.HLT


# -- the host --------------------------------------------------------------------------------------


@pytest.mark.parametrize("used", [False, True], ids=["planes", "memory"])
def test_the_host_reads_and_writes_the_window_as_memory(used: bool, vm: MakeVm) -> None:
    machine = vm()
    steps = [string("stos", (0xB800, 0x400), 300, 1, False, 0)] if used else []
    core = ready(machine, codes(*mode("text"), *steps) + HLT)
    finish(machine)
    assert core.mapped is used

    machine.write(0xB8002, b"A\x07B\x08")

    assert machine.read(0xB8000, 8) == b"\0\0A\x07B\x08\0\0"
    planes = core.state()["planes"]
    assert (planes[2], planes[0x10002], planes[4], planes[0x10004]) == (0x41, 7, 0x42, 8)


def test_the_host_s_look_leaves_the_latches(vm: MakeVm) -> None:
    machine = vm()
    core = ready(machine, codes(*mode("planes"), store(0xA000, 0, 0xFF, 1)) + HLT)
    finish(machine)

    machine.read(0xA0000, 16)

    assert core.state()["latches"] == bytes(4)


def test_the_host_finds_no_memory_where_the_window_shows_none(vm: MakeVm) -> None:
    machine = vm()
    machine.create_vga()

    with pytest.raises(ValueError, match="0xa0000 is in no memory slot"):
        machine.read(0xA0000, 1)


def test_a_register_that_the_host_writes_changes_the_mapping_at_once(vm: MakeVm) -> None:
    fill = string("stos", (0xB800, 0), 300, 1, False, 0x21)
    machine = vm()
    core = ready(machine, codes(*mode("text"), fill) + HLT)
    finish(machine)
    assert core.mapped

    machine.pio.write(0x3CE, 2, 0x0506)

    assert not core.mapped
    assert core.state()["planes"][0] == 0x21


def test_a_second_vcpu_draws_too(vm: MakeVm) -> None:
    machine = vm()
    core = ready(machine, codes(*mode("planes"), store(0xA000, 1, 0x11, 1)) + HLT)
    second = machine.create_vcpu()
    machine.write(0x3000, codes(store(0xA000, 2, 0x22, 1)) + HLT)
    second.regs.cs, second.regs.ip = 0, 0x3000

    finish(machine)
    assert second.run(1000).reason is ExitReason.HLT

    assert core.state()["planes"][1:3] == b"\x11\x22"


def test_a_vcpu_that_counts_in_the_window_is_not_disturbed_by_mappings(vm: MakeVm) -> None:
    """One vCPU makes the window planes and memory again; the other one's bytes lose nothing."""
    machine = vm()
    turns = 400
    toggle = codes(out(0x3C4, 0x0F02, 2), out(0x3C4, 0x0302, 2))
    fill = string("stos", (0xB800, 0x1000), 100, 2, False, 1)
    # mov bp,turns; l: toggle, fill; dec bp; jnz l; mov byte [9000h],1; hlt
    body = toggle + fill.code + fill.code + b"\x4d"
    code = b"\xbd" + pack("<H", turns) + body + b"\x0f\x85" + pack("<h", -len(body) - 4)
    core = ready(machine, codes(*mode("text")) + code + b"\xc6\x06\x00\x90\x01" + HLT)
    counting = machine.create_vcpu()
    # mov ax,B800h; mov es,ax; l: inc byte [es:20h]; inc dword [9010h]; cmp byte [9000h],0; je l
    loop = bytes.fromhex("26fe062000 66ff061090 803e009000 74ef")
    machine.write(0x3000, bytes.fromhex("b800b8 8ec0") + loop + HLT)
    counting.regs.cs, counting.regs.ip = 0, 0x3000
    other = threading.Thread(target=counting.run)
    other.start()

    finish(machine)
    other.join()

    counted = int.from_bytes(machine.read(0x9010, 4), "little")
    assert machine.read(0xB8020, 1)[0] == counted & 0xFF
    assert core.state()["planes"][0x20] == counted & 0xFF


def test_a_reset_brings_mode_3_back_and_keeps_memory(machine: Callable[..., Machine]) -> None:
    m = machine()
    for value in (0x0F02, 0x0604):
        m.pio.write(0x3C4, 2, value)
    for value in (0x0005, 0x0506):
        m.pio.write(0x3CE, 2, value)
    m.vm.write(0xA0000, b"\x42")

    m.reset()

    assert m.vm.read(0xB8000, 2) == b"\x42\x42"
    assert m.vga.snapshot().planes[0x20000] == 0x42
