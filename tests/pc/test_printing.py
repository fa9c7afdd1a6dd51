"""Printing: from the key PrtSc, and from a program, to the host."""

from __future__ import annotations

from collections.abc import Callable

from pyx86emu import Machine

MakeMachine = Callable[..., Machine]


def test_the_key_prints_the_screen(machine: MakeMachine) -> None:
    # teletype "Hi"; sti; again: hlt; jmp again
    m = machine(bytes.fromhex("b8480e bb0700 cd10 b8690e cd10 fb f4 ebfd"))
    got: list[bytes] = []
    m.printer.output = got.append
    m.boot()
    m.run(timeout=0.1)
    assert m.printer.data == b""

    m.keyboard.press("print")
    m.run(timeout=2)

    lines = m.printer.text.split("\n")
    assert lines[0] == "" and lines[1].rstrip() == "Hi"
    assert [len(line) for line in lines[1:-1]] == [80] * 25
    assert b"".join(got) == m.printer.data
    assert m.vm.read(0x500, 1) == b"\0"
