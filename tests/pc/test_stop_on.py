"""`stop_on` of a machine: runs that end where no program should be, and the words at a bad end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import ExitReason, Machine, MachineError
from pyx86emu.pc.ending import ending
from pyx86emu.pc.stops import NAMES
from tests.harness import program

MakeMachine = Callable[..., Machine]
ZEROS = program("ea1000 0030")  # jmp 3000:0010
READS = program("ba3412 ec ebfd")  # mov dx,1234h; 1: in al,dx; jmp 1b


def test_a_jump_into_zeros_is_named_with_the_jump(machine: MakeMachine) -> None:
    m = machine(program("90909090 90909090") + ZEROS)

    exit = m.run(stop_on={"zeros"}, timeout=1)

    assert exit.reason is ExitReason.DEBUG
    assert exit.message == "executing zeros at 3000:0010, jumped from 0000:7c08"
    assert (exit.stop, exit.jumped_from) == ("zeros", (0, 0x7C08))
    assert ending(m, exit) == ("zeros", exit.message)


def test_stop_on_is_for_one_run_and_the_attribute_for_all(machine: MakeMachine) -> None:
    m = machine(program("ebfe"))

    assert m.run(stop_on={"loop"}, timeout=0.1).stop == "loop"
    assert m.run(timeout=0.1).reason is ExitReason.DEADLINE
    m.stop_on = {"loop"}
    assert m.stop_on == frozenset({"loop"})
    assert m.run(timeout=0.1).stop == "loop"
    assert m.run(stop_on=(), timeout=0.1).reason is ExitReason.DEADLINE
    assert m.limits(timeout=1, stop_on={"loop"}).run(0.1).stop == "loop"


def test_expect_says_why_it_was_stopped(machine: MakeMachine) -> None:
    with pytest.raises(MachineError, match="executing zeros at 3000:0010"):
        machine(ZEROS).expect("never", stop_on={"zeros"}, timeout=1)


def test_a_port_that_nobody_answers_stops_a_loop(machine: MakeMachine) -> None:
    m = machine(READS)

    exit = m.run(stop_on={"port"}, timeout=5)

    assert exit.stop == "port"
    assert exit.message == "port 0x1234, which no device has, is read in a loop at 0000:7c03"
    assert m.run(max_instructions=50).reason is ExitReason.BUDGET


def test_a_loop_on_a_silent_port_is_a_hint_at_the_end(machine: MakeMachine) -> None:
    m = machine(READS)

    exit = m.run(timeout=0.02)

    found = ending(m, exit)
    assert exit.reason is ExitReason.DEADLINE
    assert found.kind == "port"
    assert "port 0x1234, which no device has, is read in a loop at 0000:7c03" in found.text


def test_the_bios_and_a_guest_that_halts_are_no_stop(machine: MakeMachine) -> None:
    m = machine(program("fa f4"))

    exit = m.run(stop_on=NAMES, timeout=1)

    assert exit.reason is ExitReason.HLT


def test_a_bad_end_says_how_the_guest_came_there(machine: MakeMachine) -> None:
    m = machine(ZEROS)

    text = ending(m, m.run(timeout=0.05)).text

    assert "it executes zeros at 3000:" in text
    assert "before that it came to zeros at 3000:0010, jumped from 0000:7c00" in text


@pytest.mark.parametrize(
    ("bad", "error"), [("zeros", TypeError), (3, TypeError), ([1], TypeError), ({"x"}, ValueError)]
)
def test_what_is_no_set_of_names_is_refused(
    machine: MakeMachine, bad: Any, error: type[Exception]
) -> None:
    m = machine()

    with pytest.raises(error, match="stop_on"):
        m.run(stop_on=bad)
    with pytest.raises(error, match="stop_on"):
        m.stop_on = bad
    assert m.stop_on == frozenset()


def command(tmp_path: Path, code: bytes, *options: str) -> subprocess.CompletedProcess[str]:
    image = tmp_path / "image.bin"
    image.write_bytes(code)
    words = [sys.executable, "-m", "pyx86emu", str(image), *options]
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_the_command_line_stops_with_a_status_of_its_own(tmp_path: Path) -> None:
    result = command(tmp_path, ZEROS, "--stop-on", "zeros,loop", "--timeout", "1")

    assert result.returncode == 10
    assert "executing zeros at 3000:0010, jumped from 0000:7c00" in result.stderr


def test_the_command_line_refuses_an_unknown_name(tmp_path: Path) -> None:
    result = command(tmp_path, ZEROS, "--stop-on", "zeros,ones")

    assert result.returncode == 2
    assert "'ones' is none of zeros, signature" in result.stderr
