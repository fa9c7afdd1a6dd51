"""Files that are written are none of those that are read, and each is written once."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from pyx86emu.cli import opt_trace
from pyx86emu.cli.output import check_apart
from pyx86emu.cli.parser import Options
from pyx86emu.cli.status import UsageError
from tests.cli.drive import HALT, SPIN, Image, command, pyx86emu

pytestmark = pytest.mark.release  # Python only: the builds of the core have it in common


@pytest.mark.parametrize(
    "words",
    [
        ("--record", "IMAGE"),
        ("--save-state", "IMAGE"),
        ("--profile", "IMAGE"),
        ("--trace", "int", "--trace-file", "IMAGE"),
        ("-d", "int", "-D", "IMAGE"),
    ],
)
def test_what_is_written_is_not_the_disk_image(image: Image, words: tuple[str, ...]) -> None:
    path = image(HALT)
    before = path.read_bytes()

    result = pyx86emu(path, *(str(path) if word == "IMAGE" else word for word in words))

    assert (result.returncode, path.read_bytes()) == (2, before)
    assert f"{path}: that would overwrite the disk image" in result.stderr


def test_a_program_of_dos_and_a_recording_stay(image: Image, tmp_path: Path) -> None:
    (program := tmp_path / "p.com").write_bytes(b"\xc3")
    recording = tmp_path / "run.rec"
    assert pyx86emu(image(HALT), "--record", recording).returncode == 0
    kept = recording.read_bytes()

    of_dos = pyx86emu("dos", "--profile", program, program)
    of_replay = pyx86emu("replay", recording, "--trace", "int", "--trace-file", recording)

    assert "that would overwrite the program" in of_dos.stderr
    assert "that would overwrite the recording" in of_replay.stderr
    assert (program.read_bytes(), recording.read_bytes()) == (b"\xc3", kept)


def test_two_options_do_not_write_one_file(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"")
    (link := tmp_path / "link").symlink_to(there)

    for first, second in ((there, link), (tmp_path / "new", tmp_path / "." / "new")):
        with pytest.raises(UsageError, match="-a and -b would both write"):
            check_apart([("-a", str(first)), ("-b", str(second))], [])
    check_apart([("-a", "/dev/null"), ("-b", "/dev/null"), ("-c", None)], [("x", "/dev/null")])


def test_a_place_that_a_recording_has_not_is_refused(image: Image, tmp_path: Path) -> None:
    recording = tmp_path / "run.rec"
    pyx86emu(image(HALT), "--record", recording)

    result = pyx86emu("replay", recording, "--to", "99999999999")

    assert result.returncode == 2
    assert "--to 99999999999: the recording ends at " in result.stderr


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_replay_with_130(
    image: Image, tmp_path: Path, number: signal.Signals
) -> None:
    recording, trace = tmp_path / "run.rec", tmp_path / "trace"
    pyx86emu(image(SPIN), "--record", recording, "--timeout", 10)
    with subprocess.Popen(
        command("replay", recording, "--trace", "exec", "--trace-file", trace),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (trace.exists() and trace.stat().st_size):
            assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    assert (process.returncode, "Traceback" in said) == (130, False)


def test_a_trace_may_go_to_standard_output(image: Image) -> None:
    result = pyx86emu(image("b80012 cd10" + HALT), "--trace", "int", "--trace-file", "-")

    assert "int    software 10h" in result.stdout


def test_a_trace_does_not_go_to_the_terminal_on_which_the_screen_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyx86emu.cli.output.is_terminal", lambda _: True)
    options = Options(trace="int", trace_file=None, d=None, D=None)

    with pytest.raises(UsageError, match="give --trace-file FILE or -display none"):
        opt_trace.check_drawn(options, True)
    opt_trace.check_drawn(options, False)
    options.trace_file = "file"
    opt_trace.check_drawn(options, True)
