"""Back ends: what clock, bus and machine use of them, and one that is written in Python."""

from __future__ import annotations

import ast
import errno
import re
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, PioDevice, Vm, _core
from pyx86emu.backend import BusBackend, TimeSource, VcpuBackend, VmBackend
from pyx86emu.bus import Bus
from pyx86emu.clock import Clock
from pyx86emu.vm import BACK_ENDS

PACKAGE = Path(__file__).resolve().parents[2] / "pyx86emu"

# -- the names -------------------------------------------------------------------------------------

#: Who uses a back end: files, what they call it, the Protocol whose names they may use, and what a
#: Vm adds to those.
USERS = (
    ("clock.py", "vm _vm", "TimeSource", ""),
    ("bus.py", "vm _vm", "BusBackend", ""),
    ("forward/peer.py", "vm _vm", "BusBackend", ""),
    ("forward/ranges.py", "vm _vm", "BusBackend", ""),
    ("pc/**/*.py", "vm _vm", "VmBackend", "clock pio mmio save restore vcpus _empty_twin"),
    ("pc/**/*.py", "vcpu", "VcpuBackend", ""),
)
#: Who else a name may be for.
MORE = ("vm.py", "core/face/front.pxi")


def promised(package: Path) -> dict[str, set[str]]:
    """The names of each Protocol of backend.py, those of its bases too."""
    found: dict[str, set[str]] = {}
    for each in ast.parse((package / "backend.py").read_text("utf-8")).body:
        if isinstance(each, ast.ClassDef):
            names = {part.name for part in each.body if isinstance(part, ast.FunctionDef)}
            names |= {ast.unparse(p.target) for p in each.body if isinstance(p, ast.AnnAssign)}
            bases = [found.get(ast.unparse(base), set[str]()) for base in each.bases]
            found[each.name] = names.union(*bases)
    return found


def used(path: Path, called: str) -> Iterator[tuple[int, str]]:
    """Line and name of each `vm.name` in a file, if `called` has "vm"."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            whose = ast.unparse(node.value).rpartition(".")[2]
            if whose in called.split():
                yield node.lineno, node.attr


def not_promised(package: Path) -> list[str]:
    names = promised(package)
    return [
        f"{path.name}:{line} uses {name}, which {protocol} in backend.py does not have"
        for files, called, protocol, more in USERS
        for path in package.glob(files)
        for line, name in used(path, called)
        if name not in names[protocol] | set(more.split())
    ]


def not_used(package: Path) -> list[str]:
    files = (*(each[0] for each in USERS), *MORE)
    paths = [path for each in files for path in package.glob(each)]
    words = {word for path in paths for word in re.findall(r"\w+", path.read_text("utf-8"))}
    return [
        f"{protocol}.{name}"
        for protocol, names in promised(package).items()
        for name in sorted(names - words)
    ]


def test_clock_bus_and_machine_use_what_a_back_end_promises() -> None:
    assert not_promised(PACKAGE) == []


def test_a_back_end_promises_nothing_that_nobody_uses() -> None:
    assert not_used(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("pc/running.py", "self.vcpu.reset()", "self.vcpu.nmi()", "nmi, which VcpuBackend"),
        ("bus.py", "self._vm.device_line(", "self._vm.set_timer(", "set_timer, which BusBackend"),
        ("clock.py", "self._vm.set_timer(", "self._vm.close(", "close, which TimeSource"),
        ("backend.py", "    def kick(", "    def steer(", "kick, which VcpuBackend"),
        ("backend.py", "    def kick(", "    def steer(", "VcpuBackend.steer"),
    ],
)
def test_another_name_is_noticed(tmp_path: Path, file: str, old: str, new: str, found: str) -> None:
    package = tmp_path / "pyx86emu"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("*.so", "roms"))
    text = (package / file).read_text("utf-8")
    assert old in text

    (package / file).write_text(text.replace(old, new), "utf-8")

    assert found in "\n".join([*not_promised(package), *not_used(package)])


# -- a back end in Python --------------------------------------------------------------------------

STEP = 1000
"""Nanoseconds from one exit to the next."""


class Script:
    """A vCPU that runs no instructions: a script says which accesses it makes."""

    def __init__(self, vm: Scripted, model: str = "80486") -> None:
        self.vm = vm
        self.model = model
        self.spent = self.instructions = 0
        self.kicked = False
        self.accesses: deque[dict[str, Any]] = deque()
        self.answers: list[int] = []

    def out(self, port: int, data: bytes) -> None:
        self.accesses.append({"port": port, "data": data})

    def in_(self, port: int, size: int, count: int = 1) -> None:
        self.accesses.append({"port": port, "size": size, "count": count})

    def run(self, max_instructions: int | None = None) -> Exit:
        self.vm.pass_time(STEP)
        if self.kicked:
            self.kicked = False
            return Exit(ExitReason.INTR)
        if not self.accesses:
            return Exit(ExitReason.HLT)
        self.spent += 1
        self.instructions += 1
        access = self.accesses.popleft()
        if "data" in access:
            return Exit(ExitReason.IO, **access)

        def answered(raw: bytes) -> None:
            size = access["size"]
            self.answers += [
                int.from_bytes(raw[at : at + size], "little") for at in range(0, len(raw), size)
            ]
            left = access["count"] - len(raw) // size
            if left:  # reply_one: the rest is asked for by another exit
                self.accesses.appendleft({**access, "count": left})

        return Exit(ExitReason.IO, answer=answered, **access)

    def run_until(
        self,
        max_instructions: int | None = None,
        *,
        deadline: int | None = None,
        look: int | None = None,
        wall_deadline: int | None = None,
    ) -> Exit:
        if deadline is not None and self.vm.time >= deadline:
            return Exit(ExitReason.DEADLINE)
        return self.run(max_instructions)

    def kick(self) -> None:
        self.kicked = True

    def reset(self) -> None:
        self.accesses.clear()


class Scripted:
    """A back end whose accesses all exit."""

    accel = "script"

    def __init__(
        self, irqchip: bool = False, *, shift: int | None = None, clock: str | None = None
    ) -> None:
        self.holder: object = None
        self.time = 0
        self.a20 = True
        self.lines: list[tuple[int, bool]] = []
        self.closed = False
        self._ram = bytearray(0x1000)
        self._deadline: int | None = None
        self._tables = {"pio": _core.RangeTable(), "mmio": _core.RangeTable()}

    def pass_time(self, ns: int) -> None:
        self.time += ns
        if self._deadline is not None and self._deadline <= self.time:
            self._deadline = None
            self._timer()

    def set_timer(self, deadline: int | None, fn: Any, /) -> None:
        self._deadline, self._timer = deadline, fn

    def pressed(self) -> bool:
        return False

    def ranges(self, bus: str, /) -> _core.RangeTable:
        return self._tables[bus]

    started = False

    def device_line(self, gsi: int | None, /) -> int | None:
        self.check_open()
        return gsi

    def irq_line(self, gsi: int, level: bool, /) -> None:
        self.lines.append((gsi, level))

    def ioeventfd(self, *args: Any, **named: Any) -> _core.IoEventFd:
        raise OSError(errno.EOPNOTSUPP, "every access exits: there are no ioeventfds")

    def add_memory(self, *args: Any, **named: Any) -> Any:
        raise OSError(errno.EOPNOTSUPP, "the memory is what it is")

    def read(self, addr: int, size: int) -> bytes:
        return bytes(self._ram[addr : addr + size])

    def write(self, addr: int, data: Any) -> None:
        self._ram[addr : addr + len(data)] = data

    def create_vcpu(self, model: str = "80486") -> Script:
        return Script(self, model)

    def check_open(self) -> None:
        if self.closed:
            raise OSError(errno.EBADF, "closed")

    def close(self) -> None:
        self.closed = True


class Echo(PioDevice):
    """Gives back what was written last, in bytes; raises its line a while after a write."""

    max_size = 1
    length = 4

    def reset(self) -> None:
        self.bytes = bytearray(4)
        self.rang_at: list[int] = []

    def pio_read(self, offset: int, size: int) -> int:
        return self.bytes[offset] | 0x5A00

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.bytes[offset] = value
        self.clock.call_after(2500, self.ring)

    def ring(self) -> None:
        self.rang_at.append(self.clock.now())
        self.irq(True)


def run(vcpu: VcpuBackend, bus: Bus) -> list[Exit]:
    """Run to the HLT; the exits that no device served."""
    left = []
    while (exit := vcpu.run()).reason is not ExitReason.HLT:
        if not bus.dispatch(exit):
            left.append(exit)
    return left


@pytest.mark.parametrize("pull", [False, True])
def test_devices_serve_the_exits_of_another_back_end(pull: bool) -> None:
    back_end = Scripted()
    vm: VmBackend = back_end
    of_bus: BusBackend = vm
    of_clock: TimeSource = vm
    clock = Clock(of_clock)
    bus, device, vcpu = Bus(of_bus, "pio", clock), Echo(), back_end.create_vcpu()
    bus.attach(device, 0x300, gsi=5, pull=pull)
    vcpu.out(0x300, b"\x11\x22\x33\x44")
    vcpu.in_(0x301, 2)
    vcpu.in_(0x300, 1, count=3)
    vcpu.out(0x500, b"x")

    left = run(vcpu, bus)

    assert vcpu.answers == [0x3322, 0x11, 0x11, 0x11]
    assert [exit.port for exit in left] == [0x500]
    assert (
        device.rang_at == [4000] * 4
    )  # a write of four bytes at 1000, and the next exit after 3500
    assert back_end.lines == [(5, True)] * 4


def test_a_vm_has_the_back_end_that_accel_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACK_ENDS, "scripted", Scripted)
    with Vm("scripted") as vm:
        device = Echo()
        vm.pio.attach(device, 0x300)
        vcpu: Any = vm.create_vcpu("8086")
        vcpu.out(0x300, b"\x07")
        vcpu.in_(0x300, 1)

        assert run(vcpu, vm.pio) == []

        vm.write(0x10, b"abc")
        assert vm.read(0x10, 3) == b"abc"
        assert vcpu.answers == [7]
        assert vcpu.vm.holder is vm
        assert vm.time == vm.clock.now() == 3 * STEP
        with pytest.raises(OSError, match="every access exits"):
            vm.pio.ioeventfd(0x510)
    with pytest.raises(OSError, match="closed"):
        vm.pio.attach(Echo(), 0x400)


@pytest.mark.parametrize("accel", ["KVM", "", None, 5, ["interp"]])
def test_an_accelerator_that_there_is_not_is_a_value_error(accel: Any) -> None:
    with pytest.raises(ValueError, match=r"unknown accelerator .*: this build has 'interp'"):
        Vm(accel)


# -- what a Vm hands out ---------------------------------------------------------------------------


def test_what_a_vm_makes_belongs_to_that_vm() -> None:
    with Vm() as vm:
        slot, vcpu, entry = vm.add_memory(0, 0x1000), vm.create_vcpu(), vm.ioeventfd(0x510, 1)

        assert slot.vm is vcpu.vm is entry.vm is vm.ioeventfds[0].vm is vm
        assert vm.slots == (slot,)
        assert vm.vcpus == (vcpu,)
        slot.delete()
        assert slot.vm is None


def test_a_subclass_of_vm_may_have_methods_of_its_own() -> None:
    class Counted(Vm):
        reads = 0

        def read(self, addr: int, size: int) -> bytes:
            self.reads += 1
            return super().read(addr, size)

    with Counted() as vm:
        vm.add_memory(0, 0x1000)
        vm.write(0, b"xyz")

        assert (vm.read(0, 3), vm.reads) == (b"xyz", 1)
