"""Addresses as text and pairs: each spelling means one place, and every door takes them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import ExitReason, Machine, MmioDevice, Vm
from pyx86emu.address import LAST, Located, linear, located

LABELS = {"start": 0x7C00, "a-b": 0x500, "main.loop": 0x7C10}
REGS = SimpleNamespace(ds=0x1000, si=0x20, cs=0x7C0, ip=0x10)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0x7C00, 0x7C00),
        ("0000:7c00", 0x7C00),
        ("0:7C00", 0x7C00),
        (" 7c0h : 0x0 ", 0x7C00),
        ((0x7C0, 0), 0x7C00),
        ("ffff:ffff", 0x10FFEF),
        ("0x7c00", 0x7C00),
        ("7c00h", 0x7C00),
        ("0xfee00000", 0xFEE00000),
        ("start", 0x7C00),
        ("start+5", 0x7C05),
        ("start - 10h", 0x7BF0),
        ("a-b", 0x500),
        ("a-b-0x100", 0x400),
        ("main.loop+10", 0x7C1A),
        ("ds:si", 0x10020),
        ("CS:0", 0x7C00),
    ],
)
def test_each_spelling_is_one_place(at: Any, expected: int) -> None:
    assert linear(at, symbols=LABELS, regs=REGS) == expected


def test_segment_and_offset_are_kept_where_they_were_given() -> None:
    assert located("1000:0100") == Located(0x10100, 0x1000, 0x100)
    assert located("0x10100") == Located(0x10100)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("7c00", "address '7c00': write 0x7c00 or 0000:7c00"),
        ("", "address '': give an integer"),
        ("10000:0", "hexadecimal numbers from 0 to ffff"),
        ("0:", "hexadecimal numbers from 0 to ffff"),
        ("ds:si", "a register has no value here"),
        ("1:2:3", "give an integer"),
        ("start", "give an integer"),
        ("\u0661:\u0662", "hexadecimal"),
        ("x" * 9999, "text of 9999 characters"),
        ((1, 2, 3), "address has 3 parts"),
        ((0x10000, 0), "the segment of address is 0x10000"),
        ((0, -1), "the offset of address is -0x1"),
        (-1, "address is -0x1"),
        (1 << 64, "address is 65 bits long"),
    ],
)
def test_what_is_no_address_is_refused_with_the_right_spellings(at: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        linear(at)

    assert message in str(error.value)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match=r"address 'begin': give .* or a label"):
        linear("begin", symbols=LABELS)
    with pytest.raises(ValueError, match="address is -0x"):
        linear("start-0xffff", symbols=LABELS)


@pytest.mark.parametrize("at", [1.0, None, b"0:0", [0, 0], (1.0, 2), object()])
def test_another_type_is_a_type_error(at: Any) -> None:
    with pytest.raises(TypeError, match=r"must be an integer, \(segment, offset\), "):
        linear(at)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_what_is_printed_as_seg_off_is_read_again(cs: int, ip: int) -> None:
    assert located(f"{cs:04x}:{ip:04x}") == located((cs, ip)) == Located(cs * 16 + ip, cs, ip)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        at = linear(text, symbols=LABELS, regs=REGS)
    except ValueError:
        return
    assert 0 <= at <= LAST


# -- the doors ---------------------------------------------------------------------------------


class Cell(MmioDevice):
    value = 0

    def mmio_read(self, offset: int, size: int) -> int:
        return self.value

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        self.value = value


@pytest.mark.parametrize("at", ["0100:0010", "0x1010", (0x100, 0x10)])
def test_memory_of_a_vm_is_read_and_written_at_an_address(vm: Callable[..., Vm], at: Any) -> None:
    m = vm()
    m.add_memory("0:0", 0x10000)

    m.write(at, b"abc")

    assert m.read(at, 3) == m.read(0x1010, 3) == b"abc"
    m.code_changed(at, 3)


def test_breakpoints_and_watchpoints_are_set_at_addresses(vm: Callable[..., Vm]) -> None:
    m = vm()
    m.add_memory(0, 0x10000)
    m.write("0:1000", bytes.fromhex("90 a30020 90 f4"))  # nop; mov [2000h],ax; nop; hlt
    vcpu = m.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    vcpu.debug(breakpoints=["0100:0001"], watch=[("0200:0001", 1, "w")])

    first, second = vcpu.run(), vcpu.run()

    assert first.reason is second.reason is ExitReason.DEBUG
    assert (first.ip, second.ip, second.watch) == (0x1001, 0x1004, (0x2001, 1, "w"))


def test_a_device_and_an_ioeventfd_are_put_at_an_address(vm: Callable[..., Vm]) -> None:
    m = vm()
    m.mmio.attach(cell := Cell(), "d000:0000")

    m.mmio.write("d000:0", 1, 7)
    bell = m.mmio.ioeventfd("d000:0010", 1)
    other = m.ioeventfd("d000:0020", 1, bus="mmio")
    zone = m.coalesce("d000:0030", 4)

    assert cell.value == m.mmio.read("0xd0000", 1) == 7
    assert (bell.addr, other.addr, zone.addr) == (0xD0010, 0xD0020, 0xD0030)
    m.ioeventfd_deassign("d000:0020", 1, bus="mmio", fd=other)


def test_a_port_is_a_number(vm: Callable[..., Vm]) -> None:
    with pytest.raises(TypeError, match="port must be an integer, not str"):
        vm().pio.read("0:60", 1)


def test_a_machine_takes_a_device_at_an_address(machine: Callable[..., Machine]) -> None:
    attachment = machine().attach(Cell(), addr="d000:0000")

    assert attachment.base == 0xD0000
