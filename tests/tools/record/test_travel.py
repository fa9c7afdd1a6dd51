"""Going to another moment: breakpoints stay, nobody is told twice, lines come at once."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from pyx86emu import ExitReason, Machine, PioDevice
from pyx86emu.tools.record.line import MOST_STATES, SLICE

from .guests import BUSY, ECHO
from .test_record import seen

KEY = 0x7C00 + BUSY.index(b"\xb4\x00")


def test_breakpoints_are_those_of_now() -> None:
    with Machine(BUSY) as m, m.record(every=5_000):
        m.vcpu.debug(breakpoints=[0x7C05])
        m.run(timeout=1)
        m.vcpu.debug()
        m.run(timeout=0.1)
        m.keyboard.type("a")
        m.run(timeout=0.1)
        end = m.vcpu.instructions
        assert end is not None
        m.vcpu.debug(breakpoints=[KEY], watch=[(0x5000, 1, "w")])

        m.goto(end - 1_200_000)
        m.step_back()
        m.run_back(until=[0x7C05])

        exit = m.run(timeout=5)
        assert exit.reason is ExitReason.DEBUG
        assert (exit.cs << 4) + exit.ip == KEY
        m.goto(end)
        assert m.vcpu.instructions == end


def test_what_the_guest_sends_is_given_away_once() -> None:
    with Machine(BUSY + b"\x90") as m:
        sent: list[bytes] = []
        heard: list[int] = []
        log = m.uart.output
        assert log is not None

        def send(data: bytes) -> None:
            log(data)
            sent.append(data)

        m.uart.output = send
        m.speaker.start(lambda samples: heard.append(len(samples)))
        with m.record(every=20_000):
            m.run(timeout=0.1)
            m.keyboard.type("abc")
            m.run(timeout=0.3)
            end = m.vcpu.instructions
            assert end is not None
            known, samples = seen(m), sum(heard)
            assert b"".join(sent) == b"abc" == m.serial

            m.goto(end // 2)
            m.goto(end)
            m.step_back(5)
            m.run_back(until=[KEY])
            m.goto(end)

            assert seen(m) == known
            assert m.serial == b"abc"
            assert b"".join(sent) == b"abc" and sum(heard) == samples
            assert m.uart.output is send


class Alarm(PioDevice):
    """Outside of the machine: a timer of the host raises its line."""

    deterministic = False

    def __init__(self, m: Machine, times: list[int]) -> None:
        self._m = m
        self._times = times
        self.raised: list[int] = []

    def start(self) -> None:
        for time in self._times:
            self._m.vm.clock.call_after(time, self._ring)

    def _ring(self) -> None:
        self.raised.append(self._m.vm.time)
        self.irq(True)
        self.irq(False)

    def pio_read(self, offset: int, size: int) -> int:
        return 0

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, values: dict[str, Any]) -> None:
        pass


def test_a_line_that_a_device_raises_by_itself_comes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "alarm.rec"
    rng = random.Random(4)
    with Machine(BUSY) as m:
        m.run(timeout=0.1)
        alarm = Alarm(m, sorted(rng.randrange(100_000, 90_000_000) for _ in range(20)))
        m.attach(alarm, port=0x300, gsi=3)
        with m.record(path) as recording:
            alarm.start()
            m.run(timeout=0.1)
            lines = [each for each in recording.tape.inputs if each.call == "line"]
        want = seen(m)

    assert len(alarm.raised) == 20
    assert [each.time for each in lines[::2]] == alarm.raised
    with Machine.replay(path, attach=[(Alarm(m, []), {"port": 0x300, "gsi": 3})]) as again:
        again.run()
        assert seen(again) == want


def test_a_kick_that_comes_with_a_line_ends_the_run() -> None:
    with Machine(BUSY) as m:
        m.run(timeout=0.1)
        alarm = Alarm(m, [5_000_000])
        m.attach(alarm, port=0x300, gsi=3)
        with m.record():
            alarm.start()
            m.vm.clock.call_after(5_000_000, m.stop)
            assert m.run(timeout=5).reason is ExitReason.INTR
            assert m.time < 0.12


def test_a_limit_in_real_time_ends_a_recorded_run() -> None:
    with Machine(BUSY) as m, m.record():
        exit = m.run(timeout=100_000, wall=0.05)
        assert exit.reason is ExitReason.DEADLINE
        assert m.time < 100_000


def test_limits_are_as_without_a_recording() -> None:
    rng = random.Random(9)
    with Machine(BUSY) as m, Machine(BUSY) as plain, m.record():
        for _ in range(40):
            limits: dict[str, Any] = {"timeout": rng.choice([0, 0.01, 0.02, rng.random() / 9])}
            if rng.random() < 0.5:
                limits["max_instructions"] = rng.choice([0, 1, SLICE >> 7, rng.randrange(9999)])
            one, two = m.run(**limits), plain.run(**limits)
            assert (one.reason, one.cs, one.ip) == (two.reason, two.cs, two.ip)
            assert seen(m) == seen(plain)


def test_states_in_memory_are_bounded() -> None:
    with Machine(ECHO.replace(b"\xf4", b"\x90")) as m, m.record(every=1000) as recording:
        m.run(max_instructions=400_000)
        assert len(recording.tape.checkpoints) <= MOST_STATES
        assert recording.first == 0


def test_a_file_has_the_future_that_something_new_has_made(tmp_path: Path) -> None:
    path = tmp_path / "cut.rec"
    with Machine(BUSY) as m:
        with m.record(path, every=20_000):
            m.run(timeout=0.2)
            m.keyboard.type("a")
            m.run(timeout=0.2)
            end = m.vcpu.instructions
            assert end is not None
            m.goto(end // 4)
            m.keyboard.type("zz")
            m.run(timeout=0.5)
            assert b"zz" in m.serial and b"a" not in m.serial
        want = seen(m)

    with Machine.replay(path) as again:
        again.run()
        assert seen(again) == want


def test_states_are_kept_again_where_the_past_is_run() -> None:
    with Machine(BUSY) as m, m.record(every=2000) as recording:
        m.run(max_instructions=400_000)
        place = m.vcpu.instructions
        assert place is not None
        place //= 4
        m.goto(place)
        near = recording.tape.before(place)
        assert place - near.instructions < 3 * 2000 + SLICE // 128
