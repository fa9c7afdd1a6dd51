"""The speaker: what is heard now, and the samples of it, by the 8254 and port 61h."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine, Vm, _core
from pyx86emu.pc.devices.speaker import HZ, Speaker
from pyx86emu.pc.sound import WavFile
from tests import on_kvm

MakeMachine = Callable[..., Machine]

MS = 10**6
#: mov al,0B6h; out 43h,al; mov al,LOW; out 42h,al; mov al,HIGH; out 42h,al; in al,61h; or al,3;
#: out 61h,al
TONE = "b0b6 e643 b0{low:02x} e642 b0{high:02x} e642 e461 0c03 e661"
SILENCE = "e461 24fc e661"
WAIT = "b90000 e2fe"  # mov cx,0; loop $


def tone(count: int) -> str:
    return TONE.format(low=count & 255, high=count >> 8)


def boot(machine: MakeMachine, code: str, **options: object) -> Machine:
    m = machine(bytes.fromhex("fa" + code + "f4"), **options)
    m.boot()
    return m


def samples(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 2], "little", signed=True) for i in range(0, len(data), 2)]


def test_the_frequency_is_that_of_channel_2(machine: MakeMachine) -> None:
    m = boot(machine, tone(1193) + "ebfe")
    assert m.speaker.frequency == 0.0

    m.run(timeout=0.01)

    assert m.speaker.frequency == pytest.approx(HZ / 1193)


@pytest.mark.parametrize(
    "code",
    [
        "b0b6 e643 e461 0c03 e661",  # no count yet
        tone(1000) + SILENCE,
        tone(1000) + "b002 e661",  # the gate is off
        tone(1000) + "b001 e661",  # the speaker is off
        tone(1000) + "b0b0 e643 b000 e642 e642",  # mode 0: no tone
    ],
)
def test_no_tone_is_0(machine: MakeMachine, code: str) -> None:
    m = boot(machine, code + "ebfe")
    m.run(timeout=0.01)

    assert m.speaker.frequency == 0.0


def test_a_tone_has_its_edges_and_its_samples(machine: MakeMachine) -> None:
    m = boot(machine, tone(1193) + "ebfe")
    got = bytearray()
    m.speaker.start(got.extend, 48000)

    m.run(timeout=0.5)

    edges = list(m.speaker.edges)
    half = 1193 / 2 / HZ * 1e9
    assert len(edges) == pytest.approx(0.5 * 2 * HZ / 1193, abs=3)
    for (a, up), (b, down) in pairwise(edges[1:]):
        assert up is not down
        assert abs(b - a - half) < 1000
    heard = samples(got)
    assert len(heard) == pytest.approx(24000, abs=2)
    crossings = sum(a < 0 <= b for a, b in pairwise(heard[4800:]))
    assert crossings == pytest.approx(0.4 * HZ / 1193, abs=2)
    assert max(heard[4800:]) == pytest.approx(8192, rel=0.15)


def test_pulse_width_is_loudness(machine: MakeMachine) -> None:
    # Mode 0: OUT is low for AL ticks after each write, high for the rest of 79.
    def level(ticks: int) -> float:
        code = f"b090 e643 b003 e661 b0{ticks:02x} e642 b90002 e2fe ebf5"
        m = boot(machine, code)
        got = bytearray()
        m.speaker.start(got.extend)
        m.run(timeout=0.002)
        heard = samples(got)[10:]
        return sum(heard) / len(heard)

    assert level(10) > level(40) + 1000


def test_silence_is_zeros_and_a_constant_level_fades(machine: MakeMachine) -> None:
    m = boot(machine, "b0b6 e643 e461 0c02 e661 ebfe")  # OUT is high: the speaker is pulled in
    got = bytearray()
    m.speaker.start(got.extend)

    m.run(timeout=0.5)

    heard = samples(got)
    assert max(heard) > 10000
    assert set(heard[-1000:]) == {0}


def test_a_listener_changes_nothing(machine: MakeMachine) -> None:
    def run(listen: bool) -> tuple[object, ...]:
        m = boot(machine, (tone(400) + WAIT + tone(900) + WAIT + SILENCE) * 3)
        if listen:
            m.speaker.start(bytes)
        exit = m.run(timeout=5)
        return exit.reason, m.vcpu.instructions, m.time, m.vm.read(0, 0x8000)

    assert run(True) == run(False)
    assert run(False)[0] is ExitReason.HLT


def test_two_runs_give_equal_files(machine: MakeMachine, tmp_path: Path) -> None:
    for name in ("a", "b"):
        m = boot(machine, (tone(400) + WAIT + tone(900) + WAIT) * 5)
        with WavFile(tmp_path / name) as wav:
            m.speaker.start(wav.write)
            for timeout in (0.1, 5) if name == "a" else (0.03, 0.07, 5):
                m.run(timeout=timeout)
            m.speaker.stop()

    one = (tmp_path / "a").read_bytes()
    assert one == (tmp_path / "b").read_bytes()
    assert one[:4] == b"RIFF"
    assert len(one) > 5000
    assert int.from_bytes(one[40:44], "little") == len(one) - 44


def test_writes_before_and_after_the_recording_are_not_in_it(machine: MakeMachine) -> None:
    m = boot(machine, tone(1193) + WAIT + SILENCE + WAIT + tone(500) + "ebfe")
    m.run(timeout=0.005)
    got: list[bytes] = []
    m.speaker.start(got.append)
    m.run(timeout=0.0005)
    m.speaker.stop()
    n = len(m.speaker.edges)
    m.run(timeout=0.5)

    assert len(m.speaker.edges) == n
    assert not m.speaker.recording
    m.speaker.start(got.append)
    assert not m.speaker.edges
    assert m.speaker.lost == 0


def test_a_second_sink_needs_the_same_rate(machine: MakeMachine) -> None:
    m = boot(machine, tone(1193) + "ebfe")
    one, two = bytearray(), bytearray()
    m.speaker.start(one.extend)
    m.run(timeout=0.1)

    with pytest.raises(ValueError, match="44100 samples a second already"):
        m.speaker.start(two.extend, 48000)
    m.speaker.start(two.extend)
    m.run(timeout=0.1)
    m.speaker.stop()

    assert len(one) == pytest.approx(2 * len(two), abs=8)


@pytest.mark.parametrize(
    ("rate", "error"),
    [(7999, ValueError), (10**6, ValueError), (None, TypeError), ("8", TypeError)],
)
def test_a_wrong_rate_is_refused(rate: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        Speaker(Vm(irqchip=True)).start(bytes, rate)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Speaker(Vm(irqchip=True)).start(5)  # type: ignore[arg-type]


def test_a_file_may_be_closed_before_its_machine(machine: MakeMachine, tmp_path: Path) -> None:
    m = boot(machine, tone(1193) + "ebfe")
    with WavFile(tmp_path / "x.wav") as wav:
        m.speaker.start(wav.write)
        m.run(timeout=0.1)

    m.close()

    assert wav.size == pytest.approx(2 * 4410, abs=8)


def test_every_run_gives_all_of_its_sound(machine: MakeMachine) -> None:
    m = boot(machine, tone(1193) + "ebfe")
    got = bytearray()
    m.speaker.start(got.extend)
    m.run(timeout=0.1)
    m.close()

    assert len(got) == pytest.approx(2 * 4410, abs=8)
    m.speaker.drain()
    m.speaker.stop()


def test_one_tap_a_vm() -> None:
    vm = Vm(irqchip=True)
    tap = _core.SpeakerTap(vm)
    with pytest.raises(OSError, match="somebody listens") as caught:
        _core.SpeakerTap(vm)
    assert caught.value.errno == errno.EBUSY
    tap.close()
    tap.close()
    assert tap.take() == (b"", [], False)

    again = _core.SpeakerTap(vm)
    del again
    _core.SpeakerTap(vm)


def test_a_vm_without_8254_and_a_closed_one_are_refused() -> None:
    with pytest.raises(OSError, match="irqchip=True"):
        _core.SpeakerTap(Vm())
    vm = Vm(irqchip=True)
    vm.close()
    with pytest.raises(OSError, match="closed"):
        _core.SpeakerTap(vm)
    with pytest.raises(TypeError):
        _core.SpeakerTap(None)  # type: ignore[arg-type]


def test_a_tap_of_a_vm_that_closes_has_nothing_more() -> None:
    vm = Vm(irqchip=True)
    tap = _core.SpeakerTap(vm)
    vm.close()
    tap.take()
    tap.close()
    del vm
    assert tap.take() == (b"", [], False)


def test_a_long_silence_is_taken_in_pieces_of_a_second() -> None:
    vm = Vm(irqchip=True)
    vm.create_vcpu()
    tap = _core.SpeakerTap(vm, 8000)
    vm.time = 3 * 10**9 + 10**8

    sizes = []
    more = True
    while more:
        data, edges, more = tap.take()
        assert not edges
        sizes.append(len(data) // 2)

    assert sizes == [8000, 8000, 8000, 800]


def test_too_many_writes_are_counted(machine: MakeMachine) -> None:
    m = boot(machine, "b003 e661 b001 e661 ebf6", shift=0)
    tap = _core.SpeakerTap(m.vm)
    m.run(max_instructions=2_000_000)

    tap.take()

    assert tap.lost > 0
    tap.close()


def test_the_state_may_be_set_meanwhile(machine: MakeMachine) -> None:
    m = boot(machine, "ebfe")
    other = boot(machine, tone(2000) + "ebfe")
    other.run(timeout=0.01)
    m.speaker.start(bytes)
    m.run(timeout=0.01)

    m.vm.pit = other.vm.pit
    m.run(timeout=0.1)

    # It is noticed when the samples are next taken, within 10 ms.
    assert len(m.speaker.edges) == pytest.approx(0.09 * 2 * HZ / 2000, abs=3)


def test_kvm_is_refused_with_a_sentence_and_has_its_frequency(machine: MakeMachine) -> None:
    on_kvm.need("kvm")
    m = machine(bytes.fromhex("fa" + tone(1193) + "f4"), accel="kvm")
    m.run(wall=10)

    assert m.speaker.frequency == pytest.approx(HZ / 1193)
    with pytest.raises(OSError, match="use accel='interp'"):
        m.speaker.start(bytes)


def test_wav_sizes_stay_within_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyx86emu.pc.sound.LARGEST", 101)
    with WavFile(tmp_path / "x", 8000) as wav:
        for _ in range(10):
            wav.write(bytes(16))

    assert (wav.size, wav.dropped) == (100, 60)
    assert (tmp_path / "x").stat().st_size == 144
    assert math.isclose(wav.size / 2 / wav.rate, 50 / 8000)
