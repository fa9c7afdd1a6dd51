"""Rows L: memory slots and the dirty log."""

from __future__ import annotations

import mmap
from typing import Any

import pytest

from tests.harness import count_of, program
from tests.rows.case import Case, result, row


@row("L01", "-EEXIST -EINVAL -EINVAL -EINVAL -EINVAL 0")
def l01_what_no_slot_can_be(case: Case) -> str:
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


@row("L02", "0; size is fixed; readonly: True; moved: 0 EEXIST-free 2a, old place a hole")
def l02_slots_are_moved_and_not_resized(case: Case) -> str:
    guest = case.guest()
    slot = guest.vm.add_memory(0x20000, 0x1000)
    slot[0x20010:0x20011] = b"\x2a"
    with pytest.raises(AttributeError):
        slot.size = 0x2000  # type: ignore[misc]
    moved = result(lambda: slot.move(0x40000))
    there = guest.vm.read(0x40010, 1).hex()
    with pytest.raises(ValueError):
        guest.vm.read(0x20010, 1)
    slot.readonly = True
    fixed = f"0; size is fixed; readonly: {slot.readonly}"
    return f"{fixed}; moved: {moved} EEXIST-free {there}, old place a hole"


@row("L03")
def l03_an_entry_under_a_slot_waits_for_its_end(case: Case) -> str:
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
def l04_one_mapping_at_two_addresses(case: Case) -> str:
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
def l05_the_dirty_log(case: Case) -> str:
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
def l06_the_dirty_log_of_other_stores(case: Case) -> str:
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
