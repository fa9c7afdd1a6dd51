"""A machine on the host's clock: its readings are recorded, and done again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pyx86emu import Machine
from pyx86emu.tools.record import pace

from .guests import BUSY, ECHO
from .test_record import seen

#: Reads the seconds of the RTC and the 8254 all the time, adds them up.
CLOCKS = bytes.fromhex("fb b000 e670 e471 00c3 b000 e643 e440 01c1 e440 ebef")


class HostClock:
    """A clock of the host that goes on when it is read, and while somebody sleeps."""

    def __init__(self, step: int) -> None:
        self.ns = 1 << 40
        self.slept = 0
        self._rng = random.Random(step)
        self._step = step

    def monotonic_ns(self) -> int:
        self.ns += self._rng.randrange(self._step)
        return self.ns

    def nap(self, seconds: float) -> None:
        self.slept += 1
        self.ns += int(seconds * 1e9)


@pytest.fixture(params=[1_000, 3_000_000], ids=["fast-host", "slow-host"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HostClock:
    clock = HostClock(request.param)
    monkeypatch.setattr(pace, "monotonic_ns", clock.monotonic_ns)
    monkeypatch.setattr(pace, "sleep", clock.nap)
    return clock


@pytest.mark.parametrize(
    ("code", "seconds"),
    [(ECHO, 0.1), (BUSY, 0.05), (CLOCKS, 0.01)],
    ids=["halts", "busy", "clocks"],
)
def test_the_host_clock_is_read_again_from_the_recording(
    code: bytes, seconds: float, host: HostClock, tmp_path: Path
) -> None:
    path = tmp_path / "clock.rec"
    with Machine(code, clock="host") as m, m.record(path) as recording:
        m.run(timeout=0)
        ahead = host.ns - m.vm.time
        for char in "abcd":
            m.run(timeout=seconds)
            # Guest time follows the host's clock.
            assert abs(host.ns - m.vm.time - ahead) < 12_000_000
            host.ns += 77_000_000
            m.keyboard.type(char)
        m.run(timeout=seconds)
        calls = [each.call for each in recording.tape.inputs]
        want = seen(m)
    assert "clock" in calls and set(calls) == {"clock", "keyboard.type"}
    host.slept = 0

    with Machine.replay(path) as again:
        again.run()

        assert seen(again) == want
        assert not host.slept


def test_a_pause_of_the_host_takes_nothing_from_the_next_run(host: HostClock) -> None:
    with Machine(BUSY, clock="host") as m, m.record():
        m.run(timeout=0.05)
        for _ in range(5):
            host.ns += 1_000_000_000
            before = m.vm.time
            m.run(timeout=0.02)
            assert 1_010_000_000 < m.vm.time - before < 1_030_000_000


def test_the_past_of_the_host_clock_can_be_gone_to(host: HostClock) -> None:
    with Machine(ECHO, clock="host") as m, m.record(every=5_000):
        known = {}
        for char in "abc":
            m.run(timeout=0.1)
            known[m.vcpu.instructions] = seen(m)
            m.keyboard.type(char)
            host.ns += 30_000_000
        host.slept = 0
        for place in sorted(known, reverse=True):
            m.goto(place)
            assert m.vcpu.instructions == place
            assert seen(m)[3:] == known[place][3:]
        assert not host.slept


def test_after_the_recording_guest_time_is_the_hosts_again() -> None:
    with Machine(ECHO, clock="host") as m:
        with m.record():
            m.run(timeout=0.01)
            before = m.vm.time
            assert m.save().core.clock == "virtual"
        assert m.save().core.clock == "host"
        assert m.save().core.shift == 7
        assert m.vm.time >= before
        m.run(timeout=0.01)
