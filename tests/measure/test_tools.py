"""The measurement of the tools: each row is measured, and held against its limit."""

from __future__ import annotations

import pytest

from pyx86emu.measure import (
    figures,
    tools_batch,
    tools_machine,
    tools_observe,
    tools_record,
    tools_state,
)
from pyx86emu.measure.figures import Row


def test_every_row_of_states_is_measured() -> None:
    rows = list(tools_state.rows(1, 0.02))

    assert [row.name for row in rows] == [
        *("restore-32-pages", "save", "save-first", "fork", "fuzz-loop"),
        "fuzz-2-processes",
    ]
    assert all(row.value > 0 for row in rows)
    assert all(row.line().startswith(row.name) and row.as_dict()["unit"] for row in rows)
    assert [row.name for row in rows if row.limit is None] == ["save-first"]


def test_every_row_of_machines_is_measured() -> None:
    rows = list(tools_machine.rows(1, 0.02))

    assert [row.name for row in rows] == [
        *("machine-restore", "machine-save", "machine-fork", "machine-fuzz-loop"),
        "machine-2-processes",
    ]
    assert all(row.value > 0 for row in rows)
    assert [row.name for row in rows if row.limit is None] == ["machine-save"]


def test_every_row_of_recordings_is_measured() -> None:
    rows = list(tools_record.rows(1, 0.02))

    assert [row.name for row in rows] == [
        *("record-cost", "record-goto", "record-step-back", "record-step-worst", "record-run-back"),
    ]
    assert all(row.value > 0 for row in rows)
    assert [row.name for row in rows if row.limit is not None] == ["record-step-worst"]


def test_the_guest_of_the_machine_does_what_it_says() -> None:
    m, once = tools_machine.fuzzer()
    with m:
        assert once() == once() != 0


def test_every_row_of_the_batch_is_measured() -> None:
    rows = list(tools_batch.rows(1, 0.01))

    assert [row.name for row in rows] == [
        *("batch-job", "batch-result", "batch-guest", "batch-guests", "batch-first"),
        *("batch-worker", "batch-inputs", "batch-edges"),
    ]
    assert all(row.value > 0 for row in rows)
    assert all(row.value <= 1024 for row in rows if row.unit == "bytes")


def test_every_row_of_observation_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [tools_observe.BY_NAME[name] for name in ("fib", "crc32", "poll")]
    monkeypatch.setattr(tools_observe, "SMALL", few)

    rows = list(tools_observe.rows(1, 0.02))

    assert [row.name for row in rows] == [
        *("history-median", "history-fib", "history-most", "coverage", "coverage-edges"),
        *("observe-exec", "observe-write", "observe-io"),
    ]
    assert [row.name for row in rows if row.limit is None] == [
        *("history-most", "observe-exec", "observe-write", "observe-io"),
    ]
    assert all(row.value > 0 for row in rows if row.least)


def test_a_row_without_a_limit_has_no_verdict() -> None:
    rows = [
        Row("a", 1, "us", "", limit=2),
        Row("b", 1, "us", ""),
        Row("c", 1, "/s", "", None, 2, True),
    ]

    assert [(verdict.name, verdict.ok) for verdict in figures.verdicts(rows)] == [
        ("a", True),
        ("c", False),
    ]


def test_the_guests_of_the_rows_do_what_they_say() -> None:
    with tools_state.made(tools_state.FILLER) as vm:
        vm.vcpus[0].regs.ax = 1
        vm.vcpus[0].run()
        pages = [vm.read(0x40000 + 4096 * n, 4096).count(0) for n in range(tools_state.PAGES + 1)]
    assert pages[-1] == 4096 and all(zeros < 4096 for zeros in pages[:-1])
    vm, once = tools_state.fuzzer()
    with vm:
        assert once() == once() != 0
        assert vm.vcpus[0].instructions == tools_state.RUN


def test_unicorn_does_the_same() -> None:
    pytest.importorskip("unicorn", reason="Unicorn is not installed")
    data = bytes(range(64))
    vm, _ = tools_state.fuzzer()
    with vm:
        vm.write(tools_state.INPUT, data)
        vm.vcpus[0].run(tools_state.RUN)
        peer = tools_state.Peer(tools_state.PARSER)
        from unicorn.x86_const import UC_X86_REG_SP

        peer.uc.reg_write(UC_X86_REG_SP, 0x8000)
        peer.save()
        assert peer.fuzz(data) == vm.vcpus[0].regs.bx
