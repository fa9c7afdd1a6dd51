"""Rows with a program: it is run as it stands, and what is seen is put in the row's words."""

from __future__ import annotations

import re
import warnings
from typing import Any

from tests.harness import Guest, count_of, folded
from tests.rows.case import ROWS, Case, row

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
def m32_every_form_of_store_rings(case: Case) -> str:
    """Without MOVNTI, which no 486 has."""
    if case.accel == "kvm":
        return run_program(ROWS["M32"], case)
    guest = case.guest(bytes.fromhex(ROWS["M32"]["code"].replace("0fc307", "")))
    entry = case.ring(guest.vm, 0xD0000, 4, bus="mmio")
    return f"{guest.text()}; counters {entry.read()}"


@row("R20", "HLT; counters 0")
def r20_there_is_no_coprocessor(case: Case) -> str:
    """There is no coprocessor: FNSTCW stores nothing. Whether it reads its operand is not told."""
    if case.accel == "kvm":
        return run_program(ROWS["R20"], case)
    guest = case.guest(bytes.fromhex(ROWS["R20"]["code"]))
    entry = case.ring(guest.vm, 0xD0000, 2, bus="mmio")
    exits = [exit for exit in guest.exits() if exit != "MMIO r 0xd0000 len=2"]
    return f"{'; '.join(exits)}; counters {entry.read()}"
