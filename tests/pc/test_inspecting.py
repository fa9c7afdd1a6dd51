"""Looking into a machine: memory as numbers and as an array, names, flags, what help() shows."""

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyx86emu import ExitReason, Machine, Registers, Symbols, Vm
from tests.harness import ROOT, program

MakeMachine = Callable[..., Machine]


def test_bytes_are_loaded_and_read_as_numbers(machine: MakeMachine) -> None:
    m = machine()

    m.load(program("78563412"), at="0:7c00")

    assert m.read_u8("0000:7c00") == 0x78
    assert m.read_u16((0x7C0, 0)) == 0x5678
    assert m.read_u32(0x7C00) == 0x12345678
    assert m.read_bytes("7c00h", 2) == b"\x78\x56"


def test_code_that_is_loaded_is_executed_though_other_code_was_decoded_there(
    machine: MakeMachine,
) -> None:
    m = machine(program("b001 e6f4"))  # mov al,1; out 0xf4,al
    m.boot()

    m.load(program("b003"))
    m.run()

    assert m.exit_status == 7


def test_an_address_has_labels_and_registers(machine: MakeMachine) -> None:
    m = machine(program("ebfe"))
    m.boot()
    m.symbols = Symbols({"count": 0x500})
    m.load(b"\x07", at="count")

    assert m.read_u8("count") == 7
    assert m.read_u16("cs:ip") == 0xFEEB
    assert m.located("post").linear == 0xF000E
    assert m.labels()["count"] == 0x500


def test_memory_that_is_not_there_is_an_error(machine: MakeMachine) -> None:
    m = machine(memory=64 << 10)

    with pytest.raises(ValueError, match="in no memory slot"):
        m.read_u8(0x20000)
    with pytest.raises(ValueError, match="in no memory slot"):
        m.load(b"1", at=0x20000)
    with pytest.raises(TypeError, match="read_bytes"):
        m.load("text", at=0)  # type: ignore[arg-type]


def test_memory_is_an_array_that_cannot_be_written(machine: MakeMachine) -> None:
    m = machine(program("b041 a20005 ebfe"))  # mov al,'A'; mov [500h],al
    m.boot()

    before = m.memory
    m.run(max_instructions=10)
    after = m.memory

    assert before.dtype == np.uint8
    assert len(before) == 0x10FFF0
    assert (int(before[0x500]), int(after[0x500])) == (0, 0x41)
    assert bytes(after[0x7DFE:0x7E00]) == m.read_bytes(0x7DFE, 2)
    assert int(machine(memory=64 << 10).memory[0x20000]) == 0xFF
    with pytest.raises(ValueError, match="read-only"):
        after[0x500] = 1


@pytest.mark.parametrize("name", ["cf", "pf", "af", "zf", "sf", "tf", "if_", "df", "of"])
def test_flags_are_registers_of_one_bit(name: str, vm: Callable[..., Vm]) -> None:
    bits = {"cf": 0, "pf": 2, "af": 4, "zf": 6, "sf": 7, "tf": 8, "if_": 9, "df": 10, "of": 11}
    regs = vm().create_vcpu().regs
    assert isinstance(regs, Registers)
    for others in (0x2, 0xFD7 & ~(1 << bits[name])):
        regs.flags = others
        before = regs.flags

        setattr(regs, name, 1)
        assert (getattr(regs, name), regs.flags) == (1, before | 1 << bits[name])
        setattr(regs, name, False)
        assert (getattr(regs, name), regs.flags) == (0, before)
    with pytest.raises(ValueError, match=f"^{name} is 2: give 0 to 1$"):
        setattr(regs, name, 2)


def test_a_typing_error_in_a_register_is_an_error_of_mypy(tmp_path: Path) -> None:
    source = tmp_path / "typo.py"
    source.write_text(
        "from pyx86emu import Vm\n"
        "regs = Vm().create_vcpu().regs\n"
        "regs.ax = regs.zf + regs.if_\n"
        "regs.axx = 1\n"
        "print(regs.esx)\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(source)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    errors = [line for line in done.stdout.splitlines() if "typo.py" in line and "error" in line]
    assert ["typo.py:4" in errors[0], "typo.py:5" in errors[1]] == [True, True], done.stdout
    assert len(errors) == 2


def test_a_reason_prints_its_name() -> None:
    assert str(ExitReason.HLT) == f"{ExitReason.HLT}" == "HLT"
    assert ExitReason.HLT == 5


def test_help_shows_each_public_attribute_of_a_machine(machine: MakeMachine) -> None:
    m = machine()
    text = pydoc.plain(pydoc.render_doc(Machine))
    names = {name for name in (*vars(m), *dir(Machine)) if not name.startswith("_")}

    rows = set(re.findall(r"^ \|? {4,}(\w+)  +\S", text, re.M))
    fields = {name for name in vars(m) if not name.startswith("_")}

    assert sorted(fields - rows) == []
    assert sorted(rows - names) == []
    assert sorted(name for name in names - fields if name not in text) == []
    silent = [
        name
        for name in sorted(names & set(dir(Machine)))
        if callable(getattr(Machine, name)) or isinstance(getattr(Machine, name), property)
        if not inspect.getdoc(getattr(Machine, name))
    ]
    assert not silent
