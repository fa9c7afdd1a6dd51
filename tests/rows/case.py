"""One row of the list: what it says, the function that shows it, and what such functions share."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pyx86emu import Exit, ExitReason, Vm
from tests.harness import Guest, Running, program, wait_until, worked

HERE = Path(__file__).resolve().parent
ROWS: dict[str, dict[str, Any]] = {
    row["id"]: row for row in json.loads((HERE / "ioeventfd-rows.json").read_text())["rows"]
}
DATAMATCH, PIO, DEASSIGN = 1, 2, 4
Bus = Literal["pio", "mmio"]
#: As the rows write them.
EINTR = "run returns EINTR"
KEEPS_RUNNING = "keeps running until kicked (EINTR)"


class Case:
    """What one row may use; everything it makes is closed afterwards."""

    def __init__(self, stack: contextlib.ExitStack, coalesce: bool, accel: str = "interp") -> None:
        self._stack = stack
        self.coalesce = coalesce
        self.accel = accel

    def guest(self, code: bytes = b"", **options: Any) -> Guest:
        return self._stack.enter_context(Guest(code, accel=self.accel, **options))

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
#: What a KVM shows, where the function has other words for it than the list.
ON_KVM: dict[str, str] = {}


def row(identity: str, *instead: str, kvm: str | None = None) -> Callable[[Show], Show]:
    """Mark the function of a row. `instead`: what is to be seen if that is not the row's text;
    `kvm`: what KVM shows, if the function puts the same in other words."""
    if kvm is not None:
        ON_KVM[identity] = kvm

    def register(function: Show) -> Show:
        assert function.__name__.startswith(f"{identity.lower()}_"), "named after its row"
        assert identity not in FUNCTIONS
        FUNCTIONS[identity] = (function, instead)
        return function

    return register


def table(rows: Iterable[str], function: Callable[[str, Case], str]) -> None:
    """One function for many rows: it is told which."""
    for identity in rows:
        assert identity not in FUNCTIONS
        FUNCTIONS[identity] = (partial(function, identity), ())


def describe(identity: str) -> str:
    """The row as the list has it."""
    row = ROWS[identity]
    asm = f"\n{row['asm']}" if "asm" in row else ""
    return f"{identity} (level {row['level']}): {row['case']}{asm}"


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


OUT_80 = program("e680  ; out 0x80,al")
OUT_80_X3 = program("e680 e680 e680  ; out 0x80,al; out 0x80,al; out 0x80,al")


def poll_of(fd: int) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return dict(poll.poll(0)).get(fd, 0)


def forever(guest: Guest) -> Running[Exit]:
    """Run without a budget, in another thread."""
    return Running(guest.vcpu.run)


def runs_on(guest: Guest) -> str:
    """Run in another thread for as long as anything would show, and kick."""
    vcpu = forever(guest)
    long = worked(guest.vcpu, vcpu)
    wait_until(lambda: not vcpu.going or long())
    if vcpu.going:
        guest.vcpu.kick()
    exit = vcpu.result()
    return KEEPS_RUNNING if exit.reason is ExitReason.INTR else guest.show(exit)
