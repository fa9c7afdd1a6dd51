"""The crowd: how fast machines and Vms are made, and what a thousand in one process need."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from json import dumps, loads
from statistics import median
from time import perf_counter
from typing import Any

from ..pc.machine import Machine
from ..vm import Vm
from .children import environment
from .verdicts import spread

#: cli; hlt: a boot sector that halts at once and never continues.
HALT = b"\xfa\xf4".ljust(510, b"\0") + b"\x55\xaa"
#: sti; again: hlt; jmp again. It waits for keys, and wakes at each tick of the timer.
IDLE = b"\xfb\xf4\xeb\xfd".ljust(510, b"\0") + b"\x55\xaa"

PAGE = os.sysconf("SC_PAGE_SIZE")
KIB = 1024
MIB = 1 << 20
#: Vms whose memory is measured, and machines.
VMS, MACHINES = 100, 1000
#: So many are made in one turn.
TURN = 20


@dataclass(frozen=True)
class Row:
    """One figure. The limits of `boot` and `threads` are for `ratio`."""

    name: str
    value: float
    unit: str
    what: str
    ratio: float | None = None
    values: Sequence[float] = ()
    """The repetitions of which `ratio`, or else `value`, is the median."""

    def line(self) -> str:
        """The row as text, below HEAD."""
        value = f"{self.value:.3f} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"{self.name:<16}{value:>16}{ratio:>8}  {self.what}"

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        row: dict[str, Any] = {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
        }
        if self.ratio is not None:
            row["ratio"] = round(self.ratio, 3)
        if self.values:
            row["spread"] = [round(each, 4) for each in spread(self.values)]
        return row


def rates(rounds: int) -> Iterator[Row]:
    """How many are made and closed in a second."""

    def bare() -> Vm:
        vm = Vm()
        vm.add_memory(0, MIB)
        vm.create_vcpu()
        return vm

    yield _rate("machine", lambda: Machine(HALT), rounds, "Machine(boot sector), made and closed")
    what = "Vm with 1 MiB of RAM and a vCPU, made and closed"
    yield _rate("vm-vcpu", bare, rounds, what)


def _rate(name: str, make: Callable[[], Machine | Vm], rounds: int, what: str) -> Row:
    """The median of `rounds` turns; one more comes first, which is not counted."""
    found = []
    for _ in range(rounds + 1):
        start = perf_counter()
        for _ in range(TURN):
            make().close()
        found.append(TURN / (perf_counter() - start))
    return Row(name, median(found[1:]), "/s", what, None, found[1:])


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def halted_vm() -> Vm:
    """Return a Vm with one page of RAM, after it ran a HLT there."""
    vm = Vm()
    ram = vm.add_memory(0, PAGE)
    ram[0] = 0xF4
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0
    vcpu.run()
    return vm


def memory_per_vm(vms: int = VMS) -> float:
    """Return the KiB that a Vm with one vCPU needs in addition to its RAM."""
    first = halted_vm()
    before = resident()
    crowd = [halted_vm() for _ in range(vms)]
    used = resident() - before
    for vm in [first, *crowd]:
        vm.close()
    return used / vms / KIB - PAGE / KIB


def idle_machines(machines: int = MACHINES) -> dict[str, float]:
    """Boot so many machines, which then wait for keys. Of each: "made", KiB before it has run;
    "memory", KiB when it waits, its RAM included; "start", ms from nothing until it waits;
    "second", us of the host for a second of the guest."""
    Machine(IDLE).close()
    begin, before = perf_counter(), resident()
    crowd = [Machine(IDLE) for _ in range(machines)]
    made = resident() - before
    for m in crowd:
        m.run(timeout=1.0)
    start, memory = perf_counter() - begin, resident() - before
    begin = perf_counter()
    for m in crowd:
        m.run(timeout=1.0)
    second = perf_counter() - begin
    for m in crowd:
        m.close()
    return {
        "made": made / machines / KIB,
        "memory": memory / machines / KIB,
        "start": start / machines * 1e3,
        "second": second / machines * 1e6,
    }


def in_new_process(call: str) -> Any:
    """The result of a function of this file in a new process: this one would use memory again that
    it has freed."""
    code = f"from json import dumps; from {__name__} import *; print(dumps({call}))"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, env=environment(), check=True, capture_output=True)
    return loads(out.stdout)


def memory(scale: float) -> Iterator[Row]:
    """The memory of Vms and of machines that wait for keys, and the time of these."""
    what = "a Vm with a vCPU, without its RAM"
    yield Row("memory-per-vm", in_new_process("memory_per_vm()"), "KiB", what)
    machines = max(10, int(MACHINES * min(scale, 1.0)))
    found = in_new_process(f"idle_machines({dumps(machines)})")
    of = f"each of {machines} machines in one process"
    yield Row("idle-made", found["made"], "KiB", f"{of}: memory before it runs")
    yield Row("idle-memory", found["memory"], "KiB", f"{of}: memory when it waits for a key")
    yield Row("idle-start", found["start"], "ms", f"{of}: made, booted, idle for a guest second")
    yield Row("idle-second", found["second"], "us", f"{of}: idle for one more guest second")
