"""A restored Vm goes on exactly as it would have gone on: from any point, in any process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyx86emu import Exit, ExitReason, State, StateError, Vm
from pyx86emu.models import MODELS
from tests.core.test_state_moves import MENU, REGISTERS, RandomGuest, prepared
from tests.core.test_state_moves import shown as fields_of
from tests.harness import CODE, program

READS = (ExitReason.IO, ExitReason.MMIO)
#: Reads of devices, batches, two exits of one instruction, and what ends in a hole.
READING = (
    "e499", "e599", "ba9900 ec", "b104 30ed bf0050 ba9900 f36c", "b90300 bf0050 ba9900 f36d",
    "a10090", "8b1e0190", "ff360290", "8f060390", "a0ff8f", "ff060490", "be0090 bf0290 a5",
    "b90300 be0090 bf0050 f3a4", "b90300 be0050 bf0090 f3a5", "c41e0090", "0f01c1", "e799", "ef",
)  # fmt: skip


@st.composite
def guests(draw: st.DrawFn) -> RandomGuest:
    """Random code, and random things that a host does to it."""
    model = draw(st.sampled_from(MODELS))
    code = b""
    for each in draw(
        st.lists(
            st.sampled_from([s for s in MENU if s.since <= MODELS.index(model)])
            | st.sampled_from(READING),
            min_size=4,
            max_size=20,
        )
    ):
        text = "".join((each if isinstance(each, str) else each.code).split())
        while "." in text:
            text = text.replace(".", f"{draw(st.integers(0, 15)):x}", 1)
        code += bytes.fromhex(text)
    kinds = ("run", "run", "run", "step", "nmi", "line", "pulse", "window", "kick", "watch")
    acts = st.tuples(st.sampled_from(kinds), st.integers(0, 15), st.integers(0, 90))
    host = draw(st.lists(acts, min_size=2, max_size=14))
    return RandomGuest(model, draw(st.sampled_from([7, 0, 13])), code, host)


def made(guest: RandomGuest) -> Vm:
    """RAM below 9000h, ROM at A000h; reads of 9000h are MMIO."""
    vm = prepared(guest.model, guest.code, guest.shift)
    low = vm.slots[0]
    image = low[0:0x9000]
    low.delete()
    vm.add_memory(0, 0x9000, dirty_log=True)[:] = image
    vm.add_memory(0xA000, 0x1000, readonly=True)[0xA000:0xA004] = b"\x90\x90\xf4\xf4"
    vm.coalesce(0x99, 2, bus="pio")
    return vm


def shown(exit: Exit) -> tuple[Any, ...]:
    return (*fields_of(exit), exit.message)


def answer(exit: Exit | None) -> None:
    if exit is not None and (exit.reason is ExitReason.HYPERCALL or not exit.write):
        exit.reply(bytes(range(1, 1 + exit.size * exit.count)))


def act(vm: Vm, what: str, a: int, b: int) -> Any:
    """Do one thing to a Vm, which may have a read that waits."""
    v = vm.vcpus[0]
    if what == "line":
        vm.irq_line(a, b & 1 != 0)
    elif what == "pulse":
        vm.irq_pulse(a)
    elif what == "nmi":
        v.nmi()
    elif what == "window":
        v.request_interrupt_window = b & 7 == 0
    elif what == "kick":
        v.kick()
    elif what == "watch":
        v.debug(watch=[(0x5000 + a, 2, "rw")] if b & 1 else [], breakpoints=[CODE + b])
    else:
        answer(v.pending)
        return shown(v.step() if what == "step" else v.run(b))
    return None


def seen(vm: Vm) -> dict[str, Any]:
    """Everything that anybody can see of a Vm."""
    v = vm.vcpus[0]
    pending = v.pending
    return {name: getattr(v.regs, name) for name in REGISTERS} | {
        "sregs": v.sregs,
        "events": v.events,
        "mp_state": v.mp_state,
        "irqchip": vm.irqchip,
        "pit": vm.pit,
        "time": vm.time,
        "a20": vm.a20,
        "instructions": v.instructions,
        "spent": v.spent,
        "pending": pending and shown(pending),
        "ram": [slot[:] for slot in vm.slots],
        "log": vm.slots[0].dirty(clear=False),
        "writes": (len(vm.coalesced), vm.coalesced.count),
    }


def go_on(vm: Vm, host: list[tuple[str, int, int]]) -> list[Any]:
    """What happens, and what is to be seen after each thing."""
    return [(act(vm, *each), seen(vm)) for each in host]


def check_every_point(guest: RandomGuest, at: int) -> None:
    """Run, save, run; then restore and run: the same happens, here, in a copy and from bytes."""
    with made(guest) as vm:
        go_on(vm, guest.host[:at])
        before = seen(vm)
        state = vm.save()
        assert seen(vm) == before, "saving changes nothing"
        with vm.fork() as twin:
            expected = go_on(vm, guest.host[at:])
            vm.restore(state)
            assert seen(vm) == before
            assert go_on(vm, guest.host[at:]) == expected, "restored in place"
            assert seen(twin) == before, "a fork is apart"
            twin.coalesce(0x99, 2, bus="pio")
            assert go_on(twin, guest.host[at:]) == expected, "forked"
        with made(guest) as other:
            go_on(other, guest.host[: at // 2])
            other.restore(State.from_bytes(state.to_bytes(compression="none")))
            assert seen(other) == before
            assert go_on(other, guest.host[at:]) == expected, "from bytes"
        vm.restore(state)
        assert go_on(vm, guest.host[at:]) == expected, "restored again"


LONG = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@settings(LONG, max_examples=50)
@given(guests(), st.integers(0, 14))
def test_a_restored_guest_goes_on_as_before(guest: RandomGuest, at: int) -> None:
    check_every_point(guest, at)


@pytest.mark.slow
@LONG
@given(guests(), st.integers(0, 14))
def test_a_restored_guest_goes_on_as_before_from_a_thousand_points(
    guest: RandomGuest, at: int
) -> None:
    check_every_point(guest, at)


# -- the points that matter, one by one -----------------------------------------------------------


def one(code: str, model: str = "80486", **registers: int) -> Vm:
    """A Vm of such code, with interrupts that count in BP."""
    vm = prepared(model, program(code))
    for name, value in registers.items():
        setattr(vm.vcpus[0].regs, name, value)
    return vm


def ends_alike(vm: Vm, budget: int = 40) -> None:
    """Saved here, the guest does the same again after a restore."""
    state, v = vm.save(), vm.vcpus[0]

    def rest() -> list[Any]:
        answer(v.pending)
        out = []
        for _ in range(4):
            exit = v.run(budget)
            out.append(shown(exit))
            answer(v.pending)
        return [
            *out,
            [getattr(v.regs, name) for name in REGISTERS],
            [slot[:] for slot in vm.slots],
            vm.time,
        ]

    first = rest()
    vm.restore(state)
    assert rest() == first
    vm.restore(State.from_bytes(state.to_bytes()))
    assert rest() == first


def test_in_the_middle_of_a_rep() -> None:
    with one("b93000 be0040 bf0050 f3a4 f4  ; mov cx,30h; rep movsb; hlt") as vm:
        vm.vcpus[0].run(20)
        assert 0 < vm.vcpus[0].regs.cx < 0x30
        ends_alike(vm)


def test_in_a_pending_read() -> None:
    with one("e499 f4  ; in al,99h; hlt") as vm:
        exit = vm.vcpus[0].run()
        state = vm.save()
        exit.reply(7)
        vm.vcpus[0].run()
        vm.restore(state)

        with pytest.raises(RuntimeError, match="waits for no answer"):
            exit.reply(8)
        waiting = vm.vcpus[0].pending
        assert waiting is not None and shown(waiting) == shown(exit)
        waiting.reply(9)
        vm.vcpus[0].run()
        assert vm.vcpus[0].regs.al == 9


def test_in_a_batch_of_rep_ins() -> None:
    with one("b92000 bf0050 ba9900 f36c f4  ; rep insb; hlt") as vm:
        vm.vcpus[0].run()
        answer(vm.vcpus[0].pending)
        vm.vcpus[0].run(7)
        assert 0 < vm.vcpus[0].regs.cx < 0x20
        ends_alike(vm)


def test_between_two_exits_of_one_instruction() -> None:
    with one("f4") as vm:
        vm.slots[0].delete()
        vm.add_memory(0, 0x8000)[CODE : CODE + 8] = program("be0080 bf1090 a5 f4  ; movsw; hlt")
        answer(vm.vcpus[0].run())
        ends_alike(vm)


def test_in_a_shadow() -> None:
    with one("fb 40 40 f4  ; sti; inc ax; inc ax; hlt") as vm:
        vm.irqchip = vm.irqchip
        vm.vcpus[0].interrupt(0x33, queue=True)
        vm.vcpus[0].run(1)
        assert vm.vcpus[0].events.shadow
        ends_alike(vm)


def test_in_an_interrupt_whose_vector_lies_in_a_hole() -> None:
    with one("0f011e0060 fb cd44 f4  ; lidt; sti; int 44h", "80386") as vm:
        vm.write(0x6000, bytes.fromhex("ff03 00000900"))  # the table is at 90000h: no memory
        exit = vm.vcpus[0].run()
        assert exit.reason is ExitReason.MMIO and not exit.write
        ends_alike(vm)


def test_after_a_step_with_tf() -> None:
    with one("9c 58 0d0001 50 9d 40 40 f4  ; pushf; set TF; popf; inc ax") as vm:
        for _ in range(6):
            vm.vcpus[0].step()
        ends_alike(vm)


def test_what_the_records_leave_out_is_in_it() -> None:
    with one("0f26f8 0f26e8 f4  ; mov tr7,eax; mov tr5,eax", eax=0x12345678) as vm:
        v = vm.vcpus[0]
        v.run(2)
        v.debug(breakpoints=[CODE + 3], watch=[(0x5000, 4, "w")])
        v.kick()
        v.request_interrupt_window = True
        state = State.from_bytes(vm.save().to_bytes())
        v.debug()
        v.reset()
        v.run(3)

        vm.restore(state)

        assert v.run().reason is ExitReason.INTR
        assert v.request_interrupt_window
        assert v.instructions == 2
        v.regs.ip = CODE
        assert v.run().reason is ExitReason.DEBUG
        with pytest.raises(StateError):
            vm.restore(Vm().save())


# -- more than a vCPU and its RAM ------------------------------------------------------------------


def test_two_vcpus_go_on_each_for_itself() -> None:
    with Vm(irqchip=True) as vm:
        vm.add_memory(0, 0x10000)[CODE : CODE + 4] = program("4041 ebfc  ; inc ax; inc cx; loop")
        for n in range(2):
            v = vm.create_vcpu()
            v.regs.cs, v.regs.ip, v.regs.ax = 0, CODE, 100 * n
            v.run(11 + n)
        state = vm.save()
        wanted = [(v.run(50).reason, v.regs.ax, v.regs.cx, v.instructions) for v in vm.vcpus]

        vm.restore(state)

        assert [(v.run(50).reason, v.regs.ax, v.regs.cx, v.instructions) for v in vm.vcpus] == (
            wanted
        )
        with vm.fork() as twin:
            twin.restore(state)
            assert [v.regs.ax for v in twin.vcpus] == [v.regs.ax - 17 for v in vm.vcpus]


def test_a20_and_rom_are_as_they_were() -> None:
    with Vm() as vm:
        low = vm.add_memory(0, 0x10000)
        high = vm.add_memory(0x100000, 0x10000)
        v = vm.create_vcpu()
        vm.a20 = False
        low.readonly = True
        state = vm.save()
        vm.a20, low.readonly = True, False
        v.regs.cs, v.regs.ip = 0, CODE
        low[CODE : CODE + 6] = program("b8ffff 8ed8 f4  ; mov ds,0ffffh; hlt")
        high[0x100000] = 5

        vm.restore(state)

        assert (vm.a20, low.readonly, high[0x100000], low[CODE]) == (False, True, 0, 0)


def test_a_slot_that_was_moved_is_where_it_was() -> None:
    with Vm() as vm:
        first, second = vm.add_memory(0, 0x1000), vm.add_memory(0x10000, 0x2000)
        first[0], second[0x10000] = 1, 2
        state = vm.save()
        second.move(0x20000)
        first.move(0x10000)

        vm.restore(state)

        assert (first.addr, second.addr) == (0, 0x10000)
        assert vm.read(0, 1) + vm.read(0x10000, 1) == b"\1\2"


def test_a_dirty_log_is_as_it_was() -> None:
    with one("a20050 a20060 f4  ; mov [5000h],al; mov [6000h],al") as vm:
        slot, v = vm.slots[0], vm.vcpus[0]
        slot.dirty_log = True
        v.run(1)
        state = vm.save()
        v.run(1)
        slot.dirty_log = False

        vm.restore(state)

        assert slot.dirty_log and slot.dirty(clear=False) == b"\x20\0"
        v.run(1)
        assert slot.dirty() == b"\x60\0"
        vm.restore(vm.save())
        plain = one("f4").save()
        vm.restore(plain)
        assert not slot.dirty_log


def test_coalesced_writes_are_those_of_then() -> None:
    with one("e699 e699 e699 f4  ; out 99h,al, three times") as vm:
        vm.coalesce(0x99, 1, bus="pio")
        v = vm.vcpus[0]
        v.run(2)
        state = State.from_bytes(vm.save().to_bytes())
        v.run(1)
        vm.coalesced.drain()

        vm.restore(state)

        assert (len(vm.coalesced), vm.coalesced.count) == (2, 2)
        v.run(1)
        assert vm.coalesced.drain() == [("pio", 0x99, 1, 0)] * 3


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: Vm(shift=8), "shift: 7, here 8"),
        (lambda: Vm(clock="host"), "clock: 'virtual', here 'host'"),
        (lambda: Vm(irqchip=True), "irqchip: False, here True"),
        (lambda: Vm(), r"vCPUs: \('80486',\), here \(\)"),
    ],
)
def test_another_vm_is_named(other: Any, words: str) -> None:
    with Vm() as vm, other() as there:
        vm.create_vcpu()
        with pytest.raises(StateError, match=words):
            there.restore(vm.save())


def test_another_memory_and_a_vga_are_named() -> None:
    with Vm() as vm, Vm() as other:
        vm.add_memory(0, 0x1000)
        with pytest.raises(StateError, match=r"memory slots of these sizes: \[4096\], here \[\]"):
            other.restore(vm.save())
        other.add_memory(0, 0x1000)
        other.create_vga()
        with pytest.raises(StateError, match="VGA: False, here True"):
            other.restore(vm.save())


def test_a_device_and_a_timer_of_a_running_vcpu_are_refused() -> None:
    with one("40 ebfd  ; inc ax; jmp") as vm:
        state = vm.save()
        caught: list[BaseException] = []

        def meddle() -> None:
            for act in (vm.save, vm.fork, lambda: vm.restore(state)):
                try:
                    act()
                except RuntimeError as error:
                    caught.append(error)

        vm.set_timer(1000, meddle)
        vm.vcpus[0].run(1000)

        assert len(caught) == 3
        assert all("is in run()" in str(error) for error in caught)


def test_what_is_no_state_is_refused() -> None:
    with Vm() as vm:
        for bad in (None, 5, vm, "state"):
            with pytest.raises(TypeError, match="restored from a State"):
                vm.restore(bad)  # type: ignore[arg-type]
        bad = State({})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="restored from a Snapshot"):
            vm.restore(bad)


def test_a_closed_vm_is_refused() -> None:
    vm = Vm()
    state = vm.save()
    vm.close()
    for act in (vm.save, vm.fork, lambda: vm.restore(state)):
        with pytest.raises(OSError, match="closed"):
            act()


# -- another process -------------------------------------------------------------------------------

CHILD = """
import hashlib, sys
from pyx86emu import State, Vm
state = State.load(sys.argv[1])
with Vm(irqchip=True) as vm:
    vm.add_memory(0, 0x10000)
    v = vm.create_vcpu(sys.argv[2])
    vm.restore(state)
    reason = v.run(500).reason.name
    print(reason, hashlib.sha256(vm.read(0, 0x10000)).hexdigest(), v.regs, v.instructions, vm.time)
"""


@pytest.mark.parametrize("model", MODELS)
def test_another_process_goes_on_alike(model: str, tmp_path: Any) -> None:
    code = "b93000 be0040 bf0050 f3a4 fb 40 50 cd40 58 eb..  ".replace("..", "ee")
    with one(code, model) as vm:
        v = vm.vcpus[0]
        v.run(33)
        vm.save().save(tmp_path / "a.state")
        reason = v.run(500).reason.name
        wanted = f"{reason} {hashlib.sha256(vm.read(0, 0x10000)).hexdigest()} {v.regs}"
        wanted += f" {v.instructions} {vm.time}"

    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "a.state"), model],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.strip() == wanted
