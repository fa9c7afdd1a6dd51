"""KVM as a back end: its state in the records of structs.py, read and set."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pyx86emu import Dtable, ExitReason, MpState, PioDevice, Segment, Shadow, Vm
from tests.harness import HANDLERS, Running, open_line, program, vcpu, wait_until
from tests.kvm.test_stopping import in_kvm, with_handlers

Kvm = Callable[..., Vm]


def test_special_registers_are_those_of_reset(kvm: Kvm, vm: Kvm) -> None:
    assert kvm().create_vcpu().sregs == vm().create_vcpu().sregs


def test_special_registers_take_effect(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "a00000 cd21 f4")  # mov al,[0]; int 21h; hlt
    cpu.vm.write(0x4000, b"\x77")
    cpu.vm.write(0x5000 + 4 * 0x21, (0x2000).to_bytes(4, "little"))
    cpu.vm.write(0x2000, b"\xf4")
    cpu.sregs = replace(cpu.sregs, ds=Segment(0, base=0x4000), idt=Dtable(base=0x5000, limit=0x3FF))

    assert cpu.run().reason is ExitReason.HLT
    assert (cpu.regs.al, cpu.regs.ip, cpu.regs.ds) == (0x77, 0x2001, 0)
    assert cpu.sregs.ds == Segment(0, base=0x4000)


def test_a_segment_may_be_larger_than_64_kib(kvm: Kvm) -> None:
    machine = kvm()
    machine.add_memory(0x10000, 0x200000)[0x123456] = 0x5A
    cpu = vcpu(machine, "67a056341200 f4")  # mov al,[dword 123456h]; hlt
    before = cpu.sregs
    with pytest.raises(ValueError, match=r"sregs\.ds\.limit is 0x1fffff00"):
        cpu.sregs = replace(before, ds=Segment(0, limit=0x1FFFFF00))
    assert cpu.sregs == before
    cpu.sregs = replace(before, ds=Segment(0, limit=0xFFFFFFFF))

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.al == 0x5A


def test_special_registers_that_kvm_refuses_change_nothing(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "f4")
    before = cpu.sregs
    with pytest.raises(ValueError, match="KVM does not take these values"):
        cpu.sregs = replace(before, cr4=0xFFFFFFFF, ds=Segment(5))
    with pytest.raises(ValueError, match="PE=1"):
        cpu.sregs = replace(before, cr0=before.cr0 | 1)
    with pytest.raises(TypeError, match="sregs must be a Sregs"):
        cpu.sregs = 5  # type: ignore[assignment]

    assert cpu.sregs == before
    assert cpu.run().reason is ExitReason.HLT


def test_an_exception_is_delivered_next(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "90 f4")
    cpu.events = replace(cpu.events, exception=13)
    assert cpu.events.exception == 13

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 14


def test_an_interrupt_of_a_record_waits_for_if(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "90 fb ebfe")
    cpu.events = replace(cpu.events, interrupt=0x40)
    assert cpu.events.interrupt == 0x40
    assert not cpu.ready

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 0x41
    assert cpu.events.interrupt is None


FIRST = ({"exception": 13}, {"nmi_pending": True}, {"nmi_injected": True})


@pytest.mark.parametrize("first", FIRST, ids=lambda first: next(iter(first)))
def test_an_exception_or_an_nmi_comes_before_an_interrupt(kvm: Kvm, first: dict[str, Any]) -> None:
    cpu = with_handlers(kvm(), "90 f4")
    cpu.regs.flags = 0x202
    cpu.events = replace(cpu.events, interrupt=0x40, **first)

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + first.get("exception", 2) + 1
    assert cpu.vm.read(cpu.regs.sp, 2) == b"\0\x10"  # to where it stood: nothing else came
    assert cpu.events.interrupt == 0x40


@pytest.mark.parametrize("before", ["reset", "events", "interrupt"])
def test_an_nmi_is_not_lost_when_other_events_are_set(kvm: Kvm, before: str) -> None:
    cpu = with_handlers(kvm(), "90 f4")
    if before != "reset":
        cpu.vm.write(0x1000, b"\xf4\xf4")
        assert cpu.run().reason is ExitReason.HLT  # what RESET has set is in KVM now
    if before == "events":
        cpu.events = replace(cpu.events, nmi_pending=False)
    if before == "interrupt":
        # masked: the interrupt comes first, and its handler ends the NMI that was in service
        cpu.events = replace(cpu.events, nmi_masked=True)
        cpu.vm.write(HANDLERS + 0x40, b"\xcf")
        cpu.regs.flags = 0x202
        cpu.interrupt(0x40)
    place = cpu.regs.ip

    cpu.nmi()

    seen = []
    for _ in range(3):  # a KVM that emulates real mode may look for it only at the next exit
        assert cpu.run().reason is ExitReason.HLT
        seen.append(cpu.regs.ip)
        if cpu.regs.ip == HANDLERS + 3:
            break
        cpu.regs.ip = place
    assert seen[-1] == HANDLERS + 3


def test_an_nmi_comes_before_an_interrupt_that_is_injected_with_it(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "90 f4")
    cpu.regs.flags = 0x202
    cpu.interrupt(0x40)
    cpu.nmi()

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 3
    assert cpu.events.interrupt == 0x40


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exception": 2}, "an NMI \\(2\\) as nmi_pending"),
        ({"exception": 32}, "KVM takes 0 to 31"),
        ({"exception": 1, "exception_payload": 0x10000}, "give bits of 0xe00f"),
    ],
)
def test_events_that_kvm_refuses_change_nothing(
    kvm: Kvm, change: dict[str, int], words: str
) -> None:
    cpu = vcpu(kvm(), "f4")
    before = cpu.events
    with pytest.raises(ValueError, match=words):
        cpu.events = replace(before, **change)

    assert cpu.events == before
    assert cpu.run().reason is ExitReason.HLT


def test_an_nmi_that_is_masked_waits_for_iret(kvm: Kvm) -> None:
    # iret; later the NMI's handler halts
    cpu = with_handlers(kvm(), "cf")
    cpu.regs.sp = 0x7FFA
    cpu.vm.write(0x7FFA, (0x3000).to_bytes(2, "little") + b"\0\0\x02\0")
    cpu.vm.write(0x3000, b"\x90\x90\xf4")
    cpu.events = replace(cpu.events, nmi_pending=True, nmi_masked=True)
    assert (cpu.events.nmi_pending, cpu.events.nmi_masked) == (True, True)

    places = []
    for _ in range(2):
        assert cpu.run().reason is ExitReason.HLT
        places.append(cpu.regs.ip)
    # A KVM that emulates real mode may look for the NMI only at the next exit.
    assert HANDLERS + 3 in places
    assert not cpu.events.nmi_pending


def test_a_shadow_and_a_shutdown_are_read_back(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "f4")
    cpu.events = replace(cpu.events, shadow=Shadow.STI, triple_fault=True)
    assert cpu.events.shadow & Shadow.STI
    assert cpu.events.triple_fault
    assert cpu.run().reason is ExitReason.SHUTDOWN
    cpu.events = replace(cpu.events, shadow=Shadow.NONE, triple_fault=False)
    assert cpu.run().reason is ExitReason.HLT


def test_what_only_the_interpreter_has_is_refused(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    cpu = machine.create_vcpu()
    with pytest.raises(ValueError, match=r"events\.rep_prefix"):
        cpu.events = replace(cpu.events, rep_prefix=5)
    with pytest.raises(ValueError, match=r"mp_state is 4"):
        cpu.mp_state = 4  # type: ignore[assignment]
    interp = Vm(irqchip=True)
    with pytest.raises(ValueError, match=r"give None"):
        machine.irqchip = interp.irqchip
    with pytest.raises(ValueError, match=r"pit\.channels\[0\]\.counter"):
        machine.pit = interp.pit
    interp.close()


def test_a_halted_vcpu_is_seen_and_made(kvm: Kvm) -> None:
    cpu = vcpu(kvm(irqchip=True), "fa f4 b055 f4")
    assert cpu.mp_state is MpState.RUNNABLE
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.mp_state is MpState.HALTED
    cpu.mp_state = MpState.RUNNABLE
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.al == 0x55


def test_a_halted_vcpu_without_a_controller_returns_hlt_once(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "b055 f4")
    cpu.mp_state = MpState.HALTED
    assert cpu.mp_state is MpState.HALTED

    assert cpu.run().reason is ExitReason.HLT
    assert (cpu.regs.al, cpu.mp_state) == (0, MpState.RUNNABLE)
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.al == 0x55


def test_the_chips_are_read_and_set(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    cpu = vcpu(machine, "")
    # channel 2: mode 3, count 1234h; speaker on
    tune = program("b0b6 e643 b034 e642 b012 e642 b003 e661 f4")
    machine.write(0x1000, open_line(5) + tune)
    assert cpu.run().reason is ExitReason.HLT

    chip, pit = machine.irqchip, machine.pit
    assert (chip.master.irq_base, chip.master.imr) == (0x20, 0xDF)
    assert (pit.channels[2].mode, pit.channels[2].count, pit.speaker) == (3, 0x1234, True)
    machine.irqchip = replace(chip, master=replace(chip.master, imr=0xFE, irr=0x20))
    channel = replace(pit.channels[1], count=0x777, mode=2, rw_mode=3)
    machine.pit = replace(pit, channels=(pit.channels[0], channel, pit.channels[2]), speaker=False)

    assert machine.irqchip.master.imr == 0xFE
    assert (machine.pit.channels[1].count, machine.pit.speaker) == (0x777, False)


def test_the_host_reads_the_8259_and_writes_no_chip(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    machine.irqchip = replace(
        machine.irqchip, master=replace(machine.irqchip.master, imr=0xDF, isr=4, elcr=0x20)
    )

    assert machine.pio.read(0x21, 1) == 0xDF
    assert machine.pio.read(0x20, 1) == machine.irqchip.master.irr
    assert machine.pio.read(0x4D0, 1) == 0x20
    for act in (
        lambda: machine.pio.read(0x40, 1),
        lambda: machine.pio.read(0x20, 2),
        lambda: machine.pio.write(0x21, 1, 0),
    ):
        with pytest.raises(OSError, match="a chip in KVM") as refused:
            act()
        assert refused.value.errno == errno.EOPNOTSUPP
    with pytest.raises(ValueError, match="overlaps"):
        machine.pio.attach(Asks(), 0x21)
    machine.close()
    assert machine.pio.read(0x21, 1) == 0xFF


def test_a_vm_without_chips_has_none_to_read(kvm: Kvm) -> None:
    machine = kvm()
    for name in ("irqchip", "pit"):
        with pytest.raises(OSError, match="no interrupt controller"):
            getattr(machine, name)


def test_nothing_is_set_while_another_thread_runs_the_vcpu(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    cpu = vcpu(machine, "ebfe")
    sregs, events, chip, pit = cpu.sregs, cpu.events, machine.irqchip, machine.pit
    run = Running(cpu.run)
    in_kvm(cpu)
    for thing, name, value in (
        (cpu, "sregs", sregs),
        (cpu, "events", events),
        (cpu, "mp_state", MpState.RUNNABLE),
        (machine, "irqchip", chip),
        (machine, "pit", pit),
        (cpu.regs, "ax", 5),
    ):
        with pytest.raises(RuntimeError, match="another thread runs this vCPU"):
            setattr(thing, name, value)
        assert getattr(thing, name) is not None
    cpu.kick()
    assert run.result().reason is ExitReason.INTR


class Asks(PioDevice):
    """Calls what it is given when the guest writes."""

    length = 1

    def reset(self) -> None:
        self.seen: list[BaseException] = []

    def pio_read(self, offset: int, size: int) -> int:
        return 0

    def pio_write(self, offset: int, size: int, value: int) -> None:
        for act in self.acts:
            try:
                act()
            except RuntimeError as error:
                self.seen.append(error)

    acts: tuple[Callable[[], object], ...] = ()


def test_a_device_sets_registers_but_no_events(kvm: Kvm) -> None:
    machine, device = kvm(), Asks()
    cpu = vcpu(machine, "e670 f4")
    machine.pio.attach(device, 0x70)
    device.acts = (
        lambda: setattr(cpu, "sregs", replace(cpu.sregs, es=Segment(0x1234))),
        lambda: setattr(cpu, "events", cpu.events),
        lambda: setattr(cpu, "mp_state", MpState.HALTED),
    )

    assert cpu.run().reason is ExitReason.HLT
    assert [str(error)[:30] for error in device.seen] == ["the vCPU is in the middle of a"] * 2
    assert cpu.regs.es == 0x1234


# -- slots that change ----------------------------------------------------------------------------


def pages(bits: bytes) -> list[int]:
    return [n for n in range(8 * len(bits)) if bits[n >> 3] >> (n & 7) & 1]


def test_the_dirty_log_is_looked_at_and_cleared(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "a20020 a20030 f4")  # mov [2000h],al; mov [3000h],al; hlt
    ram = machine.slots[0]
    assert not ram.dirty_log
    with pytest.raises(OSError, match=r"set slot\.dirty_log = True"):
        ram.dirty()
    ram.dirty_log = True
    cpu.run()
    machine.write(0x5000, b"x")

    assert pages(ram.dirty(clear=False)) == [2, 3]
    assert pages(ram.dirty(clear=False)) == [2, 3]
    assert ram.clear_dirty(3, 1) == b"\x01"
    assert ram.clear_dirty(0, 16, b"\0\0") == b"\0\0"
    assert pages(ram.dirty()) == [2]
    assert pages(ram.dirty()) == []
    ram.dirty_log = False
    ram.dirty_log = True
    assert pages(ram.dirty()) == []


def test_rom_is_switched_while_the_guest_runs(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "40 a30020 ebfa")  # again: inc ax; mov [2000h],ax; jmp again
    high = machine.add_memory(0x20000, 0x1000, dirty_log=True)
    run = Running(cpu.run)
    in_kvm(cpu)

    machine.slots[0].readonly = True

    exit = run.result()
    assert (exit.reason, exit.addr) == (ExitReason.MMIO, 0x2000)
    machine.slots[0].readonly = False
    before = machine.read(0x2000, 2)
    run = Running(cpu.run)
    wait_until(lambda: machine.read(0x2000, 2) != before)
    for _ in range(20):
        high.readonly = not high.readonly
    cpu.kick()
    assert run.result().reason is ExitReason.INTR


def test_a_shared_slot_is_seen_through_its_descriptor(kvm: Kvm) -> None:
    import mmap

    machine = kvm()
    ram = machine.add_memory(0x20000, 0x1000, shared=True)
    cpu = vcpu(machine, "b80020 8ed8 c606050077 f4")

    assert cpu.run().reason is ExitReason.HLT
    with mmap.mmap(ram.fileno(), 0x1000) as seen:
        assert seen[5] == 0x77


def test_a_slot_is_moved_and_deleted_under_the_guest(kvm: Kvm) -> None:
    machine = kvm()
    slot = machine.add_memory(0x20000, 0x1000)
    cpu = vcpu(machine, "b80030 8ed8 a00000 f4")  # mov ax,3000h; mov ds,ax; mov al,[0]; hlt
    slot[0x20000] = 0x77
    slot.move(0x30000)
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.al == 0x77
    slot.delete()
    cpu.regs.ip = 0x1000
    assert cpu.run().reason is ExitReason.MMIO
    assert slot[0x30000] == 0x77
    with pytest.raises(OSError, match="deleted already"):
        slot.delete()
    with pytest.raises(OSError, match="deleted already"):
        slot.readonly = True


def test_reset_ends_protected_mode(kvm: Kvm) -> None:
    machine = kvm()
    # lgdt [1f00h]; mov eax,cr0; or al,1; mov cr0,eax; jmp 8:1018h; (32 bits) out 80h,al
    cpu = vcpu(machine, "0f0116001f 0f20c0 0c01 0f22c0 66ea181000000800 90909090 90 e680 f4")
    gdt = (0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF)
    machine.write(0x1F00, (23).to_bytes(2, "little") + (0x1F10).to_bytes(4, "little"))
    machine.write(0x1F10, b"".join(each.to_bytes(8, "little") for each in gdt))
    exit = cpu.run()
    if exit.reason is not ExitReason.IO:
        pytest.skip(f"this KVM does not enter protected mode: {exit}")
    assert cpu.regs.cr0 & 1

    cpu.reset()

    assert cpu.sregs == kvm().create_vcpu().sregs
    cpu.regs.cs, cpu.regs.ip = 0, 0x1000
    machine.write(0x1000, b"\xb0\x77\xf4")
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.al == 0x77
