"""The rows of two vCPUs: each is there, with its limit, and its guests run as they say."""

from __future__ import annotations

from contextlib import closing

import pytest

from pyx86emu.measure import figures, vcpus


def test_each_row_is_measured_and_the_limits_are_those_of_the_tables() -> None:
    rows = list(vcpus.rows(1, 0.0001))

    assert [row.name for row in rows] == [
        *(f"vcpus-{name}" for name, *_ in vcpus.PAIRS),
        *(f"vcpus-{name}" for name, *_ in vcpus.BESIDE),
        "vcpus-pic-both",
        "vcpus-pit-both",
    ]
    assert all(row.value > 0 and len(row.values) == vcpus.RUNS for row in rows)
    limits = {name: limit for name, *_, limit in (*vcpus.PAIRS, *vcpus.BESIDE)}
    assert {
        verdict.name.removeprefix("vcpus-"): verdict.limit for verdict in figures.verdicts(rows)
    } == {name: limit for name, limit in limits.items() if limit is not None}


@pytest.mark.parametrize(
    "loop",
    [
        *(loop for _, *loops, _, _ in vcpus.PAIRS for loop in loops),
        *(x for _, x, *_ in vcpus.BESIDE),
    ],
)
def test_each_loop_runs_for_ever_and_goes_through_its_inner_loop(loop: vcpus.Loop) -> None:
    with closing(vcpus.machine([loop])) as vm:
        (vcpu,) = vm.vcpus

        vcpu.run(100_000)

        assert vcpu.instructions == vcpus.WARM + 100_000
        assert 0 < vcpu.regs.cx <= 1000
        for bell in vm.ioeventfds:
            assert bell.hits > 30_000


def test_stores_next_to_code_are_in_the_granule_of_the_code() -> None:
    loop = next(loop for name, loop, *_ in vcpus.BESIDE if name == "near-code")
    with closing(vcpus.machine([loop])) as vm:
        before = vm.read(loop.at, 256)

        vm.vcpus[0].run(1000)

        changed = [
            i for i, (a, b) in enumerate(zip(before, vm.read(loop.at, 256), strict=True)) if a != b
        ]
        assert set(changed) <= {0x80, 0x81}
        assert changed
