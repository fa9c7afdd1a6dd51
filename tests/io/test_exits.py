"""Exits as values: what each call on one may do, and when."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Exit, ExitReason, PioDevice, Vcpu, Vm
from tests import harness as guest

MakeVm = Callable[..., Vm]

CORE = Path(__file__).resolve().parents[2] / "pyx86emu" / "core"
NO_ANSWER = "waits for no answer: reply to a read"


def test_the_core_has_the_names_and_numbers_of_the_exit_reasons() -> None:
    lines = "\n".join(path.read_text("utf-8") for path in sorted(CORE.rglob("*.pxi")))
    in_c = re.findall(r"^    EXIT_(\w+) = (\w+)", lines, re.M)
    numbers = {name: int(number, 0) for name, number in in_c}

    assert len(in_c) == len(numbers) > 10
    assert numbers.pop("NONE") == ExitReason.UNKNOWN
    assert numbers.pop("RAISE") not in set(ExitReason)  # of the core alone
    assert numbers == {each: ExitReason[each] for each in numbers}


def vcpu(vm: Vm, code: str) -> Vcpu:
    """Before `code`, ready for a REP INSB of four bytes from port 80h to 2000h."""
    made = guest.vcpu(vm, code)
    made.regs.di, made.regs.dx, made.regs.cx = 0x2000, 0x80, 4
    return made


def test_a_reset_voids_a_read_that_waits(vm: MakeVm) -> None:
    v = vcpu(vm(), "e480 f4")
    exit = v.run()

    v.reset()

    for answer in (exit.reply, exit.reply_one):
        with pytest.raises(RuntimeError, match=NO_ANSWER):
            answer(5)


def test_a_reset_by_a_device_voids_the_exit_that_follows_it(vm: MakeVm) -> None:
    class Button(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            v.reset()

    machine = vm()
    v = vcpu(machine, "e690 f4")
    machine.pio.attach(Button(), 0x90)

    exit = v.run()  # starts again where there is no memory

    assert (exit.reason, exit.cs, exit.ip) == (ExitReason.INTERNAL_ERROR, 0xF000, 0xFFF0)
    with pytest.raises(RuntimeError, match=NO_ANSWER):
        exit.reply(5)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("f4", ExitReason.HLT),
        ("e680 f4", ExitReason.IO),
        ("b800d0 8ed8 a20000 f4", ExitReason.MMIO),
        ("0f22c0 b001 0f22c0", ExitReason.INTERNAL_ERROR),
    ],
    ids=["HLT", "an OUT", "a store", "an error"],
)
def test_only_reads_and_hypercalls_take_an_answer(
    vm: MakeVm, code: str, reason: ExitReason
) -> None:
    v = vcpu(vm(), code)
    v.regs.eax = 1

    exit = v.run()

    assert exit.reason is reason
    with pytest.raises(RuntimeError, match=NO_ANSWER):
        exit.reply(5)


def test_an_answer_after_the_next_run_is_refused(vm: MakeVm) -> None:
    v = vcpu(vm(), "e480 e480 f4")
    old = v.run()
    v.run()

    with pytest.raises(RuntimeError, match=NO_ANSWER):
        old.reply(5)


class Lying(int):
    def __and__(self, other: int) -> int:
        return 1 << 100


@pytest.mark.parametrize(
    ("answer", "al"),
    [
        (0x15A, 0x5A),
        (-1, 0xFF),
        (b"12345", 0x31),
        (b"", 0),
        (memoryview(b"\x77\x88"), 0x77),
        (bytearray(b"\x42"), 0x42),
        (Lying(0x33), 0x33),
        (True, 1),
    ],
    ids=lambda it: "memoryview" if isinstance(it, memoryview) else repr(it),
)
def test_an_answer_is_cut_to_what_was_asked_for(vm: MakeVm, answer: int | bytes, al: int) -> None:
    v = vcpu(vm(), "e480 f4")

    v.run().reply(answer)

    assert v.run().reason is ExitReason.HLT
    assert v.regs.al == al


@pytest.mark.parametrize("answer", [1.5, "5", None, [5], {}])
def test_an_answer_of_another_type_is_refused_and_the_read_still_waits(
    vm: MakeVm, answer: object
) -> None:
    v = vcpu(vm(), "e480 f4")
    exit = v.run()

    with pytest.raises(TypeError, match="the answer must be an integer"):
        exit.reply(answer)  # type: ignore[arg-type]

    exit.reply(7)
    v.run()
    assert v.regs.al == 7


def test_one_element_of_a_batch_is_answered_at_a_time(vm: MakeVm) -> None:
    machine = vm()
    v = vcpu(machine, "fc f36c f4")
    counts, times = [], []
    for value in (1, 2, 3, 4):
        exit = v.run()
        counts.append(exit.count)
        times.append(machine.time)
        exit.reply_one(value)

    assert v.run().reason is ExitReason.HLT
    assert machine.read(0x2000, 4) == bytes([1, 2, 3, 4])
    assert counts == [4, 3, 2, 1]
    assert times == [128, 256, 384, 512]


def test_an_exit_with_another_reason_keeps_the_rest(vm: MakeVm) -> None:
    v = vcpu(vm(), "90 f4")
    v.debug(breakpoints=[0x1001])
    exit = v.run()

    other = exit.because(ExitReason.MATCH)

    kept = ("addr", "size", "count", "write", "value", "cs", "ip", "message", "dr6", "pc")
    assert exit.pc == 0x1001
    assert [getattr(other, name) for name in kept] == [getattr(exit, name) for name in kept]
    assert other.reason is ExitReason.MATCH


def test_an_exit_made_by_hand_says_where_exits_come_from() -> None:
    with pytest.raises(TypeError, match=r"Exit objects are made by Vcpu.run\(\)"):
        Exit()


def test_a_step_stores_one_element_of_an_answered_batch(vm: MakeVm) -> None:
    machine = vm()
    v = vcpu(machine, "fc f36c f4")
    v.run().reply(b"\1\2\3\4")

    stored = []
    for _ in range(4):
        assert v.step().reason is ExitReason.DEBUG
        stored.append((v.regs.cx, machine.read(0x2000, 4)))

    assert stored == [
        *((3, b"\1\0\0\0"), (2, b"\1\2\0\0")),
        *((1, b"\1\2\3\0"), (0, b"\1\2\3\4")),
    ]
    assert v.run().reason is ExitReason.HLT


def test_a_run_after_such_a_step_stores_the_rest(vm: MakeVm) -> None:
    machine = vm()
    v = vcpu(machine, "fc f36c f4")
    v.run().reply(b"\1\2\3\4")
    v.step()

    assert v.run().reason is ExitReason.HLT

    assert machine.read(0x2000, 4) == b"\1\2\3\4"


def test_an_answer_to_one_element_that_fails_leaves_the_batch(vm: MakeVm) -> None:
    machine = vm()
    v = vcpu(machine, "fc f36c f4")
    exit = v.run()

    with pytest.raises(TypeError):
        exit.reply_one("no number")  # type: ignore[arg-type]
    exit.reply(b"\1\2\3\4")

    assert exit.count == 4
    assert v.run().reason is ExitReason.HLT
    assert machine.read(0x2000, 4) == b"\1\2\3\4"


@pytest.mark.parametrize("reason", [5000, "x", None])
def test_an_exit_has_no_reason_but_an_exit_reason(vm: MakeVm, reason: object) -> None:
    exit = vcpu(vm(), "f4").run()

    with pytest.raises(ValueError, match="ExitReason"):
        exit.because(reason)  # type: ignore[arg-type]
