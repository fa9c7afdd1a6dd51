"""Run, save, run is restore, run: at random points of every guest, in this process, in a fork, in
another machine, another process and the other builds; and at the points that are hard.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pyx86emu._core
from pyx86emu import DiskError, ExitReason, Machine, PioDevice, State
from pyx86emu.structs import Shadow
from tests.conftest import BUILD
from tests.harness import ROOT
from tests.pc.saved_points import Point, digest, here, packed, points

GUESTS = Path(os.environ.get("PYX86EMU_GUESTS", ""))
GROUPS = 10


def in_another_process(found: list[tuple[Point, str, bytes]], at: Path, build: str) -> list[str]:
    """What these states do next, with a build."""
    path = at / "points.json"
    path.write_text(json.dumps([packed(point, state) for point, _, state in found]))
    env = dict(os.environ)
    if build != BUILD:
        env = {k: v for k, v in env.items() if k not in ("LD_PRELOAD", "PYTHONMALLOC")}
        env |= {"PYTHONPATH": str(ROOT), "PYX86EMU_BUILD": build}
    command = [sys.executable, "-m", "tests.pc.saved_points", str(path)]
    result = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, check=True)
    return result.stdout.splitlines()


def proved(n: int, seed: int, at: Path) -> None:
    found = []
    for point in points(n, seed):
        expected, state = here(point)
        found.append((point, expected, state))

    builds = [BUILD] + ["release"] * (BUILD in ("notail", "sanitize"))
    for build in builds:
        lines = in_another_process(found, at, build)
        assert lines == [expected for _, expected, _ in found], build


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_restored_guest_does_what_it_did(group: int, tmp_path: Path) -> None:
    """50 points in all."""
    proved(5, group, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("group", range(50))
def test_a_restored_guest_does_what_it_did_at_many_points(group: int, tmp_path: Path) -> None:
    """1,000 points in all."""
    proved(20, 1000 + group, tmp_path)


# -- the hard points -------------------------------------------------------------------------------


def same_again(
    m: Machine, other: Machine, go_on: Callable[[Machine], object], fork: bool = True
) -> None:
    """Go on, go back, and go on again: here, in a fork, in another machine."""
    state = m.save()
    data = state.to_bytes()
    twin = m.fork() if fork else None
    seen = go_on(m), digest(m)
    m.restore(state)
    assert (go_on(m), digest(m)) == seen
    other.restore(State.from_bytes(data))
    assert (go_on(other), digest(other)) == seen
    if twin is not None:
        with twin:
            assert (go_on(twin), digest(twin)) == seen


def budget(m: Machine) -> tuple[ExitReason, int]:
    exit = m.run(max_instructions=500)
    return exit.reason, exit.ip


def test_in_the_middle_of_a_rep() -> None:
    code = bytes.fromhex("fa fc bf0080 b9ff7f f3aa ebf6")  # again: REP STOSB of 32,767 bytes
    with Machine(code) as m, Machine(code) as other:
        m.boot()
        m.vm.clock.call_after(1_000_000, m.stop, "point")
        m.run()
        assert 0 < m.vcpu.regs.cx < 0x7FFF

        same_again(m, other, budget)


def test_after_an_sti() -> None:
    code = bytes.fromhex("fa fb 90 ebfb")  # again: cli; sti; nop; jmp again
    with Machine(code) as m, Machine(code) as other:
        m.boot()
        m.vcpu.run(2)
        assert m.vcpu.events.shadow == Shadow.STI

        same_again(m, other, budget)


def floppy_read() -> bytes:
    """A boot sector that reads a sector with INT 13h for ever."""
    return bytes.fromhex("31c0 8ec0 bb0080 b80102 b90200 ba0000 cd13 ebf0")


@pytest.mark.parametrize("step", range(6))
def test_in_a_floppy_transfer(step: int) -> None:
    with Machine(floppy_read()) as m, Machine(floppy_read()) as other:
        m.boot()
        m.run(timeout=0.001 * step)
        for _ in range(200_000):
            m.run(max_instructions=7)
            if m.floppy.phase == 2:  # execution: its timer waits
                break
        assert m.floppy.phase == 2

        same_again(m, other, budget)
        same_again(m, other, lambda machine: machine.run(timeout=0.2).reason)


class Slow(PioDevice):
    """A device of bytes, whose accesses come out of run()."""

    length = 8
    max_size = 1
    value = 0

    def state(self) -> dict[str, int]:
        return {"value": self.value}

    def load(self, values: dict[str, int]) -> None:
        self.value = values["value"]

    def pio_read(self, offset: int, size: int) -> int:
        self.value = self.value * 3 + offset + 1 & 0xFF
        return self.value


def with_slow(code: bytes) -> Machine:
    m = Machine(code)
    m.attach(Slow(), port=0x300, pull=True)
    return m


def answered(m: Machine) -> list[int]:
    """Go on from a read that waits: the ports of the next reads, and what the guest got."""
    exit = m.vcpu.pending
    assert exit is not None
    seen = []
    for _ in range(9):
        seen.append(exit.addr)
        m._serve(m.pio, exit)
        exit = m.vcpu.run(1000)
        assert exit.reason is ExitReason.IO
    return [*seen, m.vcpu.regs.eax]


@pytest.mark.parametrize("reads", range(1, 6))
def test_while_a_read_waits_and_between_two_exits_of_one_instruction(reads: int) -> None:
    code = bytes.fromhex("ba0003 66 ed ebfc")  # again: in eax,300h, a byte at a time
    with with_slow(code) as m, with_slow(code) as other:
        m.boot()
        for _ in range(reads):
            exit = m.vcpu.run(1000)
            assert exit.reason is ExitReason.IO
            if _ < reads - 1:
                m._serve(m.pio, exit)

        same_again(m, other, answered, fork=False)


@pytest.mark.parametrize("reads", [1, 2, 3, 7])
def test_in_a_rep_ins(reads: int) -> None:
    code = bytes.fromhex("fc ba0003 bf0080 b91000 f3 6c ebf6")  # again: 16 bytes from port 300h
    with with_slow(code) as m, with_slow(code) as other:
        m.boot()
        for i in range(reads):
            exit = m.vcpu.run(1000)
            assert exit.reason is ExitReason.IO
            if i < reads - 1:
                exit.reply_one(i)

        same_again(m, other, answered, fork=False)


def test_while_the_guest_sleeps() -> None:
    code = bytes.fromhex("fb f4 ebfd")  # sti; again: hlt
    with Machine(code) as m, Machine(code) as other:
        m.boot()
        m.run(timeout=0.1)

        same_again(m, other, lambda machine: machine.run(timeout=0.3).reason)


# -- guests of others ------------------------------------------------------------------------------

IMAGES = sorted(GUESTS.glob("*.img")) if GUESTS.name else []


def booted_from(image: Path) -> Machine:
    try:
        return Machine(image)
    except DiskError:  # it can be either
        return Machine(hda=image)


@pytest.mark.slow
@pytest.mark.skipif(not IMAGES, reason="PYX86EMU_GUESTS names no directory with *.img")
@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.stem)
def test_guests_of_others_do_what_they_did(image: Path) -> None:
    with booted_from(image) as m, booted_from(image) as other:
        for seconds in 0.02, 0.3, 2.5:
            m.run(timeout=seconds)
            m.keyboard.type("dir{enter}")
            same_again(m, other, lambda machine: machine.run(timeout=0.7).reason)


def test_the_build_of_this_test_is_what_it_says() -> None:
    assert pyx86emu._core.__file__
