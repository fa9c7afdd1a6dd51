"""KVM as a back end: exits, answers, devices in the run loop."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace

import pytest

from pyx86emu import Exit, ExitReason, MpState, PioDevice, Vcpu, Vm
from tests.harness import Running, vcpu, wait_until

Kvm = Callable[..., Vm]


class Latch(PioDevice):
    """Keeps what was written; answers 10h, 11h, 12h ..."""

    length = 4
    max_size = 1

    def reset(self) -> None:
        self.seen: list[tuple[int, int, int]] = []
        self.next = 0x10

    def pio_read(self, offset: int, size: int) -> int:
        self.next += 1
        return self.next - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.seen.append((offset, size, value))


def run_all(vcpu: Vcpu, answer: int = 0xA5) -> list[str]:
    """Every exit up to one that is no access; reads get `answer` in each byte."""
    seen = []
    while True:
        exit = vcpu.run()
        seen.append(str(exit).split(" at ")[0])
        if exit.reason not in (ExitReason.IO, ExitReason.MMIO):
            return seen
        if not exit.write:
            exit.reply(bytes([answer]) * (exit.size * exit.count))


def test_a_new_vcpu_is_as_after_reset(kvm: Kvm, vm: Callable[..., Vm]) -> None:
    ours, theirs = kvm().create_vcpu().regs, vm().create_vcpu().regs

    assert {n: getattr(ours, n) for n in dir(ours)} == {n: getattr(theirs, n) for n in dir(theirs)}


def test_port_and_memory_accesses_exit_and_take_answers(kvm: Kvm) -> None:
    # out 80h,al; in al,81h; mov bl,al; mov ax,d000h; mov ds,ax; mov [0],ax; mov ax,[2]; hlt
    cpu = vcpu(kvm(), "e680 e481 88c3 b800d0 8ed8 a30000 a10200 f4")
    cpu.regs.ax = 0x1234

    assert run_all(cpu) == [
        "Exit(IO port=0x80 size=1 value=0x34",
        "Exit(IO port=0x81 size=1 read count=1",
        "Exit(MMIO addr=0xd0000 size=2 value=0xd000",
        "Exit(MMIO addr=0xd0002 size=2 read count=1",
        "Exit(HLT",
    ]
    assert (cpu.regs.bl, cpu.regs.ax) == (0xA5, 0xA5A5)


def test_a_read_without_an_answer_is_zero_also_after_another_answer(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "e480 88c4 e480 b9 00d0 8ed9 8b1e0000 8b0e0000 f4")
    for reply in (0x5A, None, 0x5A5A, None):
        exit = cpu.run()
        if reply is not None:
            exit.reply(reply)

    assert cpu.run().reason is ExitReason.HLT
    assert (cpu.regs.ax, cpu.regs.bx, cpu.regs.cx) == (0x5A00, 0x5A5A, 0)


def test_an_answer_that_comes_too_late_is_refused(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "e480 e480 f4")
    first = cpu.run()
    second = cpu.run()
    assert (first.reason, second.reason) == (ExitReason.IO, ExitReason.IO)

    with pytest.raises(RuntimeError, match="waits for no answer"):
        first.reply(1)
    cpu.reset()
    with pytest.raises(RuntimeError, match="waits for no answer"):
        second.reply(1)


def test_registers_are_not_written_while_a_read_waits(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "e480 f4")
    exit = cpu.run()

    with pytest.raises(RuntimeError, match="a read of the guest waits"):
        cpu.regs.ax = 0x7700

    exit.reply(0x5A)
    cpu.kick()
    assert cpu.run().reason is ExitReason.INTR
    assert (cpu.regs.al, cpu.regs.ip) == (0x5A, 0x1002)
    cpu.regs.ax = 0x7700
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ax == 0x7700


def test_ins_is_one_exit_for_several_elements(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "ba8000 bf0040 b90300 f36c f4")
    exit = cpu.run()
    assert (exit.count, exit.size, cpu.regs.cx) == (3, 1, 3)
    exit.reply(b"\x01\x02\x03")

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.vm.read(0x4000, 3) == b"\x01\x02\x03"


def test_an_answer_to_the_first_element_leaves_the_rest_to_more_exits(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "ba8000 bf0040 b90300 f36d f4")
    counts = []
    for value in (0x1111, 0x2222, 0x3333):
        exit = cpu.run()
        counts.append(exit.count)
        exit.reply_one(value)

    assert cpu.run().reason is ExitReason.HLT
    assert counts == [3, 2, 1]
    assert cpu.vm.read(0x4000, 6) == b"\x11\x11\x22\x22\x33\x33"


@pytest.mark.parametrize("pull", [False, True])
def test_a_device_serves_the_guest(kvm: Kvm, pull: bool) -> None:
    machine, device = kvm(), Latch()
    # mov dx,300h; mov ax,2211h; out dx,ax; in al,dx; mov di,4000h; mov cx,3; rep insb; hlt
    cpu = vcpu(machine, "ba0003 b81122 ef ec bf0040 b90300 f36c f4")
    machine.pio.attach(device, 0x300, pull=pull)

    while (exit := cpu.run()).reason is not ExitReason.HLT:
        assert pull
        assert machine.pio.dispatch(exit)

    assert device.seen == [(0, 1, 0x11), (1, 1, 0x22)]
    assert cpu.regs.al == 0x10
    assert machine.read(0x4000, 3) == b"\x11\x12\x13"


def test_what_a_device_raises_comes_out_of_run(kvm: Kvm) -> None:
    machine, device = kvm(), Latch()
    cpu = vcpu(machine, "ba0003 ee ec f4")
    machine.pio.attach(device, 0x300)
    device.pio_write = device.pio_read = lambda *_: 1 / 0  # type: ignore[method-assign, assignment]
    machine.pio.detach(device)
    machine.pio.attach(device, 0x300)

    with pytest.raises(ZeroDivisionError) as wrote:
        cpu.run()
    assert "wrote 1 byte at port 0x300" in wrote.value.__notes__[0]
    for _ in range(2):  # a write has happened, a read is repeated
        with pytest.raises(ZeroDivisionError) as read:
            cpu.run()
        assert "read 1 byte at port 0x300" in read.value.__notes__[0]
    machine.pio.detach(device)
    exit = cpu.run()
    assert (exit.reason, exit.write) == (ExitReason.IO, False)
    assert cpu.run().reason is ExitReason.HLT


def test_a_device_may_write_registers(kvm: Kvm) -> None:
    machine, device = kvm(), Latch()
    cpu = vcpu(machine, "ba0003 ee ec 88c4 f4")
    machine.pio.attach(device, 0x300)
    wrote, read = device.pio_write, device.pio_read

    def write(offset: int, size: int, value: int) -> None:
        cpu.regs.bx = 0x1234
        wrote(offset, size, value)

    def answer(offset: int, size: int) -> int:
        cpu.regs.cx = 0x5678
        assert cpu.regs.cx == 0x5678
        return read(offset, size)

    machine.pio.detach(device)
    device.pio_write, device.pio_read = write, answer  # type: ignore[method-assign]
    machine.pio.attach(device, 0x300)

    assert cpu.run().reason is ExitReason.HLT
    assert (cpu.regs.bx, cpu.regs.cx, cpu.regs.ah) == (0x1234, 0x5678, 0x10)


def test_run_from_a_device_of_the_same_vcpu_is_refused(kvm: Kvm) -> None:
    machine, device = kvm(), Latch()
    cpu = vcpu(machine, "ba0003 ee f4")
    device.pio_write = lambda *_: cpu.run()  # type: ignore[method-assign, assignment]
    machine.pio.attach(device, 0x300)

    with pytest.raises(RuntimeError, match="from a device of the same vCPU"):
        cpu.run()
    assert cpu.run().reason is ExitReason.HLT


def test_the_second_part_of_a_store_comes_before_a_kick(kvm: Kvm) -> None:
    # mov ax,d000h; mov ds,ax; mov eax,[1ffeh] would read: store across a page instead
    cpu = vcpu(kvm(), "b800d0 8ed8 66 a3fe1f f4")
    first = cpu.run()
    cpu.kick()

    seen = [(each.reason, each.addr) for each in (first, cpu.run(), cpu.run(), cpu.run())]

    assert seen == [
        (ExitReason.MMIO, 0xD1FFE),
        (ExitReason.MMIO, 0xD2000),
        (ExitReason.INTR, 0),
        (ExitReason.HLT, 0),
    ]


def test_shutdown_lasts_until_reset(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "0f0b")  # UD2
    cpu.regs.sp = 1  # the frame of every fault lies across the end of the segment
    assert [cpu.run().reason for _ in range(2)] == [ExitReason.SHUTDOWN] * 2

    cpu.reset()

    assert (cpu.regs.cs, cpu.regs.ip, cpu.regs.sp) == (0xF000, 0xFFF0, 0)


def test_code_outside_memory_is_an_internal_error_that_says_where(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "f4")
    cpu.regs.cs, cpu.regs.ip = 0xD000, 0x10

    exit = cpu.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR
    assert "d000:0010" in str(exit.message)


def test_a_second_thread_waits_until_the_first_has_left(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "ebfe")
    first = Running(cpu.run)
    wait_until(lambda: cpu._thread)  # type: ignore[attr-defined]
    second = Running(cpu.run)
    cpu.kick()
    assert first.result().reason is ExitReason.INTR
    wait_until(lambda: cpu._thread)  # type: ignore[attr-defined]
    assert second.going
    cpu.kick()
    assert second.result().reason is ExitReason.INTR


def test_a_closed_vm_runs_no_more_and_its_registers_stay(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "b077 f4")
    assert cpu.run().reason is ExitReason.HLT
    machine.close()
    machine.close()

    with pytest.raises(OSError, match="closed") as closed:
        cpu.run()
    assert closed.value.errno == errno.EBADF
    assert cpu.regs.al == 0x77


def test_registers_of_a_closed_vm_are_written_to_no_other_vm(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    cpu = vcpu(machine, "f4")
    machine.close()
    other = kvm().create_vcpu()  # its descriptors have the numbers of those that were closed
    other.regs.dr1 = 0x1234

    cpu.regs.dr1 = 0x5678
    cpu.events = replace(cpu.events, exception=1, exception_payload=0x4000)
    cpu.mp_state = MpState.HALTED

    assert (other.regs.dr1, other.regs.dr6 & 0x4000) == (0x1234, 0)
    assert (cpu.regs.dr1, cpu.mp_state) == (0x5678, MpState.HALTED)


def test_close_ends_a_run_of_another_thread(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "ebfe")
    run = Running(cpu.run)
    wait_until(lambda: cpu._thread)  # type: ignore[attr-defined]

    machine.close()

    assert run.result().reason is ExitReason.INTR


def test_a_device_may_close_the_vm(kvm: Kvm) -> None:
    machine, device = kvm(), Latch()
    cpu = vcpu(machine, "ba0003 ee ebfe")
    device.pio_write = lambda *_: machine.close()  # type: ignore[method-assign]
    machine.pio.attach(device, 0x300)

    assert cpu.run().reason is ExitReason.INTR
    with pytest.raises(OSError, match="closed"):
        cpu.run()


def test_exits_are_values_of_the_core(kvm: Kvm) -> None:
    exit = vcpu(kvm(), "e680 f4").run()

    assert type(exit) is Exit
    assert exit.data == b"\x00"
