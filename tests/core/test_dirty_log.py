"""The dirty log against a model of it: stores, logs taken whole and in parts, A20, ROM, states."""

from __future__ import annotations

import contextlib
import random
import threading

import pytest

from tests.core.test_live_slots import pages
from tests.harness import CODE, Guest, Running, another, program, running, wait_until

PAGES = 40
AT = 0x20000
#: mov [es:di],al; hlt
STORE = program("268805 f4")


class Logged:
    """A guest that stores bytes in a slot of PAGES pages, and the pages that should be dirty."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        guest.ram[CODE : CODE + len(STORE)] = STORE
        self.slot = guest.vm.add_memory(AT, PAGES << 12, dirty_log=True)
        self.low = guest.vm.add_memory(0x10000, 0x10000, dirty_log=True)
        self.dirty: set[int] = set()

    def store(self, page: int, offset: int) -> None:
        """The guest stores a byte."""
        at = AT + (page << 12) + offset
        regs = self.guest.vcpu.regs
        regs.cs, regs.ip, regs.es, regs.di = 0, CODE, at >> 4, at & 15
        self.guest.vcpu.run()
        self.dirty.add(page)

    def take(self) -> None:
        """All pages are clean after it."""
        assert pages(self.slot.dirty()) == sorted(self.dirty)
        self.dirty.clear()

    def clear(self, first: int, count: int, chosen: set[int]) -> None:
        """Some pages are clean after it."""
        bits = bytearray((count + 7) // 8)
        for page in chosen:
            bits[page - first >> 3] |= 1 << (page - first & 7)
        cleared = self.slot.clear_dirty(first, count, bytes(bits))
        assert [first + each for each in pages(cleared)] == sorted(self.dirty & chosen)
        self.dirty -= chosen


@pytest.mark.parametrize("seed", range(12))
def test_each_look_has_the_pages_that_were_stored_to_since(seed: int) -> None:
    rng = random.Random(seed)
    with Guest(b"\xf4") as guest:
        logged = Logged(guest)
        state = None
        for _ in range(400):
            what = rng.random()
            if what < 0.6:
                logged.store(rng.randrange(PAGES), rng.randrange(0x1000))
            elif what < 0.75:
                logged.take()
            elif what < 0.9:
                first = rng.randrange(PAGES)
                count = rng.randrange(PAGES - first + 1)
                inside = range(first, first + count)
                logged.clear(first, count, {page for page in inside if rng.random() < 0.5})
            elif what < 0.92:
                guest.vm.a20 = not guest.vm.a20
            elif what < 0.94:
                logged.low.dirty()  # another slot's log changes nothing here
            elif what < 0.96:
                state = guest.vm.save(), set(logged.dirty)
            elif what < 0.98 and state is not None:
                guest.vm.restore(state[0])
                logged.dirty = set(state[1])
            else:
                logged.slot.readonly = True
                logged.take()  # nothing is armed in a ROM
                logged.slot.readonly = False
            assert pages(logged.slot.dirty(clear=False)) == sorted(logged.dirty)


def test_a_store_beside_a_short_slot_is_not_in_its_log() -> None:
    """The log of 3 pages has 8 bits; the memory after the slot has no log."""
    with Guest(b"\xf4") as guest:
        short = guest.vm.add_memory(AT, 0x3000, dirty_log=True)
        guest.vm.add_memory(AT + 0x3000, 0x1000)
        guest.ram[CODE : CODE + len(STORE)] = STORE
        regs = guest.vcpu.regs
        for page in (2, 3, 2, 3):
            regs.cs, regs.ip, regs.es, regs.di = 0, CODE, (AT >> 4) + (page << 8), 7
            guest.vcpu.run()

            assert pages(short.dirty()) == ([2] if page == 2 else [])


def test_stores_of_two_vcpus_that_are_seen_are_in_the_log() -> None:
    """inc word [es:0], for ever, each vCPU in a page of its own. Others hold the lock, and clear
    the log of pages to which nobody stores, most of the time."""
    code = program("26ff060000 ebf9")
    with Guest(code) as guest, contextlib.ExitStack() as stack:
        second = another(guest.vm)
        slot = guest.vm.add_memory(AT, 0x3000, dirty_log=True)
        other = guest.vm.add_memory(0x30000, 0x4000, dirty_log=True)
        guest.vcpu.regs.es, second.regs.es = AT >> 4, AT + 0x2000 >> 4
        for each in (guest.vcpu, second):
            stack.enter_context(running(each))
        over = threading.Event()
        stack.callback(over.set)

        def look() -> None:
            while not over.is_set():
                other.dirty()
                slot.clear_dirty(1, 1)

        lookers = [Running(look) for _ in range(2)]
        places = (AT, AT + 0x2000)
        for _ in range(300):
            slot.dirty()
            seen = [bytes(slot[at : at + 2]) for at in places]
            for at, before in zip(places, seen, strict=True):
                wait_until(lambda at=at, before=before: bytes(slot[at : at + 2]) != before)
            assert slot.dirty() == b"\5"
        over.set()
        for looker in lookers:
            looker.result()
