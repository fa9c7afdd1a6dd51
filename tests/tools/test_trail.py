"""Trails: the last instructions of a guest, as a person reads them."""

from __future__ import annotations

import sys

import pytest

from pyx86emu import Machine, Symbols
from pyx86emu.executed import Executed
from pyx86emu.tools.trail import parts, trail, trail_of

IDT = "0f011e207c"  # lidt [7C20h], where zeros are: the interrupt table has no entry


def of(
    code: str, *, no_reboot: bool = True, timeout: float = 1, stop_on: tuple[str, ...] = ()
) -> list[str]:
    """The trail of a boot sector."""
    with Machine(bytes.fromhex(code), no_reboot=no_reboot) as m:
        m.vcpu.record_history = True
        exit = m.run(timeout=timeout, stop_on=stop_on)
        return trail_of(m, exit)


# -- what is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stop", "lines"),
    [
        (
            "9090 ea10000030",
            "zeros",
            ("0000:7c01 90 nop", "0000:7c02 ea10000030 jmp 0x3000:0x10"),
        ),
        (  # a vector of 0
            "31c0 8ed8 a38001 a38201 cd60",
            "null-vector",
            ("0000:7c07 a38201 mov word [0x182], ax", "0000:7c0a cd60 int 0x60"),
        ),
        (
            f"{IDT} 0f0b",
            "",
            ("0000:7c00 0f011e207c lidt [0x7c20]", "0000:7c05 0f0b db 0x0f, 0x0b"),
        ),
        ("b0fe e664 f4", "", ("0000:7c00 b0fe mov al, 0xfe", "0000:7c02 e664 out 0x64, al")),
        ("b001 e692 f4", "", ("0000:7c00 b001 mov al, 1", "0000:7c02 e692 out 0x92, al")),
        ("90 ea0000ffff", "", ("0000:7c00 90 nop", "0000:7c01 ea0000ffff jmp 0xffff:0")),
        ("31c0 fa f4", "", ("0000:7c02 fa cli", "0000:7c03 f4 hlt")),
        (
            "fa ebfe",
            "",
            ("0000:7c01 ebfe jmp 0x7c01", "(this instruction at least 4,096 times)"),
        ),
    ],
)
def test_the_last_lines_are_what_led_to_the_end(
    code: str, stop: str, lines: tuple[str, str]
) -> None:
    found = of(code, stop_on=(stop,) if stop else ())

    assert tuple(" ".join(line.split()) for line in found[-2:]) == lines


@pytest.mark.parametrize("code", [f"{IDT} 0f0b", "b0fe e664 f4", "ea0000ffff"])
def test_of_a_guest_that_resets_again_and_again_it_ends_before_the_reset(code: str) -> None:
    assert of(code, no_reboot=False) == of(code)


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("90 ea10000030", "0000:7c01 ea10000030 jmp 0x3000:0x10", "add byte [bx + si], al"),
        ("31c0 8ed8 a38001 a38201 cd60", "0000:7c0a cd60 int 0x60", "0000:0003 f053 db 0xf0, 0x53"),
    ],
)
def test_how_a_guest_has_strayed_is_kept_however_long_ago(
    code: str, before: str, after: str
) -> None:
    with Machine(bytes.fromhex(code)) as m:
        m._record_history()
        lines = [" ".join(line.split()) for line in trail_of(m, m.run(timeout=1))]

    assert lines.index(before) + 1 == next(n for n, each in enumerate(lines) if "(then " in each)
    assert after in "\n".join(lines[lines.index(before) :])


def test_a_guest_is_run_on_where_its_history_is_kept() -> None:
    code = bytes.fromhex("90 ea10000030")
    with Machine(code) as m, Machine(code) as other:
        m._record_history()

        assert str(m.run(timeout=1)) == str(other.run(timeout=1))
        assert (m.vcpu.instructions, m.vcpu.arrivals) == (
            other.vcpu.instructions,
            other.vcpu.arrivals,
        )


def test_a_stop_that_was_asked_for_stays_one() -> None:
    with Machine(bytes.fromhex("90 ea10000030")) as m:
        m._record_history()

        assert m.run(timeout=1, stop_on={"zeros"}).stop == "zeros"


def test_it_begins_with_the_boot_sector() -> None:
    assert of("fa f4") == ["0000:7c00  fa               cli", "0000:7c01  f4               hlt"]


@pytest.mark.parametrize(
    "code",
    [
        "b400 cd16",  # it waits for a key
        "b401 cd16 ebfa",  # it asks for one
        "fb f4 ebfd",  # it halts until the next interrupt
    ],
)
def test_a_guest_that_only_waits_has_none(code: str) -> None:
    assert of(code) == []


def test_a_machine_without_a_history_has_none() -> None:
    with Machine(bytes.fromhex("fa f4")) as m:
        exit = m.run(timeout=1)

        assert trail_of(m, exit) == []
        assert trail(m) == []


def test_a_machine_that_boots_nothing_has_none() -> None:
    with Machine() as m:
        m.vcpu.record_history = True

        assert trail_of(m, m.run(timeout=1)) == []


def test_labels_and_source_lines_are_shown() -> None:
    with Machine(bytes.fromhex("b80100 ebfb")) as m:
        m.symbols = Symbols({"start": 0x7C00})
        m.vcpu.record_history = True
        m.run(timeout=0.1)

        labels = trail(m, m.vcpu.history(2))
        lines = trail(m, m.vcpu.history(2), source=lambda cs, ip: f"boot.asm:{ip - 0x7BFF}")

    assert sorted(labels)[:2] == [
        "0000:7c00  b80100           mov ax, 1                ; start",
        "0000:7c03  ebfb             jmp start                ; start+0x3",
    ]
    assert sorted(lines)[0].endswith("; boot.asm:1")


def test_code_that_was_rewritten_says_so() -> None:
    found = of("c606007c90 fa f4")  # mov byte [7C00h],90h

    assert found[0].endswith("; rewritten since")


def test_without_capstone_it_has_bytes_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "capstone", None)

    assert of("fa f4") == [
        "0000:7c00  fa",
        "0000:7c01  f4",
        "(names of instructions need capstone: pip install 'pyx86emu[asm]')",
    ]


# -- what is left out -----------------------------------------------------------------------------


def steps(*ips: int, code: bytes = b"") -> list[Executed]:
    """Instructions of one byte, each with other bytes."""
    return [Executed(0, ip, n, code or bytes([ip & 0xFF]), False) for n, ip in enumerate(ips)]


def test_a_loop_is_one_part_with_how_often_it_ran() -> None:
    first, loop, end = parts(steps(1, *(2, 3) * 7, 9))

    assert ([each.ip for each in loop.steps], loop.note) == ([2, 3], "these 2 instructions 7 times")
    assert (first.steps[0].ip, end.steps[0].ip) == (1, 9)


def test_a_loop_that_fills_the_history_says_at_least() -> None:
    (loop,) = parts(steps(*(2, 3) * 7))

    assert loop.note == "these 2 instructions at least 7 times"


def test_equal_instructions_one_after_another_are_one_part() -> None:
    (zeros,) = parts(steps(*range(16, 36, 2), code=b"\0\0"))

    assert (zeros.steps[0].ip, zeros.note) == (16, "and 9 more of them, the last at 0000:0022")


def test_so_many_are_shown_and_no_more() -> None:
    with Machine() as m:
        found = trail(m, steps(*range(100), code=b"\x90"), shown=3)
        lines = trail(m, steps(1, *(2, 3, 4) * 5, 9), shown=3)

        assert len(trail(m, steps(*range(0, 200, 2)))) == 16
        assert trail(m, steps(*range(100)), shown=0) == []

    assert [line[:9] for line in found] == ["0000:0000", "         "]
    assert [line.split()[0] for line in lines] == ["0000:0003", "0000:0004", "(these", "0000:0009"]
