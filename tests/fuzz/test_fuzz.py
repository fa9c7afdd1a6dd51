"""The fuzz (tests/fuzz): some cases of each kind, and that the hunt finds what there is to find."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Machine, PioDevice, Screen, Vm
from pyx86emu.models import MODELS
from pyx86emu.pc.devices import Keyboard8042, Rtc, Uart16550A
from tests.fuzz import api as hostile_calls
from tests.fuzz import crowd as crowds
from tests.fuzz.alias import Aliased
from tests.fuzz.api import CALLS, Child, abuse
from tests.fuzz.apitargets import Target, targets
from tests.fuzz.cases import (
    KINDS,
    Case,
    alias,
    by_share,
    compare,
    devices,
    survive,
)
from tests.fuzz.crowd import Counter as CountingDevice
from tests.fuzz.crowd import Crowd, crowd
from tests.fuzz.hunt import Summary, hunt
from tests.fuzz.meddle import Meddled, Meddler
from tests.fuzz.ports import ports
from tests.fuzz.rewrite import Rewritten
from tests.fuzz.world import World


@pytest.mark.parametrize("model", MODELS)
def test_wild_machines_do_no_harm(model: str) -> None:
    for seed in range(60):
        survive(model, seed)


@pytest.mark.parametrize("model", MODELS)
def test_blocks_are_not_visible(model: str) -> None:
    for seed in range(25):
        compare(model, seed)


#: Some cases of the other kinds, for every model.
QUICK = {
    "sector": 6, "guest": 6, "ports": 4, "bios": 3, "alias": 30, "devices": 20, "crowd": 2,
    "api": 2, "state": 25, "wire": 6,
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.forks] * (kind == "api")) for kind in QUICK]
)
def test_some_cases_of_each_kind(kind: str, model: str) -> None:
    for seed in range(QUICK[kind]):
        Case(kind, model, seed).run()


#: Cases that found something once.
FOUND = (
    "ports 80386 13", "ports 80186 81", "ports 80486 144", "ports 80286 111106", "alias 80286 167",
    "alias 8086 1345", "alias 80486 1579", "devices 80186 6", "devices 80286 42",
    "devices 80286 332", "devices 80286 392", "devices 80286 2447", "devices 80386 1023",
    "devices 80286 1232",
)  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_what_was_found_once(case: str) -> None:
    kind, model, seed = case.split()
    Case(kind, model, int(seed)).run()


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100, 2100, 500))
@pytest.mark.parametrize("model", MODELS)
def test_ten_thousand_wild_machines_do_no_harm(model: str, start: int) -> None:
    for seed in range(start, start + 500):
        survive(model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_blocks_are_not_visible_in_many_machines(model: str) -> None:
    for seed in range(100, 500):
        compare(model, seed)


# -- the comparisons see a difference --------------------------------------------------------------


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts the calls of run() of a machine: a plant may make its answers depend on them."""
    counted: Counter[str] = Counter()
    run, world_run = Machine.run, World.run

    def counting(self: Machine, *args: Any, **kwargs: Any) -> Any:
        counted["run"] = getattr(self, "turns", 0) + 1
        self.turns = counted["run"]  # type: ignore[attr-defined]
        return run(self, *args, **kwargs)

    def slicing(self: World, slices: list[int]) -> Any:
        counted["run"] = slices[0]
        return world_run(self, slices)

    monkeypatch.setattr(Machine, "run", counting)
    monkeypatch.setattr(World, "run", slicing)
    yield counted


@pytest.mark.parametrize(("kind", "device"), [("ports", Keyboard8042), ("bios", Rtc)])
def test_a_device_that_knows_the_pieces_is_found(
    kind: str, device: type[PioDevice], turns: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = device.pio_write

    def plant(self: PioDevice, offset: int, size: int, value: int) -> None:
        write(self, offset, size, value)
        self.seen = turns["run"]  # type: ignore[attr-defined]

    monkeypatch.setattr(device, "pio_write", plant)

    with pytest.raises(AssertionError, match=r"(?s)pieces differs from whole in.*seen: \d+ / \d+"):
        for seed in range(8):
            Case(kind, "80386", seed).run()


def test_a_run_that_is_another_one_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(range(10**9))
    monkeypatch.setattr(Uart16550A, "pio_read", lambda *_: next(answers) & 0xFF)

    with pytest.raises(AssertionError, match="again differs from whole"):
        for seed in range(8):
            ports("80386", seed)


def test_an_observer_that_changes_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def text(self: Screen) -> str:
        self._vm.write(0x9000, bytes([self._vm.read(0x9000, 1)[0] + 1 & 0xFF]))
        return ""

    monkeypatch.setattr(Screen, "text", property(text))

    with pytest.raises(
        AssertionError, match=r"observed differs from whole in\n  memory 0x0: at 0x9000"
    ):
        for seed in range(8):
            ports("80386", seed)


@pytest.mark.parametrize(
    ("kind", "owner", "name"),
    [(compare, World, "tick"), (alias, Aliased, "deed"), (devices, Rewritten, "rewrite")],
)
def test_a_world_that_knows_the_slices_is_found(
    kind: Callable[[str, int], int],
    owner: Any,
    name: str,
    turns: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def plant(self: Any, *_: int) -> None:
        self.log.append(("slices of", turns["run"]))

    monkeypatch.setattr(owner, name, plant)

    with pytest.raises(
        AssertionError, match=r"(?s)differ from blocks in.*'slices of', 2000.*'slices of', 1"
    ):
        for seed in range(60):
            kind("80386", seed)


def test_a_fault_in_a_device_that_meddles_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Meddler, "pio_write", fault)

    with pytest.raises(ZeroDivisionError):
        for seed in range(60):
            Meddled("80386", seed).endure()


def test_a_fault_in_a_thread_of_a_crowd_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: int) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(CountingDevice, "pio_read", fault)

    with pytest.raises(ZeroDivisionError):
        for seed in range(8):
            crowd("80386", seed)


def test_a_thread_of_a_crowd_that_does_not_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    close = Vm.close
    some = Crowd("80386", 1)
    monkeypatch.setattr(Vm, "close", lambda self: None)
    monkeypatch.setattr(crowds, "RUNS", 10**9)
    monkeypatch.setattr(crowds, "HANGS", 0.2)

    with pytest.raises(AssertionError, match=r"vCPU 0.* did not end after close"):
        some.run()
    close(some.vm)


# -- the API --------------------------------------------------------------------------------------


def test_every_public_callable_is_a_target() -> None:
    names = {str(target) for target in targets()}

    assert {
        "Vm", "Vm.__new__", "Vm.add_memory", "Vm.a20", "Vcpu.run", "MemorySlot.__getitem__",
        "Bus.attach", "Exit.reply",
        "Registers.eflags", "Machine.run", "Machine.__init__", "Screen.save", "Disk.commit",
        "EventFd.read",
        "IoEventFd.copy", "IrqFd.deassign", "Clock.call_at", "Timer.cancel", "Doorbell.ring",
        "Drainer", "Rtc.time",
        "FloppyController.insert", "keystrokes", "floppy_geometry", "rom",
    } <= names  # fmt: skip
    chosen = Counter(str(Child(f"{n}", -1).rng.choice(targets())) for n in range(40_000))
    assert len(chosen) == len(targets())


def overflows() -> None:
    raise OverflowError("planted")


def speaks_c() -> None:
    raise TypeError("an integer is required")


def leaks() -> None:
    os.eventfd(0)


def hangs_for_long() -> None:
    time.sleep(30)


def dies() -> None:
    ctypes.string_at(0)


def exits() -> None:
    os._exit(3)


def complains() -> None:
    print("ignored", file=sys.stderr)


class Unraisable:
    def __del__(self) -> None:
        raise LookupError("planted")


@pytest.mark.forks
@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (overflows, "raises OverflowError: planted"),
        (speaks_c, "words of C: TypeError: an integer"),
        (leaks, "descriptors left: anon_inode:.eventfd."),
        (hangs_for_long, "no end within 0.2 s"),
        (dies, "died: signal SIGSEGV|AddressSanitizer"),
        (exits, "died: exit status 3"),
        (complains, "(?s)standard error, at 9: complains.*ignored"),
        (Unraisable, "unraisable LookupError: planted"),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_what_goes_wrong_in_a_call_is_found(
    plant: Callable[[], Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile_calls, "targets", lambda: (Target(None, plant.__name__, plant),))
    monkeypatch.setattr(hostile_calls, "SLOW", 0.2)
    monkeypatch.setattr(hostile_calls, "PATIENCE", 0.1)

    found = abuse("plant", 10)

    assert any(re.search(words, text) for text in found), found


@pytest.mark.forks
def test_a_value_and_a_documented_error_are_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> None:
        raise ValueError("size is -1: give 0 to 5")

    planted = (Target(None, "refuses", refuses), Target(None, "int", int))
    monkeypatch.setattr(hostile_calls, "targets", lambda: planted)

    assert abuse("plant", CALLS) == []


# -- the hunt -------------------------------------------------------------------------------------


def test_the_hunt_runs_every_kind_on_every_model() -> None:
    cases = list(islice(by_share(0, Counter()), 2000))

    assert {(c.kind, c.model) for c in cases} == {(k, m) for k in KINDS for m in MODELS}
    assert cases == list(islice(by_share(0, Counter()), 2000))


def test_each_kind_gets_its_share_of_the_time() -> None:
    """The cases of one take a hundred times as long as those of another."""
    spent: Counter[str] = Counter()

    for case in islice(by_share(0, spent), 20_000):
        spent[case.kind] += 100 if case.kind == "api" else 1

    whole, shares = spent.total(), sum(share for _, share in KINDS.values())
    for kind, (_, share) in KINDS.items():
        assert spent[kind] / whole == pytest.approx(share / shares, rel=0.05)


def fails(case: Case) -> int:
    raise AssertionError("a difference")


def crashes(case: Case) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hangs(case: Case) -> int:
    time.sleep(60)
    return 0


@pytest.mark.forks
@pytest.mark.parametrize(
    ("bad", "words"),
    [(fails, "a difference"), (crashes, "died: signal SIGKILL"), (hangs, "no end within 2 s")],
    ids=["fails", "crashes", "hangs"],
)
def test_the_hunt_finds(bad: Callable[[Case], int], words: str) -> None:
    """The third of five cases goes wrong; the others are run."""
    cases = [Case("survive", "8086", n) for n in range(5)]

    summary = hunt(
        iter(cases), 30, patience=2, run=lambda case: bad(case) if case.seed == 2 else 10
    )

    assert [found for found, _ in summary.findings] == [cases[2]]
    assert words in summary.findings[0][1]
    assert summary.cases.total() == 5
    assert summary.instructions.total() == 40
    assert "fuzz: 5 cases, 40 instructions" in str(summary)
    assert "| survive | 5 | 40 |" in str(summary)


@pytest.mark.forks
def test_the_hunt_ends_when_time_is_up() -> None:
    summary = Summary()

    hunt(by_share(0, summary.spent), 0.2, jobs=2, run=lambda case: 1, summary=summary)

    assert summary.cases.total() > 0
    assert summary.findings == []


def test_the_page_on_reliability_says_what_each_kind_does() -> None:
    text = (Path(__file__).parents[2] / "docs" / "RELIABILITY.md").read_text("utf-8")
    fuzz = text.partition("### The fuzz")[2]
    rows = re.findall(r"^- \*\*([\w, ]+)\*\*:", fuzz, re.M)

    assert {name for row in rows for name in row.split(", ")} == set(KINDS)
