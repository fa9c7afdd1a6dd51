"""The grids: ops_grid.pxi is what make_grid.py writes; opcodes.pxi has a line for each opcode."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.harness import ROOT

CORE = ROOT / "pyx86emu" / "core" / "cpu"

#: One-byte opcodes without a line, each with its reason.
ABSENT = {
    **dict.fromkeys((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65), "segment prefix, read by decode.pxi"),
    **dict.fromkeys((0x66, 0x67), "size prefix, read by decode.pxi"),
    **dict.fromkeys((0xF0, 0xF2, 0xF3), "LOCK, REPNE, REP, read by decode.pxi"),
    0x63: "ARPL is #UD in real mode",
}

#: The same of 0F opcodes: what is here is #UD on every model.
ABSENT_0F = {
    **dict.fromkeys((0x00, 0x02, 0x03), "group 6, LAR, LSL are #UD in real mode"),
    **dict.fromkeys((0x05, 0x07), "LOADALL and the like, undocumented"),
    **dict.fromkeys((0x04, 0x0A, 0x0C, 0x0D, 0x0E, 0x0F), "no such instruction"),
    0x0B: "UD2 is #UD",
    **dict.fromkeys(range(0x10, 0x20), "UMOV (undocumented) and later ones"),
    **dict.fromkeys((0x25, 0x27), "no such instruction"),
    **dict.fromkeys(range(0x28, 0x30), "SSE"),
    **dict.fromkeys(range(0x30, 0x80), "MSRs, CMOV, MMX: later than the 80486"),
    **dict.fromkeys((0xA6, 0xA7), "XBTS, IBTS, CMPXCHG of the first steppings only"),
    **dict.fromkeys((0xAA, 0xAE), "RSM, FXSAVE: later"),
    **dict.fromkeys((0xB8, 0xB9), "no such instruction"),
    **dict.fromkeys(range(0xC2, 0xC8), "CMPXCHG8B, SSE: later"),
    **dict.fromkeys(range(0xD0, 0x100), "MMX, SSE: later"),
}
del ABSENT_0F[0x31]  # RDTSC


def lines(function: str) -> list[tuple[int, str]]:
    """List opcode and trailing comment of the arms of one function of the opcode grid."""
    text = (CORE / "opcodes.pxi").read_text("utf-8")
    body = text.partition(f"cdef void {function}(")[2].partition("\n\n\n")[0]
    arm = r"^    (?:el)?if op == 0x([0-9A-F]{2}): .*?# (.*)$"
    return [(int(op, 16), comment) for op, comment in re.findall(arm, body, re.M)]


GRIDS = [("opcode", "", ABSENT), ("opcode_0f_386", "0F ", ABSENT_0F)]


def test_ops_grid_is_what_make_grid_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_grid", CORE / "make_grid.py")
    assert spec and spec.loader
    make_grid = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_grid)

    assert (CORE / "ops_grid.pxi").read_text("utf-8") == make_grid.grid(), (
        "run: python pyx86emu/core/cpu/make_grid.py"
    )


@pytest.mark.parametrize(("function", "escape", "absent"), GRIDS, ids=["one byte", "0F"])
def test_opcodes_stand_in_numeric_order_under_their_number(
    function: str, escape: str, absent: dict[int, str]
) -> None:
    arms = lines(function)
    opcodes = [op for op, _ in arms]

    assert opcodes == sorted(set(opcodes))
    wrong = [f"{op:02X}: {text}" for op, text in arms if not text.startswith(f"{escape}{op:02X} ")]
    assert not wrong, "the trailing comment begins with another number"


@pytest.mark.parametrize(("function", "escape", "absent"), GRIDS, ids=["one byte", "0F"])
def test_every_opcode_has_a_line_or_a_reason_for_having_none(
    function: str, escape: str, absent: dict[int, str]
) -> None:
    present = {op for op, _ in lines(function)}

    forgotten = set(range(0x100)) - present - absent.keys()
    assert not forgotten, f"no line for {escape}{' '.join(f'{op:02X}' for op in sorted(forgotten))}"
    both = present & absent.keys()
    assert not both, f"there is a line now: {escape}{' '.join(f'{op:02X}' for op in sorted(both))}"
