"""Limits over several runs, and the report of a machine."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pyx86emu import Disk, ExitReason, Machine

MakeMachine = Callable[..., Machine]

SPIN = bytes.fromhex("fa ebfe")
#: out 0E9h,'x'; jmp $
SAY_X = bytes.fromhex("fa b078 e6e9 ebfe")


def test_guest_time_is_shared_out_over_the_runs(machine: MakeMachine) -> None:
    m = machine(SPIN)
    m.boot()
    start, limits = m.time, m.limits(timeout=0.1)

    runs = 0
    while not limits.over:
        assert limits.run(0.03).reason is ExitReason.DEADLINE
        runs += 1

    assert runs == 4
    assert m.time - start == pytest.approx(0.1, abs=1e-4)


def test_instructions_are_shared_out_over_the_runs(machine: MakeMachine) -> None:
    m = machine(SPIN)
    m.boot()
    before, limits = m.vcpu.instructions, m.limits(max_instructions=1000)

    first = limits.run(0.0001)
    last = limits.run()

    assert (first.reason, last.reason) == (ExitReason.DEADLINE, ExitReason.BUDGET)
    assert m.vcpu.instructions - before == 1000
    assert limits.run().reason is ExitReason.BUDGET
    assert not limits.over


def test_real_time_is_one_of_the_limits(machine: MakeMachine) -> None:
    limits = machine(SPIN).limits(wall=0)

    assert limits.over
    assert limits.run().reason is ExitReason.DEADLINE


def test_text_is_found_by_each_run_that_asks(machine: MakeMachine) -> None:
    limits = machine(SAY_X).limits("x", timeout=10)

    assert limits.run().reason is ExitReason.MATCH
    assert limits.run().reason is ExitReason.MATCH
    assert not limits.over


def test_limits_count_from_when_they_are_made(machine: MakeMachine) -> None:
    m = machine(SPIN)
    limits = m.limits(timeout=0.1)

    m.run(timeout=0.2)

    assert limits.over


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e300])
def test_seconds_that_no_run_has_are_refused(machine: MakeMachine, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"^seconds="):
        machine(SPIN).limits().run(seconds)


# -- the report -----------------------------------------------------------------------------------


def test_a_report_says_what_the_guest_did(machine: MakeMachine) -> None:
    # mov al,'x'; out 0E9h,al; mov dx,3F8h; out dx,al; mov ah,0Eh; int 10h; mov al,3; out 0F4h,al
    m = machine(bytes.fromhex("b078 e6e9 baf803 ee b40e cd10 b003 e6f4"), log_limit=1 << 10)

    m.run(timeout=5)
    report = m.report()

    assert report["guest_status"] == 7
    assert (report["debug"], report["serial"]) == ("x", "x")
    assert report["screen"].startswith("x")
    assert report["debug_dropped"] == report["serial_dropped"] == 0
    assert report["instructions"] == m.vcpu.instructions
    assert report["guest_seconds"] == m.time
    assert report["disk_sectors_changed"] == 0


def test_a_report_is_plain_values(machine: MakeMachine) -> None:
    with Disk(bytes(512)) as disk:
        disk.write(3, bytes(512))
        report = machine(disk).report()

    assert json.loads(json.dumps(report)) == report
    assert report["disk_sectors_changed"] == 1


def test_a_machine_without_disk_has_a_report(machine: MakeMachine) -> None:
    assert machine().report()["disk_sectors_changed"] == 0
