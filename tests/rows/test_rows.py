"""The conformance list of the I/O path: every row of ioeventfd-rows.json as a test.

A row with a program is run as it stands. The others have a function here that sets the case up
and renders what it saw in the words of the row. Where pyx86emu departs from KVM on purpose (rows
of level K), the function says what is to be seen instead.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import re
import select
import signal
import tempfile
import time
import tomllib
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from pyx86emu import Exit, ExitReason, MmioDevice, PioDevice, Vm
from tests.harness import (
    BUDGET,
    Guest,
    Running,
    count_of,
    folded,
    program,
    wait_until,
)

HERE = Path(__file__).resolve().parent
ROWS: dict[str, dict[str, Any]] = {
    row["id"]: row for row in json.loads((HERE / "ioeventfd-rows.json").read_text())["rows"]
}
#: Rows that do not hold, with the reason. The tests below let it only shrink.
GAPS: dict[str, str] = {
    row: gap["reason"]
    for gap in tomllib.loads((HERE / "known_gaps.toml").read_text()).get("gap", [])
    for row in gap["rows"]
}
DATAMATCH, PIO, DEASSIGN = 1, 2, 4
Bus = Literal["pio", "mmio"]
EINTR = "run returns EINTR"
KEEPS_RUNNING = "keeps running until kicked (EINTR)"
NO_BUDGET = None


class Case:
    """What one row may use; everything it makes is closed afterwards."""

    def __init__(self, stack: contextlib.ExitStack, coalesce: bool) -> None:
        self._stack = stack
        self.coalesce = coalesce

    def guest(self, code: bytes = b"", **options: Any) -> Guest:
        return self._stack.enter_context(Guest(code, **options))

    def eventfd(self, count: int = 0, flags: int = os.EFD_NONBLOCK) -> int:
        fd = os.eventfd(0, flags | os.EFD_CLOEXEC)
        self.later(fd)
        if count:
            os.eventfd_write(fd, count)
        return fd

    def later(self, fd: int) -> None:
        """Close the descriptor after the row, if nobody has by then."""

        def close() -> None:
            with contextlib.suppress(OSError):
                os.close(fd)

        self._stack.callback(close)

    def ring(self, vm: Vm, port: int = 0x80, length: int = 1, **options: Any) -> Any:
        """Register an entry in the mode under test."""
        return vm.ioeventfd(port, length, coalesce=self.coalesce, **options)


Show = Callable[[Case], str]
FUNCTIONS: dict[str, tuple[Show, tuple[str, ...]]] = {}


def row(identity: str, *instead: str) -> Callable[[Show], Show]:
    """Mark the function of a row; `instead`: what is to be seen if that is not the row's text."""

    def register(function: Show) -> Show:
        assert identity not in FUNCTIONS
        FUNCTIONS[identity] = (function, instead)
        return function

    return register


# -- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identity",
    [pytest.param(it, marks=[pytest.mark.forks] * (it == "T06")) for it in ROWS],
)
def test_row(identity: str) -> None:
    gap = GAPS.get(identity)
    try:
        for coalesce in (True, False):
            with contextlib.ExitStack() as stack:
                seen, wanted = show(identity, Case(stack, coalesce))
                assert seen in wanted, f"{describe(identity)}\nwith coalesce={coalesce}"
    except Exception as error:
        if gap is None:
            error.add_note(describe(identity))
            raise
        pytest.xfail(gap)
    assert gap is None, f"{identity} passes: take it off known_gaps.toml"


def test_gaps_are_rows_with_a_reason() -> None:
    assert set(GAPS) <= set(ROWS)
    assert all(len(reason) > 20 for reason in GAPS.values())


def test_functions_are_of_rows_without_a_program() -> None:
    adapted = {"M32", "R20"}
    assert all(identity in ROWS for identity in FUNCTIONS)
    assert adapted == {identity for identity in FUNCTIONS if "code" in ROWS[identity]}


def describe(identity: str) -> str:
    """The row as the list has it."""
    row = ROWS[identity]
    asm = f"\n{row['asm']}" if "asm" in row else ""
    return f"{identity} (level {row['level']}): {row['case']}{asm}"


def show(identity: str, case: Case) -> tuple[str, tuple[str, ...]]:
    """What is seen, and what may be seen."""
    result = ROWS[identity]["result"]
    if identity in FUNCTIONS:
        function, instead = FUNCTIONS[identity]
        return function(case), instead or (result,)
    if "code" in ROWS[identity]:
        return run_program(ROWS[identity], case), (result,)
    raise NotImplementedError(f"{identity} has no test")


# -- rows with a program --------------------------------------------------------------------------

#: Rows that read a counter 01 02 03 ... at 4000h.
COUNTER_AT_4000 = {"S01", "S02", "S03", "S04", "S05", "S11", "R03"}
REGISTERS = {"rflags": "eflags", "rip": "eip"}


def run_program(row: dict[str, Any], case: Case) -> str:
    """Run a row's program and render what came of it in the row's own form."""
    guest = case.guest(bytes.fromhex(row["code"]))
    if row["id"] in COUNTER_AT_4000:
        guest.ram[0x4000:0x4040] = bytes(range(1, 65))
    if row["id"] == "M18":
        guest.ram[0xFFFE:0x10000] = b"\x11\x22"
    if row["id"] in ("M22", "M23"):
        guest.vm.add_memory(0x20000, 0x1000, readonly=True)
    entries = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # entries that can never be hit
        for e in row["entries"]:
            kept = {"bus": e["bus"], "datamatch": e["datamatch"]}
            entries.append(case.ring(guest.vm, e["addr"], e["length"], fd=case.eventfd(), **kept))
    exits = guest.exits()
    # Some rows count equal neighbours and some write them out.
    parts = [*(folded(exits) if re.search(r" x\d", row["result"]) else exits)]
    if entries:
        parts.append("counters " + ",".join(str(count_of(entry.fileno())) for entry in entries))
    for part in row["result"].split("; "):
        if (seen := look(guest, part, row["id"])) is not None:
            parts.append(seen)
    return "; ".join(parts)


def look(guest: Guest, part: str, identity: str) -> str | None:
    """The register or the memory that a part of a result names; None if it names neither."""
    if match := re.fullmatch(r"(r[a-z]+)=0x[0-9a-f]+", part):
        register = REGISTERS.get(match[1], "e" + match[1][1:])
        return f"{match[1]}={getattr(guest.vcpu.regs, register):#x}"
    if match := re.fullmatch(r"(ram|ram\[0\]|rom|)( ?)([0-9a-f]{2,})", part):
        size = len(match[3]) // 2
        at = {"ram[0]": 0, "rom": 0x20000, "": 0x4000}.get(match[1])
        if at is None:
            at = 0xFFFE if identity in ("M16", "M17") else 0x2000
        if identity == "S10":
            at = 0x4008
        return f"{match[1]}{match[2]}{guest.vm.read(at, size).hex()}"
    return None


@row("M32", "HLT; counters 3")
def _(case: Case) -> str:
    """Without MOVNTI, which no 486 has."""
    guest = case.guest(bytes.fromhex(ROWS["M32"]["code"].replace("0fc307", "")))
    entry = case.ring(guest.vm, 0xD0000, 4, bus="mmio")
    return f"{guest.text()}; counters {entry.read()}"


@row("R20", "HLT; counters 0")
def _(case: Case) -> str:
    """There is no coprocessor: FNSTCW stores nothing. Whether it reads its operand is not told."""
    guest = case.guest(bytes.fromhex(ROWS["R20"]["code"]))
    entry = case.ring(guest.vm, 0xD0000, 2, bus="mmio")
    exits = [exit for exit in guest.exits() if exit != "MMIO r 0xd0000 len=2"]
    return f"{'; '.join(exits)}; counters {entry.read()}"


# -- A B D: registering and deregistering ---------------------------------------------------------


def result(action: Callable[[], object]) -> str:
    """0, or minus the name of the errno that it raised."""
    try:
        action()
    except OSError as error:
        assert error.errno is not None
        return "-" + errno.errorcode[error.errno]
    return "0"


def assign(
    vm: Vm,
    addr: int,
    length: int,
    fd: int,
    bus: Bus = "pio",
    datamatch: int | None = None,
    flags: int = 0,
) -> str:
    """One registration; `flags` is KVM's word and decides alone where it is not 0."""

    def register() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            vm.ioeventfd(addr, length, bus=bus, datamatch=datamatch, fd=fd, flags=flags)

    return result(register)


def deassign(
    vm: Vm,
    addr: int,
    length: int,
    fd: int,
    bus: Bus = "pio",
    datamatch: int | None = None,
    flags: int = 0,
) -> str:
    """One deregistration by its properties."""
    flags |= DEASSIGN | (PIO if bus == "pio" else 0)
    flags |= DATAMATCH if datamatch is not None else 0
    return assign(vm, addr, length, fd, datamatch=datamatch, flags=flags)


def lengths(case: Case, bus: Bus, *sizes: int) -> str:
    """Register every length, each at an address of its own."""
    vm = case.guest().vm
    return " ".join(
        assign(vm, 0x80 + 16 * i, size, case.eventfd(), bus) for i, size in enumerate(sizes)
    )


@row("A01")
def _(case: Case) -> str:
    return lengths(case, "pio", 0)


@row("A02")
def _(case: Case) -> str:
    return lengths(case, "pio", 1, 2, 4, 8)


@row("A03")
def _(case: Case) -> str:
    return lengths(case, "pio", 3, 5, 6, 7, 9, 16, 0x80000001, 0xFFFFFFFF)


@row("A04")
def _(case: Case) -> str:
    return lengths(case, "mmio", 0, 1, 2, 4, 8)


@row("A05")
def _(case: Case) -> str:
    return lengths(case, "mmio", 3, 16)


def with_flags(case: Case, *flags: int) -> str:
    vm = case.guest().vm
    return " ".join(assign(vm, 0x80, 1, case.eventfd(), flags=word) for word in flags)


@row("A06", "-EINVAL -EINVAL -EINVAL")
def _(case: Case) -> str:
    return with_flags(case, 1 << 4, 1 << 5, 1 << 31)


@row("A07", "-EINVAL -EINVAL")
def _(case: Case) -> str:
    return with_flags(case, 1 << 3, PIO | 1 << 3)


@row("A09")
def _(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    return " ".join(assign(vm, 0x80, 0, fd, bus, 5) for bus in ("mmio", "pio"))


@row("A10")
def _(case: Case) -> str:
    vm, top = case.guest().vm, (1 << 64) - 1
    cases = ((top, 1), (top, 0), (top - 7, 8), (top - 8, 8))
    return " ".join(assign(vm, addr, size, case.eventfd(), "mmio") for addr, size in cases)


@row("A11")
def _(case: Case) -> str:
    """In place of KVM's own descriptor: an epoll, which is an anonymous inode too."""
    vm = case.guest().vm
    with (
        tempfile.TemporaryFile() as file,
        open("/dev/null", "rb") as device,
        select.epoll() as poll,
    ):
        reader, writer = os.pipe()
        case.later(reader)
        case.later(writer)
        closed = os.eventfd(0)
        os.close(closed)
        fds = (-1, file.fileno(), reader, closed, device.fileno(), poll.fileno())
        return " ".join(assign(vm, 0x80, 1, fd) for fd in fds)


@row("A14")
def _(case: Case) -> str:
    vm = case.guest().vm
    return " ".join(
        (
            assign(vm, 0x80, 3, -1),
            assign(vm, 0x80, 1, -1, flags=PIO | 1 << 5),
            assign(vm, 0x80, 0, case.eventfd(), datamatch=5, flags=PIO | DATAMATCH | 1 << 5),
        )
    )


@row("A15")
def _(case: Case) -> str:
    vm = case.guest().vm
    return f"{assign(vm, 0x80, 1, case.eventfd())} {assign(vm, 0x80, 1, -1)}"


@row("A16")
def _(case: Case) -> str:
    """Accepted, and never hit: with a warning where that is so."""
    vm = case.guest().vm
    seen = []
    for port, length in ((0x10000, 1), (0x12345678, 1), (0xFFFF, 4)):
        warned = pytest.warns(RuntimeWarning, match="0xffff")
        with warned if port > 0xFFFF else contextlib.nullcontext():
            vm.ioeventfd(port, length, fd=case.eventfd())
        seen.append("0")
    return " ".join(seen)


@row("A17")
def _(case: Case) -> str:
    vm = case.guest().vm
    with pytest.warns(RuntimeWarning, match="0x1234"):
        vm.ioeventfd(0x80, 1, datamatch=0x1234, fd=case.eventfd())
    return "0"


@row("A18")
def _(case: Case) -> str:
    """Without the flag the datamatch is ignored: the entry is a wildcard."""
    guest = case.guest(program("b007 e680  ; mov al,7; out 0x80,al"))
    fd = case.eventfd()
    seen = assign(guest.vm, 0x80, 1, fd, datamatch=5, flags=PIO)
    assert guest.text() == "HLT" and count_of(fd) == 1
    return seen


@row("A19")
def _(case: Case) -> str:
    return assign(case.guest().vm, 0x2000, 1, case.eventfd(), "mmio")


@row("A20")
def _(case: Case) -> str:
    vm = case.guest().vm
    semaphore = case.eventfd(flags=os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
    blocking = case.eventfd(flags=0)
    return f"{assign(vm, 0x80, 1, semaphore)} {assign(vm, 0x81, 1, blocking)}"


@row("A21")
def _(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    seen = {assign(vm, 0x80 + i, 1, fd) for i in range(64)}
    return "all " + " ".join(seen)


@row("A22")
def _(case: Case) -> str:
    vm = case.guest().vm
    return f"{assign(vm, 0x80, 1, case.eventfd())} {assign(vm, 0x80, 1, case.eventfd(), 'mmio')}"


@row("A23")
def _(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    ports = [assign(vm, port, 1, fd) for port in range(5000)]
    stores = [assign(vm, 0xD0000 + i, 0, fd, "mmio") for i in range(5000)]
    return "; ".join(
        f"{name}: {seen.count('0')} ok, then {'no error' if set(seen) == {'0'} else seen}"
        for name, seen in (("PIO", ports), ("MMIO", stores))
    )


@row("A24", "1100 devices on each bus; ioeventfd MMIO 0; PIO 0")
def _(case: Case) -> str:
    vm = case.guest().vm
    for i in range(1100):
        vm.mmio.attach(MmioDevice(), 0x20000 + 16 * i)
        vm.pio.attach(PioDevice(), 0x100 + i)
    stores = assign(vm, 0xD0000, 1, case.eventfd(), "mmio")
    ports = assign(vm, 0x80, 1, case.eventfd())
    return f"1100 devices on each bus; ioeventfd MMIO {stores}; PIO {ports}"


#: Per row: the entry that stands and the one beside it, as (addr, length, bus, datamatch).
BESIDE: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "B01": ((0x80, 1, "pio"), (0x80, 1, "pio")),
    "B03": ((0x80, 2, "pio"), (0x80, 1, "pio")),
    "B04": ((0x80, 1, "pio"), (0x80, 0, "pio")),
    "B05": ((0x80, 0, "pio"), (0x80, 1, "pio")),
    "B06": ((0x80, 1, "pio", 2), (0x80, 1, "pio", 1)),
    "B07": ((0x80, 1, "pio", 1), (0x80, 1, "pio", 1)),
    "B08": ((0x80, 1, "pio", 1), (0x80, 1, "pio")),
    "B09": ((0x80, 1, "pio"), (0x80, 1, "pio", 1)),
    "B10": ((0x80, 1, "pio", 0x101), (0x80, 1, "pio", 1)),
    "B11": ((0x80, 2, "pio", 1), (0x80, 1, "pio", 1)),
    "B12": ((0x81, 1, "pio"), (0x80, 4, "pio")),
    "B13": ((0xD0000, 4, "mmio"), (0xD0000, 0, "mmio")),
}


def beside(identity: str, case: Case, same_fd: bool = False) -> str:
    vm = case.guest().vm
    (addr, length, *first), (addr2, length2, *second) = BESIDE[identity]
    fd = case.eventfd()
    other = fd if same_fd else case.eventfd()
    stands = assign(vm, addr, length, fd, *first)
    return f"{stands} then {assign(vm, addr2, length2, other, *second)}"


for _identity in BESIDE:
    row(_identity)(lambda case, identity=_identity: beside(identity, case))  # type: ignore[misc]


@row("B02")
def _(case: Case) -> str:
    return beside("B01", case, same_fd=True)


#: Per row: the entry that stands, and how it is asked to go, as (addr, length, bus, datamatch).
GOING: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "D05": ((0x80, 1, "pio"), (0x80, 2, "pio")),
    "D06": ((0x80, 1, "pio"), (0x80, 0, "pio")),
    "D07": ((0x80, 1, "pio"), (0x80, 3, "pio")),
    "D08": ((0x80, 1, "pio"), (0x80, 1, "mmio")),
    "D09": ((0x80, 1, "pio", 5), (0x80, 1, "pio")),
    "D10": ((0x80, 1, "pio"), (0x80, 1, "pio", 5)),
    "D11": ((0x80, 1, "pio", 5), (0x80, 1, "pio", 6)),
}


def going(identity: str, case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    (addr, length, *first), (addr2, length2, *second) = GOING[identity]
    assert assign(vm, addr, length, fd, *first) == "0"
    gone = deassign(vm, addr2, length2, fd, *second)
    return f"{gone}; reassign other fd: {assign(vm, addr, length, case.eventfd(), *first)}"


for _identity in GOING:
    row(_identity)(lambda case, identity=_identity: going(identity, case))  # type: ignore[misc]


@row("D01")
def _(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd)
    first, second = deassign(vm, 0x80, 1, fd), deassign(vm, 0x80, 1, fd)
    return f"{first} then {second}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


def gone_through(case: Case, other: Callable[[int], int]) -> str:
    """Deregister through another descriptor, then look whether the place is free."""
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd)
    gone = deassign(vm, 0x80, 1, other(fd))
    return f"{gone}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


@row("D02")
def _(case: Case) -> str:
    return gone_through(case, lambda fd: case.eventfd())


@row("D03")
def _(case: Case) -> str:
    def duplicate(fd: int) -> int:
        copy = os.dup(fd)
        case.later(copy)
        return copy

    return gone_through(case, duplicate)


@row("D04")
def _(case: Case) -> str:
    return gone_through(case, lambda fd: -1)


@row("D12", "-EINVAL; reassign other fd: -EEXIST")
def _(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd)
    gone = deassign(vm, 0x80, 1, fd, flags=1 << 8)
    return f"{gone}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


@row("D13")
def _(case: Case) -> str:
    vm, fd = case.guest().vm, case.eventfd()
    assign(vm, 0x80, 1, fd, datamatch=5, flags=PIO)
    gone = assign(vm, 0x80, 1, fd, datamatch=6, flags=PIO | DEASSIGN)
    return f"{gone}; reassign other fd: {assign(vm, 0x80, 1, case.eventfd())}"


@row("D15")
def _(case: Case) -> str:
    return deassign(case.guest().vm, 0x80, 1, case.eventfd())


@row("D16")
def _(case: Case) -> str:
    guest, fd = case.guest(program("b007 e680  ; mov al,7; out 0x80,al")), case.eventfd()
    entry = case.ring(guest.vm, fd=fd)
    seen = [guest.text()]
    entry.deassign()
    guest.start()
    seen.append(guest.text())
    case.ring(guest.vm, fd=fd)
    guest.start()
    seen.append(guest.text())
    return f"{'; '.join(seen)}; counter {count_of(fd)}"


# -- S M: what happens while an access is pending -------------------------------------------------


@row("S14")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            "be0040 ba8000 fc b90500 f36e  ; mov si,0x4000; mov dx,0x80; cld; mov cx,5; rep outsb"
        )
    )
    fd = case.eventfd()
    exits = [guest.show(guest.run()), guest.show(guest.run())]
    case.ring(guest.vm, fd=fd)
    exits += guest.exits()
    return f"{'; '.join(folded(exits))}; counter {count_of(fd)}"


@row("S15")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            "bf0040 ba8000 fc b90500 f36c  ; mov di,0x4000; mov dx,0x80; cld; mov cx,5; rep insb"
        ),
        answer=lambda exit: b"\x11\x22",
    )
    return f"{guest.text()}; ram {guest.ram[0x4000:0x4006].hex()}"


@row(
    "M35",
    ROWS["M35"]["result"],
    "MMIO w 0xd0ffe len=2 data=1122; HLT; counter 1",
)
def _(case: Case) -> str:
    """Either order of looking the two halves up is allowed."""
    guest = case.guest(
        program(
            """
            b800d0        ; mov ax,0xd000
            8ed8          ; mov ds,ax
            66b811223344  ; mov eax,0x44332211
            66a3fe0f      ; mov [0xffe],eax
            """
        )
    )
    first = guest.show(guest.run())
    entry = case.ring(guest.vm, 0xD1000, 2, bus="mmio")
    return f"{first}; {guest.text()}; counter {entry.read()}"


# -- E: the eventfd itself ------------------------------------------------------------------------

OUT_80 = program("e680  ; out 0x80,al")
OUT_80_X3 = program("e680 e680 e680  ; out 0x80,al; out 0x80,al; out 0x80,al")
MOST = (1 << 64) - 2  # what a write from user space can bring a counter to


@row("E01")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd(flags=os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
    case.ring(guest.vm, fd=fd)
    end = guest.text()
    return f"{end}; reads {','.join(str(count_of(fd)) for _ in range(5))}"


def poll_of(fd: int) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return dict(poll.poll(0)).get(fd, 0)


@row("E02", f"HLT; poll events 0x1; read {MOST:#x} then 0x0")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd(MOST)
    case.ring(guest.vm, fd=fd)
    end = Running(guest.text).result()
    events = poll_of(fd)
    return f"{end}; poll events {events:#x}; read {count_of(fd):#x} then {count_of(fd):#x}"


@row("E03", f"HLT poll 0x1 read {MOST:#x}; HLT poll 0x1 read {MOST:#x}")
def _(case: Case) -> str:
    seen = []
    for code in (OUT_80, OUT_80_X3):
        guest, fd = case.guest(code), case.eventfd(MOST - 1)
        case.ring(guest.vm, fd=fd)
        end = Running(guest.text).result()
        seen.append(f"{end} poll {poll_of(fd):#x} read {count_of(fd):#x}")
    return "; ".join(seen)


@row("E04", f"HLT at once; read {MOST:#x}")
def _(case: Case) -> str:
    """The vCPU never sleeps for a reader, whoever ends up writing."""
    guest, fd = case.guest(OUT_80_X3), case.eventfd(MOST - 1, flags=0)
    case.ring(guest.vm, fd=fd)
    end = Running(guest.text).result(5.0)
    assert os.get_blocking(fd), "O_NONBLOCK belongs to the open file, which is the user's"
    wait_until(lambda: not poll_writable(fd))
    return f"{end} at once; read {count_of(fd):#x}"


def poll_writable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))


@row("E05")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd()
    case.ring(guest.vm, fd=fd)
    copy = os.dup(fd)
    os.close(fd)
    seen = f"dup open: {guest.text()} counter {count_of(copy)}; "
    os.close(copy)
    guest.start()
    new = case.eventfd()
    seen += f"all closed: {guest.text()}; "
    seen += f"assign again with new fd {assign(guest.vm, 0x80, 1, new)}; "
    seen += f"deassign with new fd {deassign(guest.vm, 0x80, 1, new)}; "
    os.close(new)
    return seen + f"deassign with closed fd {deassign(guest.vm, 0x80, 1, new)}"


@row("E06")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80), case.eventfd()
    case.ring(guest.vm, fd=fd)
    new = os.eventfd(0)
    os.dup2(new, fd)  # closes the old one and takes its number, whatever other threads open
    os.close(new)
    return f"same number True; deassign {deassign(guest.vm, 0x80, 1, fd)}"


@row("E07")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b800d0  ; mov ax,0xd000
            8ed8    ; mov ds,ax
            e680    ; out 0x80,al
            e681    ; out 0x81,al
            a20000  ; mov [0],al
            """
        )
    )
    fd = case.eventfd()
    for addr, bus in ((0x80, "pio"), (0x81, "pio"), (0xD0000, "mmio")):
        case.ring(guest.vm, addr, bus=bus, fd=fd)
    return f"{guest.text()}; counter {count_of(fd)}"


@row("E08")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b0ff          ; mov al,0xff
            e680          ; out 0x80,al
            66b878563412  ; mov eax,0x12345678
            66e780        ; out 0x80,eax
            """
        )
    )
    fd = case.eventfd()
    for length in (1, 4):
        case.ring(guest.vm, 0x80, length, fd=fd)
    return f"{guest.text()}; counter {count_of(fd)}"


@row("E09")
def _(case: Case) -> str:
    """With rings added up as well: each OUT here is in a run of its own."""
    guest = case.guest(
        program("e680 f4 e680 f4 e680 f4  ; out 0x80,al; hlt; out 0x80,al; hlt; out 0x80,al; hlt")
    )
    fd = case.eventfd()
    case.ring(guest.vm, fd=fd)
    edges = []
    with select.epoll() as poll:
        poll.register(fd, select.EPOLLIN | select.EPOLLET)
        for _ in range(3):
            assert guest.run().reason is ExitReason.HLT
            edges.append(len(poll.poll(0)))
    return f"wakeups per OUT {edges}, counter {count_of(fd)}"


@row("E10")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd(7)
    case.ring(guest.vm, fd=fd)
    guest.exits()
    os.eventfd_write(fd, 3)
    return f"counter {count_of(fd)}"


@row("E11")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd()
    case.ring(guest.vm, fd=fd)
    guest.exits()
    guest.close()
    os.eventfd_write(fd, 2)
    return f"counter {count_of(fd)}"


@row("E12")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80), case.eventfd(flags=0)
    case.ring(guest.vm, fd=fd)
    reader = Running(lambda: [os.eventfd_read(fd)])
    time.sleep(0.02)
    guest.exits()
    return str(reader.result())


# -- T: threads -----------------------------------------------------------------------------------

OUT_80_FOREVER = program("e680 ebfc  ; again: out 0x80,al; jmp again")
FOREVER = program("ebfe  ; again: jmp again")


def forever(guest: Guest) -> Running:
    """Run without a budget, in another thread."""
    return Running(lambda: guest.vcpu.run())


@row("T01")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80_FOREVER), case.eventfd()
    entry = case.ring(guest.vm, fd=fd)
    vcpu = forever(guest)
    wait_until(lambda: poll_of(fd) != 0)
    entry.deassign()
    before = count_of(fd)
    exit = vcpu.result()
    assert isinstance(exit, Exit)
    after = count_of(fd)
    return (
        f"signals before >0: {before > 0}; after the deassign returned: {after}; "
        f"first exit {guest.show(exit)}"
    )


@row("T02")
def _(case: Case) -> str:
    guest, fd = case.guest(OUT_80_FOREVER), case.eventfd()
    exits = 0

    def pull() -> None:
        nonlocal exits
        while guest.vcpu.run().reason is ExitReason.IO:
            exits += 1

    vcpu = Running(pull)
    wait_until(lambda: exits > 0)
    case.ring(guest.vm, fd=fd)
    before = exits
    wait_until(lambda: poll_of(fd) != 0)
    time.sleep(0.02)
    guest.vcpu.kick()
    vcpu.result()
    after = "0" if exits - before <= 1 else str(exits - before)
    return (
        f"exits before >0: {before > 0}; exits after assign: {after} "
        f"(0 or 1 = the one in flight); signals >0: {count_of(fd) > 0}"
    )


@row("T03")
def _(case: Case) -> str:
    guest = case.guest(program("b9204e e680 e2fc  ; mov cx,20000; again: out 0x80,al; loop again"))
    fd = case.eventfd()
    case.ring(guest.vm, fd=fd)
    second = guest.vm.create_vcpu()
    second.regs.cs, second.regs.eip, second.regs.esp = 0, 0x1000, 0x7000
    runs = [Running(partial(v.run, BUDGET)) for v in (guest.vcpu, second)]
    ends = folded([guest.show(exit) for run in runs if isinstance(exit := run.result(), Exit)])
    return f"{'; '.join(ends)}; counter {count_of(fd)}"


@row("T04")
def _(case: Case) -> str:
    guest = case.guest(FOREVER)
    first = forever(guest)
    time.sleep(0.02)
    second = forever(guest)
    time.sleep(0.05)
    blocks = first.going and second.going
    guest.vcpu.kick()
    wait_until(lambda: not (first.going and second.going))
    guest.vcpu.kick()
    exits = [first.result(), second.result()]
    shown = [guest.show(exit) for exit in exits if isinstance(exit, Exit)]
    return f"second blocks on the vcpu mutex: {blocks}; first {shown[0]}; second {shown[1]}"


@row("T05")
def _(case: Case) -> str:
    guest, fd = (
        case.guest(program("e680 ebfe  ; out 0x80,al; again: jmp again")),
        case.eventfd(flags=0),
    )
    case.ring(guest.vm, fd=fd)
    reader = Running(lambda: [os.eventfd_read(fd)])
    vcpu = forever(guest)
    got = reader.result()
    running = vcpu.going
    guest.vcpu.kick()
    exit = vcpu.result()
    assert isinstance(exit, Exit)
    return f"reader got {got} while vcpu running {running}; then {guest.show(exit)}"


@row("T06", "child: registers 0, HLT, its RAM 2a; parent: RAM 00, counter 1, then HLT and 2")
def _(case: Case) -> str:
    """A forked child goes on with its own copy of RAM; both ring the same eventfds."""
    guest = case.guest(program("c60600202a e680  ; mov byte [0x2000],0x2a; out 0x80,al"))
    fd, reader_writer = case.eventfd(), os.pipe()
    reader, writer = reader_writer
    case.later(reader)
    case.later(writer)
    case.ring(guest.vm, fd=fd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking a process with threads
        child = os.fork()
    if child == 0:
        try:
            signal.alarm(20)
            registers = assign(guest.vm, 0x90, 1, os.eventfd(0))
            end = guest.text()
            told = f"registers {registers}, {end}, its RAM {guest.ram[0x2000]:02x}"
        except BaseException as error:
            told = repr(error)
        os.write(writer, told.encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reader, 1000).decode()
    seen = f"child: {told}; parent: RAM {guest.ram[0x2000]:02x}, counter {count_of(fd)}"
    os.eventfd_write(fd, 1)
    return f"{seen}, then {guest.text()} and {count_of(fd)}"


# -- X: exits and re-entry ------------------------------------------------------------------------


def registers(guest: Guest) -> str:
    regs = guest.vcpu.regs
    return (
        f"rip={regs.eip:#x} rax={regs.eax:#x} rcx={regs.ecx:#x} rsi={regs.esi:#x} rdi={regs.edi:#x}"
    )


def kicked(guest: Guest) -> str:
    """Enter with the kick flag set: what is pending is completed, nothing more is executed."""
    guest.vcpu.kick()
    return guest.show(guest.run())


def stopped_at(case: Case, code: bytes, answer: int = 0x5A) -> str:
    """The registers at the first exit, after completing it, and what comes then."""
    guest = case.guest(code, answer=lambda exit: bytes([answer]) * (exit.size * exit.count))
    first = guest.show(guest.run())
    at_exit = registers(guest)
    assert kicked(guest) == EINTR
    after = registers(guest)
    then = guest.show(guest.run())
    completed = f"after immediate_exit re-entry ({EINTR}): {after}"
    return f"{first}; at exit: {at_exit}; {completed}; then {then}"


@row("X02")
def _(case: Case) -> str:
    return stopped_at(case, OUT_80)


@row("X03")
def _(case: Case) -> str:
    return stopped_at(case, program("e480  ; in al,0x80"))


@row("X04")
def _(case: Case) -> str:
    return stopped_at(case, program("b800d0 8ed8 a20000  ; mov ax,0xd000; mov ds,ax; mov [0],al"))


@row("X05")
def _(case: Case) -> str:
    return stopped_at(case, program("b800d0 8ed8 a00000  ; mov ax,0xd000; mov ds,ax; mov al,[0]"))


@row("X06")
def _(case: Case) -> str:
    return stopped_at(case, program("f4 e681  ; hlt; out 0x81,al"))


@row("X07")
def _(case: Case) -> str:
    return stopped_at(
        case,
        program("be0040 ba8000 b90300 f36e  ; mov si,0x4000; mov dx,0x80; mov cx,3; rep outsb"),
    )


@row("X08")
def _(case: Case) -> str:
    code = program(
        "b800d0 8ec0 31ff b90300 f3aa  ; mov ax,0xd000; mov es,ax; xor di,di; mov cx,3; rep stosb"
    )
    return stopped_at(case, code)


@row("X09")
def _(case: Case) -> str:
    return stopped_at(
        case, program("bf0040 ba8000 b90300 f36c  ; mov di,0x4000; mov dx,0x80; mov cx,3; rep insb")
    )


def answered(case: Case, code: bytes, *answers: bytes | int | None) -> Guest:
    """Run with these answers in turn; None leaves an access unanswered."""
    left = iter(answers)
    guest = case.guest(code, answer=lambda exit: next(left))
    assert guest.exits()[-1] == "HLT"
    return guest


def rax(guest: Guest) -> str:
    return f"rax={guest.vcpu.regs.eax:#x}"


IN_TWICE = program("e480 88c4 e480  ; in al,0x80; mov ah,al; in al,0x80")


@row("X10")
def _(case: Case) -> str:
    fresh = answered(case, program("e480  ; in al,0x80"), None)
    return f"{rax(fresh)}; {rax(answered(case, IN_TWICE, 0x5A, None))}"


@row("X11")
def _(case: Case) -> str:
    return rax(
        answered(case, program("b800d0 8ed8 a10000  ; mov ax,0xd000; mov ds,ax; mov ax,[0]"), None)
    )


@row("X11b", "rax=0x5a00")
def _(case: Case) -> str:
    code = program(
        """
        b800d0  ; mov ax,0xd000
        8ed8    ; mov ds,ax
        a00000  ; mov al,[0]
        88c4    ; mov ah,al
        a00000  ; mov al,[0]
        """
    )
    return rax(answered(case, code, b"\x5a", None))


@row("X12")
def _(case: Case) -> str:
    code = program("66b844332211 e580  ; mov eax,0x11223344; in ax,0x80")
    as_number = rax(answered(case, code, 0xDDCCBBAA))
    assert rax(answered(case, code, b"\xaa\xbb\xcc\xdd")) == as_number
    return as_number


@row("X13")
def _(case: Case) -> str:
    port = rax(answered(case, program("66e580  ; in eax,0x80"), b"\xaa\xbb\xcc\xdd"))
    code = program("b800d0 8ed8 66a10000  ; mov ax,0xd000; mov ds,ax; mov eax,[0]")
    assert rax(answered(case, code, 0xDDCCBBAA)) == port
    return port


def written_between(case: Case, register: str, value: int) -> str:
    """Write a register while an IN is pending."""
    guest = case.guest(program("e480  ; in al,0x80"))
    assert guest.run().reason is ExitReason.IO
    with pytest.raises((RuntimeError, OSError, ValueError)):
        setattr(guest.vcpu.regs, register, value)
    return f"refused; {guest.text()} {rax(guest)} rip={guest.vcpu.regs.eip:#x}"


@row("X14", "refused; HLT rax=0xa5 rip=0x1003")
def _(case: Case) -> str:
    return written_between(case, "eax", 0x7700)


@row("X15", "refused; HLT rax=0xa5 rip=0x1003")
def _(case: Case) -> str:
    return written_between(case, "eip", 0x2000)


@row("X16", f"{EINTR} rip=0x1000; then HLT")
def _(case: Case) -> str:
    """KVM's flag stays up until its owner takes it down; one `kick()` is good for one return."""
    guest = case.guest(program("90  ; nop"))
    first = kicked(guest)
    return f"{first} rip={guest.vcpu.regs.eip:#x}; then {guest.text()}"


@row("X17")
def _(case: Case) -> str:
    """Signals are handled while the guest runs on; the handler's kick is what ends it."""
    guest, alarms = case.guest(FOREVER), 0

    def alarm(number: int, frame: object) -> None:
        nonlocal alarms
        alarms += 1
        if alarms == 3:
            guest.vcpu.kick()

    old = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        exit = guest.vcpu.run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return KEEPS_RUNNING if exit.reason is ExitReason.INTR and alarms == 3 else guest.show(exit)


@row("X18", f"still running after 0.05s: True; after a kick: {EINTR}")
def _(case: Case) -> str:
    guest = case.guest(FOREVER)
    vcpu = forever(guest)
    time.sleep(0.05)
    still = vcpu.going
    guest.vcpu.kick()
    exit = vcpu.result()
    assert isinstance(exit, Exit)
    return f"still running after 0.05s: {still}; after a kick: {guest.show(exit)}"


@row("X20")
def _(case: Case) -> str:
    guest = case.guest(program("90 0f0b  ; nop; ud2"))
    return f"{guest.text()}; stack ip,cs,flags {guest.frame()}"


@row("X24")
def _(case: Case) -> str:
    guest = case.guest(program("31c9 f7f1  ; xor cx,cx; div cx"))
    return f"{guest.text()} stack ip,cs,flags {guest.frame()}"


@row("X25")
def _(case: Case) -> str:
    word = case.guest(program("bbffff 8b07  ; mov bx,0xffff; mov ax,[bx]"))
    pop = case.guest(program("bcffff 58  ; mov sp,0xffff; pop ax"))
    return f"{word.text()} stack ip,cs,flags {word.frame()}; pop: {pop.text()}"


@row("X29")
def _(case: Case) -> str:
    """Ready is what an interrupt is accepted at."""
    seen = []
    for name, code in (
        ("cli; hlt", program("fa f4  ; cli; hlt")),
        ("sti; nop; hlt", program("fb 90 f4  ; sti; nop; hlt")),
        ("sti; hlt", program("fb f4  ; sti; hlt")),
    ):
        guest = case.guest(code)
        assert guest.text() == "HLT"
        flag = guest.vcpu.regs.eflags >> 9 & 1
        ready = int(inject(guest, 0x20) == "0")
        seen.append(f"{name}: if {flag} ready {ready}")
    return "; ".join(seen)


@row("X30")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            """
        b800d0  ; mov ax,0xd000
        8ec0    ; mov es,ax
        31ff    ; xor di,di
        ba8000  ; mov dx,0x80
        fc      ; cld
        6c      ; insb
        """
        )
    )
    return guest.text()


# -- V: interrupts from the outside ---------------------------------------------------------------

VECTOR = 0x20
HANDLER = program("b099 e699 cf  ; mov al,0x99; out 0x99,al; iret")


def interruptible(case: Case, code: bytes, flags: int = 0x202, **options: Any) -> Guest:
    guest = case.guest(code, flags=flags, **options)
    guest.ram[0x3000 : 0x3000 + len(HANDLER)] = HANDLER
    guest.vector(VECTOR, 0x3000)
    return guest


def inject(guest: Guest, vector: int = VECTOR) -> str:
    return result(lambda: guest.vcpu.interrupt(vector))


OUT_81 = program("e681  ; out 0x81,al")


@row("V01")
def _(case: Case) -> str:
    guest = interruptible(case, OUT_81)
    return f"{inject(guest)}; {guest.text()}; stack ip,cs,flags {guest.frame()}"


@row("V02", "-EAGAIN; IO out port=0x81 size=1 count=1 data=00; HLT")
def _(case: Case) -> str:
    guest = interruptible(case, OUT_81, flags=2)
    return f"{inject(guest)}; {guest.text()}"


@row(
    "V03",
    "-EAGAIN; IO out port=0x80 size=1 count=1 data=00; "
    "IO out port=0x81 size=1 count=1 data=00; HLT",
)
def _(case: Case) -> str:
    guest = interruptible(
        case, program("e680 fb 90 e681  ; out 0x80,al; sti; nop; out 0x81,al"), flags=2
    )
    return f"{inject(guest)}; {guest.text()}"


@row("V04", "0 -EAGAIN; -EINVAL -EINVAL")
def _(case: Case) -> str:
    guest = interruptible(case, OUT_81)
    twice = f"{inject(guest)} {inject(guest)}"
    return f"{twice}; {inject(guest, 256)} {inject(guest, -1)}"


def window(guest: Guest) -> str:
    """Ask for an interrupt window, and run until it opens or for a while."""
    guest.vcpu.request_interrupt_window = True
    seen = runs_on(guest)
    return seen if seen == KEEPS_RUNNING else f"{seen} rip={guest.vcpu.regs.eip:#x}"


@row("V05b")
def _(case: Case) -> str:
    guest = case.guest(FOREVER, flags=0x202)
    opened = window(guest)
    return f"{opened} ready {guest.vcpu.ready:d} if {guest.vcpu.if_flag:d}"


@row("V05c")
def _(case: Case) -> str:
    closed = window(case.guest(FOREVER))
    opened = window(
        case.guest(
            program("90 90 90 90 fb 90 ebfe  ; nop; nop; nop; nop; sti; nop; again: jmp again")
        )
    )
    return f"{closed}; {opened}"


@row("V09")
def _(case: Case) -> str:
    guest = interruptible(case, program("f4 e681  ; hlt; out 0x81,al"))
    halted = guest.text()
    return f"{halted}; {inject(guest)}; {guest.text()}"


@row("V10")
def _(case: Case) -> str:
    guest = interruptible(
        case,
        program("fb 90 e480 88c3 e681  ; sti; nop; in al,0x80; mov bl,al; out 0x81,al"),
    )
    pending = guest.show(guest.run())
    seen = f"{pending}; {inject(guest)}; {guest.text()}"
    return f"{seen}; stack {guest.frame()} rbx={guest.vcpu.regs.ebx:#x}"


@row("V11")
def _(case: Case) -> str:
    guest = interruptible(
        case,
        program(
            """
            fb      ; sti
            b800d0  ; mov ax,0xd000
            8ec0    ; mov es,ax
            31ff    ; xor di,di
            b90300  ; mov cx,3
            f3aa    ; rep stosb
            """
        ),
    )
    first = guest.show(guest.run())
    seen = f"{first}; {inject(guest)}; {guest.text()}"
    return f"{seen}; stack {guest.frame()}"


@row("V15")
def _(case: Case) -> str:
    guest = case.guest(
        program("f9 680001 9d bb0100  ; stc; push word 0x100; popf; mov bx,1"),
    )
    return f"{guest.text()} stack ip,cs,flags {guest.frame()}"


# -- G: single-step -------------------------------------------------------------------------------


def stepped(guest: Guest, times: int) -> list[str]:
    """So many exits of a guest that is being debugged."""
    return [guest.show(guest.run()) for _ in range(times)]


STEP = "DEBUG exc=1 pc={:#x} dr6=0xffff4ff0".format


@row("G01")
def _(case: Case) -> str:
    guest = case.guest(program("90 90 f4  ; nop; nop; hlt"))
    begun = result(lambda: guest.vcpu.debug(singlestep=True))
    return f"{begun} {'; '.join(stepped(guest, 4))}"


@row("G03")
def _(case: Case) -> str:
    guest = case.guest(program("90 90 90  ; nop; nop; nop"))
    begun = result(lambda: guest.vcpu.debug(breakpoints=[0x1001]))
    return f"{begun} {'; '.join(stepped(guest, 1))}"


@row(
    "G04",
    "; ".join(
        (
            STEP(0x1002),
            *("IO out port=0x81 size=1 count=1 data=00", STEP(0x1004)),
            *("IO in port=0x81 size=1 count=1", STEP(0x1006)),
            STEP(0x1007) + " counter 1",
        )
    ),
)
def _(case: Case) -> str:
    """The step event of an instruction that exits for a write follows the exit."""
    guest = case.guest(program("e680 e681 e481 90  ; out 0x80,al; out 0x81,al; in al,0x81; nop"))
    entry = case.ring(guest.vm)
    guest.vcpu.debug(singlestep=True)
    return f"{'; '.join(stepped(guest, 6))} counter {entry.read()}"


@row(
    "G05",
    "; ".join(STEP(pc) for pc in (0x1003, 0x1006, 0x1009, 0x1009, 0x1009, 0x100B, 0x100C))
    + " counter 3",
)
def _(case: Case) -> str:
    """A REP steps once per element (section 12). KVM's emulator did all three in one step."""
    guest = case.guest(
        program(
            "be0040 ba8000 b90300 f36e f4  ; mov si,0x4000; mov dx,0x80; mov cx,3; rep outsb; hlt"
        )
    )
    entry = case.ring(guest.vm)
    guest.vcpu.debug(singlestep=True)
    return f"{'; '.join(stepped(guest, 7))} counter {entry.read()}"


# -- I: interrupt eventfds ------------------------------------------------------------------------

GSI = 5
#: Vectors from 20h up; only line 5 is open; then a loop.
WAIT_FOR_LINE_5 = program(
    """
    b011  ; mov al,0x11
    e620  ; out 0x20,al
    b020  ; mov al,0x20
    e621  ; out 0x21,al
    b004  ; mov al,4
    e621  ; out 0x21,al
    b001  ; mov al,1
    e621  ; out 0x21,al
    b0df  ; mov al,0xdf
    e621  ; out 0x21,al
    fb    ; sti
    ebfe  ; again: jmp again
    """
)
#: The same, ringing port 80h first.
RING_AND_WAIT = program(
    """
    b011  ; mov al,0x11
    e620  ; out 0x20,al
    b020  ; mov al,0x20
    e621  ; out 0x21,al
    b004  ; mov al,4
    e621  ; out 0x21,al
    b001  ; mov al,1
    e621  ; out 0x21,al
    b0df  ; mov al,0xdf
    e621  ; out 0x21,al
    fb    ; sti
    e680  ; out 0x80,al
    ebfe  ; again: jmp again
    """
)
LINE_5_HANDLER = program(
    "b099 e699 b020 e620 cf  ; mov al,0x99; out 0x99,al; mov al,0x20; out 0x20,al; iret"
)


def with_chips(case: Case, code: bytes = WAIT_FOR_LINE_5) -> Guest:
    guest = case.guest(code, irqchip=True)
    guest.ram[0x3000 : 0x3000 + len(LINE_5_HANDLER)] = LINE_5_HANDLER
    guest.vector(0x20 + GSI, 0x3000)
    return guest


def runs_on(guest: Guest) -> str:
    """Run in another thread, look that nothing happens for a while, and kick."""
    vcpu = forever(guest)
    time.sleep(0.05)
    if vcpu.going:
        guest.vcpu.kick()
    exit = vcpu.result()
    assert isinstance(exit, Exit)
    return KEEPS_RUNNING if exit.reason is ExitReason.INTR else guest.show(exit)


def next_exit(guest: Guest) -> str:
    """The next exit, with patience: irqfds are looked at by another thread."""
    vcpu = forever(guest)
    exit = vcpu.result(5.0)
    assert isinstance(exit, Exit)
    return guest.show(exit)


@row("I01")
def _(case: Case) -> str:
    vm = case.guest().vm
    return result(lambda: vm.irqfd(GSI, case.eventfd()))


@row("I02")
def _(case: Case) -> str:
    vm, fd, other = with_chips(case).vm, case.eventfd(), case.eventfd()
    cases = ((GSI, fd), (GSI, fd), (GSI + 1, fd), (GSI, other))
    return " ".join(result(lambda: vm.irqfd(gsi, fd)) for gsi, fd in cases)  # noqa: B023


@row("I03", "-EBADF -EINVAL -EINVAL -EINVAL")
def _(case: Case) -> str:
    """Lines that do not exist are refused; flags and padding have no counterpart."""
    vm = with_chips(case).vm
    with tempfile.TemporaryFile() as file:
        good = case.eventfd()
        cases = ((GSI, -1), (GSI, file.fileno()), (4096, good), (0xFFFFFFFF, good))
        return " ".join(result(lambda: vm.irqfd(gsi, fd)) for gsi, fd in cases)  # noqa: B023


@row("I04")
def _(case: Case) -> str:
    vm, fd = with_chips(case).vm, case.eventfd()
    seen = [result(lambda: vm.irqfd_deassign(GSI, fd))]
    vm.irqfd(GSI, fd)
    for gsi, number in ((GSI + 1, fd), (GSI, fd), (GSI, fd), (GSI, -1)):
        seen.append(result(lambda: vm.irqfd_deassign(gsi, number)))  # noqa: B023
    return " ".join(seen)


@row("I05")
def _(case: Case) -> str:
    guest, fd = with_chips(case), case.eventfd()
    guest.vm.irqfd(GSI, fd)
    assert runs_on(guest) == KEEPS_RUNNING
    seen = []
    for count in (1, 5):
        os.eventfd_write(fd, count)
        seen += [next_exit(guest), runs_on(guest), f"counter {count_of(fd)}"]
    return "; ".join(seen)


@row("I06")
def _(case: Case) -> str:
    guest, fd = with_chips(case), case.eventfd(3)
    assert runs_on(guest) == KEEPS_RUNNING
    guest.vm.irqfd(GSI, fd)
    return f"{next_exit(guest)}; {runs_on(guest)}; counter {count_of(fd)}"


@row("I07")
def _(case: Case) -> str:
    guest, fd = with_chips(case, RING_AND_WAIT), case.eventfd()
    guest.vm.irqfd(GSI, fd)
    case.ring(guest.vm, fd=fd)
    return f"{next_exit(guest)}; {runs_on(guest)}; counter {count_of(fd)}"


@row("I08")
def _(case: Case) -> str:
    guest, fd, resample = with_chips(case), case.eventfd(), case.eventfd()
    assert runs_on(guest) == KEEPS_RUNNING
    seen = result(lambda: guest.vm.irqfd(GSI, fd, resample=resample))
    os.eventfd_write(fd, 1)
    seen += f"; {next_exit(guest)}; {runs_on(guest)}"
    return f"{seen}; resamplefd {count_of(resample)}; counter {count_of(fd)}"


@row("I09")
def _(case: Case) -> str:
    vm = with_chips(case).vm
    return result(lambda: vm.irqfd(GSI, case.eventfd(), resample=-1))


@row("I10")
def _(case: Case) -> str:
    vm, fd = with_chips(case).vm, case.eventfd()
    vm.irqfd(GSI, fd)
    os.close(fd)
    return result(lambda: vm.irqfd(GSI, case.eventfd()))


@row("I12", f"0 0; {KEEPS_RUNNING}; counters 1,1; imr read back 0x0")
def _(case: Case) -> str:
    """An ioeventfd always wins over a device of the core."""
    guest = case.guest(
        program(
            """
            b020  ; mov al,0x20
            e620  ; out 0x20,al
            b05a  ; mov al,0x5a
            e621  ; out 0x21,al
            e421  ; in al,0x21
            ebfe  ; again: jmp again
            """
        ),
        irqchip=True,
    )
    fds = case.eventfd(), case.eventfd()
    made = " ".join(assign(guest.vm, 0x20 + i, 1, fd) for i, fd in enumerate(fds))
    seen = f"{made}; {runs_on(guest)}; counters {count_of(fds[0])},{count_of(fds[1])}"
    return f"{seen}; imr read back {guest.vcpu.regs.al:#x}"


# -- L: memory slots and the dirty log ------------------------------------------------------------


@row("L01", "-EEXIST -EINVAL -EINVAL -EINVAL -EINVAL 0")
def _(case: Case) -> str:
    """Overlap; unaligned address, size, host address; delete again; delete. No numbers here."""
    vm = case.guest().vm
    slot = vm.add_memory(0x30000, 0x1000)
    page = memoryview(mmap.mmap(-1, 0x3000))
    once = result(slot.delete)
    return " ".join(
        (
            result(lambda: vm.add_memory(0x8000, 0x10000)),
            result(lambda: vm.add_memory(0x20800, 0x1000)),
            result(lambda: vm.add_memory(0x20000, 0x1800)),
            result(lambda: vm.add_memory(0x20000, buffer=page[1:0x1001])),
            result(slot.delete),
            once,
        )
    )


@row("L02", "0; size and readonly are fixed; moved: 0 EEXIST-free 2a, old place a hole")
def _(case: Case) -> str:
    guest = case.guest()
    slot = guest.vm.add_memory(0x20000, 0x1000)
    slot[0x20010:0x20011] = b"\x2a"
    for name, value in (("size", 0x2000), ("readonly", True)):
        with pytest.raises(AttributeError):
            setattr(slot, name, value)
    moved = result(lambda: slot.move(0x40000))
    there = guest.vm.read(0x40010, 1).hex()
    with pytest.raises(ValueError):
        guest.vm.read(0x20010, 1)
    return f"0; size and readonly are fixed; moved: {moved} EEXIST-free {there}, old place a hole"


@row("L03")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b80020  ; mov ax,0x2000
            8ed8    ; mov ds,ax
            a20000  ; mov [0],al
            e680    ; out 0x80,al
            a20000  ; mov [0],al
            """
        )
    )
    slot = guest.vm.add_memory(0x20000, 0x1000)
    fd = case.eventfd()
    case.ring(guest.vm, 0x20000, bus="mmio", fd=fd)
    seen = f"{guest.show(guest.run())} counter {count_of(fd)}"
    slot.delete()
    return f"{seen}; {guest.text()} counter {count_of(fd)}"


@row("L04")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b80020      ; mov ax,0x2000
            8ed8        ; mov ds,ax
            c606050077  ; mov byte [5],0x77
            b80030      ; mov ax,0x3000
            8ed8        ; mov ds,ax
            a00500      ; mov al,[5]
            """
        )
    )
    page = mmap.mmap(-1, 0x1000)
    made = " ".join(
        result(lambda: guest.vm.add_memory(addr, buffer=page))  # noqa: B023
        for addr in (0x20000, 0x30000)
    )
    return f"{made} {guest.text()} al={guest.vcpu.regs.al:#x}"


def pages(slot: Any) -> list[int]:
    """The numbers of the dirty pages, which are clean afterwards."""
    bitmap = slot.dirty()
    return [8 * i + bit for i, byte in enumerate(bitmap) for bit in range(8) if byte >> bit & 1]


@row("L05")
def _(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b80020    ; mov ax,0x2000
            8ed8      ; mov ds,ax
            a20010    ; mov [0x1000],al
            a3ff2f    ; mov [0x2fff],ax
            f4        ; hlt
            b800d0    ; mov ax,0xd000
            8ed8      ; mov ds,ax
            a20000    ; mov [0],al
            b80020    ; mov ax,0x2000
            8ed8      ; mov ds,ax
            fe060050  ; inc byte [0x5000]
            """
        )
    )
    slot = guest.vm.add_memory(0x20000, 0x8000, dirty_log=True)
    case.ring(guest.vm, 0xD0000, bus="mmio")
    guest.exits()
    seen = [pages(slot), pages(slot)]
    slot[0x27000:0x27001] = b"\x01"
    guest.exits()
    seen.append(pages(slot))
    shown = " then ".join(str(pages) for pages in seen)
    no_log = result(guest.ram.dirty)
    slot.delete()
    return f"{shown}; no-log slot: {no_log}; unknown slot {result(slot.dirty)}"


@row("L06")
def _(case: Case) -> str:
    """Page 0: the value that was there. 1: INSB. 2: PUSH. Page 3 is of a read-only slot."""
    guest = case.guest(
        program(
            """
            b80020      ; mov ax,0x2000
            8ed8        ; mov ds,ax
            8ec0        ; mov es,ax
            8ed0        ; mov ss,ax
            c606000000  ; mov byte [0],0
            bffe1f      ; mov di,0x1ffe
            ba8000      ; mov dx,0x80
            b90200      ; mov cx,2
            fc          ; cld
            f36c        ; rep insb
            f4          ; hlt
            bc0030      ; mov sp,0x3000
            50          ; push ax
            c606008001  ; mov byte [0x8000],1
            """
        )
    )
    slot = guest.vm.add_memory(0x20000, 0x8000, dirty_log=True)
    rom = guest.vm.add_memory(0x28000, 0x1000, readonly=True, dirty_log=True)
    guest.exits()
    seen = str(pages(slot))
    exits = guest.exits()
    assert exits == ["MMIO w 0x28000 len=1 data=01", "HLT"]
    assert pages(slot) == [2] and pages(rom) == []
    return seen
