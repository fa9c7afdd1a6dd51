"""Inputs: one state, many inputs; each run is as if it were the first."""

from __future__ import annotations

import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyx86emu import Machine, State, Vm
from pyx86emu.tools import batch
from pyx86emu.tools.batch.inputs import IDLE
from tests.harness import descriptors, program

#: BX = the sum of the CX bytes at 2000h; count the runs at 3000h.
SUM = program(
    """
    ff060030         ; inc word [3000h]
    be0020 30e4      ; mov si,2000h; xor ah,ah
    e305             ; jcxz done
    ac 01c3 e2fb     ; again: lodsb; add bx,ax; loop again
    f4               ; done: hlt
    """
)


def summing(**more: Any) -> batch.Case:
    """A case on a Vm."""
    with Vm() as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000 : 0x1000 + len(SUM)] = SUM
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.ds, vcpu.regs.flags = 0, 0x1000, 0, 2
        given: dict[str, Any] = {
            "at": 0x2000,
            "length": "cx",
            "registers": ("bx",),
            "memory": (("0:3000", 2),),
        }
        return batch.Case(batch.BareVm(), vm.save(), **{**given, **more})  # type: ignore[arg-type]


def inputs(count: int) -> list[bytes]:
    rng = random.Random(1)
    return [rng.randbytes(rng.randrange(64)) for _ in range(count)]


@pytest.mark.parametrize("make", [None, partial(ThreadPoolExecutor, 3)])
@pytest.mark.parametrize("chunk", [1, 16])
def test_each_input_starts_from_the_state(make: Any, chunk: int) -> None:
    data = inputs(100)

    runs = list(batch.map_inputs(summing(), data, make, chunk=chunk))

    assert [each.number for each in runs] == list(range(100))
    assert {each.reason for each in runs} == {"HLT"}
    assert [each.registers[0] for each in runs] == [sum(each) for each in data]
    assert {each.memory for each in runs} == {(b"\1\0",)}, "one run has seen another"


def test_a_case_is_small() -> None:
    assert len(pickle.dumps(summing())) < 700


def test_a_machine_is_run_with_inputs_too() -> None:
    image = program("ebfe").ljust(510, b"\0") + b"\x55\xaa"
    echo = program("fa a00020 e6e9 f4")  # mov al,[2000h]; out 0e9h,al; hlt
    with Machine(image) as m:
        m.boot()
        m.vm.write(0x7C00, echo)
        m.vcpu.regs.ds = 0
        case = batch.Case(batch.Job("echo", image), m.save(), at=0x2000)  # type: ignore[arg-type]

    runs = list(batch.map_inputs(case, [bytes([n]) for n in range(20)], workers=1))

    assert [(each.reason, each.registers[0] & 0xFF) for each in runs] == [
        ("HLT", n) for n in range(20)
    ]
    assert all(each.instructions == 4 for each in runs)


def test_a_run_ends_at_a_stop_or_when_its_instructions_are_spent() -> None:
    done = 0x1000 + len(SUM) - 1

    (stopped,) = batch.map_inputs(summing(stops=(done,)), [b"abc"], workers=1)
    (spent,) = batch.map_inputs(summing(max_instructions=5), [b"abc"], workers=1)

    assert (stopped.reason, stopped.ip) == ("DEBUG", done)
    assert (spent.reason, spent.instructions) == ("BUDGET", 5)


def test_jumps_that_were_made_are_told() -> None:
    case = summing(edges=True)

    empty, one, three = batch.map_inputs(case, [b"", b"a", b"abc"], workers=1)
    again = list(batch.map_inputs(case, [b"abc", b""], workers=1))

    first, second, third = (set(np.frombuffer(ran.edges, "<u2")) for ran in (empty, one, three))
    assert first and second - first and third > second
    assert [each.edges for each in again] == [three.edges, empty.edges]


def test_one_run_is_looked_at() -> None:
    case = summing()

    with case.opened(b"\x07\x09") as vm:
        assert isinstance(vm, Vm)
        vm.vcpus[0].run()
        assert vm.vcpus[0].regs.bx == 16


def test_no_machine_stays_in_this_process() -> None:
    case, before = summing(), descriptors()

    list(batch.map_inputs(case, inputs(50), partial(ThreadPoolExecutor, 2), chunk=2))

    assert not IDLE._kept
    assert descriptors() == before


def test_machines_that_are_idle_are_bounded() -> None:
    for budget in range(1, 20):
        IDLE.put(IDLE.take(summing(max_instructions=budget)))

    kept = sum(len(each) for each in IDLE._kept.values())
    IDLE.clear()

    assert kept == 8


def test_an_input_that_does_not_fit_is_an_error_of_its_task() -> None:
    case = summing(at=0xFFF0)

    runs = list(batch.map_inputs(case, [bytes(8), bytes(64), bytes(8)], workers=1, chunk=1))

    assert [each.reason for each in runs] == ["HLT", "ERROR", "HLT"]
    assert "64" in runs[1].message or "0x" in runs[1].message


def test_a_state_that_is_none_is_an_error() -> None:
    case = batch.Case(batch.BareVm(), b"no state", at=0)  # type: ignore[arg-type]

    (ran,) = batch.map_inputs(case, [b""], workers=1)

    assert ran.reason == "ERROR"
    assert "StateError" in ran.message


def test_a_state_of_another_machine_is_an_error() -> None:
    other = batch.Case(batch.BareVm(0x20000), summing().state, at=0)

    (ran,) = batch.map_inputs(other, [b""], workers=1)

    assert ran.reason == "ERROR"
    assert "StateError" in ran.message


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"at": "x:y"}, "at"),
        ({"length": "cz"}, "there is no register 'cz'"),
        ({"registers": ("ax", "rax")}, "there is no register 'rax'"),
        ({"memory": ((-1, 2),)}, "an address in memory"),
        ({"memory": ((1, -2),)}, "a length in memory"),
        ({"stops": (1, 2, 3, 4, 5)}, "give at most 4"),
        ({"max_instructions": 0}, "max_instructions"),
    ],
)
def test_a_wrong_case_is_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        summing(**more)


@pytest.mark.parametrize(
    ("case", "data", "says"),
    [(None, [b""], "case must be a Case"), (summing(), ["text"], "an input is bytes, not str")],
)
def test_what_is_no_case_or_no_input_is_refused(case: Any, data: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        list(batch.map_inputs(case, data, workers=1))


def test_a_failure_is_kept_with_a_state_that_goes_on(tmp_path: Path) -> None:
    image = program("b048 e6e9 ebfe").ljust(510, b"\0") + b"\x55\xaa"
    job = batch.Job("kept", image, steps=(batch.Wait("H"), batch.Wait("never", timeout=0.1)))
    (result,) = batch.run([job], workers=1, keep=True)

    before = batch.Job("again", image, state=dict(result.kept)["before.state"], timeout=0.1)  # type: ignore[arg-type]
    (again,) = batch.run([before], workers=1)

    assert not result.passed
    assert isinstance(State.from_bytes(dict(result.kept)["end.state"]), State)
    assert (again.outcome, again.end, again.debug) == ("passed", "time", "H")
