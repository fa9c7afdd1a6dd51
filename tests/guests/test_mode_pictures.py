"""Guests that draw: each shows its golden picture on every kind of machine, and what QEMU shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyx86emu import Machine
from tests import on_qemu
from tests.guests import pictures

MakeMachine = Callable[..., Machine]

GOLDEN = dict(line.split(maxsplit=1) for line in pictures.TABLE.read_text("utf-8").splitlines())
ON_QEMU = [name for name in pictures.GUESTS if "qemu" not in pictures.header(name)]
#: The glyphs of the screen are the guest's own, so the dots can be compared.
OWN_FONT = {"mode_font"}


@pytest.mark.parametrize("model", ["8086", "80286", "80486"])
@pytest.mark.parametrize("name", pictures.GUESTS)
def test_a_guest_shows_its_golden_picture(name: str, model: str, machine: MakeMachine) -> None:
    m = machine(pictures.image(name), model=model)

    screen = pictures.shown(m, name)

    assert pictures.fingerprint(screen) == GOLDEN[name]


def test_every_golden_picture_has_a_guest() -> None:
    assert sorted(GOLDEN) == pictures.GUESTS


def test_two_runs_show_the_same_watched_or_not(machine: MakeMachine) -> None:
    seen = []
    for watched in (False, True):
        m = machine(pictures.image("mode_flip"))
        m.boot()
        while watched and m.exit_status is None:
            m.run(timeout=0.001)
            assert m.screen.pixels.any() or m.screen.version
        if not watched:
            m.run(timeout=60)
        planes = m.vga.snapshot().planes
        seen.append((m.vcpu.instructions, m.vm.time, planes, m.screen.png()))

    assert seen[0] == seen[1]


@pytest.mark.release
@pytest.mark.parametrize("name", ON_QEMU)
def test_qemu_shows_the_same(name: str, machine: MakeMachine, tmp_path: Path) -> None:
    screen = pictures.shown(machine(pictures.image(name)), name)
    rows = screen.lines
    text = b"" if rows is None else b"".join(rows)
    address = 0xB0000 if screen.mode == 7 else 0xB8000

    theirs = on_qemu.show(
        pictures.HERE / f"{name}.bin", tmp_path, memory=(address, max(len(text), 1))
    )

    if rows is not None:
        assert theirs.memory == text
    if rows is not None and name not in OWN_FONT:
        return
    ours = screen.pixels
    assert ours.shape == theirs.pixels.shape
    differs = (ours >> 2 != theirs.pixels >> 2).any(axis=2)  # the DAC has six bits
    if rows is not None:
        # QEMU repeats the eighth dot of B0h-BFh too; IBM's line graphics begin at C0h.
        chars = np.frombuffer(text, np.uint8)[::2].reshape(len(rows), -1)
        shades = (chars & 0xF0 == 0xB0).repeat(16, axis=0)
        differs[:, 8::9] &= ~shades
    assert not differs.any(), f"{differs.sum()} dots differ, the first at {np.argwhere(differs)[0]}"
