"""Speed without a clock: host instructions of kernels, I/O paths, and what a loop does not use."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import counted as count

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind")

#: Entries, half of them under RAM, slots and watchpoints; then a compute loop with stores and
#: loads. Only run() is counted.
PROGRAM = """
import os, sys
from pyx86emu import Vm
entries, slots, watches = map(int, sys.argv[1:])
vm = Vm()
ram = vm.add_memory(0, 0x100000)
fd = os.eventfd(0, os.EFD_NONBLOCK)
for i in range(entries // 2):
    vm.ioeventfd(0x10000 + i, 1, bus="mmio", fd=fd)
    vm.ioeventfd(0x200000 + i, 1, bus="mmio", fd=fd)
for i in range(slots):
    vm.add_memory(0x100000 + (i << 12), 0x1000)
# mov ecx,100000; l: add ax,cx; mov [9000h],ax; mov bx,[9000h]; push ax; pop dx; dec ecx; jnz l; hlt
code = bytes.fromhex("66b9a0860100 01c8 a30090 8b1e0090 50 5a 6649 75f1 f4")
ram[0x1000:0x1000 + len(code)] = code
vcpu = vm.create_vcpu()
vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.sp = 0, 0x1000, 0x8000
vcpu.debug(watch=[(at, 8, "rw") for at in (0x8FF8, 0x9100, 0xD0000, 0x7000)][:watches])
assert vcpu.run().reason.name == "HLT"
assert vcpu.instructions == 1 + 700_000 + 1
"""


def counted(tmp_path: Path, entries: int = 0, slots: int = 0, watches: int = 0) -> int:
    """Host instructions that the run took."""
    valgrind = shutil.which("valgrind")
    assert valgrind is not None
    done = subprocess.run(
        [
            valgrind,
            "--tool=callgrind",
            f"--callgrind-out-file={tmp_path}/out",
            "--collect-atstart=no",
            "--toggle-collect=__pyx_f_8pyx86emu_5_core_run_core",
            sys.executable,
            "-c",
            PROGRAM,
            *map(str, (entries, slots, watches)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


@pytest.mark.release
@needs_valgrind
@pytest.mark.parametrize("entries", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_entries_cost_a_compute_loop_nothing(tmp_path: Path, entries: int) -> None:
    without, with_ = counted(tmp_path, 0), counted(tmp_path, entries)

    assert without > 700_000
    assert abs(with_ - without) / without < 0.005


@pytest.mark.release
@needs_valgrind
@pytest.mark.parametrize("more", [{"slots": 4096}, {"watches": 4}], ids=["slots", "watchpoints"])
def test_what_a_compute_loop_does_not_access_costs_it_nothing(
    tmp_path: Path, more: dict[str, int]
) -> None:
    """Watchpoints in the granules before and after the one that it stores to."""
    without, with_ = counted(tmp_path), counted(tmp_path, **more)

    assert without > 700_000
    assert abs(with_ - without) / without < 0.005


def off(counts: dict[str, float], expected: dict[str, float]) -> list[str]:
    """Say which counts are not as expected."""
    return [
        f"{name}: {counts[name]} host instructions, {wanted} expected"
        for name, wanted in expected.items()
        if abs(counts[name] - wanted) > max(wanted * count.TOLERANCE, count.LEAST)
    ]


@pytest.mark.release
@needs_valgrind
def test_kernels_and_paths_take_the_host_instructions_they_took() -> None:
    record = json.loads(count.EXPECTED.read_text("utf-8"))
    expected = record["counts"]
    if record["python"] != count.python_version():
        # Devices in Python: the interpreter's own instructions are counted too.
        expected = {k: v for k, v in expected.items() if not k.startswith(("push-", "exit-"))}

    counts = count.measure()

    assert counts.keys() == record["counts"].keys(), count.__doc__
    assert not off(counts, expected), count.__doc__


def test_a_count_that_grew_or_shrank_by_more_than_the_tolerance_is_told() -> None:
    expected = {"alu": 10.0, "fib": 10.0, "sieve": 10.0, "memcpy": 0.2}

    told = off({"alu": 11.5, "fib": 8.5, "sieve": 10.9, "memcpy": 0.25}, expected)

    assert told == [
        "alu: 11.5 host instructions, 10.0 expected",
        "fib: 8.5 host instructions, 10.0 expected",
    ]


def test_a_comparison_names_the_rows_that_differ(capsys: pytest.CaptureFixture[str]) -> None:
    before = {"same": 100.0, "slower": 100.0, "tiny": 0.5, "gone": 1.0}
    now = {"same": 101.9, "slower": 102.1, "tiny": 0.55, "new": 1.0}

    assert count.compare(before, now, 2.0) == 1

    marked = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[-1:] == "*"]
    assert marked == ["slower"]
    assert count.compare({"same": 100.0}, {"same": 101.9}, 2.0) == 0
