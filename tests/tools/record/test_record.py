"""Recordings: what comes from outside, done again at the same instruction."""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, EventFd, Machine, MachineError, PioDevice
from pyx86emu.tools.record import file
from pyx86emu.tools.record.line import MARK_EVERY, Departed, digest
from pyx86emu.tools.record.tape import Tape

from .guests import ASKS, BUSY, ECHO


def seen(m: Machine) -> tuple[Any, ...]:
    """What of a machine must be the same again."""
    return m.vcpu.instructions, m.vm.time, digest(m), m.serial, m.vm.read(0, 0x8000)


def type_at_random(m: Machine, seed: int, count: int = 12) -> None:
    """Run for random times, and type in between."""
    rng = random.Random(seed)
    for _ in range(count):
        seconds = rng.choice([0.0, 0.001, 0.0301, 0.11])
        m.run(timeout=seconds, max_instructions=rng.randrange(200_000))
        m.keyboard.type(rng.choice("abcxyz"))
    m.run(timeout=0.1)


@pytest.mark.parametrize("code", [ECHO, BUSY], ids=["halts", "busy"])
@pytest.mark.parametrize("seed", range(4))
def test_a_replay_ends_where_the_recording_did(code: bytes, seed: int, tmp_path: Path) -> None:
    path = tmp_path / "keys.rec"
    with Machine(code) as m:
        with m.record(path):
            type_at_random(m, seed)
        want = seen(m)

    with Machine.replay(path) as again:
        again.run()

        assert seen(again) == want


def test_what_another_thread_types_is_typed_again(tmp_path: Path) -> None:
    path = tmp_path / "thread.rec"
    with Machine(BUSY) as m:
        typist = threading.Thread(
            target=lambda: [
                m.vm.clock.call_after(0, lambda c=c: m.keyboard.type(c)) for c in "hello"
            ]
        )
        with m.record(path):
            m.run(timeout=0.05)
            typist.start()
            m.run(timeout=0.5)
            typist.join()
            m.run(timeout=0.5)
        want = seen(m)
        assert m.serial

    with Machine.replay(path) as again:
        again.run()
        assert seen(again) == want


def test_irqfds_and_lines_of_other_threads_are_raised_again(tmp_path: Path) -> None:
    path = tmp_path / "irqfd.rec"
    with Machine(BUSY) as m, EventFd() as fd:
        m.vm.irqfd(1, fd)
        with m.record(path) as recording:
            for turn in range(5):
                m.run(timeout=0.02)
                os.eventfd_write(fd.fileno(), 1)
                ring = threading.Thread(target=m.vm.irq_line, args=(3, bool(turn & 1)))
                ring.start()
                m.run(timeout=0.02)
                ring.join()
            m.run(timeout=0.05)
            calls = {each.call for each in recording.tape.inputs}
        want = seen(m)

    assert calls == {"irqfds", "vm.irq_line"}
    with Machine.replay(path) as again:
        again.run()
        assert seen(again) == want


class Dice(PioDevice):
    """Something outside of the machine."""

    deterministic = False

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.reads = 0

    def pio_read(self, offset: int, size: int) -> int:
        self.reads += 1
        value = self._rng.randrange(256)
        self.irq(bool(value & 1))
        return value

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any]) -> None:
        pass


def test_a_device_that_is_not_deterministic_is_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "dice.rec"
    with Machine(ASKS) as m:
        m.attach(Dice(1), port=0x300, gsi=5)
        with m.record(path):
            m.run(max_instructions=30_000)
        want = seen(m)
    other = Dice(2)

    with Machine.replay(path, attach=[(other, {"port": 0x300, "gsi": 5})]) as again:
        again.run()

        assert seen(again) == want
        assert not other.reads


def test_a_disk_that_was_put_in_is_put_in_again(tmp_path: Path) -> None:
    path = tmp_path / "disk.rec"
    with Machine(ECHO) as m, Disk(bytes(range(256)) * 2) as disk:
        with m.record(path):
            m.run(timeout=0.1)
            m.floppy.insert("b", disk)
            m.run(timeout=0.1)
            m.floppy.eject(1)
            m.run(timeout=0.1)
        want = seen(m)

    with Machine.replay(path) as again:
        again.run(timeout=0.15)
        inserted = again.disks["fdb"]
        assert inserted is not None and inserted.read(0, 1) == bytes(range(256)) * 2
        again.run()
        assert seen(again) == want


def tampered(path: Path, change: Callable[[Tape], None]) -> None:
    """Change the tape of a recording, and write it again."""
    tape = file.read(path)
    change(tape)
    writer = file.Writer(path)
    writer.board(tape.board)
    writer.state(tape.checkpoints[0])
    for it in tape.inputs:
        writer.input(it)
    for mark in tape.marks:
        writer.mark(mark)
    for name, rows in tape.answers.items():
        for row in rows:
            writer.answer(name, row)
    for told in tape.told:
        writer.told(told)
    writer.close()


def keys_at_instructions(path: Path) -> None:
    """Record a guest that gets three keys."""
    with Machine(BUSY) as m, m.record(path):
        for char in "abc":
            m.run(timeout=0.1)
            m.keyboard.type(char)
        m.run(timeout=0.1)


def test_a_replay_that_departs_says_between_which_instructions(tmp_path: Path) -> None:
    path = tmp_path / "departs.rec"
    keys_at_instructions(path)
    where = []

    def other_key(tape: Tape) -> None:
        tape.inputs[1] = replace(tape.inputs[1], arguments=(("x",), {}))
        where.extend([tape.inputs[1].instructions, tape.inputs[2].instructions])

    tampered(path, other_key)

    with Machine.replay(path) as again, pytest.raises(Departed) as departed:
        again.run()
    found = re.search(r"between instructions (\d+) and (\d+)", str(departed.value))
    assert found is not None
    first, last = map(int, found.groups())
    assert first == where[0] and first < last <= where[1]
    assert last - first < 2 * MARK_EVERY


def test_a_replay_whose_input_is_at_another_instruction_says_at_which(tmp_path: Path) -> None:
    path = tmp_path / "late.rec"
    keys_at_instructions(path)
    where = []

    def later(tape: Tape) -> None:
        it = tape.inputs[1]
        where.append(it.instructions)
        tape.inputs[1] = replace(it, instructions=it.instructions + 1)

    tampered(path, later)

    with Machine.replay(path) as again, pytest.raises(Departed) as departed:
        again.run()
    assert f"at keyboard.type() at instruction {where[0]}" in str(departed.value)


def test_a_recording_that_was_cut_off_is_of_use(tmp_path: Path) -> None:
    path = tmp_path / "cut.rec"
    with Machine(ECHO) as m, m.record(path):
        type_at_random(m, 1)
    data = path.read_bytes()

    for length in (len(data) - 1, len(data) - 5, len(data) - 30):
        path.write_bytes(data[:length])
        with Machine.replay(path) as again:
            again.run()


def test_hostile_recordings_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "hostile.rec"
    with Machine(ECHO) as m, m.record(path):
        type_at_random(m, 2)
    data = path.read_bytes()
    rng = random.Random(3)

    for _ in range(60):
        wrong = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            wrong[rng.randrange(len(wrong))] = rng.randrange(256)
        path.write_bytes(wrong)
        try:
            with Machine.replay(path) as again:
                again.run(timeout=3, wall=5)
        except (MachineError, ValueError):
            pass


def test_only_one_recording_at_a_time() -> None:
    with Machine(ECHO) as m, m.record(), pytest.raises(MachineError, match="recorded already"):
        m.record()


# -- backwards ----------------------------------------------------------------------------------


def test_every_moment_can_be_gone_back_to() -> None:
    with Machine(BUSY) as m:
        m.boot()
        with m.record(every=10_000):
            known = {}
            rng = random.Random(5)
            for _ in range(20):
                m.run(max_instructions=rng.randrange(1, 9_000))
                known[m.vcpu.instructions] = seen(m)
                if rng.random() < 0.5:
                    m.keyboard.type("k")
            places = list(known)
            rng.shuffle(places)

            for place in places:
                m.goto(place)
                assert seen(m) == known[place]


def test_a_step_back_undoes_an_instruction() -> None:
    with Machine(BUSY) as m, m.record(every=5_000):
        m.run(timeout=0.3)
        m.run(max_instructions=100)
        trail = []
        for _ in range(30):
            trail.append((m.vcpu.instructions, digest(m)))
            m.run(max_instructions=1)

        for instructions, want in reversed(trail):
            m.step_back()
            assert (m.vcpu.instructions, digest(m)) == (instructions, want)


def test_running_back_ends_at_the_last_breakpoint_before() -> None:
    with Machine(BUSY) as m, m.record(every=5_000):
        m.run(timeout=0.3)
        m.keyboard.type("ab")
        m.run(timeout=0.3)
        here = m.vcpu.instructions
        key = 0x7C00 + BUSY.index(b"\xb4\x00")

        exit = m.run_back(until=[key])

        assert exit is not None and exit.pc == key
        assert (m.vcpu.regs.cs << 4) + m.vcpu.regs.ip == key
        first = m.vcpu.instructions
        assert first is not None and here is not None and first < here
        m.run_back(until=[key])
        assert m.vcpu.instructions < first
        while m.run_back(until=[key]) is not None:
            pass
        assert m.vcpu.instructions == m.recording.first


def test_running_back_to_a_store_ends_before_it() -> None:
    with Machine(BUSY) as m, m.record(every=5_000):
        m.run(timeout=0.3)
        m.keyboard.type("a")
        m.run(timeout=0.2)

        exit = m.run_back(watch=[(0x41A, 2, "w")])

        assert exit is not None
        before = m.vm.read(0x41A, 2)
        m.run(max_instructions=1)
        assert m.vm.read(0x41A, 2) != before


def test_something_new_in_the_past_changes_the_future() -> None:
    with Machine(ECHO) as m, m.record(every=5_000) as recording:
        m.run(timeout=0.3)
        m.keyboard.type("a")
        m.run(timeout=0.3)
        end = m.vcpu.instructions
        m.goto(end // 2)
        m.keyboard.type("zz")

        m.run(timeout=0.5)

        assert b"zz" in m.serial and b"a" not in m.serial
        assert [each.arguments[0] for each in recording.tape.inputs] == [("zz",)]
