"""The numbers of the pytest plugin: call each function with good values, or say why not."""

from __future__ import annotations

from collections.abc import Callable

from pyx86emu.testing.bench import Bench
from pyx86emu.testing.guest import Result, start_of
from pyx86emu.testing.program import Program
from tests.numbers import Place, World, place

RET = Program(b"\xc3")


def guest(world: World) -> Callable[..., object]:
    """The fixture `guest`, of a test that needs neither files nor options."""
    bench = Bench.__new__(Bench)
    bench._max_instructions, bench._results = None, []
    bench._trace = bench._cover = False
    return lambda **registers: bench.guest(RET.code, **registers)


def result(world: World) -> Result:
    """What a RET has left."""
    return Result(start_of(RET, {}, None, None), 10)


PLACES: dict[str, Place] = {
    "Bench.guest": place(
        guest,
        **dict.fromkeys(("ax", "bx", "cx", "dx", "si", "di", "bp", "eax", "ebx", "ecx"), 1),
        **dict.fromkeys(("edx", "esi", "edi", "ebp", "es", "ds", "fs", "gs", "flags"), 1),
        sp=0xFFEE,
        ss=0x1000,
        max_instructions=10,
    ),
    "Result.read": place(lambda w: result(w).read, at=0, size=1, called={"at": "address"}),
    "Result.byte": place(lambda w: result(w).byte, at=0, called={"at": "address"}),
    "Result.word": place(lambda w: result(w).word, at=0, called={"at": "address"}),
    "Result.first": place(lambda w: result(w).first, count=1),
    "Result.history": place(lambda w: result(w).history, count=1),
}

EXEMPT: dict[str, str] = {
    "Bench.guest.memory": "a mapping: tests/testing/test_guest.py tries its keys and values",
    "guest.start_of": "called by Bench.guest",
    "Result.__init__": "called by Bench.guest, with a limit that it has looked at",
    "TestMachine.within": "called by Bench.boot; moment() looks at the time",
    "bench.seed_of": "called with --x86-seed, which argparse has read",
    **dict.fromkeys(
        ("Result.line", "Program.at", "mnemonics.words", "report.offset_of"),
        "called by reports, with registers of a guest",
    ),
    **dict.fromkeys(
        ("Run.go", "Run.steps", "running.repeats"), "called by Result, with numbers of its run"
    ),
    **dict.fromkeys(
        ("cover.add", "cover.merge", "cover.ranges"), "called with the numbers of lines and offsets"
    ),
}
