"""Interrupt lines as the 8259 sees them: the 8254's OUT, irq_line and irq_pulse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, Vm
from tests.harness import Guest, open_line, program

HZ = 1193182
IRQ0 = 1

#: Interrupts off, channel 0 a square wave of 4096 counts; BL: changes of IRR bit 0 in 65,536 looks.
COUNT_CHANGES = program(
    """
    fa b036 e643       ; cli; mov al,36h; out 43h,al
    b000 e640          ; mov al,0; out 40h,al
    b010 e640          ; mov al,10h; out 40h,al
    b00a e620          ; mov al,0ah; out 20h,al
    31c9 31db          ; xor cx,cx; xor bx,bx
    e420 2401          ; look: in al,20h; and al,1
    38f8 7404          ; cmp al,bh; je same
    88c7 fec3          ; mov bh,al; inc bl
    e2f2               ; same: loop look
    """
)


class Chips:
    """A Vm whose vCPU only lets time pass; the host looks at the chips."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000:0x1002] = b"\xeb\xfe"
        self.cpu = vm.create_vcpu()
        self.cpu.regs.cs, self.cpu.regs.ip = 0, 0x1000

    def write(self, port: int, *values: int) -> None:
        for value in values:
            self.vm.pio.write(port, 1, value)

    @property
    def irr(self) -> int:
        self.write(0x20, 0x0A)
        return self.vm.pio.read(0x20, 1) or 0

    def channel_0(self, mode: int, count: int) -> None:
        self.write(0x43, 0x30 | mode << 1)
        self.write(0x40, count & 255, count >> 8)

    def pass_ticks(self, ticks: float) -> None:
        end = self.vm.time + int(ticks * 10**9 / HZ)
        assert self.cpu.run(deadline=end).reason is ExitReason.DEADLINE


@pytest.fixture
def chips(vm: Callable[..., Vm]) -> Callable[..., Chips]:
    def make(**options: int) -> Chips:
        return Chips(vm(irqchip=True, **options))

    return make


# -- the 8254 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["8086", "80286", "80486"])
def test_a_square_wave_is_seen_in_irr(model: str) -> None:
    with Guest(COUNT_CHANGES, irqchip=True, model=model) as guest:
        assert guest.text() == "HLT"

        halves = guest.vm.time * HZ // 10**9 / 2048
        assert 24 < halves < 25
        assert guest.vcpu.regs.bl == 23  # all but the first fall: no edge came before it


def test_a_square_wave_is_the_same_in_blocks_and_in_steps() -> None:
    code = COUNT_CHANGES.replace(bytes.fromhex("31c9"), bytes.fromhex("b548"))  # mov ch,72: less

    def outcome(steps: bool) -> tuple[int, int]:
        with Guest(code, irqchip=True) as guest:
            if steps:
                assert not [exit for exit in guest.steps() if exit.reason is not ExitReason.DEBUG]
            else:
                assert guest.text() == "HLT"
            return guest.vcpu.regs.ebx, guest.vcpu.instructions

    assert outcome(True) == outcome(False)


def test_a_request_that_is_masked_until_out_falls_is_lost(chips):
    pc = chips()
    pc.channel_0(3, 1000)
    assert pc.irr & IRQ0 == 0
    pc.pass_ticks(1010)  # the first high half comes without an edge

    assert pc.irr & IRQ0
    pc.pass_ticks(500)
    assert pc.irr & IRQ0 == 0
    pc.pass_ticks(500)
    assert pc.irr & IRQ0


def test_a_request_of_mode_2_is_away_for_one_tick_only(chips):
    pc = chips()
    pc.channel_0(2, 1000)
    pc.pass_ticks(1100)
    assert pc.irr & IRQ0

    pc.pass_ticks(900.5)  # in the last tick of the period OUT is low
    assert pc.irr & IRQ0 == 0
    pc.pass_ticks(1)
    assert pc.irr & IRQ0


def test_a_request_of_mode_0_stays_until_the_next_control_word(chips):
    pc = chips()
    pc.channel_0(0, 100)
    pc.pass_ticks(5_000_000)
    assert pc.irr & IRQ0

    pc.write(0x43, 0x30)  # mode 0: OUT falls

    assert pc.irr & IRQ0 == 0


def test_a_control_word_that_raises_out_is_an_edge(chips):
    pc = chips()
    pc.write(0x43, 0x30)
    assert pc.irr & IRQ0 == 0

    pc.write(0x43, 0x34)

    assert pc.irr & IRQ0


def test_a_level_triggered_line_0_follows_out(chips):
    pc = chips()
    pc.write(0x20, 0x19)  # ICW1: level-triggered
    pc.write(0x21, 8, 4, 1, 0xFF)
    pc.channel_0(3, 1000)

    seen = []
    pc.pass_ticks(125)
    for _ in range(8):
        pc.pass_ticks(250)
        seen.append(pc.irr & IRQ0)
        if pc.irr & IRQ0:
            pc.write(0x20, 0x0C)
            assert pc.vm.pio.read(0x20, 1) == 7  # masked: the poll takes nothing

    assert seen == [1, 0, 0, 1, 1, 0, 0, 1]


def test_a_vcpu_that_is_slower_than_the_wave_loses_no_edge(chips):
    """An instruction takes more than a period: each has a rise, and OUT may be low again."""
    pc = chips(shift=20)
    pc.channel_0(3, 1000)

    seen = set()
    for _ in range(50):
        assert pc.cpu.run(3).reason is ExitReason.BUDGET
        seen.add(pc.irr & IRQ0)

    assert seen == {IRQ0}


@pytest.mark.parametrize("mode", [2, 3])
@pytest.mark.parametrize("shift", [4, 7, 10])
def test_every_period_interrupts_a_guest_that_waits(chips, mode, shift):
    pc = chips(shift=shift)
    code = open_line(0, base=8) + bytes.fromhex("fb f4 ebfd")  # sti; wait: hlt; jmp wait
    handler = bytes.fromhex("41 b020 e620 cf")  # inc cx; mov al,20h; out 20h,al; iret
    pc.vm.write(0x2000, code)
    pc.vm.write(0x3000, handler)
    pc.vm.write(0x20, (0x3000).to_bytes(4, "little"))
    regs = pc.cpu.regs
    regs.ip, regs.ss, regs.sp, regs.cx = 0x2000, 0, 0x8000, 0
    pc.channel_0(mode, 1193)

    pc.cpu.run(deadline=pc.vm.time + 200_500_000)

    assert pc.cpu.regs.cx == pytest.approx(200, abs=1)


# -- the host -------------------------------------------------------------------------------------


def test_a_line_that_goes_up_and_down_is_nothing_and_a_pulse_is_kept(chips):
    pc = chips()
    pc.vm.irq_line(5, True)
    pc.vm.irq_line(5, False)
    assert pc.irr == 0

    pc.vm.irq_pulse(5)
    pc.pass_ticks(1000)

    assert pc.irr == 1 << 5
    pc.vm.irq_pulse(12)
    assert pc.irr == 1 << 5 | 1 << 2


def test_a_pulse_is_one_interrupt_and_pulses_that_nobody_takes_are_one() -> None:
    code = open_line(5) + program("fb  ; sti\nebfe  ; here: jmp here")
    with Guest(code, irqchip=True) as guest:
        guest.ram[0x3000:0x3006] = bytes.fromhex("43 b020 e620 cf")  # inc bx; EOI; iret
        guest.vector(0x25, 0x3000)
        guest.vcpu.run(20)

        for pulses, count in ((1, 1), (3, 2)):
            for _ in range(pulses):
                guest.vm.irq_pulse(5)
            guest.vcpu.run(1000)
            assert guest.vcpu.regs.bx == count


def test_a_pulse_changes_nothing_on_a_line_that_is_high_or_level_triggered(chips):
    pc = chips()
    pc.vm.irq_line(5, True)
    pc.vm.irq_pulse(5)
    pc.vm.irq_line(5, False)
    assert pc.irr == 0

    pc.write(0x4D0, 1 << 6)
    pc.vm.irq_pulse(6)

    assert pc.irr == 0


def test_a_line_is_high_while_one_of_its_sources_is(chips):
    pc = chips()
    pc.write(0x43, 0x30)  # OUT 0 is low
    pc.vm.irq_line(0, True)
    pc.write(0x43, 0x34)  # high
    pc.write(0x43, 0x30)  # and low
    assert pc.irr & IRQ0

    pc.vm.irq_line(0, False)

    assert pc.irr & IRQ0 == 0
