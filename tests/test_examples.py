"""The examples run as they stand."""

from __future__ import annotations

import asyncio

import pytest

from pyx86emu.examples import (
    device,
    doorbell_asyncio,
    doorbell_irqfd,
    doorbell_process,
    doorbell_selectors,
    doorbell_thread,
    fuzz,
)
from tests import on_kvm
from tests.harness import ROOT, python

README = ROOT / "README.md"


@pytest.fixture(params=["interp", "kvm"])
def accel(request: pytest.FixtureRequest) -> str:
    """Each back end that there is."""
    on_kvm.need(request.param)
    return str(request.param)


def test_kvm_hello_counts_two_rings(accel: str) -> None:
    result = python("-m", "pyx86emu.examples.kvm_hello", "--accel", accel)

    hits = {"interp": 2, "kvm": None}[accel]
    assert (result.stdout, result.stderr) == (f"2 {hits}\n", "")


def test_asyncio_hears_every_ring(accel: str, capsys: pytest.CaptureFixture[str]) -> None:
    rings = asyncio.run(doorbell_asyncio.main(accel))

    assert rings == doorbell_asyncio.RINGS
    assert capsys.readouterr().out.startswith("100,000 rings in ")


def test_a_blocking_thread_hears_every_ring(accel: str) -> None:
    assert doorbell_thread.main(accel) == doorbell_thread.RINGS


def test_a_selector_says_which_queue_was_rung(accel: str) -> None:
    rings = doorbell_selectors.main(accel)

    assert rings == {"receive": doorbell_selectors.RINGS, "transmit": 2 * doorbell_selectors.RINGS}


def test_another_process_hears_the_bell_and_reads_the_guests_memory(accel: str) -> None:
    done = python("-m", "pyx86emu.examples.doorbell_process", "--accel", accel)

    total = sum(range(doorbell_process.NUMBERS + 1))
    assert (done.stdout, done.stderr) == (f"{total:,}\n", "")


def test_a_guest_that_rings_its_own_irqfd_gets_each_interrupt(accel: str) -> None:
    assert doorbell_irqfd.main(accel) == doorbell_irqfd.RINGS


def test_dice_are_thrown(accel: str) -> None:
    throws = device.main(accel)

    assert len(throws) == 6
    assert set(throws) <= set("123456")
    assert throws == device.main(accel), "seeded: two runs are equal"


@pytest.mark.release
def test_the_fuzzer_finds_the_bug() -> None:
    data, how = fuzz.fuzz(target := fuzz.Target())

    assert data.startswith(b"CFG\x01")
    assert how == fuzz.Target().run(data)[1] != ""
    assert target.runs < 2_000_000, "a minute has more"


@pytest.mark.slow
@pytest.mark.release
def test_without_edges_the_fuzzer_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = fuzz.Target.run
    monkeypatch.setattr(fuzz.Target, "run", lambda self, data: (False, run(self, data)[1]))

    assert fuzz.fuzz(fuzz.Target(), 2_000) == (b"", "")


def test_the_program_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = README.read_text("utf-8").split("```python\n")[1].split("```")[0]

    exec(compile(program, "README.md", "exec"), {"__name__": "readme"})

    assert capsys.readouterr().out.strip()
