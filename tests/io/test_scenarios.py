"""Fixed guests, on both back ends: entries in the table, against devices with the same rules.

The guests are those of test_fast_equals_slow.py, without random programs and without counting
instructions. Each is run with entries and with devices, at once and in steps; and the back ends
are compared with each other.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests import on_kvm
from tests.harness import program
from tests.io.test_fast_equals_slow import DATA, ENTRIES, World

#: Guests that begin with ES at the hole D0000h, DX at port 80h and AX 1234h. BX, SI, DI and BP
#: point to data.
SCENARIOS = {
    "every port, as byte, word and dword": """
        e680 e681 e682 e683 e684  ; out 0x80-0x84,al
        e780 e781 e782 e783       ; out 0x80-0x83,ax
        66e780 66e782 66e783      ; out 0x80,eax; out 0x82,eax; out 0x83,eax
    """,
    "values at the port with datamatch": """
        b83412 e780  ; mov ax,0x1234; out 0x80,ax
        b8ffff e780  ; mov ax,0xffff; out 0x80,ax
        b83512 e780  ; mov ax,0x1235; out 0x80,ax
        31c0 e780    ; xor ax,ax; out 0x80,ax
    """,
    "reads never ring": """
        e480 e580 66e583      ; in al,0x80; in ax,0x80; in eax,0x83
        26a00000 26a10200     ; mov al,es:[0]; mov ax,es:[2]
        268b1e0400            ; mov bx,es:[4]
    """,
    "a loop of doorbells": """
        b90900                ; mov cx,9
        e680 e782             ; again: out 0x80,al; out 0x82,ax
        26a30200 26a20000     ; mov es:[2],ax; mov es:[0],al
        e2f2                  ; loop again
    """,
    "stores of every size in the hole": """
        26a20000 26a30000 2666a30000  ; mov es:[0],al, ax, eax
        26a20200 26a30200 2666a30200  ; the same at 2
        26a20400 26a30400 2666a30400  ; the same at 4
        26c606020000 26c7060200ffff   ; mov byte es:[2],0; mov word es:[2],-1
    """,
    "instructions that read and write the hole": """
        26fe060000 26ff060200  ; inc byte es:[0]; inc word es:[2]
        2601060200 2631060400  ; add es:[2],ax; xor es:[4],ax
        2686060000 2687060400  ; xchg es:[0],al; xchg es:[4],ax
        26f6160200             ; not byte es:[2]
        26d1260400             ; shl word es:[4],1
    """,
    "strings to the hole": """
        31ff b90900 f3aa       ; xor di,di; mov cx,9; rep stosb
        31ff b90500 f3ab       ; xor di,di; mov cx,5; rep stosw
        31ff b90700 f3a4       ; xor di,di; mov cx,7; rep movsb
        31ff b90300 f3a5       ; xor di,di; mov cx,3; rep movsw
    """,
    "strings to ports": """
        b90900 f36e            ; mov cx,9; rep outsb
        ba8000 b90300 f36f     ; mov dx,0x80; mov cx,3; rep outsw
        ba8200 b90300 f36f     ; mov dx,0x82; mov cx,3; rep outsw
    """,
    "a stack in the hole": """
        8cc0 8ed0 bc0400       ; mov ax,es; mov ss,ax; mov sp,4
        50 53 bc0600 06        ; push ax; push bx; mov sp,6; push es
    """,
    "stores to RAM with an entry": """
        a20040 a30040 66a30040  ; mov [0x4000],al, ax, eax
        fe060040                ; inc byte [0x4000]
        bf0040 b90400 1e 07 f3aa  ; mov di,0x4000; mov cx,4; push ds; pop es; rep stosb
    """,
    "code that changes itself between two rings": """
        2ec6061410e0           ; mov byte cs:[0x1014],0xe0 (below)
        b90200                 ; mov cx,2
        e680                   ; again: out 0x80,al
        2e800e1410 02          ; or byte cs:[0x1014],2
        b055                   ; mov al,0x55
        b055                   ; mov al,the byte at 1014h
        26a20000               ; mov es:[0],al
        e2ed                   ; loop again
    """,
}


class Run(World):
    """A guest of the table, run to its end."""

    def __init__(self, name: str, accel: str, *, tables: bool, steps: bool = False) -> None:
        super().__init__(program(SCENARIOS[name]), "80486", tables=tables, accel=accel)
        guest = self.guest
        guest.answer = lambda exit: 0
        if steps:
            self.exits = [guest.show(exit) for exit in guest.steps() if exit.reason.name != "DEBUG"]
        else:
            self.exits = guest.exits()[:-1]

    def facts(self) -> dict[str, Any]:
        """What two runs must have in common on every back end."""
        found = super().facts()
        return {name: found[name] for name in ("ram", "rings", "ports", "stores")} | {
            "exits": self.exits
        }


def facts(name: str, accel: str, **how: bool) -> dict[str, Any]:
    run = Run(name, accel, **how)
    try:
        return run.facts()
    finally:
        run.guest.close()


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_entries_equal_devices_with_the_same_rules(name: str, accel: str) -> None:
    on_kvm.need(accel)

    fast = facts(name, accel, tables=True)
    slow = facts(name, accel, tables=False)

    assert fast == slow
    assert sum(fast["rings"].values()) or name == "reads never ring" or "RAM" in name


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_equals_its_steps(name: str, accel: str) -> None:
    on_kvm.need(accel)

    assert facts(name, accel, tables=True) == facts(name, accel, tables=True, steps=True)


@pytest.mark.parametrize("tables", [True, False], ids=["entries", "devices"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_back_ends_agree(name: str, tables: bool) -> None:
    on_kvm.need("kvm")

    assert facts(name, "kvm", tables=tables) == facts(name, "interp", tables=tables)


def test_the_guests_ring_every_entry_that_can_be_rung() -> None:
    rung = {
        entry
        for name in SCENARIOS
        for entry, count in facts(name, "interp", tables=True)["rings"].items()
        if count
    }

    assert rung == {entry for entry in ENTRIES if entry.addr != DATA}
