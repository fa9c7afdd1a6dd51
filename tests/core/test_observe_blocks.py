"""Observed blocks: each jump begins one, also where nothing else is observed."""

from __future__ import annotations

import pytest

from pyx86emu import Machine

#: cli; mov cx,3; again: call f; loop again; hlt; f: push ax; pop ax; ret
CODE = bytes.fromhex("fa b90300 e80300 e2fb f4 50 58 c3")


@pytest.mark.parametrize("more", [False, True], ids=["alone", "with interrupts"])
def test_calls_returns_and_jumps_begin_blocks(more: bool) -> None:
    with Machine(CODE) as m:
        m.boot()
        blocks = m.on_block()
        if more:
            m.on_interrupt()
        m.run(timeout=1)

    seen = [event.ip - 0x7C00 for event in blocks if event.cs == 0]
    assert [at for at in seen if at] == [10, 7, 4, 10, 7, 4, 10, 7, 9]
