"""Slots that change while the guest runs: dirty log, ROM, thousands of them."""

from __future__ import annotations

import mmap
import random
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, MemorySlot, PioDevice, Vm
from tests.harness import CODE, Guest, Liar, Running, advance, another, program, running

MakeVm = Callable[..., Vm]
#: mov [2000h],al; mov [3000h],al; hlt: stores to pages 2 and 3.
TWO_STORES = program("a20020 a20030")
LIMIT = 32764


def pages(bits: bytes) -> list[int]:
    """The numbers of the pages whose bits are set."""
    return [8 * i + bit for i, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1]


# -- the dirty log ---------------------------------------------------------------------------------


def test_a_log_that_begins_later_has_the_stores_since_then() -> None:
    with Guest(TWO_STORES) as guest:
        guest.exits()
        guest.ram.dirty_log = True
        began = guest.ram.dirty()
        guest.start(program("a20030 a20040"))

        guest.exits()

        assert pages(began) == []
        assert guest.ram.dirty_log
        assert pages(guest.ram.dirty()) == [3, 4]


def test_a_log_that_ends_loses_its_bits_and_the_next_one_is_empty() -> None:
    with Guest(TWO_STORES) as guest:
        guest.ram.dirty_log = True
        guest.exits()
        guest.ram.dirty_log = False
        for read in (guest.ram.dirty, guest.ram.dirty_pages, lambda: guest.ram.clear_dirty(0, 1)):
            with pytest.raises(
                FileNotFoundError, match=r"no dirty log: set slot\.dirty_log = True"
            ):
                read()

        guest.ram.dirty_log = True

        assert pages(guest.ram.dirty()) == []
        guest.start()
        guest.exits()
        assert pages(guest.ram.dirty()) == [2, 3]


def test_setting_what_a_log_is_keeps_its_bits() -> None:
    with Guest(TWO_STORES) as guest:
        guest.ram.dirty_log = True
        guest.exits()

        guest.ram.dirty_log = True

        assert pages(guest.ram.dirty()) == [2, 3]


def test_a_log_is_read_without_being_cleared() -> None:
    numpy = pytest.importorskip("numpy")
    with Guest(TWO_STORES) as guest:
        guest.ram.dirty_log = True
        guest.exits()

        looks = [guest.ram.dirty(clear=False), guest.ram.dirty(False), guest.ram.dirty()]

        assert [pages(look) for look in looks] == [[2, 3]] * 3
        assert pages(guest.ram.dirty()) == []
        guest.start()
        guest.exits()
        for clear in (False, True):
            assert numpy.flatnonzero(guest.ram.dirty_pages(clear=clear)).tolist() == [2, 3]
        assert not guest.ram.dirty_pages().any()


def test_pages_are_cleared_by_themselves_and_told() -> None:
    with Guest(TWO_STORES) as guest:
        guest.ram.dirty_log = True
        guest.exits()

        assert guest.ram.clear_dirty(3, 13) == b"\x01\0"
        assert guest.ram.clear_dirty(0, 2) == b"\0"
        assert guest.ram.clear_dirty(16, 0) == b""
        assert pages(guest.ram.dirty(clear=False)) == [2]
        assert guest.ram.clear_dirty(2, 1) == b"\x01"
        guest.start()
        guest.exits()
        assert pages(guest.ram.dirty()) == [2, 3]


def test_a_bit_that_is_set_between_look_and_clear_is_not_lost() -> None:
    with Guest(TWO_STORES) as guest:
        guest.ram.dirty_log = True
        guest.run(1)
        seen = guest.ram.dirty(clear=False)
        guest.run(1)

        cleared = guest.ram.clear_dirty(0, 16, seen)

        assert pages(cleared) == [2]
        assert pages(guest.ram.dirty()) == [3]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.clear_dirty(0, 17), IndexError, "17 pages from page 0 on are not inside"),
        (lambda s: s.clear_dirty(17, 0), IndexError, "which has 16"),
        (lambda s: s.clear_dirty(Liar(1 << 63), 1), IndexError, "which has 16"),
        (lambda s: s.clear_dirty(0, (1 << 64) - 1), IndexError, "which has 16"),
        (lambda s: s.clear_dirty(-1, 1), ValueError, "first_page"),
        (lambda s: s.clear_dirty(0, 1 << 64), ValueError, "count"),
        (lambda s: s.clear_dirty(0.0, 1), TypeError, "first_page must be an integer"),
        (lambda s: s.clear_dirty(0, "1"), TypeError, "count must be an integer"),
        (lambda s: s.clear_dirty(0, 9, b"\1"), ValueError, "1 bytes of bits for 9 pages: give 2"),
        (lambda s: s.clear_dirty(0, 9, 3), TypeError, "not from int"),
        (lambda s: delattr(s, "dirty_log"), AttributeError, "set it to False"),
        (lambda s: delattr(s, "readonly"), AttributeError, "set it to False"),
    ],
)
def test_what_no_log_can_be_asked(
    call: Callable[[Any], object], error: type[Exception], message: str
) -> None:
    with Guest(TWO_STORES) as guest:
        guest.ram.dirty_log = True
        guest.exits()

        with pytest.raises(error, match=message):
            call(guest.ram)

        assert guest.ram.dirty_log
        assert not guest.ram.readonly
        assert pages(guest.ram.dirty()) == [2, 3]


def test_a_deleted_slot_keeps_what_it_is() -> None:
    with Guest() as guest:
        slot = guest.vm.add_memory(0x20000, 0x1000, dirty_log=True)
        slot.delete()
        for name in ("dirty_log", "readonly"):
            with pytest.raises(OSError, match="is deleted already"):
                setattr(slot, name, True)
        with pytest.raises(FileNotFoundError, match="is deleted, and its dirty log with it"):
            slot.dirty()


def test_a_log_that_comes_and_goes_misses_no_store_of_a_running_guest() -> None:
    """The guest counts in a page; a log that was read and cleared is dirty again soon."""
    count = program("ff060020 ebfa  ; again: inc word [0x2000]; jmp again")
    with Guest(count) as guest, running(guest.vcpu):
        for _ in range(20):
            guest.ram.dirty_log = True
            advance(guest.vcpu)
            assert pages(guest.ram.dirty()) == [2]
            advance(guest.vcpu)
            assert pages(guest.ram.clear_dirty(2, 1)) == [0]
            guest.ram.dirty_log = False
            advance(guest.vcpu)


def test_a_copy_of_a_running_guest_by_its_log_is_exact() -> None:
    """What migration does: look, clear what was seen, copy it, again; the rest when it stands. The
    guest stores to another page now and then, also between look and clear."""
    store = program(
        """
        6669c06d4ec641  ; again: imul eax,eax,0x41c64e6d
        660539300000    ; add eax,12345
        668bd8          ; mov ebx,eax
        66c1eb12        ; shr ebx,18
        6689870040      ; mov [bx+0x4000],eax
        b9204e          ; mov cx,20000
        49              ; wait: dec cx
        75fd            ; jnz wait
        ebdf            ; jmp again
        """
    )
    with Guest(store) as guest, running(guest.vcpu) as run:
        guest.ram.dirty_log = True
        copy = bytearray(guest.ram[0:0x10000])
        for turn in range(60):
            advance(guest.vcpu, 1000)
            seen = guest.ram.dirty(clear=turn % 3 == 0)
            advance(guest.vcpu, 60_000)
            if turn % 3:
                assert guest.ram.clear_dirty(0, 16, seen) == seen
            copy_pages(guest, seen, copy)
        guest.vcpu.kick()
        run.result()
        copy_pages(guest, guest.ram.dirty(), copy)

        assert copy == guest.ram[0:0x10000]
        assert any(copy[0x5000:0x8000])


def copy_pages(guest: Guest, seen: bytes, copy: bytearray) -> None:
    for page in pages(seen):
        copy[page << 12 : (page + 1) << 12] = guest.ram[page << 12 : (page + 1) << 12]


def test_of_two_slots_over_one_buffer_each_logs_its_own_addresses(vm: MakeVm) -> None:
    """As in KVM: a log has the stores to the addresses of its slot. The other stays fast."""
    v, buffer = vm(), mmap.mmap(-1, 0x4000)
    low = v.add_memory(0, buffer=buffer, dirty_log=True)
    high = v.add_memory(0x10000, buffer=buffer)
    both = v.add_memory(0x20000, buffer=buffer, dirty_log=True)
    vcpu = another(v)
    low[CODE : CODE + 3] = program("a20030")
    seen = []
    for segment in (0x1000, 0x2000, 0):
        vcpu.regs.ds, vcpu.regs.ip = segment, CODE

        vcpu.run(1)

        seen.append((pages(low.dirty()), pages(both.dirty())))
    assert seen == [([], []), ([], [3]), ([3], [])]
    high.dirty_log = True
    vcpu.regs.ds, vcpu.regs.ip = 0x1000, CODE
    vcpu.run(1)
    assert (pages(low.dirty()), pages(high.dirty())) == ([], [3])


@pytest.mark.parametrize("a20", [True, False])
def test_a_log_has_the_stores_above_1_mib_when_a20_is_closed(a20: bool) -> None:
    with Guest(program("b8ffff 8ed8 a21020  ; mov ax,0xffff; mov ds,ax; mov [0x2010],al")) as guest:
        above = guest.vm.add_memory(0x100000, 0x10000, dirty_log=True)
        guest.ram.dirty_log = True
        guest.vm.a20 = a20

        guest.exits()
        guest.start()
        guest.exits()

        assert (pages(guest.ram.dirty()), pages(above.dirty())) == (([], [2]) if a20 else ([2], []))


# -- ROM -------------------------------------------------------------------------------------------


def test_a_slot_becomes_rom_and_ram_again() -> None:
    store = program("a20030 40 a20030  ; mov [0x3000],al; inc ax; mov [0x3000],al")
    with Guest(store) as guest:
        guest.ram.dirty_log = True
        guest.ram.readonly = True

        assert guest.text() == "MMIO w 0x3000 len=1 data=00; MMIO w 0x3000 len=1 data=01; HLT"

        assert (guest.ram[0x3000], pages(guest.ram.dirty())) == (0, [])
        assert repr(guest.ram) == "<MemorySlot ROM 0x0-0xffff>"
        guest.ram.readonly = False
        guest.start()
        assert guest.text() == "HLT"
        assert (guest.ram[0x3000], pages(guest.ram.dirty())) == (1, [3])


@pytest.mark.parametrize("readonly", [True, False])
def test_a_device_switches_rom_from_the_next_instruction_on(readonly: bool) -> None:
    class Switch(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            guest.ram.readonly = readonly

    code = program("a20030 e690 40 a20030  ; mov [0x3000],al; out 0x90,al; inc ax; mov [0x3000],al")
    with Guest(code) as guest:
        guest.vm.pio.attach(Switch(), 0x90)
        for _ in range(2):  # the second time the code is decoded
            guest.ram.readonly = not readonly
            guest.ram[0x3000] = 0x55
            guest.start()

            exits = guest.exits()

            number = 1 if readonly else 0
            assert exits == [f"MMIO w 0x3000 len=1 data={number:02x}", "HLT"]
            assert guest.ram[0x3000] == 1 - number


def test_rom_is_for_the_address_and_not_for_the_memory(vm: MakeVm) -> None:
    v, buffer = vm(), mmap.mmap(-1, 0x4000)
    low, high = (v.add_memory(at, buffer=buffer) for at in (0, 0x10000))
    vcpu = another(v)
    low[CODE : CODE + 7] = program("c60604100c 90 f4  ; mov byte [0x1004],0xc; nop; hlt")
    low.readonly = True

    reasons = [vcpu.run(1).reason]
    vcpu.regs.ds, vcpu.regs.ip = 0x1000, CODE
    reasons.append(vcpu.run(1).reason)

    assert reasons == [ExitReason.MMIO, ExitReason.BUDGET]
    assert buffer[0x1004] == 0x0C
    high.readonly = True
    vcpu.regs.ip = CODE
    assert vcpu.run(1).reason is ExitReason.MMIO


def test_a_running_guest_stops_at_the_first_store_to_what_became_rom() -> None:
    count = program("ff060020 ebfa  ; again: inc word [0x2000]; jmp again")
    with Guest(count) as guest:
        run = Running(guest.vcpu.run)
        advance(guest.vcpu)

        guest.ram.readonly = True

        exit = run.result()
        assert (exit.reason, exit.addr) == (ExitReason.MMIO, 0x2000)
        assert exit.value == (guest.word(0x2000) + 1) & 0xFFFF


# -- thousands -------------------------------------------------------------------------------------


def test_a_vm_has_thousands_of_slots(vm: MakeVm) -> None:
    v, count = vm(), 4096
    slots = [v.add_memory(i << 12, 0x1000) for i in reversed(range(count))]
    data = bytes(range(1, 200)) * ((count << 12) // 200)

    v.write(0x800, data)

    assert v.read(0x800, len(data)) == data
    assert v.slots == tuple(slots)
    with pytest.raises(ValueError, match=f"guest address {count << 12:#x} is in no memory slot"):
        v.read(0x800, (count << 12) - 0x7FF)
    with pytest.raises(FileExistsError, match="overlaps <MemorySlot RAM 0x123000-0x123fff>"):
        v.add_memory(0x123000, 0x1000)
    for slot in slots[1::2]:
        slot.delete()
    slots[-2].move(1 << 40)  # it was at 0x1000
    assert len(v.slots) == count // 2
    assert v.read((1 << 40) + 5, 8) == data[0x805:0x80D]
    assert v.read(0x3000, 0x1000) == data[0x2800:0x3800]


def test_a_guest_runs_through_hundreds_of_slots(vm: MakeVm) -> None:
    v, buffer = vm(), mmap.mmap(-1, 0x110000)
    for i in reversed(range(0x110)):
        v.add_memory(i << 12, buffer=memoryview(buffer)[i << 12 : (i + 1) << 12])
    code = program(
        """
        b8ffff    ; mov ax,0xffff
        8ed8      ; again: mov ds,ax
        ff060500  ; inc word [5]
        48        ; dec ax
        75f7      ; jnz again
        """
    )
    v.write(0xFFF0, code + b"\xf4")
    vcpu = another(v, 0xFFF0)

    vcpu.run(6000)

    assert buffer[0xFFFF5] == 1


def test_one_slot_too_many_names_the_limit(vm: MakeVm) -> None:
    v, buffer = vm(), mmap.mmap(-1, 0x1000)
    slots = [v.add_memory((1 << 30) + (i << 12), buffer=buffer) for i in range(LIMIT)]

    with pytest.raises(OSError, match=f"a Vm has at most {LIMIT} memory slots: make them larger"):
        v.add_memory(0, buffer=buffer)

    assert len(v.slots) == LIMIT
    slots[7].delete()
    v.add_memory(0, buffer=buffer)


def test_slots_are_found_by_address_whatever_came_and_went(vm: MakeVm) -> None:
    """Against a dict of pages."""
    v, rng = vm(), random.Random(5)
    model: dict[int, MemorySlot] = {}
    for number in range(600):
        page, count = rng.randrange(80), rng.randrange(1, 5)
        wanted = set(range(page, page + count))
        choice = rng.randrange(4)
        if choice < 2:
            if wanted & model.keys():
                with pytest.raises(FileExistsError):
                    v.add_memory(page << 12, count << 12)
                continue
            slot = v.add_memory(page << 12, count << 12)
            slot[slot.addr : slot.addr + slot.size] = number.to_bytes(2, "little") * (count << 11)
            model |= dict.fromkeys(wanted, slot)
        elif model:
            slot = rng.choice(list(model.values()))
            old = {at for at, other in model.items() if other is slot}
            if choice == 2:
                slot.delete()
                model = {at: other for at, other in model.items() if other is not slot}
            else:
                new = set(range(page, page + len(old)))
                if new & (model.keys() - old):
                    with pytest.raises(FileExistsError):
                        slot.move(page << 12)
                    continue
                slot.move(page << 12)
                model = {at: other for at, other in model.items() if other is not slot}
                model |= dict.fromkeys(new, slot)
        for at in range(86):
            if at in model:
                assert v.read(at << 12, 2) == model[at][at << 12 : (at << 12) + 2]
            else:
                with pytest.raises(ValueError, match="in no memory slot"):
                    v.read(at << 12, 2)
