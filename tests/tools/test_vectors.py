"""Every CPU model against the vectors of real chips, and the two ways to run one instruction."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pyx86emu import ExitReason, Vcpu, Vm
from pyx86emu.tools import conformance
from pyx86emu.tools.conformance import FLAGS, IP, REGISTERS, SP, SS, Array, VectorSet
from tests.tools import vectors
from tests.tools.made import vector
from tests.tools.made import vectors as vectors_of
from tests.tools.vectors import BOARDS, Board

MEMORY = 0x110000
REPEATED = frozenset(b"\x6c\x6d\x6e\x6f\xa4\xa5\xa6\xa7\xaa\xab\xac\xad\xae\xaf")


def need(board: Board) -> VectorSet:
    """The board's tests; where the set is missing, skip, and fail in CI."""
    if why := board.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{why}: CI needs every set of vectors")
        pytest.skip(f"{why}: tests/tools/data/README.md says where it comes from")
    return vectors.tests_of(board)


@pytest.mark.parametrize("board", BOARDS, ids=str)
def test_model_does_what_the_chip_did(board: Board) -> None:
    need(board)

    v, outcomes, verdict = vectors.outcome(board)

    now = vectors.failing(board, v, verdict)
    worse, better = vectors.changes(now, vectors.reached().get(str(board), {}))
    if worse:
        text = conformance.table(v, outcomes, failing=True, samples=2)
        pytest.fail(f"{board}: more failures than in {vectors.REACHED.name}: {worse}\n{text}")
    assert not better, (
        f"fewer failures than in {vectors.REACHED.name}: write it down with "
        f"python -m tests.tools.vectors {board.vectors} --model {board.model} --record"
    )


def test_known_failures_are_of_boards_and_forms_that_exist() -> None:
    by_name = {str(board): board for board in BOARDS}
    for name, known in vectors.reached().items():
        assert name in by_name
        assert known["defined"] == {}, "with defined flags every test must pass"
        if by_name[name].missing() is None:
            forms = set(vectors.load(by_name[name].vectors).forms)
            assert all(set(listed) <= forms for listed in known.values())


def test_386_has_no_opcodes_of_the_486() -> None:
    v = vectors.load("386")
    v = v.select(np.flatnonzero(v.of_forms(vectors.FORMS_OF_THE_486)))
    assert len(set(v.form_of.tolist())) == 20
    # The frame that #UD pushes; tests whose code or frame lies in the vector table are left out.
    registers: Array = v.regs0.astype(np.int64)
    sp, ss = registers[:, SP], registers[:, SS]
    frame: Array = (ss[:, None] << 4) + ((sp[:, None] - 6 + np.arange(6)) & 0xFFFF)
    low = v.any_in_test(v.ram0_off, v.ram0_addr < 0x400) | (frame < 0x400).any(axis=1)
    usable = np.flatnonzero(~low & (sp & 0xFFFF >= 6))
    v, frame = v.select(usable), frame[usable].astype(np.uint32)
    before = v.regs0
    wanted = np.zeros((len(v), 6), np.uint8)
    for column, register in ((0, IP), (2, REGISTERS.index("cs")), (4, FLAGS)):
        wanted[:, column] = before[:, register] & 0xFF
        wanted[:, column + 1] = before[:, register] >> 8 & 0xFF
    v.check = (
        np.arange(0, 6 * len(v) + 1, 6, dtype=np.uint32),
        frame.reshape(-1),
        wanted.reshape(-1),
        np.full(6 * len(v), 0xFF, np.uint8),
    )
    v.regs1[:] = before
    v.regs1[:, REGISTERS.index("cs")] = 0
    v.regs1[:, IP] = 0
    v.regs1[:, SP] = (before[:, SP] & 0xFFFF0000) | (before[:, SP] - 6) & 0xFFFF
    v.fmask[:] = 0xFFFF

    out = conformance.run(v, "80386")

    verdict = conformance.judge(v, out)
    assert len(v) > 1000
    assert verdict.good.all(), conformance.table(v, [out], failing=True, samples=2)


# -- the public API, one instruction at a time ----------------------------------------------------


@pytest.mark.parametrize("board", BOARDS, ids=str)
def test_step_agrees_with_the_compiled_loop(board: Board) -> None:
    v = need(board)
    v = v.select(sample(v, 3 if board in BOARDS[:3] else 1))
    bulk = conformance.run(v, board.model)
    off, addr, _, _ = v.check
    wide = int(np.iinfo(v.regs0.dtype).max)
    with Vm() as vm:
        ram = vm.add_memory(0, MEMORY)
        vcpu = vm.create_vcpu(model=board.model)
        for i in range(len(v)):
            listed, values = v.part(i, "ram0_addr", "ram0_val")
            for where, value in zip(listed.tolist(), values.tolist(), strict=True):
                ram[where : where + 1] = bytes([value])
            for name, number in zip(v.registers, v.regs0[i].tolist(), strict=True):
                setattr(vcpu.regs, name, number)

            step_whole_instruction(vcpu, v.part(i, "code")[0].tobytes())

            got = [getattr(vcpu.regs, name) & wide for name in v.registers]
            where = conformance.explain(v, bulk, i)
            assert got == bulk.regs[i].tolist(), f"registers; the loop made of it:\n{where}"
            touched = addr[int(off[i]) : int(off[i + 1])].tolist()
            memory = [ram[a] for a in touched]
            assert memory == bulk.ram[int(off[i]) : int(off[i + 1])].tolist(), where
            for a in touched:
                ram[a : a + 1] = b"\0"
            assert not ram[0:MEMORY].strip(b"\0"), f"a write elsewhere:\n{where}"


def sample(v: VectorSet, per_form: int) -> np.ndarray:
    """Some rows of every form, always the same ones."""
    rng = np.random.default_rng(1)
    rows = []
    for k in range(len(v.forms)):
        start, stop = int(v.form_start[k]), int(v.form_start[k + 1])
        rows += rng.permutation(np.arange(start, stop))[:per_form].tolist()
    return np.array(sorted(rows), np.int64)


def step_whole_instruction(vcpu: Vcpu, code: bytes) -> None:
    """`step()` does one iteration of a REP: go on until the instruction is left."""
    at = 0
    while code[at] in vectors.PREFIXES:
        at += 1
    repeats = code[at] in REPEATED and bool(set(code[:at]) & {0xF2, 0xF3})
    start = vcpu.regs.cs, vcpu.regs.ip
    for _ in range(300):
        exit = vcpu.step()
        if exit.reason is ExitReason.IO and not exit.write:
            exit.reply(b"\xff" * (exit.size * exit.count))
        elif not repeats or (vcpu.regs.cs, vcpu.regs.ip) != start:
            return
    raise AssertionError("the instruction does not end")


# -- one test after another -----------------------------------------------------------------------

#: A test that leaves something, and one that would see it: with what, in AX, if nothing is left.
LEAVES = {
    "a push": (vector("50", ax=0x1234), vector("8b07", bx=0x7FFE), 0),
    "a store far above": (
        vector("a30000", ax=0x1234, ds=0xFFFF),
        vector("a10000", ds=0xFFFF, ax=5),
        0,
    ),
    "a frame of an interrupt": (vector("cd21", cs=0), vector("8b07", bx=0x7FFA, ax=5), 0),
    "what FS is": (vector("8ee0", ax=0x100), vector("64a10000", ax=5), 0),
    "CR2": (vector("0f22d0", ax=5), vector("0f20d0", ax=7), 0),
}


@pytest.mark.parametrize("name", LEAVES)
@pytest.mark.parametrize("way", range(len(conformance.WAYS)), ids=conformance.WAYS)
def test_no_test_of_a_set_sees_what_another_has_left(name: str, way: int) -> None:
    first, second, ax = LEAVES[name]
    alone = conformance.run(vectors_of(second), "80386", way)

    out = conformance.run(vectors_of(first, second, first, second), "80386", way)

    assert (out.regs[1] == alone.regs[0]).all() and (out.regs[3] == alone.regs[0]).all()
    assert (out.error == 0).all()
    assert out.regs[1][REGISTERS.index("ax")] == ax


def test_the_386_set_on_a_386_has_the_failures_of_its_tests_alone() -> None:
    """BT, BTS and BTC with a register come after tests of other forms that store elsewhere."""
    whole = vectors.load("386")
    verdict = conformance.worst(
        conformance.judge(whole, out) for out in conformance.run_all_ways(whole, "80386")
    )

    failing = conformance.failures(whole, verdict)
    assert not [form for form in failing if form.endswith(("0FA3", "0FAB", "0FBB"))]
