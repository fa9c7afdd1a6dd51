"""Exits as values: what each call on one may do, and when."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, MmioDevice, PioDevice, Vcpu, Vm
from tests import harness as guest

MakeVm = Callable[..., Vm]

CORE = Path(__file__).resolve().parents[2] / "pyx86emu" / "core"
FIELDS = (
    *("reason", "addr", "port", "size", "count", "write", "value", "data"),
    *("cs", "ip", "message", "dr6", "pc"),
)
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

    kept = FIELDS[1:]
    assert exit.pc == 0x1001
    assert [getattr(other, name) for name in kept] == [getattr(exit, name) for name in kept]
    assert other.reason is ExitReason.MATCH


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


# -- made by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exit", "words"),
    [
        (
            Exit(ExitReason.IO, port=0x60, size=1, count=3, cs=0xF000, ip=0xFFF0),
            "Exit(IO port=0x60 size=1 read count=3 at f000:fff0)",
        ),
        (
            Exit(ExitReason.IO, port=0x510, data=b"\x34\x12"),
            "Exit(IO port=0x510 size=2 value=0x1234 at 0000:0000)",
        ),
        (
            Exit(ExitReason.MMIO, addr=0xFEE00000, size=8),
            "Exit(MMIO addr=0xfee00000 size=8 read count=1 at 0000:0000)",
        ),
        (Exit(ExitReason.HYPERCALL, addr=7), "Exit(HYPERCALL number=0x7 at 0000:0000)"),
        (Exit(ExitReason.HLT), "Exit(HLT at 0000:0000)"),
        (
            Exit(ExitReason.INTERNAL_ERROR, message="no way on"),
            "Exit(INTERNAL_ERROR at 0000:0000: no way on)",
        ),
        (Exit(ExitReason.DEBUG, dr6=0x4000, pc=5), "Exit(DEBUG at 0000:0000)"),
        (Exit(5), "Exit(HLT at 0000:0000)"),  # type: ignore[arg-type]
    ],
)
def test_anybody_can_make_an_exit(exit: Exit, words: str) -> None:
    assert repr(exit) == words
    assert isinstance(exit.reason, ExitReason)
    assert exit.write == bool(exit.data)
    assert exit.value == int.from_bytes(exit.data, "little")


IO, MMIO, HLT = ExitReason.IO, ExitReason.MMIO, ExitReason.HLT


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, TypeError, "an Exit has a reason"),
        ({"reason": 5000}, ValueError, "5000 is not a valid ExitReason"),
        ({"reason": "HLT"}, ValueError, "ExitReason"),
        ({"reason": HLT, "port": 5, "size": 1}, TypeError, "reason HLT has no port, size"),
        ({"reason": HLT, "data": b"x"}, TypeError, "reason HLT has no data"),
        ({"reason": IO}, TypeError, "reason IO has a port: give port="),
        ({"reason": IO, "port": 5}, TypeError, "has a size: give size="),
        ({"reason": IO, "port": 5, "addr": 5, "size": 1}, TypeError, "reason IO has no addr"),
        ({"reason": IO, "port": 0x10000, "size": 1}, ValueError, "port is 0x10000"),
        ({"reason": IO, "port": -1, "size": 1}, ValueError, "port is -1"),
        ({"reason": IO, "port": 5.0, "size": 1}, TypeError, "port must be an integer"),
        ({"reason": IO, "port": 5, "size": 3}, ValueError, "size is 3: .* has 1, 2, 4 bytes"),
        ({"reason": IO, "port": 5, "size": 8}, ValueError, "size is 8"),
        ({"reason": IO, "port": 5, "size": 1, "count": 0}, ValueError, "count is 0"),
        ({"reason": IO, "port": 5, "size": 1, "count": 1 << 40}, ValueError, "count is"),
        ({"reason": IO, "port": 5, "data": b""}, ValueError, "size is 0"),
        ({"reason": IO, "port": 5, "data": 5}, TypeError, "data is bytes in memory order, not int"),
        ({"reason": IO, "port": 5, "data": b"ab", "size": 1}, ValueError, "2 bytes of data"),
        ({"reason": IO, "port": 5, "data": b"a", "count": 2}, ValueError, "an Exit for each"),
        ({"reason": IO, "port": 5, "data": b"a", "answer": print}, ValueError, "either data or"),
        ({"reason": IO, "port": 5, "size": 1, "answer": 5}, TypeError, "answer is a function"),
        ({"reason": MMIO, "addr": 1 << 64, "size": 1}, ValueError, "addr is"),
        ({"reason": MMIO, "addr": 5, "size": 9}, ValueError, "size is 9"),
        ({"reason": ExitReason.HYPERCALL, "addr": 5, "data": b"ab"}, ValueError, "size is 2"),
        ({"reason": HLT, "cs": -1}, ValueError, "cs is -1"),
        ({"reason": HLT, "ip": "5"}, TypeError, "ip must be an integer"),
        ({"reason": HLT, "message": 5}, TypeError, "the message of an Exit is text, not int"),
        ({"reason": HLT, "colour": "red"}, TypeError, "reason HLT has no colour"),
    ],
)
def test_an_exit_made_by_hand_is_whole_or_not_made(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Exit(**given)


def test_an_exit_is_made_by_its_class_alone() -> None:
    for call in (lambda: Exit.__new__(Exit), lambda: Exit(HLT, 5)):  # type: ignore[call-arg, misc]
        with pytest.raises(TypeError, match="reason"):
            call()


def test_a_read_made_by_hand_gives_its_answer_to_a_function() -> None:
    answers: list[bytes] = []
    exit = Exit(IO, port=0x60, size=2, count=3, answer=answers.append)

    exit.reply(0x332211)
    exit.reply(b"ab")
    exit.reply_one(-2)

    assert answers == [b"\x11\x22\x33\0\0\0", b"ab\0\0\0\0", b"\xfe\xff"]
    assert exit.count == 1


def test_what_the_function_of_an_exit_raises_comes_out_of_reply() -> None:
    def refuse(answer: bytes) -> None:
        raise RuntimeError("too late")

    exit = Exit(MMIO, addr=5, size=1, count=2, answer=refuse)

    for reply in (exit.reply, exit.reply_one):
        with pytest.raises(RuntimeError, match="too late"):
            reply(5)
    assert exit.count == 2


def test_a_hypercall_made_by_hand_takes_eax_as_its_answer() -> None:
    answers: list[bytes] = []
    exit = Exit(ExitReason.HYPERCALL, addr=7, data=b"\x01\x02\x03\x04", answer=answers.append)

    exit.reply(0x1_0000_0005)

    assert (exit.write, exit.size, exit.value) == (True, 4, 0x04030201)
    assert answers == [b"\5\0\0\0"]


@pytest.mark.parametrize(
    "exit",
    [
        Exit(IO, port=0x60, data=b"a"),
        Exit(MMIO, addr=0x60, data=b"a"),
        Exit(IO, port=0x60, size=1),
        Exit(ExitReason.HYPERCALL, addr=7),
        Exit(HLT),
        Exit(IO, port=0x60, size=1, answer=print).because(ExitReason.MATCH),
        copy.copy(Exit(IO, port=0x60, size=1, answer=print)),
    ],
    ids=["OUT", "store", "nobody asks", "hypercall", "HLT", "another reason", "copy"],
)
def test_an_exit_that_nobody_waits_for_takes_no_answer(exit: Exit) -> None:
    for reply in (exit.reply, exit.reply_one):
        with pytest.raises(RuntimeError, match=NO_ANSWER):
            reply(5)


def test_an_exit_is_copied_and_pickled_as_what_it_says(vm: MakeVm) -> None:
    real = vcpu(vm(), "0f22c0 b001 0f22c0")
    real.regs.eax = 1
    for exit in (
        real.run(),
        vcpu(vm(), "fc f36c f4").run(),
        Exit(MMIO, addr=1 << 40, data=b"abcdefgh", cs=1, ip=2),
        Exit(ExitReason.DEBUG, dr6=0xFFFF4FF0, pc=0xFFFFFFFF),
    ):
        for again in (copy.copy(exit), copy.deepcopy(exit), pickle.loads(pickle.dumps(exit))):
            assert [getattr(again, name) for name in FIELDS] == [
                getattr(exit, name) for name in FIELDS
            ]


class Register(PioDevice, MmioDevice):
    """Keeps what was written last."""

    length = 4
    max_size = 1

    def __init__(self) -> None:
        self.bytes = bytearray(b"\x11\x22\x33\x44")

    def pio_read(self, offset: int, size: int) -> int:
        return self.bytes[offset] | 0xFF00

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.bytes[offset] = value

    mmio_read, mmio_write = pio_read, pio_write


@pytest.mark.parametrize("pull", [False, True])
def test_exits_made_by_hand_are_served_by_devices(vm: MakeVm, pull: bool) -> None:
    v, register = vm(), Register()
    v.pio.attach(register, 0x300, pull=pull)
    v.mmio.attach(Register(), 0xD0000, pull=pull)
    answers: list[bytes] = []

    assert v.pio.dispatch(Exit(IO, port=0x301, data=b"\xaa\xbb"))
    assert v.pio.dispatch(Exit(IO, port=0x300, size=4, answer=answers.append))
    assert v.mmio.dispatch(Exit(MMIO, addr=0xD0001, size=3, answer=answers.append))
    assert not v.pio.dispatch(Exit(IO, port=0x303, size=2, answer=answers.append))
    assert not v.pio.dispatch(Exit(HLT))

    assert answers == [b"\x11\xaa\xbb\x44", b"\x22\x33\x44"]


def test_of_several_elements_the_first_is_answered_by_dispatch(vm: MakeVm) -> None:
    v, answers = vm(), list[bytes]()
    v.pio.attach(Register(), 0x300)
    exit = Exit(IO, port=0x300, size=2, count=5, answer=answers.append)

    assert v.pio.dispatch(exit)

    assert answers == [b"\x11\x22"]


def test_a_chip_of_the_core_serves_an_exit_too(vm: MakeVm) -> None:
    v, answers = vm(irqchip=True), list[bytes]()

    assert v.pio.dispatch(Exit(IO, port=0x21, data=b"\x5a"))
    assert v.pio.dispatch(Exit(IO, port=0x21, size=1, answer=answers.append))

    assert answers == [b"\x5a"]
