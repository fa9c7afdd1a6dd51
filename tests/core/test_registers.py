"""Registers as Python sees them: exact numbers of the right width, or an error that says so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pyx86emu import Vcpu, Vm
from tests.harness import Liar

MakeVm = Callable[..., Vm]

WIDTHS = {
    **dict.fromkeys(("al", "bh"), 8),
    **dict.fromkeys(("ax", "sp", "cs", "gs", "ip", "flags"), 16),
    **dict.fromkeys(("eax", "esp", "eflags", "cr2", "dr0"), 32),
}


@pytest.fixture
def v(vm: MakeVm) -> Vcpu:
    return vm().create_vcpu()


@pytest.mark.parametrize("name", WIDTHS)
def test_a_value_wider_than_the_register_is_refused(v: Vcpu, name: str) -> None:
    before = getattr(v.regs, name)
    for value in (
        -1,
        1 << WIDTHS[name],
        Liar(1 << WIDTHS[name]),
        np.uint64(1 << WIDTHS[name]),
        1 << 100,
    ):
        with pytest.raises(ValueError, match=f"^{name} is "):
            setattr(v.regs, name, value)
    assert getattr(v.regs, name) == before


@pytest.mark.parametrize("value", [1.5, 1.0, "1", None, b"1", [1], float("nan"), 1j])
def test_a_value_that_is_no_integer_is_refused(v: Vcpu, value: object) -> None:
    with pytest.raises(TypeError, match="ax must be an integer, not "):
        v.regs.ax = value  # type: ignore[assignment]


@pytest.mark.parametrize("value", [7, np.uint8(7), np.int64(7), Liar(7)])
def test_whatever_is_an_integer_is_taken(v: Vcpu, value: int) -> None:
    v.regs.ebx = value

    assert type(v.regs.ebx) is int
    assert v.regs.ebx == 7


def test_the_widest_values_fit(v: Vcpu) -> None:
    v.regs.al, v.regs.cx, v.regs.edx, v.regs.ip = 0xFF, 0xFFFF, 0xFFFFFFFF, 0xFFFF

    assert (v.regs.al, v.regs.cx, v.regs.edx, v.regs.ip) == (0xFF, 0xFFFF, 0xFFFFFFFF, 0xFFFF)


def test_eip_reaches_one_byte_beyond_the_segment(v: Vcpu) -> None:
    """There it is after an instruction that ends with the segment; the next fetch faults."""
    v.regs.eip = 0x10000
    with pytest.raises(ValueError, match=r"^eip is 0x10001: give 0 to 0x10000$"):
        v.regs.eip = 0x10001
    assert v.regs.eip == 0x10000


def test_an_ip_beyond_the_segment_names_itself(v: Vcpu) -> None:
    with pytest.raises(ValueError, match=r"^ip is 0x19000: give 0 to 0xffff$"):
        v.regs.ip = 0x19000


def test_breakpoints_are_checked_before_any_is_set(v: Vcpu) -> None:
    v.debug(breakpoints=[5])
    for points in ([1, 1.5], [1, -1], [1, 1 << 40], "abc", range(65537)):
        with pytest.raises((TypeError, ValueError), match="breakpoint"):
            v.debug(breakpoints=points)  # type: ignore[arg-type]


def test_breakpoints_without_an_end_are_refused(v: Vcpu) -> None:
    from itertools import count

    with pytest.raises(ValueError, match="at most 65536"):
        v.debug(breakpoints=count())


@pytest.mark.parametrize("vector", [-1, 256, 1 << 70, Liar(300)])
def test_an_interrupt_vector_is_a_byte(v: Vcpu, vector: int) -> None:
    with pytest.raises(OSError, match="is not in 0 to 255"):
        v.interrupt(vector)


@pytest.mark.parametrize("vector", [1.5, "1", None])
def test_an_interrupt_vector_is_an_integer(v: Vcpu, vector: object) -> None:
    with pytest.raises(TypeError, match="interrupt vector must be an integer"):
        v.interrupt(vector)  # type: ignore[arg-type]


def test_properties_that_can_be_set_cannot_be_deleted(v: Vcpu) -> None:
    for act in (
        lambda: delattr(v, "request_interrupt_window"),
        lambda: delattr(v.vm, "a20"),
        lambda: delattr(v.regs, "ax"),
    ):
        with pytest.raises(AttributeError):
            act()
