"""A word at port FFFFh: bytes at FFFFh and 0 on the 8086 and 80186, one word on later models."""

from __future__ import annotations

import pytest

from pyx86emu import Exit, ExitReason, PioDevice
from pyx86emu.models import MODELS
from tests.harness import Guest, program

WRAPPING = ("8086", "80186")
LATER = MODELS[2:]

OUT = program("baffff b8aa55 ef")  # mov dx,0FFFFh; mov ax,55AAh; out dx,ax
IN = program("baffff ed")
OUTS = program("baffff be0020 6f")
REP_OUTS = program("baffff be0020 b90200 f36f")
REP_INS = program("baffff bf0020 b90300 f36d")


class Counter(PioDevice):
    """Answers each read with the next number, and keeps what is written."""

    max_size = 1

    def __init__(self, first: int) -> None:
        self.first = first
        self.written: list[int] = []

    def reset(self) -> None:
        self.next = self.first

    def pio_read(self, offset: int, size: int) -> int:
        self.next += 1
        return self.next - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.written.append(value)


def accesses(guest: Guest) -> list[tuple[bool, int, int, int]]:
    """(write, port, size, value) of each exit until HLT."""
    got = []
    while (exit := guest.run()).reason is ExitReason.IO:
        got.append((exit.write, exit.addr, exit.size, exit.value if exit.write else 0))
    assert exit.reason is ExitReason.HLT
    return got


@pytest.mark.parametrize("model", WRAPPING)
def test_out_is_two_bytes_that_wrap(model: str) -> None:
    assert accesses(Guest(OUT, model=model)) == [(True, 0xFFFF, 1, 0xAA), (True, 0, 1, 0x55)]


@pytest.mark.parametrize("model", LATER)
def test_out_is_one_word_on_later_models(model: str) -> None:
    assert accesses(Guest(OUT, model=model)) == [(True, 0xFFFF, 2, 0x55AA)]


@pytest.mark.parametrize("model", WRAPPING)
def test_in_is_two_bytes_that_wrap(model: str) -> None:
    def answer(exit: Exit) -> int:
        return 0x34 if exit.addr == 0xFFFF else 0x12

    guest = Guest(IN, model=model, answer=answer)

    assert accesses(guest) == [(False, 0xFFFF, 1, 0), (False, 0, 1, 0)]
    assert guest.vcpu.regs.ax == 0x1234


@pytest.mark.parametrize("model", LATER)
def test_in_is_one_word_on_later_models(model: str) -> None:
    assert accesses(Guest(IN, model=model)) == [(False, 0xFFFF, 2, 0)]


@pytest.mark.parametrize("last", [True, False], ids=["device at FFFFh", "exit at FFFFh"])
@pytest.mark.parametrize("first", [True, False], ids=["device at 0", "exit at 0"])
def test_a_device_at_either_end_is_read_once(last: bool, first: bool) -> None:
    guest = Guest(IN, model="8086")
    high, low = Counter(0x40), Counter(0x70)
    if last:
        guest.vm.pio.attach(high, 0xFFFF)
    if first:
        guest.vm.pio.attach(low, 0)

    exits = accesses(guest)

    assert len(exits) == 2 - last - first
    assert guest.vcpu.regs.al == (0x40 if last else 0xA5)
    assert guest.vcpu.regs.ah == (0x70 if first else 0xA5)
    assert (high.next if last else 0x41, low.next if first else 0x71) == (0x41, 0x71)


def test_the_80186_has_it_in_outs_and_ins() -> None:
    guest = Guest(REP_OUTS, model="80186")
    guest.ram[0x2000:0x2004] = b"\x01\x02\x03\x04"
    high, low = Counter(0x40), Counter(0x70)
    guest.vm.pio.attach(high, 0xFFFF)
    guest.vm.pio.attach(low, 0)
    assert accesses(guest) == []
    assert (high.written, low.written) == ([1, 3], [2, 4])

    guest.start(REP_INS)
    assert accesses(guest) == []

    assert bytes(guest.ram[0x2000:0x2006]) == bytes.fromhex("4070 4171 4272")
    assert guest.vcpu.regs.cx == 0


def test_ins_and_outs_exit_byte_by_byte() -> None:
    guest = Guest(OUTS, model="80186")
    guest.ram[0x2000:0x2002] = b"\xaa\x55"
    assert accesses(guest) == [(True, 0xFFFF, 1, 0xAA), (True, 0, 1, 0x55)]

    guest.start(REP_INS)

    assert accesses(guest) == [(False, 0xFFFF, 1, 0), (False, 0, 1, 0)] * 3


@pytest.mark.parametrize("model", MODELS)
def test_ioeventfds_see_the_fragments(model: str) -> None:
    guest = Guest(OUT, model=model)
    ioeventfd = guest.vm.pio.ioeventfd
    word, byte = ioeventfd(0xFFFF, 2), ioeventfd(0xFFFF, 1)
    match, other = ioeventfd(0, 1, datamatch=0x55), ioeventfd(0, 1, datamatch=0xAA)

    exits = accesses(guest)

    assert exits == []
    rings = [each.hits for each in (word, byte, match, other)]
    assert rings == ([0, 1, 1, 0] if model in WRAPPING else [1, 0, 0, 0])


@pytest.mark.parametrize("model", MODELS)
def test_a_word_at_another_port_is_a_word(model: str) -> None:
    guest = Guest(program("bafeff b8aa55 ef ba0000 ef"), model=model)

    assert accesses(guest) == [(True, 0xFFFE, 2, 0x55AA), (True, 0, 2, 0x55AA)]


def test_the_budget_counts_one_instruction() -> None:
    guest = Guest(OUT, model="8086")
    accesses(guest)

    assert guest.vcpu.instructions == 4
