"""Registers: gdb's flat addresses and the CPU's segments, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Vm
from pyx86emu._core import Registers
from pyx86emu.tools.gdb import registers
from pyx86emu.tools.gdb.description import NUMBER, REGISTERS
from pyx86emu.tools.gdb.registers import Refused

VM = Vm()
VCPU = VM.create_vcpu()


def at(cs: int, ip: int, ss: int = 0, sp: int = 0) -> Registers:
    regs = VCPU.regs
    regs.cs, regs.ip, regs.ss, regs.esp, regs.ebp = cs, ip, ss, sp, 0
    return regs


def value(name: str) -> int:
    return int.from_bytes(registers.read(VCPU.regs, NUMBER[name]), "little")


def put(name: str, to: int) -> None:
    number = NUMBER[name]
    registers.write(VCPU.regs, number, to.to_bytes(REGISTERS[number].size, "little"))


def test_eip_and_esp_are_linear_and_ip_and_sp_are_the_cpus() -> None:
    at(0x7C0, 5, 0x1000, 0xFFFE)

    assert (value("eip"), value("ip"), value("esp"), value("sp")) == (0x7C05, 5, 0x1FFFE, 0xFFFE)


@pytest.mark.parametrize(
    ("address", "cs", "ip"),
    [
        (0x17BFF, 0x7C0, 0xFFFF),  # the last byte of the segment
        (0x17C00, 0x17C0, 0),  # the first one that is out of it
        (0x7BFF, 0x7BF, 0xF),
        (0xFFFF0, 0xFFFF, 0),
        (0x10FFEF, 0xFFFF, 0xFFFF),  # the last one of real mode
    ],
)
def test_a_written_eip_keeps_cs_if_it_is_in_its_segment(address: int, cs: int, ip: int) -> None:
    regs = at(0x7C0, 5)

    put("eip", address)

    assert (regs.cs, regs.ip) == (cs, ip)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0x10FFEF))
def test_a_written_eip_is_read_back(cs: int, ip: int, address: int) -> None:
    at(cs, ip)

    put("eip", address)

    assert value("eip") == address


def test_what_real_mode_does_not_reach_is_refused_by_name() -> None:
    at(0, 0)

    with pytest.raises(Refused, match="eip: real mode reaches 0x10ffef, not 0x10fff0"):
        put("eip", 0x10FFF0)


def test_ebp_reads_as_0_and_bp_as_it_is() -> None:
    regs = at(0, 0)

    put("ebp", 0x12345678)

    assert (regs.ebp, value("ebp"), value("bp")) == (0x12345678, 0, 0x5678)


def test_all_registers_as_they_are_read_change_nothing_when_they_are_written() -> None:
    regs = at(0x7C0, 5, 0x1000, 0x100)
    regs.ebp, regs.eax = 0x1234, 0xDEADBEEF
    before = repr(regs)

    registers.write_all(regs, registers.read_all(regs))

    assert repr(regs) == before


@pytest.mark.parametrize(
    ("name", "to", "cs", "ip"),
    [("eip", 0x7C09, 0x7C0, 9), ("ip", 9, 0x7C0, 9), ("cs", 0x800, 0x800, 5)],
)
def test_of_all_registers_only_the_changed_one_is_written(
    name: str, to: int, cs: int, ip: int
) -> None:
    regs = at(0x7C0, 5)
    data = b""
    for number, register in enumerate(REGISTERS):
        one = registers.read(regs, number)
        data += to.to_bytes(register.size, "little") if register.name == name else one

    registers.write_all(regs, data)

    assert (regs.cs, regs.ip) == (cs, ip)


def test_the_coprocessor_is_not_there() -> None:
    at(0, 0)
    put("fctrl", 0)

    with pytest.raises(Refused, match="no coprocessor"):
        put("fctrl", 0x37F)


@pytest.mark.parametrize("number", [-1, len(REGISTERS)])
def test_a_register_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(Refused, match="no register"):
        registers.read(VCPU.regs, number)
