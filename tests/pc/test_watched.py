"""Two runs of a guest are equal, whoever watches: instructions, memory, planes and screen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.pc.idle import Idle
from pyx86emu.pc.limits import Limits
from tests.guests.pictures import image
from tests.harness import Running

LIMIT = 60.0  # guest seconds


def alone(m: Machine) -> None:
    m.run(timeout=LIMIT)


def again_and_again(m: Machine, run: Callable[[Limits], ExitReason]) -> None:
    limits = m.limits(timeout=LIMIT)
    while run(limits) is ExitReason.DEADLINE and not limits.over:
        pass


def in_pieces(m: Machine) -> None:
    """As a display does: a picture and a text after each piece."""

    def run(limits: Limits) -> ExitReason:
        reason = limits.run(1 / 700).reason
        assert m.screen.pixels.size
        assert m.screen.version
        return reason

    again_and_again(m, run)


def from_another_thread(m: Machine) -> None:
    running = Running(lambda: m.run(timeout=LIMIT))
    while running.going:
        assert m.screen.pixels.size
        assert m.vga.snapshot().planes
    running.result()


def idle(m: Machine) -> None:
    """As the terminal does."""
    rest = Idle(m, lambda seconds: False)
    again_and_again(m, lambda limits: rest.run(limits, 1 / 30).reason)


def filmed(m: Machine) -> None:
    pytest.importorskip("PIL")
    with TemporaryDirectory() as directory, m.film(Path(directory) / "film.gif", fps=5):
        m.run(timeout=LIMIT)


def on_a_page(m: Machine) -> None:
    pytest.importorskip("aiohttp")
    with m.serve() as display:
        display.wait(LIMIT)


def seen(name: str, watch: Callable[[Machine], None]) -> tuple[object, ...]:
    """What the guest has left, and how many instructions it took."""
    with Machine(image(name)) as m:
        watch(m)
        assert m.exit_status is not None
        memory = hashlib.sha256(m.vm.read(0, 0xA0000)).hexdigest()
        planes = hashlib.sha256(m.vga.snapshot().planes).hexdigest()
        screen = hashlib.sha256(m.screen.pixels.tobytes()).hexdigest()
        return m.vcpu.instructions, memory, planes, screen, m.screen.text


@pytest.mark.parametrize(
    "watch", [in_pieces, from_another_thread, idle, filmed, on_a_page], ids=lambda w: w.__name__
)
@pytest.mark.parametrize("name", ["mode_13", "mode_x", "mode_10", "mode_text50", "mode_04"])
def test_a_guest_does_the_same_whoever_watches(name: str, watch: Callable[[Machine], None]) -> None:
    assert seen(name, watch) == seen(name, alone)
