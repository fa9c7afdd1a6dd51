"""The examples run as they stand."""

from __future__ import annotations

import asyncio

import pytest

from pyx86emu.examples import (
    device,
    doorbell_asyncio,
    doorbell_irqfd,
    doorbell_selectors,
    doorbell_thread,
)
from tests.harness import ROOT, python

README = ROOT / "README.md"


def test_kvm_hello_counts_two_rings() -> None:
    result = python("-m", "pyx86emu.examples.kvm_hello")

    assert (result.stdout, result.stderr) == ("2 2\n", "")


def test_asyncio_hears_every_ring(capsys: pytest.CaptureFixture[str]) -> None:
    rings = asyncio.run(doorbell_asyncio.main())

    assert rings == doorbell_asyncio.RINGS
    assert capsys.readouterr().out.startswith("100,000 rings in ")


def test_a_blocking_thread_hears_every_ring() -> None:
    assert doorbell_thread.main("interp") == doorbell_thread.RINGS


def test_a_selector_says_which_queue_was_rung() -> None:
    rings = doorbell_selectors.main("interp")

    assert rings == {"receive": doorbell_selectors.RINGS, "transmit": 2 * doorbell_selectors.RINGS}


def test_a_guest_that_rings_its_own_irqfd_gets_each_interrupt() -> None:
    assert doorbell_irqfd.main("interp") == doorbell_irqfd.RINGS


def test_dice_are_thrown() -> None:
    throws = device.main()

    assert len(throws) == 6
    assert set(throws) <= set("123456")
    assert throws == device.main(), "seeded: two runs are equal"


def test_the_program_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = README.read_text("utf-8").split("```python\n")[1].split("```")[0]

    exec(compile(program, "README.md", "exec"), {"__name__": "readme"})

    assert capsys.readouterr().out.strip()
