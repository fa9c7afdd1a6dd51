"""Starting up: what is imported, what is measured, a thousand machines in one process."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.measure import boot
from tests.harness import descriptors, python

#: What costs a start tens of milliseconds, and may be imported by those only who need it.
HEAVY = ("numpy", "matplotlib", "unicorn", "asyncio", "PIL", "pyx86emu.measure")


def test_booting_imports_nothing_heavy(tmp_path: Path) -> None:
    image = tmp_path / "halt.img"
    image.write_bytes(boot.HALT)
    program = (
        "import sys; from pyx86emu.cli import main; status = main([sys.argv[1]]);"
        "print(*sys.modules); sys.exit(status)"
    )

    done = python("-c", program, image, stdin=subprocess.DEVNULL)

    assert (done.returncode, done.stderr) == (0, "")
    assert "pyx86emu.pc.machine" in done.stdout.split()
    assert not [name for name in HEAVY if name in done.stdout.split()]


@pytest.mark.release
def test_a_thousand_machines_fit_in_one_process() -> None:
    files = descriptors()
    before = boot.resident()
    with ExitStack() as stack:
        machines = [stack.enter_context(Machine(boot.HALT)) for _ in range(1000)]

        assert all(m.run(timeout=1).reason is ExitReason.HLT for m in machines)

        assert (boot.resident() - before) / len(machines) < 1 << 20
        assert descriptors() - files < 10


@pytest.mark.release
def test_a_vm_needs_less_than_half_a_mebibyte_beyond_its_ram() -> None:
    assert 0 < boot.memory_per_vm(1000) < 512


def test_every_row_is_measured_and_held() -> None:
    rows = list(boot.rows(1, 0.01))

    assert {row.name for row in rows} == {*boot.LIMITS, "python", "memory-per-vm"}
    assert all(row.value > 0 for row in rows)
    assert [verdict.name for verdict in boot.verdicts(rows)] == list(boot.LIMITS)
