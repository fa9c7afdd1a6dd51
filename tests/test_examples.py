"""The examples run as they stand."""

from __future__ import annotations

import asyncio

import pytest

from pyx86emu.examples import (
    bootcode,
    device,
    doorbell_asyncio,
    doorbell_irqfd,
    doorbell_process,
    doorbell_selectors,
    doorbell_thread,
    fuzz,
    inputs,
    memory_process,
    queues_asyncio,
    vhost_boot,
    virtio_device,
)
from tests import on_kvm
from tests.harness import ROOT, Running, python
from tests.on_gdb import gdb, need

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


def test_a_machine_boots_from_a_disk_of_another_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert vhost_boot.main() == vhost_boot.TEXT.decode()
    assert "0 exits" in capsys.readouterr().out


def test_a_blocking_thread_hears_every_ring(accel: str) -> None:
    assert doorbell_thread.main(accel) == doorbell_thread.RINGS


def test_a_selector_says_which_queue_was_rung(accel: str) -> None:
    rings = doorbell_selectors.main(accel)

    assert rings == {"receive": doorbell_selectors.RINGS, "transmit": 2 * doorbell_selectors.RINGS}


def test_another_process_hears_the_bell_and_reads_the_guests_memory(accel: str) -> None:
    done = python("-m", "pyx86emu.examples.memory_process", "--accel", accel)

    total = sum(range(memory_process.NUMBERS + 1))
    assert (done.stdout, done.stderr) == (f"{total:,}\n", "")


def test_another_process_counts_every_ring_whichever_way_it_came(accel: str) -> None:
    done = python("-m", "pyx86emu.examples.doorbell_process", "--accel", accel)

    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["way", "rings", "a", "ring"]
    ways = zip(lines, doorbell_process.RINGS.items(), strict=True)
    for line, (port, rings) in ways:
        assert line.split()[:2] == [doorbell_process.NAMES[port], f"{rings:,}"]


def test_a_guest_that_rings_its_own_irqfd_gets_each_interrupt(accel: str) -> None:
    assert doorbell_irqfd.main(accel) == doorbell_irqfd.RINGS


def test_a_driver_has_an_interrupt_for_each_request_of_its_four_queues(accel: str) -> None:
    assert asyncio.run(queues_asyncio.main(accel)) == ("HLT", 100, bytes([25] * 4))


def test_dice_are_thrown(accel: str) -> None:
    throws = device.main(accel)

    assert len(throws) == 6
    assert set(throws) <= set("123456")
    assert throws == device.main(accel), "seeded: two runs are equal"


def test_boot_code_is_seen_to_hook_int_13h_and_does_more_on_another_day(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = bootcode.main()

    out = capsys.readouterr().out
    read, write = "AH=02 at 0000:7c5a", "AH=03 at 0000:7c4c"
    assert found == {"another day": [read], "6 March": [write, read]}
    assert "write to 0x0004c at 0000:7c2c: 0xe3fe -> 0x005e\nINT 13h led to f000:e3fe\n" in out
    assert "write to 0x0004e at 0000:7c32: 0xf000 -> 0x9fc0" in out
    assert "9fc0:0064  eafee300f0       jmp 0xf000:0xe3fe" in out
    assert "\n00e9      3      0  9fc0:0061\n" in out


def test_of_many_inputs_those_that_divide_by_0_fail(capsys: pytest.CaptureFixture[str]) -> None:
    count = 600
    failed = inputs.main(count)

    data = inputs.inputs(count)
    assert [run.number for run in failed] == [n for n, each in enumerate(data) if each[0] == 0]
    assert failed
    assert capsys.readouterr().out.startswith("600 runs, ")


def test_an_input_that_fails_is_seen_with_gdb() -> None:
    need("gdb")
    data = next(each for each in inputs.inputs(600) if each[0] == 0)

    with (
        inputs.case().opened(data) as m,
        m.gdbserver("127.0.0.1:0", stopped=True) as server,
    ):
        run = Running(lambda: m.run(max_instructions=10_000_000))
        text = gdb(server.address, "tbreak *0x7c1b\ncontinue\nx/i $pc\nx/1xb 0x2000\nkill")
        run.result()

    assert "=> 0x7c1b:\tdivb   0x2000" in text
    assert "0x2000:\t0x00" in text


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


def test_a_virtio_device_answers_without_an_exit(capsys: pytest.CaptureFixture[str]) -> None:
    assert virtio_device.main() == b"FROM A KICK TO A COMPLETION"

    assert capsys.readouterr().out == "1 request, 0 exits: FROM A KICK TO A COMPLETION\n"


@pytest.mark.parametrize(
    "name", ["queues_asyncio", "vhost_boot", "virtio_device", "memory_process"]
)
def test_help_says_what_an_example_does(name: str) -> None:
    result = python("-m", f"pyx86emu.examples.{name}", "--help")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: {name}.py ")
