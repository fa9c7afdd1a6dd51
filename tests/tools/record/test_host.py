"""What the host changes between two runs, without a call that is noted, is done again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, Machine, MachineError, PioDevice
from pyx86emu.tools.record.line import Departed

from .guests import BUSY, CALLS, ECHO
from .test_record import seen


def store_into_a_slot(m: Machine) -> None:
    m.vm.slots[0][0x5000:0x5003] = b"abc"


def store_by_a_view(m: Machine) -> None:
    if not hasattr(m, "kept_view"):
        m.kept_view = memoryview(m.vm.slots[0])  # type: ignore[attr-defined]
    m.kept_view[0x5000] ^= 0x55  # type: ignore[attr-defined]


def write_memory(m: Machine) -> None:
    m.vm.write(0x600, b"some bytes")


def load(m: Machine) -> None:
    m.load(b"\x01\x02", at="60:10")


def set_a_register(m: Machine) -> None:
    m.vcpu.regs.bx ^= 0x1234


def raise_an_nmi(m: Machine) -> None:
    m.vcpu.nmi()


def inject_an_interrupt(m: Machine) -> None:
    m.vcpu.interrupt(0x60, queue=True)


def set_the_clock(m: Machine) -> None:
    m.rtc.time = datetime(1999, 12, 31, 23, 59, 59)


def close_a20(m: Machine) -> None:
    m.vm.a20 = not m.vm.a20


def reset(m: Machine) -> None:
    m.reset()


def write_a_port(m: Machine) -> None:
    m.pio.write(0x70, 1, 0x15)


def draw(m: Machine) -> None:
    m.vm.write(0xB8000, b"H\x07i\x07")


def step(m: Machine) -> None:
    for _ in range(7):
        m.vcpu.step()


def step_and_set(m: Machine) -> None:
    m.vcpu.step()
    m.vcpu.regs.fs = 0x77  # the BIOS restores no FS
    m.vcpu.run(100)


def nothing(m: Machine) -> None:
    assert m.screen.text is not None
    m.save()


WAYS = (
    *(store_into_a_slot, store_by_a_view, write_memory, load, set_a_register, raise_an_nmi),
    *(
        inject_an_interrupt,
        set_the_clock,
        close_a20,
        reset,
        write_a_port,
        draw,
        step,
        step_and_set,
        nothing,
    ),
)


@pytest.mark.parametrize("change", WAYS, ids=lambda each: each.__name__)
def test_a_change_between_two_runs_is_done_again(
    change: Callable[[Machine], None], tmp_path: Path
) -> None:
    path = tmp_path / "changed.rec"
    with Machine(CALLS) as m:
        with m.record(path) as recording:
            m.run(timeout=0.2)
            m.keyboard.type("a")
            for _ in range(3):
                m.run(max_instructions=30_001)
                change(m)
            m.run(timeout=0.05)
            changed = any(each.call in ("host", "reset") for each in recording.tape.inputs)
        want = seen(m)
        rtc = m.rtc.time
    assert changed == (change not in (nothing, step))

    with Machine.replay(path) as again:
        again.run()

        assert seen(again) == want
        assert again.rtc.time == rtc


def test_what_the_host_wrote_to_a_disk_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "disk.rec"
    with Machine(ECHO) as m, Disk(bytes(1440 * 1024)) as disk:
        m.floppy.insert("b", disk)
        with m.record(path):
            m.run(timeout=0.1)
            disk.write(7, b"\x55" * 512)
            m.run(timeout=0.1)

    with Machine.replay(path) as again:
        again.run()
        there = again.disks["fdb"]
        assert there is not None and there.read(7, 1) == b"\x55" * 512


def test_changes_are_gone_back_over() -> None:
    with Machine(BUSY) as m, m.record(every=50_000):
        m.run(timeout=0.2)
        known = {}
        for i in range(6):
            m.run(max_instructions=40_000)
            known[m.vcpu.instructions] = seen(m)
            m.vm.write(0x5000, bytes([i]) * 16)
            m.vcpu.regs.di = i
            m.run(max_instructions=1)
            known[m.vcpu.instructions] = seen(m)

        for place in sorted(known, reverse=True):
            m.goto(place)
            assert seen(m) == known[place]


def test_a_change_in_the_past_changes_the_future() -> None:
    with Machine(BUSY) as m, m.record() as recording:
        m.run(timeout=0.2)
        m.keyboard.type("a")
        m.run(timeout=0.2)
        end = m.vcpu.instructions
        assert end is not None
        m.goto(end - 10_000)
        m.vcpu.regs.fs = 0x4321

        m.goto(end)

        assert m.vcpu.regs.fs == 0x4321
        assert [each.call for each in recording.tape.inputs] == ["keyboard.type", "host"]


def test_a_write_of_another_thread_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "thread.rec"
    with Machine(BUSY) as m:
        m.run(timeout=0.1)
        with m.record(path) as recording:
            done = threading.Event()

            def write() -> None:
                m.vm.write(0x5000, b"there")
                done.set()

            writer = threading.Thread(target=lambda: m.vm.clock.call_after(1000, start.set))
            start = threading.Event()
            other = threading.Thread(target=lambda: (start.wait(), write()))
            writer.start()
            other.start()
            while not done.is_set():
                m.run(timeout=0.05)
            m.run(timeout=0.05)
            writer.join()
            other.join()
            assert m.vm.read(0x5000, 5) == b"there"
            assert {each.call for each in recording.tape.inputs} <= {"vm.write", "host"}
        want = seen(m)

    with Machine.replay(path) as again:
        again.run()
        assert seen(again) == want


class Caller(PioDevice):
    """A device that calls a function when it is read."""

    name = "caller"
    length = 1

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def pio_read(self, offset: int, size: int) -> int:
        self._call()
        return 0

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, values: dict[str, Any]) -> None:
        pass


def test_an_nmi_of_another_thread_is_refused_while_it_is_recorded() -> None:
    refused: list[str] = []

    def ring() -> None:
        for call in (m.vcpu.nmi, lambda: m.vcpu.interrupt(0x60, queue=True)):
            with pytest.raises(RuntimeError) as error:
                call()
            refused.append(str(error.value))

    def start() -> None:
        thread = threading.Thread(target=ring)
        thread.start()
        thread.join()

    # mov dx,300h; in al,dx; jmp $
    with Machine(bytes.fromhex("ba0003 ec ebfe")) as m:
        m.attach(Caller(start), port=0x300)
        with m.record():
            m.run(timeout=0.2)

    assert len(refused) == 2 and all("call_after" in each for each in refused)


def test_devices_come_and_go_before_a_recording() -> None:
    with Machine(BUSY) as m:
        there = m.attach(Caller(int), port=0x300)
        with m.record():
            with pytest.raises(MachineError, match="before the recording"):
                m.attach(Caller(int), port=0x310)
            with pytest.raises(MachineError, match="after the recording"):
                there.detach()
        there.detach()


def test_a_timer_of_the_host_may_change_the_guest(tmp_path: Path) -> None:
    path = tmp_path / "timer.rec"
    with Machine(CALLS) as m:
        m.run(timeout=0.1)
        with m.record(path):
            for i in range(1, 6):
                m.vm.clock.call_after(i * 3_000_001, m.vcpu.nmi)
                m.vm.clock.call_after(i * 3_000_001, lambda i=i: setattr(m.vcpu.regs, "si", i))
            m.run(timeout=0.2)
        want = seen(m)

    with Machine.replay(path) as again:
        again.run()
        assert seen(again) == want


def test_a_recorded_machine_is_not_restored() -> None:
    with Machine(ECHO) as m:
        state = m.save()
        with m.record():
            m.run(timeout=0.1)
            for restore in (m.restore, m.vm.restore):
                with pytest.raises(MachineError, match=r"goto\(\)"):
                    restore(state)
        m.restore(state)


def test_hostile_changes_are_errors(tmp_path: Path) -> None:
    from dataclasses import replace

    from pyx86emu.tools.record.tape import Tape

    from .test_record import tampered

    path = tmp_path / "hostile.rec"
    values: list[Any] = [
        *(1, {}, {"pages": 1}, {"pages": ((9, 0, b""),)}, {"pages": ((0, 1 << 40, bytes(4096)),)}),
        *({"pages": ((0, 0, b"short"),)}, {"core": {}}, {"core": 3}, {"core": {"slots": (1, 2)}}),
        *({"devices": {"rtc": {}}}, {"devices": {"none": 1}}, {"machine": {"identity": 1}}),
        *({"disks": {"fda": ((1, b""),)}}, {"disks": {"hdb": ()}}, {"machine": {"timers": 1}}),
        *({"machine": {"timers": (("x", -1),)}}, {"core": {"slots": ((0, 0), (0, 0))}}),
    ]
    with Machine(ECHO) as m, m.record(path):
        m.run(timeout=0.1)
        m.vcpu.regs.si = 5
        m.run(timeout=0.1)
    good = path.read_bytes()

    for value in values:
        path.write_bytes(good)

        def change(tape: Tape, value: Any = value) -> None:
            at = next(i for i, each in enumerate(tape.inputs) if each.call == "host")
            tape.inputs[at] = replace(tape.inputs[at], arguments=((value,), {}))

        tampered(path, change)
        with Machine.replay(path) as again, pytest.raises(MachineError):
            again.run(timeout=1)


def test_marks_are_bounded_however_short_the_runs_are() -> None:
    with Machine(BUSY) as m, m.record() as recording:
        for _ in range(500):
            m.run(max_instructions=10)
        assert len(recording.tape.marks) < 10


def test_departed_is_an_error_of_the_machine() -> None:
    assert issubclass(Departed, MachineError)


class Meddler:
    """A debugger that changes a register in the middle of a run."""

    stopped = False

    def __init__(self, m: Machine) -> None:
        self._m = m
        self.times = 0

    def run(self, max_instructions: int | None = None, **limits: Any) -> Any:
        recording = self._m.recording
        assert recording is not None
        self.times += 1
        with recording.pause():
            self._m.vcpu.regs.fs = self.times  # the BIOS restores no FS
        return self._m.vcpu.run_until(max_instructions, **limits)

    def close(self, status: int) -> None:
        pass


def test_what_a_debugger_changes_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "debugger.rec"
    with Machine(BUSY) as m:
        m.run(timeout=0.2)
        with m.record(path):
            m._debugger = meddler = Meddler(m)
            m.run(timeout=0.1)
            m._debugger = None
        want = seen(m)
    assert meddler.times > 1

    with Machine.replay(path) as again:
        again.run()
        assert seen(again) == want
        assert again.vcpu.regs.fs == meddler.times
