"""The 8254 and port 61h, through a guest's IN and OUT, against a model that lives tick by tick."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import ExitReason, Vm
from tests.harness import open_line

HZ = 1193182
CONTROL = 0x43
LSB, MSB, BOTH = 1, 2, 3


class Board:
    """A vCPU that accesses ports and lets time pass; one instruction takes 128 ns."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.ram = vm.add_memory(0, 0x10000)
        self.cpu = vm.create_vcpu()
        self.ram[0x1000:0x1004] = bytes.fromhex("ee ec ebfe")  # OUT DX,AL; IN AL,DX; JMP $

    @property
    def tick(self) -> int:
        return self.vm.time * HZ // 10**9

    def at(self, ip: int) -> None:
        regs = self.cpu.regs
        regs.cs = regs.ss = 0
        regs.ip, regs.sp, regs.flags = ip, 0x8000, 2

    def write(self, port: int, *values: int) -> None:
        for value in values:
            self.at(0x1000)
            self.cpu.regs.dx, self.cpu.regs.al = port, value
            self.cpu.step()

    def read(self, port: int) -> int:
        self.at(0x1001)
        self.cpu.regs.dx = port
        self.cpu.step()
        return self.cpu.regs.al

    def loop(self, instructions: int) -> None:
        self.at(0x1002)
        assert self.cpu.run(max_instructions=instructions).reason is ExitReason.BUDGET

    def pass_ticks(self, ticks: int) -> None:
        """Go to the beginning of the tick that comes so many ticks after this one."""
        start = -(-(self.tick + ticks) * 10**9 // HZ)
        self.loop(-(-(start - self.vm.time) // 128))

    def word(self, channel: int) -> int:
        self.write(CONTROL, channel << 6)
        return self.read(0x40 + channel) | self.read(0x40 + channel) << 8

    def status(self, channel: int) -> int:
        self.write(CONTROL, 0xE0 | 2 << channel)
        return self.read(0x40 + channel)


@pytest.fixture
def board(vm: Callable[..., Vm]) -> Callable[[], Board]:
    def make() -> Board:
        pc = Board(vm(irqchip=True))
        pc.pass_ticks(1)
        return pc

    return make


def test_counter_runs_at_1193182_hz(board):
    pc = board()
    pc.write(CONTROL, 0x34)
    pc.write(0x40, 0, 0)
    pc.pass_ticks(1)  # loaded: 0 stands for 65536

    first, start = pc.word(0), pc.tick
    pc.loop(100_000)
    pc.pass_ticks(1)

    assert first == 0
    assert -pc.word(0) & 0xFFFF == (pc.tick - start) & 0xFFFF


def test_interrupt_0_comes_once_a_period_for_a_second_without_drift(board):
    pc = board()
    code = open_line(0, base=8) + bytes.fromhex(
        "b034 e643 b0a9 e640 b004 e640"  # channel 0: mode 2, count 1193
        "31c9 fb f4 ebfd"  # XOR CX,CX; STI; wait: HLT; JMP wait
    )
    handler = bytes.fromhex("41 b020 e620 cf")  # INC CX; EOI; IRET
    pc.ram[0x2000 : 0x2000 + len(code)] = code
    pc.ram[0x3000 : 0x3000 + len(handler)] = handler
    pc.ram[0x20:0x24] = (0x3000).to_bytes(4, "little")
    start = pc.tick

    pc.at(0x2000)
    while pc.tick < start + HZ:
        pc.cpu.run(max_instructions=100)

    assert pc.cpu.regs.cx == pytest.approx((pc.tick - start) // 1193, abs=1)


def test_ticks_that_nobody_takes_become_one(board):
    pc = board()
    pc.write(0x20, 0x11)
    pc.write(0x21, 0x08, 0x04, 0x01)
    pc.write(CONTROL, 0x34)
    pc.write(0x40, 100, 0)

    pc.pass_ticks(550)

    assert pc.read(0x20) == 0x01  # IRR
    pc.write(0x20, 0x0C)
    assert pc.read(0x20) == 0x80  # polled: taken
    assert pc.read(0x20) == 0x00
    pc.pass_ticks(100)
    assert pc.read(0x20) == 0x01


@pytest.mark.parametrize(
    ("mode", "count", "levels"),
    [
        (0, 3, "____-----"),  # N + 1 ticks after the write
        (2, 3, "---_--_--_"),
        (3, 4, "---__--__--"),
        (3, 5, "----__---__---"),
        (4, 3, "----_-----"),
    ],
)
def test_waveforms_of_the_data_sheet(board, mode, count, levels):
    pc = board()
    pc.write(0x61, 1)
    pc.write(CONTROL, 0x90 | mode << 1)
    pc.pass_ticks(1)
    pc.write(0x42, count)

    seen = ""
    for _ in levels:
        seen += "-" if pc.read(0x61) & 0x20 else "_"
        pc.pass_ticks(1)

    assert seen == levels


@pytest.mark.parametrize(
    ("mode", "count", "levels"), [(1, 3, "____---"), (5, 3, "----_--"), (2, 3, "---_--_")]
)
def test_the_gate_of_channel_2_triggers(board, mode, count, levels):
    pc = board()
    pc.write(0x61, 0)
    pc.write(CONTROL, 0x90 | mode << 1)
    pc.write(0x42, count)
    pc.pass_ticks(20)
    pc.write(0x61, 1)

    seen = ""
    for _ in levels:
        seen += "-" if pc.read(0x61) & 0x20 else "_"
        pc.pass_ticks(1)

    assert seen == levels


def test_a_new_count_waits_for_the_end_of_the_period(board):
    pc = board()
    pc.write(CONTROL, 0x14)
    pc.write(0x40, 10)
    pc.pass_ticks(2)  # CE: 9

    pc.write(0x40, 50)

    assert pc.status(0) == 0xD4  # OUT, NULL COUNT, LSB, mode 2
    assert pc.read(0x40) == 9
    pc.pass_ticks(9)
    assert pc.status(0) == 0x94
    assert pc.read(0x40) == 50


def test_mode_3_takes_a_new_count_at_the_end_of_the_half_cycle(board):
    pc = board()
    pc.write(CONTROL, 0x16)
    pc.write(0x40, 10)
    pc.pass_ticks(2)

    pc.write(0x40, 50)

    assert pc.status(0) == 0xD6
    pc.pass_ticks(4)
    assert pc.status(0) == 0x16
    assert pc.read(0x40) == 50


def test_strobe_comes_once_although_the_counter_goes_round(board):
    pc = board()
    pc.write(0x61, 1)
    pc.write(CONTROL, 0x99)  # channel 2, mode 4, BCD: goes round in 10000 ticks
    pc.write(0x42, 5)
    pc.pass_ticks(6)
    assert pc.read(0x61) & 0x20 == 0

    pc.pass_ticks(10_000)

    assert pc.read(0x42) == 0
    assert pc.read(0x61) & 0x20 == 0x20


def test_trigger_before_the_first_count_does_nothing(board):
    pc = board()
    pc.write(CONTROL, 0x92)  # channel 2, mode 1
    pc.write(0x61, 1)

    pc.pass_ticks(5)

    assert pc.read(0x61) & 0x20 == 0x20


# -- a count that waits for its clock -------------------------------------------------------------

#: mov al,latch; out 43h,al; in al,40h; mov ah,al; in al,40h; xchg al,ah
LATCH = "b0{0:02x} e643 e4{1:02x} 88c4 e4{1:02x} 86c4"


def short_time(channel: int, mode: int, before: str, loops: int) -> tuple[int, int]:
    """A program latches channel 0 or 2, waits, and latches again; what it measures, in ticks, and
    how many there were."""
    port, latch = 0x40 + channel, channel << 6
    look = LATCH.format(latch, port)
    control = f"b0{channel << 6 | 0x30 | mode << 1:02x} e643"
    code = (
        "b001 e661"  # mov al,1; out 61h,al: the gate of channel 2
        f"{control} b012 e6{port:02x} e6{port:02x}"  # another count runs before
        "b9e803 e2fe"  # mov cx,1000; loop $
        f"{control} b0ff e6{port:02x} e6{port:02x}"
        f"{before} {look} 89c3"  # mov bx,ax
        f"b9{loops & 255:02x}{loops >> 8:02x} e2fe"  # mov cx,loops; loop $
        f"{look} 29c3 f4"  # sub bx,ax; hlt
    )
    with Vm(irqchip=True) as vm:
        pc = Board(vm)
        data = bytes.fromhex(code)
        pc.ram[0x2000 : 0x2000 + len(data)] = data
        pc.at(0x2000)
        assert pc.cpu.run().reason is ExitReason.HLT
        # From latch to latch: mov, out, in, mov, in, xchg; mov; mov; the loops; mov, out
        instructions = 6 + 1 + 1 + loops + 1
        return pc.cpu.regs.bx, instructions * 128 * HZ // 10**9


@pytest.mark.parametrize("before", ["", "90" * 3, "90" * 7, "90" * 40], ids=len)
@pytest.mark.parametrize("loops", [1, 10, 100, 5000])
@pytest.mark.parametrize("mode", [0, 2, 3])
@pytest.mark.parametrize("channel", [0, 2])
def test_a_program_that_loads_ffffh_and_latches_at_once_measures_short_times(
    channel, mode, loops, before
):
    seen, ticks = short_time(channel, mode, before, loops)

    if mode == 3:  # counts by two
        seen /= 2
    assert ticks - 1 <= seen <= ticks + 1


def test_a_count_is_seen_at_once_and_loaded_at_the_next_tick(board):
    pc = board()
    pc.write(CONTROL, 0x14)
    pc.write(0x40, 0x11)
    pc.pass_ticks(20)
    start = pc.tick
    pc.write(CONTROL, 0x14)
    pc.write(0x40, 0xFF)

    assert (pc.read(0x40), pc.status(0)) == (0xFF, 0x94)  # no NULL COUNT
    assert pc.tick == start, "all of it within one tick"
    pc.pass_ticks(1)
    assert pc.read(0x40) == 0xFF
    pc.pass_ticks(1)
    assert pc.read(0x40) == 0xFE


def test_a_look_before_the_load_does_not_change_when_out_rises(board):
    def rises_after(look: bool) -> int:
        pc = board()
        pc.write(0x61, 1)
        pc.write(CONTROL, 0x90)  # channel 2, mode 0
        pc.write(0x42, 5)
        start = pc.tick
        if look:
            assert pc.read(0x42) == 5
        while not pc.read(0x61) & 0x20:
            pass
        return pc.tick - start

    assert rises_after(look=True) == rises_after(look=False) == 6  # N + 1


def test_bcd_counts_from_10000(board):
    pc = board()
    pc.write(CONTROL, 0x31)
    pc.write(0x40, 0, 0)

    pc.pass_ticks(2)

    assert pc.word(0) == 0x9999


def test_latched_count_and_status_wait_to_be_read(board):
    pc = board()
    pc.write(CONTROL, 0x30)
    pc.write(0x40, 0x34, 0x12)
    pc.pass_ticks(1)
    pc.write(CONTROL, 0xC2)
    pc.pass_ticks(50)
    pc.write(CONTROL, 0xC2, 0x00)  # ignored: there is one already

    assert [pc.read(0x40) for _ in range(3)] == [0x30, 0x34, 0x12]
    assert pc.read(0x40) != 0x34


def test_nobody_answers_at_the_control_port(board):
    assert board().read(CONTROL) == 0xFF


def test_port_61h(board):
    pc = board()

    pc.write(0x61, 0xFF)
    assert pc.read(0x61) & 0xCF == 0x03
    pc.write(0x61, 0x02)
    assert pc.read(0x61) & 0xCF == 0x02


def test_refresh_toggles_every_18_ticks(board):
    pc = board()
    pc.pass_ticks(18 - pc.tick % 18)

    seen = []
    for _ in range(72):
        seen.append(pc.read(0x61) >> 4 & 1)
        pc.pass_ticks(1)

    first = seen[0]
    assert seen == ([first] * 18 + [1 - first] * 18) * 2


class Channel:
    """Reference of one channel, from the data sheet: registers as 16 bits, one clock at a time."""

    def __init__(self, gate: int) -> None:
        self.gate, self.ce, self.out = gate, 0, 1
        self.control(0x36)

    def control(self, value: int) -> None:
        self.word = value & 0x3F
        self.access, self.mode, self.bcd = value >> 4 & 3, value >> 1 & 7, value & 1
        if self.mode > 5:
            self.mode -= 4
        self.cr = self.low = 0
        self.armed = self.load_next = self.counting = self.waits = self.second = self.high = False
        self.fired = True
        self.null = 1
        self.count_latch: int | None = None
        self.status_latch: int | None = None
        self.out = int(self.mode != 0)

    def less(self, by: int) -> int:
        if not self.bcd:
            return (self.ce - by) & 0xFFFF
        return int(f"{(int(f'{self.ce:x}') - by) % 10000:04}", 16)

    def write(self, value: int) -> None:
        if self.access == BOTH and not self.second:
            self.second, self.low = True, value
            if self.mode == 0:
                self.waits, self.out = True, 0
            return
        self.cr = value if self.access == LSB else value << 8 | self.low
        if self.mode == 0:
            self.out = 0
        if self.mode in (0, 4) or (self.mode in (2, 3) and not self.armed):
            self.load_next = True
        self.armed, self.null = True, 1
        self.waits = self.second = False

    def set_gate(self, gate: int) -> None:
        if gate > self.gate and self.mode not in (0, 4) and self.armed:
            self.load_next = True
        if gate < self.gate and self.mode in (2, 3):
            self.out = 1
        self.gate = gate

    def load(self) -> None:
        self.ce, self.null, self.counting, self.fired = self.cr, 0, True, False
        if self.mode == 3:
            self.odd = self.cr & 1
            self.ce -= self.odd
            self.first = True

    def clock(self) -> None:
        if self.mode in (4, 5):
            self.out = 1
        if self.load_next:
            self.load_next = False
            self.load()
            self.out = {0: self.out, 1: 0, 2: int(self.cr != 1)}.get(self.mode, 1)
        elif not self.counting or self.waits or not (self.gate or self.mode in (1, 5)):
            pass
        elif self.mode == 2:
            if self.ce == 1:
                self.load()
            else:
                self.ce = self.less(1)
            self.out = int(self.ce != 1)
        elif self.mode == 3:
            last = 0 if self.odd and self.out else 2
            if self.ce == last and not (self.first and last == 0 and not self.odd):
                self.load()
                self.out = 1 if self.cr == 1 else 1 - self.out
            else:
                self.ce, self.first = self.less(2), False
        else:
            self.ce = self.less(1)
            if self.ce == 0 and not self.fired:
                self.fired, self.out = True, int(self.mode < 2)

    def seen(self) -> Channel:
        """A program on a PC is slower than the clock: what it sees has been loaded."""
        if not self.load_next:
            return self
        seen = copy(self)
        seen.clock()
        return seen

    def latch(self, count: bool, status: bool) -> None:
        seen = self.seen()
        if count and self.count_latch is None:
            self.count_latch, self.high = seen.ce, False
        if status and self.status_latch is None:
            self.status_latch = seen.out << 7 | seen.null << 6 | self.word

    def read(self) -> int:
        if self.status_latch is not None:
            value, self.status_latch = self.status_latch, None
            return value
        value = self.seen().ce if self.count_latch is None else self.count_latch
        if self.access == BOTH and not self.high:
            self.high = True
            return value & 0xFF
        self.high, self.count_latch = False, None
        return value & 0xFF if self.access == LSB else value >> 8


DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x21, 0x99]
STEPS = st.one_of(
    st.tuples(st.just("control"), st.integers(1, 3), st.integers(0, 7), st.integers(0, 1)),
    st.tuples(st.just("write"), st.sampled_from(DIGITS)),
    st.tuples(st.just("count"), st.sampled_from(DIGITS)),
    st.tuples(st.just("read")),
    st.tuples(st.just("latch"), st.sampled_from([0x80, 0xC8, 0xD8, 0xE8])),
    st.tuples(st.just("gate"), st.integers(0, 1)),
    st.tuples(st.just("pass"), st.integers(1, 12)),
    st.tuples(st.just("pass"), st.one_of(st.integers(1, 300), st.integers(9998, 10003))),
)


@settings(max_examples=150)
@given(st.integers(0, 5), st.integers(0, 1), st.lists(STEPS, min_size=20, max_size=40))
def test_channel_2_does_what_the_data_sheet_says(mode, bcd, steps):
    with Vm(irqchip=True) as vm:
        pc, model = Board(vm), Channel(gate=0)
        begin: list[tuple[object, ...]] = [("gate", 1), ("control", LSB, mode, bcd), ("count", 5)]
        for what, *args in begin + steps:
            clock = pc.tick
            pc.pass_ticks(args[0] if what == "pass" else 1)
            for _ in range(pc.tick - clock):
                model.clock()
            if what == "control":
                value = args[0] << 4 | args[1] << 1 | args[2]
                pc.write(CONTROL, 0x80 | value)
                model.control(value)
            elif what == "write":
                pc.write(0x42, args[0])
                model.write(args[0])
            elif what == "count":
                data = [args[0], 0] if model.access == BOTH else [args[0]]
                pc.write(0x42, *data)
                for byte in data:
                    model.write(byte)
            elif what == "read":
                assert pc.read(0x42) == model.read()
            elif what == "latch":
                pc.write(CONTROL, args[0])
                model.latch(not args[0] & 0x20, args[0] in (0xC8, 0xE8))
            elif what == "gate":
                pc.write(0x61, args[0])
                model.set_gate(args[0])
            assert pc.read(0x61) >> 5 & 1 == model.seen().out
