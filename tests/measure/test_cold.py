"""Cold code: each instruction of the line is decoded once, and counted."""

from __future__ import annotations

from pyx86emu import Vm
from pyx86emu.measure import cold


def test_the_line_executes_each_instruction_once() -> None:
    with Vm() as vm:
        vcpu, instructions = cold.line_of(vm, 128)
        reached = vcpu.instructions

        cold.run(vcpu, instructions)  # it raises if the count differs

        assert vcpu.instructions - reached == instructions == 8 * 8190 + 2


def test_rows_have_a_figure_each() -> None:
    rows = list(cold.rows(1, 0.01))

    assert [row.name for row in rows] == ["decode-64K", "compiler-first", "compiler-second"]
    assert [row.unit for row in rows] == ["ns", "ms", "ms"]
