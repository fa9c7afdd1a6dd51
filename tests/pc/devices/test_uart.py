"""Uart16550A, by National Semiconductor's PC16550D data sheet and what QEMU does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.devices.uart import (
    FCR,
    FCR_CLEAR_RX,
    FCR_CLEAR_TX,
    FCR_ENABLE,
    IER,
    IER_MSI,
    IER_RDI,
    IER_RLSI,
    IER_THRI,
    IIR,
    LCR,
    LCR_BREAK,
    LCR_DLAB,
    LSR,
    LSR_BI,
    LSR_DR,
    LSR_FE,
    LSR_FIFO_ERROR,
    LSR_OE,
    LSR_TEMT,
    LSR_THRE,
    MCR,
    MCR_DTR,
    MCR_LOOP,
    MCR_OUT1,
    MCR_OUT2,
    MCR_RTS,
    MSR,
    RBR,
    SCR,
    THR,
    Uart16550A,
)

EMPTY = LSR_THRE | LSR_TEMT


class Guest:
    """Port accesses as a driver makes them."""

    def __init__(self, uart):
        self.uart = uart

    def inb(self, offset):
        return self.uart.pio_read(offset, 1)

    def out(self, offset, value):
        self.uart.pio_write(offset, 1, value)

    def read_all(self):
        data = bytearray()
        while self.inb(LSR) & LSR_DR:
            data.append(self.inb(RBR))
        return bytes(data)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def uart(attach, sent):
    return attach(Uart16550A(output=sent.append))


@pytest.fixture
def guest(uart):
    return Guest(uart)


def test_state_after_reset(guest):
    assert [guest.inb(i) for i in range(1, 8)] == [0, 0x01, 0, 0, 0x60, 0xB0, 0]


def test_bytes_sent_come_out_one_by_one(guest, sent):
    for byte in b"hello":
        assert guest.inb(LSR) & LSR_THRE
        guest.out(THR, byte)

    assert b"".join(sent) == b"hello"


def test_without_output_bytes_are_lost(attach):
    attach(Uart16550A()).pio_write(THR, 1, 0x41)


def test_divisor_latch_hides_data_and_interrupt_enable(guest, sent):
    guest.out(IER, 0x05)
    guest.out(LCR, LCR_DLAB | 3)
    guest.out(0, 0x80)
    guest.out(1, 0x01)

    assert (guest.inb(0), guest.inb(1)) == (0x80, 0x01)
    guest.out(LCR, 3)
    assert guest.inb(IER) == 0x05
    assert sent == []


@pytest.mark.parametrize(
    ("divisor", "lcr", "ns"),
    [(12, 0x03, 1_041_666), (1, 0x03, 86_805), (96, 0x07, 9_166_666), (1, 0x0F, 104_166)],
)
def test_character_time_follows_divisor_and_frame(guest, uart, divisor, lcr, ns):
    guest.out(LCR, LCR_DLAB)
    guest.out(0, divisor)
    guest.out(1, 0)
    guest.out(LCR, lcr)

    assert uart.char_time == ns


def test_scratch_register_keeps_any_byte(guest):
    for value in (0x00, 0x55, 0xAA, 0xFF):
        guest.out(SCR, value)
        assert guest.inb(SCR) == value


def test_unused_bits_of_ier_and_mcr_read_as_zero(guest):
    guest.out(IER, 0xFF)
    guest.out(MCR, 0xFF)

    assert guest.inb(IER) == 0x0F
    assert guest.inb(MCR) == 0x1F


def test_line_status_and_modem_status_are_read_only(guest):
    guest.out(LSR, 0xFF)
    guest.out(MSR, 0xFF)

    assert guest.inb(LSR) == EMPTY
    assert guest.inb(MSR) == 0xB0


# -- receiver ------------------------------------------------------------------


def test_received_byte_is_announced_and_read_once(guest, uart):
    uart.receive(b"A")

    assert guest.inb(LSR) == EMPTY | LSR_DR
    assert guest.inb(RBR) == 0x41
    assert guest.inb(LSR) == EMPTY
    assert guest.inb(RBR) == 0x41  # the buffer keeps the last byte


def test_bytes_come_one_character_time_apart(guest, uart, guest_time):
    uart.receive(b"AB")
    assert guest.inb(RBR) == 0x41
    assert not guest.inb(LSR) & LSR_DR

    guest_time.advance(uart.char_time - 1)
    assert not guest.inb(LSR) & LSR_DR
    guest_time.advance(1)
    assert guest.inb(RBR) == 0x42


def test_two_calls_of_receive_keep_the_line_speed(guest, uart, guest_time):
    guest.out(FCR, FCR_ENABLE)
    uart.receive(b"A")
    uart.receive(b"B")
    assert guest.read_all() == b"A"

    guest_time.advance(2 * uart.char_time)

    assert guest.read_all() == b"B"


def test_queue_outside_waits_while_the_buffer_is_full(guest, uart, guest_time):
    uart.receive(b"ABC")
    guest_time.advance(10**9)

    assert guest.inb(LSR) == EMPTY | LSR_DR  # no overrun
    assert guest.inb(RBR) == 0x41
    assert bytes(uart.queue) == b"BC"


def test_fifo_holds_sixteen_bytes_and_the_rest_waits(guest, uart, guest_time):
    guest.out(FCR, FCR_ENABLE)
    uart.receive(bytes(range(40)))
    guest_time.advance(10**9)

    assert len(uart.queue) == 24
    assert [guest.inb(RBR) for _ in range(16)] == list(range(16))
    assert not guest.inb(LSR) & (LSR_DR | LSR_OE)


@given(data=st.binary(max_size=200), fcr=st.sampled_from([0, 0x01, 0x41, 0x81, 0xC1]))
def test_every_byte_arrives_once_and_in_order(attach_alone, data, fcr):
    uart, time = attach_alone(Uart16550A())
    guest = Guest(uart)
    guest.out(FCR, fcr)
    guest.out(IER, IER_RDI)
    guest.out(MCR, MCR_OUT2)
    uart.receive(data)

    got = b""
    for _ in range(3 * len(data) + 5):
        if uart.irq.level:
            got += guest.read_all()
        time.advance(5 * uart.char_time)

    assert got == data
    assert not uart.irq.level


def test_each_byte_without_fifo_gives_an_edge(guest, uart, guest_time):
    guest.out(IER, IER_RDI)
    guest.out(MCR, MCR_OUT2)
    uart.receive(b"ABC")

    for byte in b"ABC":
        assert uart.irq.level
        assert guest.inb(IIR) == 0x04
        assert guest.inb(RBR) == byte
        assert not uart.irq.level
        guest_time.advance(uart.char_time)

    assert uart.irq.edges == 3


@pytest.mark.parametrize(("bits", "trigger"), [(0x00, 1), (0x40, 4), (0x80, 8), (0xC0, 14)])
def test_interrupt_comes_at_the_trigger_level(guest, uart, guest_time, bits, trigger):
    guest.out(FCR, FCR_ENABLE | bits)
    guest.out(IER, IER_RDI)
    guest.out(MCR, MCR_OUT2)
    for i in range(trigger):
        assert not uart.irq.level
        uart.receive(bytes((i,)))
        guest_time.advance(uart.char_time)

    assert uart.irq.level
    assert guest.inb(IIR) == 0xC4
    guest.inb(RBR)
    assert not uart.irq.level


def test_bytes_below_the_trigger_level_time_out(guest, uart, guest_time):
    guest.out(FCR, FCR_ENABLE | 0xC0)
    guest.out(IER, IER_RDI)
    guest.out(MCR, MCR_OUT2)
    uart.receive(b"AB")
    guest_time.advance(uart.char_time)

    guest_time.advance(4 * uart.char_time - 1)
    assert not uart.irq.level
    guest_time.advance(1)

    assert guest.inb(IIR) == 0xCC
    assert guest.inb(RBR) == 0x41
    assert guest.inb(IIR) == 0xC1
    guest_time.advance(4 * uart.char_time)
    assert guest.inb(IIR) == 0xCC  # the other byte begins to wait anew


def test_emptied_fifo_does_not_time_out(guest, uart, guest_time):
    guest.out(FCR, FCR_ENABLE | 0x40)
    guest.out(IER, IER_RDI)
    uart.receive(b"A")
    guest.inb(RBR)

    guest_time.advance(10 * uart.char_time)

    assert guest.inb(IIR) == 0xC1


def test_clearing_the_receive_fifo(guest, uart, guest_time):
    guest.out(FCR, FCR_ENABLE)
    uart.receive(b"AB")
    guest_time.advance(uart.char_time)

    guest.out(FCR, FCR_ENABLE | FCR_CLEAR_RX)

    assert guest.inb(LSR) == EMPTY


def test_switching_the_fifo_off_and_on_clears_it(guest, uart):
    guest.out(FCR, FCR_ENABLE)
    uart.receive(b"A")

    guest.out(FCR, 0)

    assert guest.inb(LSR) == EMPTY
    assert guest.inb(IIR) == 0x01


def test_trigger_bits_need_the_enable_bit(guest, uart):
    guest.out(FCR, 0xC0)

    assert guest.inb(IIR) & 0xC0 == 0
    assert uart.fcr == 0


def test_break_is_a_zero_with_two_marks(guest, uart):
    guest.out(IER, IER_RLSI)
    guest.out(MCR, MCR_OUT2)

    uart.receive_break()

    assert guest.inb(IIR) == 0x06
    assert guest.inb(LSR) == EMPTY | LSR_DR | LSR_BI | LSR_FE
    assert guest.inb(LSR) == EMPTY | LSR_DR
    assert guest.inb(RBR) == 0
    assert not uart.irq.level


def test_error_of_a_byte_in_the_fifo_shows_when_the_byte_is_next(guest, uart):
    guest.out(FCR, FCR_ENABLE)
    uart.receive(b"A")
    uart.receive_break()

    assert guest.inb(LSR) == EMPTY | LSR_DR | LSR_FIFO_ERROR
    guest.inb(RBR)
    assert guest.inb(LSR) == EMPTY | LSR_DR | LSR_FIFO_ERROR | LSR_BI | LSR_FE
    assert guest.inb(LSR) == EMPTY | LSR_DR


# -- interrupts ------------------------------------------------------------------


def test_out2_gates_the_line_but_not_the_identity(guest, uart):
    guest.out(IER, IER_THRI)
    assert not uart.irq.level
    assert guest.uart._source() == 0x02

    guest.out(MCR, MCR_OUT2)
    assert uart.irq.level
    guest.out(MCR, 0)
    assert not uart.irq.level


def test_enabling_the_transmit_interrupt_gives_it_at_once(guest, uart):
    guest.out(MCR, MCR_OUT2)

    guest.out(IER, IER_THRI)

    assert uart.irq.level
    assert guest.inb(IIR) == 0x02
    assert not uart.irq.level
    assert guest.inb(IIR) == 0x01


def test_transmit_interrupt_read_once_comes_again_after_the_next_byte(guest, uart):
    guest.out(MCR, MCR_OUT2)
    guest.out(IER, IER_THRI)
    guest.inb(IIR)

    guest.out(THR, 0x41)
    assert guest.inb(IIR) == 0x02
    guest.out(IER, IER_THRI)  # unchanged: not armed again
    assert guest.inb(IIR) == 0x01
    guest.out(IER, 0)
    guest.out(IER, IER_THRI)
    assert guest.inb(IIR) == 0x02


def test_each_byte_sent_gives_an_edge(guest, uart):
    guest.out(MCR, MCR_OUT2)
    guest.out(IER, IER_THRI)
    before = uart.irq.edges

    for byte in b"abc":
        guest.out(THR, byte)

    assert uart.irq.edges == before + 3


def test_transmit_interrupt_survives_the_reading_of_a_higher_one(guest, uart):
    guest.out(IER, IER_THRI | IER_RDI)
    uart.receive(b"A")

    assert guest.inb(IIR) == 0x04
    assert guest.inb(IIR) == 0x04
    guest.inb(RBR)
    assert guest.inb(IIR) == 0x02
    assert guest.inb(IIR) == 0x01


def test_priorities(guest, uart):
    guest.out(IER, IER_RLSI | IER_RDI | IER_THRI | IER_MSI)
    uart.set_modem(cts=False)
    uart.receive_break()

    assert guest.inb(IIR) == 0x06
    guest.inb(LSR)
    assert guest.inb(IIR) == 0x04
    guest.inb(RBR)
    assert guest.inb(IIR) == 0x02
    assert guest.inb(IIR) == 0x00
    guest.inb(MSR)
    assert guest.inb(IIR) == 0x01


def test_fifo_bits_of_the_identity_tell_a_16550a(guest):
    guest.out(FCR, FCR_ENABLE)

    assert guest.inb(IIR) == 0xC1


def test_clearing_the_transmit_fifo_arms_its_interrupt(guest):
    guest.out(FCR, FCR_ENABLE)
    guest.out(IER, IER_THRI)
    guest.inb(IIR)

    guest.out(FCR, FCR_ENABLE | FCR_CLEAR_TX)

    assert guest.inb(IIR) == 0xC2


# -- modem lines and loopback ------------------------------------------------------


def test_modem_lines_leave_deltas_until_read(guest, uart):
    uart.set_modem(cts=False, dcd=False)

    assert guest.inb(MSR) == 0x29
    assert guest.inb(MSR) == 0x20


def test_ring_is_told_when_it_ends(guest, uart):
    uart.set_modem(ri=True)
    assert guest.inb(MSR) == 0xF0
    uart.set_modem(ri=False)
    assert guest.inb(MSR) == 0xB4


def test_modem_change_interrupts(guest, uart):
    guest.out(MCR, MCR_OUT2)
    guest.out(IER, IER_MSI)

    uart.set_modem(dsr=False)

    assert uart.irq.level
    assert guest.inb(IIR) == 0x00
    guest.inb(MSR)
    assert not uart.irq.level


@pytest.mark.parametrize(
    ("mcr", "msr"), [(MCR_DTR, 0x20), (MCR_RTS, 0x10), (MCR_OUT1, 0x40), (MCR_OUT2, 0x80)]
)
def test_loopback_connects_the_modem_outputs_to_the_inputs(guest, mcr, msr):
    guest.out(MCR, MCR_LOOP | mcr)

    assert guest.inb(MSR) & 0xF0 == msr


def test_loopback_leaves_deltas(guest):
    guest.out(MCR, MCR_LOOP | MCR_OUT1)
    guest.inb(MSR)

    guest.out(MCR, MCR_LOOP | MCR_RTS | MCR_DTR | MCR_OUT2)

    assert guest.inb(MSR) == 0xB0 | 0x0F
    assert guest.inb(MSR) == 0xB0


def test_loopback_receives_what_is_sent_and_nothing_leaves(guest, sent):
    guest.out(MCR, MCR_LOOP)
    for value in (0x00, 0x55, 0xFF):
        guest.out(THR, value)
        assert guest.inb(RBR) == value

    assert sent == []


def test_loopback_shuts_the_line_out(guest, uart, guest_time):
    guest.out(MCR, MCR_LOOP)
    uart.receive(b"A")
    uart.set_modem(cts=False)
    guest_time.advance(10**9)
    assert not guest.inb(LSR) & LSR_DR
    assert guest.inb(MSR) & 0xF0 == 0

    guest.out(MCR, 0)

    assert guest.inb(RBR) == 0x41
    assert guest.inb(MSR) & 0xF0 == 0xA0


def test_overrun_without_fifo_keeps_the_new_byte(guest):
    guest.out(MCR, MCR_LOOP)
    guest.out(THR, 1)
    guest.out(THR, 2)

    assert guest.inb(LSR) == EMPTY | LSR_DR | LSR_OE
    assert guest.inb(LSR) == EMPTY | LSR_DR
    assert guest.inb(RBR) == 2


def test_overrun_of_the_fifo_keeps_the_old_bytes(guest):
    guest.out(FCR, FCR_ENABLE)
    guest.out(MCR, MCR_LOOP)
    for value in range(17):
        guest.out(THR, value)

    assert guest.inb(LSR) & LSR_OE
    assert [guest.inb(RBR) for _ in range(16)] == list(range(16))
    assert not guest.inb(LSR) & LSR_DR


def test_break_set_in_loopback_comes_back(guest):
    guest.out(MCR, MCR_LOOP)

    guest.out(LCR, LCR_BREAK | 3)

    assert guest.inb(LSR) & (LSR_BI | LSR_FE | LSR_DR) == LSR_BI | LSR_FE | LSR_DR


def test_interrupts_work_in_loopback(guest, uart):
    guest.out(IER, IER_RDI)
    guest.out(MCR, MCR_LOOP | MCR_OUT2)

    guest.out(THR, 0x41)

    assert uart.irq.level


def test_reset_forgets_everything_and_lowers_the_line(guest, uart, guest_time):
    guest.out(FCR, FCR_ENABLE)
    guest.out(MCR, MCR_OUT2)
    guest.out(IER, IER_RDI | IER_THRI)
    uart.receive(bytes(100))

    uart.reset()

    assert not uart.irq.level
    guest_time.advance(10**9)
    assert [guest.inb(i) for i in range(1, 8)] == [0, 0x01, 0, 0, 0x60, 0xB0, 0]
    assert not guest_time.waiting


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.integers(0, 255)), max_size=60))
def test_any_accesses_leave_line_and_registers_consistent(attach_alone, accesses):
    uart, time = attach_alone(Uart16550A())
    for write, offset, value in accesses:
        if write:
            uart.pio_write(offset, 1, value)
        else:
            assert 0 <= uart.pio_read(offset, 1) <= 0xFF
        time.advance(value * 1000)
        pending = uart._source() != 0x01
        assert uart.irq.level == (pending and bool(uart.mcr & MCR_OUT2))
        assert bool(uart.lsr & LSR_DR) == bool(uart.fifo)


@pytest.mark.parametrize("data", [range(1 << 40), [1, 2], "text", 5, None], ids=repr)
def test_only_bytes_are_received(data: object) -> None:
    with pytest.raises(TypeError):
        Uart16550A().receive(data)  # type: ignore[arg-type]
