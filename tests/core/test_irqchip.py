"""The 8259 pair, through a guest's IN and OUT and the interrupts that it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import ExitReason, Vm

MASTER, SLAVE = 0x20, 0xA0
EOI, READ_IRR, READ_ISR, POLL = 0x20, 0x0A, 0x0B, 0x0C
HANDLERS = 0x2000  # vector v is handled by a HLT at 2000h + v


class Board:
    """A vCPU that accesses ports and takes interrupts one at a time; the chips as in a PC."""

    def __init__(self, vm: Vm, *, icw1: int = 0x11, icw4: int = 0x01, slave_icw4: int = 1) -> None:
        self.vm = vm
        self.ram = vm.add_memory(0, 0x10000)
        self.cpu = vm.create_vcpu()
        self.ram[0x1000:0x1006] = bytes.fromhex("ee ec fb 90 ebfe")  # OUT, IN, STI, NOP, JMP $
        self.ram[HANDLERS : HANDLERS + 256] = b"\xf4" * 256
        for vector in range(256):
            entry = (HANDLERS + vector).to_bytes(4, "little")
            self.ram[4 * vector : 4 * vector + 4] = entry
        self.init(MASTER, icw1, 0x08, 0x04, icw4)
        self.init(SLAVE, icw1, 0x70, 0x02, slave_icw4)

    def init(self, chip: int, icw1: int, base: int, icw3: int, icw4: int) -> None:
        self.write(chip, icw1)
        self.write(chip + 1, base)
        if not icw1 & 2:
            self.write(chip + 1, icw3)
        if icw1 & 1:
            self.write(chip + 1, icw4)

    def at(self, ip: int) -> None:
        regs = self.cpu.regs
        regs.cs = regs.ss = 0
        regs.ip, regs.sp, regs.flags = ip, 0x8000, 2

    def write(self, port: int, value: int) -> None:
        self.at(0x1000)
        self.cpu.regs.dx, self.cpu.regs.al = port, value
        self.cpu.step()

    def read(self, port: int) -> int:
        self.at(0x1001)
        self.cpu.regs.dx = port
        self.cpu.step()
        return self.cpu.regs.al

    def irr(self, chip: int) -> int:
        self.write(chip, READ_IRR)
        return self.read(chip)

    def isr(self, chip: int) -> int:
        self.write(chip, READ_ISR)
        return self.read(chip)

    def up(self, *lines: int) -> None:
        for line in lines:
            self.vm.irq_line(line, True)

    def down(self, *lines: int) -> None:
        for line in lines:
            self.vm.irq_line(line, False)

    def taken(self) -> int | None:
        """Allow interrupts for a moment: the vector that came, None if none did."""
        self.at(0x1002)
        if self.cpu.run(max_instructions=8).reason is ExitReason.HLT:
            return self.cpu.regs.ip - 1 - HANDLERS
        return None


@pytest.fixture
def board(vm: Callable[..., Vm]) -> Callable[..., Board]:
    return lambda **options: Board(vm(irqchip=True), **options)


@pytest.mark.parametrize("line", [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
def test_each_line_has_its_vector_and_comes_once(board, line):
    pc = board()

    pc.up(line)

    assert pc.taken() == (0x08 + line if line < 8 else 0x70 + line - 8)
    assert pc.isr(MASTER) == (1 << line if line < 8 else 0x04)
    assert pc.isr(SLAVE) == (0 if line < 8 else 1 << line - 8)
    pc.write(SLAVE, EOI)
    pc.write(MASTER, EOI)
    assert pc.taken() is None
    assert pc.isr(MASTER) == pc.isr(SLAVE) == 0


def test_registers_read_back(board):
    pc = board()

    pc.write(MASTER + 1, 0x5A)
    pc.write(SLAVE + 1, 0xA5)
    pc.up(3, 8)

    assert (pc.read(MASTER + 1), pc.read(SLAVE + 1)) == (0x5A, 0xA5)
    assert (pc.irr(MASTER), pc.irr(SLAVE)) == (0x08, 0x01)  # masked, latched all the same


def test_a_better_line_interrupts_a_handler_and_an_equal_or_worse_one_waits(board):
    pc = board()
    pc.up(4)
    assert pc.taken() == 0x0C

    pc.up(6)
    pc.down(4)
    pc.up(4)
    assert pc.taken() is None
    pc.up(1)
    assert pc.taken() == 0x09
    pc.write(MASTER, EOI)
    assert pc.isr(MASTER) == 0x10
    pc.write(MASTER, EOI)
    assert pc.taken() == 0x0C
    pc.write(MASTER, 0x60 | 4)
    assert pc.taken() == 0x0E


def test_lines_of_the_slave_rank_between_1_and_3(board):
    pc = board()

    pc.up(3, 8, 15, 1)

    seen = []
    while (vector := pc.taken()) is not None:
        seen.append(vector)
        if vector >= 0x70:
            pc.write(SLAVE, EOI)
        pc.write(MASTER, EOI)
    assert seen == [0x09, 0x70, 0x77, 0x0B]


def test_masked_line_waits_for_its_mask(board):
    pc = board()
    pc.write(MASTER + 1, 0x10)

    pc.up(4)

    assert pc.taken() is None
    pc.write(MASTER + 1, 0)
    assert pc.taken() == 0x0C


def test_line_that_drops_takes_its_request_with_it(board):
    pc = board()

    pc.up(5, 12)
    pc.down(5, 12)

    assert (pc.irr(MASTER), pc.irr(SLAVE)) == (0, 0)
    assert pc.taken() is None


def test_glitch_on_the_cascade_input_is_irq_15_in_service_on_the_master_only(board):
    pc = board()

    pc.up(2)

    assert pc.taken() == 0x77
    assert (pc.isr(MASTER), pc.isr(SLAVE)) == (0x04, 0)


def test_edge_line_needs_a_new_edge_and_level_line_does_not(board):
    edge, level = board(), board(icw1=0x19)
    for pc in edge, level:
        pc.up(4)
        assert pc.taken() == 0x0C
        pc.write(MASTER, EOI)

    assert edge.taken() is None
    assert level.taken() == 0x0C
    level.down(4)
    level.write(MASTER, EOI)
    assert level.taken() is None


def test_elcr_makes_single_lines_level_triggered(board):
    pc = board()
    pc.write(0x4D0, 0xFF)
    pc.write(0x4D1, 0x04)
    assert (pc.read(0x4D0), pc.read(0x4D1)) == (0xF8, 0x04)  # timer, keyboard, cascade: never

    pc.up(0, 10)

    assert pc.taken() == 0x08
    pc.write(MASTER, EOI)
    for _ in range(2):
        assert pc.taken() == 0x72
        pc.write(SLAVE, EOI)
        pc.write(MASTER, EOI)


def test_initialisation_forgets_edges_masks_and_services(board):
    pc = board()
    pc.up(3)
    assert pc.taken() == 0x0B
    pc.up(4)
    pc.write(MASTER + 1, 0xFF)

    pc.init(MASTER, 0x11, 0x20, 0x04, 0x01)

    assert (pc.read(MASTER + 1), pc.read(MASTER), pc.isr(MASTER)) == (0, 0, 0)
    assert pc.taken() is None
    pc.down(4)
    pc.up(4)
    assert pc.taken() == 0x24


def test_single_chip_without_icw4_has_no_slave(board):
    pc = board()
    pc.init(MASTER, 0x12, 0x40, 0, 0)
    pc.write(MASTER + 1, 0x01)  # the mask already: neither ICW3 nor ICW4 was due

    pc.up(0, 9)

    assert pc.read(MASTER + 1) == 0x01
    assert pc.taken() == 0x42
    assert pc.isr(SLAVE) == 0


def test_rotation_on_eoi_sends_a_line_to_the_end(board):
    pc = board()
    pc.up(3, 4)
    assert pc.taken() == 0x0B

    pc.write(MASTER, 0xA0)

    pc.down(3)
    pc.up(3)
    assert pc.taken() == 0x0C
    assert pc.taken() is None  # line 3 is the last now
    pc.write(MASTER, 0xE0 | 7)  # specific and rotating: 7 last again, nothing of 7 in service
    assert pc.taken() == 0x0B


def test_set_priority_names_the_worst_line(board):
    pc = board()
    pc.write(MASTER, 0xC0 | 4)

    pc.up(0, 5)

    assert pc.taken() == 0x0D
    assert pc.taken() is None


def test_automatic_eoi_leaves_nothing_in_service_and_may_rotate(board):
    pc = board(icw4=0x03)
    pc.write(MASTER, 0x80)

    pc.up(0, 1)
    assert pc.taken() == 0x08
    pc.down(0)
    pc.up(0)

    assert pc.isr(MASTER) == 0
    assert pc.taken() == 0x09
    assert pc.taken() == 0x08


def test_slave_with_automatic_eoi_asks_again_for_its_next_line(board):
    pc = board(icw4=0x03, slave_icw4=0x03)

    pc.up(8, 9)

    assert [pc.taken(), pc.taken(), pc.taken()] == [0x70, 0x71, None]


def test_special_mask_mode_lets_worse_lines_through_a_masked_handler(board):
    pc = board()
    pc.up(1)
    assert pc.taken() == 0x09
    pc.up(6)
    assert pc.taken() is None

    pc.write(MASTER + 1, 0x02)
    pc.write(MASTER, 0x68)
    assert pc.taken() == 0x0E
    pc.write(MASTER, EOI)
    assert pc.isr(MASTER) == 0x02  # a masked one is passed over by the non-specific EOI
    pc.write(MASTER, 0x48)
    pc.write(MASTER, EOI)
    assert pc.isr(MASTER) == 0


@pytest.mark.parametrize(("icw4", "nested"), [(0x01, None), (0x11, 0x70)])
def test_special_fully_nested_mode_hears_a_better_line_of_a_slave_in_service(board, icw4, nested):
    pc = board(icw4=icw4)
    pc.up(9)
    assert pc.taken() == 0x71

    pc.up(3, 8)

    assert pc.taken() == nested
    assert pc.taken() is None


def test_special_fully_nested_mode_still_blocks_the_slave_for_better_lines(board):
    pc = board(icw4=0x11)
    pc.up(1)
    assert pc.taken() == 0x09

    pc.up(8)

    assert pc.taken() is None


def test_poll_acknowledges_and_names_the_line(board):
    pc = board()
    pc.up(6, 11)

    answers = []
    for chip in MASTER, SLAVE, SLAVE:
        pc.write(chip, POLL)
        answers.append(pc.read(chip))

    assert answers == [0x82, 0x83, 0x07]
    assert (pc.isr(MASTER), pc.isr(SLAVE)) == (0x04, 0x08)


def test_polled_slave_with_automatic_eoi_asks_again_for_its_next_line(board):
    pc = board(slave_icw4=0x03)
    pc.up(8, 9)
    pc.write(MASTER, POLL)
    assert pc.read(MASTER) == 0x82
    pc.write(MASTER, EOI)

    pc.write(SLAVE, POLL)

    assert pc.read(SLAVE) == 0x80
    assert pc.taken() == 0x71


def test_the_host_reaches_the_chips_through_the_bus(vm):
    machine = vm(irqchip=True)

    machine.pio.write(MASTER + 1, 1, 0x5A)

    assert machine.pio.read(MASTER + 1, 1) == 0x5A


class Chip:
    """Reference of one 8259, from the data sheet: lists of bits, priorities as an order."""

    def __init__(self, slaves: set[int]) -> None:
        self.wired = self.slaves = slaves
        self.level, self.latch, self.isr, self.imr = ([0] * 8 for _ in range(4))
        self.seq: list[int] = []
        self.reset(0x11)
        self.base, self.seq = 0, []

    def reset(self, icw1: int) -> None:
        self.ltim = icw1 & 8
        self.latch, self.isr, self.imr = ([0] * 8 for _ in range(3))
        self.order = list(range(8))
        self.aeoi = self.sfnm = self.rotate = self.special = self.poll = self.show_isr = False
        self.seq = [2] + [3] * (not icw1 & 2) + [4] * (icw1 & 1)
        if icw1 & 2:
            self.slaves = set()

    def irr(self) -> list[int]:
        return self.level if self.ltim else self.latch

    def drive(self, i: int, level: int) -> None:
        self.latch[i] = level and (self.latch[i] or not self.level[i])
        self.level[i] = level

    def serves(self, i: int) -> bool:
        return bool(self.isr[i]) and not (self.special and self.imr[i])

    def winner(self) -> int | None:
        for i in self.order:
            asks = self.irr()[i] and not self.imr[i]
            if asks and (not self.serves(i) or (self.sfnm and i in self.slaves)):
                return i
            if self.serves(i):
                return None
        return None

    def bottom(self, i: int) -> None:
        at = self.order.index(i) + 1
        self.order = self.order[at:] + self.order[:at]

    def inta(self, i: int) -> None:
        self.latch[i] = 0
        self.isr[i] = 1
        if self.aeoi:
            self.isr[i] = 0
            if self.rotate:
                self.bottom(i)

    def ocw2(self, command: int, i: int) -> None:
        if command in (1, 5):
            served = [j for j in self.order if self.serves(j)]
            if not served:
                return
            i = served[0]
        if command & 1:
            self.isr[i] = 0
        if command in (5, 6, 7):
            self.bottom(i)
        if command in (0, 4):
            self.rotate = command == 4

    def write(self, odd: int, value: int) -> None:
        if odd and not self.seq:
            self.imr = [value >> i & 1 for i in range(8)]
        elif odd:
            icw = self.seq.pop(0)
            if icw == 2:
                self.base = value & 0xF8
            elif icw == 3:
                self.slaves = {i for i in self.wired if value >> i & 1}
            else:
                self.aeoi, self.sfnm = bool(value & 2), bool(value & 16)
        elif value & 0x10:
            self.reset(value)
        elif value & 0x08:
            self.poll = bool(value & 4)
            if value & 2:
                self.show_isr = bool(value & 1)
            if value & 0x40:
                self.special = bool(value & 0x20)
        else:
            self.ocw2(value >> 5, value & 7)

    def read(self, odd: int) -> int:
        if self.poll:
            self.poll = False
            i = self.winner()
            if i is None:
                return 7
            self.inta(i)
            return 0x80 | i
        bits = self.imr if odd else self.isr if self.show_isr else self.irr()
        return sum(1 << i for i in range(8) if bits[i])


class Pair:
    """Two of them, cascaded at input 2."""

    def __init__(self) -> None:
        self.master, self.slave = Chip({2}), Chip(set())
        self.glitch = 0

    def settle(self) -> None:
        self.master.drive(2, int(bool(self.glitch) or self.slave.winner() is not None))

    def line(self, gsi: int, level: int) -> None:
        if gsi == 2:
            self.glitch = level
        elif gsi < 8:
            self.master.drive(gsi, level)
        else:
            self.slave.drive(gsi - 8, level)
        self.settle()

    def take(self) -> int | None:
        i = self.master.winner()
        if i is None:
            return None
        self.master.inta(i)
        vector = self.master.base + i
        if i in self.master.slaves:
            j = self.slave.winner()
            if j is not None:
                self.slave.inta(j)
            vector = self.slave.base + (7 if j is None else j)
            self.master.drive(2, self.glitch)
        self.settle()
        return vector

    def write(self, port: int, value: int) -> None:
        (self.slave if port & 0x80 else self.master).write(port & 1, value)
        self.settle()

    def read(self, port: int) -> int:
        chip = self.slave if port & 0x80 else self.master
        polled = chip.poll
        value = chip.read(port & 1)
        if polled and chip is self.slave:
            self.master.drive(2, self.glitch)
        self.settle()
        return value


CHIPS = st.sampled_from([MASTER, SLAVE])
COMMANDS = st.one_of(
    st.sampled_from([EOI, EOI, EOI, READ_IRR, READ_ISR, POLL, 0x68, 0x48, 0xA0, 0x80, 0x00]),
    st.builds(
        lambda kind, line: kind | line, st.sampled_from([0x60, 0xC0, 0xE0]), st.integers(0, 7)
    ),
)
STEPS = st.one_of(
    st.tuples(st.just("line"), st.integers(0, 15), st.booleans()),
    st.tuples(st.just("line"), st.integers(0, 15), st.just(True)),
    st.tuples(st.just("take")),
    st.tuples(st.just("read"), st.sampled_from([0x20, 0x21, 0xA0, 0xA1])),
    st.tuples(st.just("write"), CHIPS, COMMANDS),
    st.tuples(st.just("write"), CHIPS.map(lambda p: p + 1), st.sampled_from([0, 0, 1, 4, 0xFB, 8])),
    st.tuples(
        st.just("init"),
        CHIPS,
        st.sampled_from([0x11, 0x11, 0x13, 0x19, 0x12]),
        st.sampled_from([4, 4, 0]),
        st.sampled_from([0x01, 0x03, 0x11, 0x13]),
    ),
)


@settings(max_examples=150)
@given(st.lists(STEPS, min_size=30, max_size=60))
def test_the_pair_does_what_the_data_sheet_says(steps):
    with Vm(irqchip=True) as vm:
        pc, pair = Board(vm), Pair()
        for chip, base, icw3 in ((MASTER, 0x08, 4), (SLAVE, 0x70, 2)):
            for offset, value in ((0, 0x11), (1, base), (1, icw3), (1, 1)):
                pair.write(chip + offset, value)

        for what, *args in steps:
            if what == "line":
                vm.irq_line(args[0], args[1])
                pair.line(args[0], int(args[1]))
            elif what == "take":
                assert pc.taken() == pair.take()
            elif what == "read":
                assert pc.read(args[0]) == pair.read(args[0])
            elif what == "write":
                pc.write(*args)
                pair.write(*args)
            else:
                chip, icw1, icw3, icw4 = args
                base = 0x28 if chip == MASTER else 0x78
                pc.init(chip, icw1, base, icw3, icw4)
                values = [base] + [icw3] * (not icw1 & 2) + [icw4] * (icw1 & 1)
                pair.write(chip, icw1)
                for value in values:
                    pair.write(chip + 1, value)
