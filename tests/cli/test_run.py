"""The command line: what is printed, what is refused, with which status it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pyx86emu import Machine, cli
from pyx86emu.cli import run as run_verb
from pyx86emu.cli.signals import Ending, Interrupted
from tests.cli.drive import ECHO, HALT, SPIN, Image, command, pyx86emu, say, show
from tests.harness import Running, wait_until

# -- statuses -------------------------------------------------------------------------------------


def test_a_guest_that_halts_for_good_ends_with_0(image: Image) -> None:
    result = pyx86emu(image(say("hello\n") + HALT))

    assert (result.returncode, result.stdout, result.stderr) == (0, "hello\n", "")


def test_serial_text_goes_to_standard_output(image: Image) -> None:
    text = "".join(f"b0{char:02x}ee" for char in b"over the line\n")

    result = pyx86emu("run", "-fda", image("baf803" + text + HALT))

    assert (result.returncode, result.stdout) == (0, "over the line\n")


def test_the_guests_own_status_is_odd(image: Image) -> None:
    assert pyx86emu(image("b010 e6f4" + SPIN)).returncode == 33


def test_expect_met_is_0_and_not_met_is_8(image: Image) -> None:
    boot = image(say("login:") + HALT)

    met = pyx86emu(boot, "--expect", "log.n:$")
    missed = pyx86emu(boot, "--expect", "password")

    assert (met.returncode, met.stderr) == (0, "")
    assert missed.returncode == 8
    assert missed.stderr.startswith("pyx86emu: --expect 'password' not met (HLT at 0000:")


def test_time_that_is_up_is_124(image: Image) -> None:
    boot = image(SPIN)

    for limit in (("--timeout", 1.5), ("--wall", 0.3), ("--max-instructions", 1_000_000)):
        result = pyx86emu(boot, *limit)

        assert result.returncode == 124, limit
        assert "time is up" in result.stderr


def test_a_triple_fault_without_reboot_is_4(image: Image) -> None:
    result = pyx86emu(image("0f011e207c cc"), "-no-reboot")

    assert result.returncode == 4
    assert "triple fault" in result.stderr


def test_protected_mode_is_6_and_says_where(image: Image) -> None:
    result = pyx86emu(image("0f20c0 0c01 0f22c0" + HALT))

    assert result.returncode == 6
    assert "protected mode" in result.stderr
    assert "0000:7c0" in result.stderr


def test_a_bug_of_ours_is_70(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_verb, "main", lambda args: 1 // 0)

    assert cli.main(["run"]) == 70


def test_cpu_help_prints_every_difference(capsys: pytest.CaptureFixture[str]) -> None:
    from pyx86emu import models

    assert cli.main(["-cpu", "help"]) == 0

    out = capsys.readouterr().out
    assert out.split()[:6] == ["model", *models.MODELS]
    assert len(out.splitlines()) == 2 + len(models.DIFFERENCES)
    for d in models.DIFFERENCES:
        assert d.field in out and d.what in out and d.source in out


# -- options --------------------------------------------------------------------------------------


def test_typed_text_waits_for_the_guest(image: Image) -> None:
    result = pyx86emu(image(ECHO), "--type", "dir{ret}", "--expect", "^dir$")

    assert result.returncode == 0


def test_json_tells_how_it_went(image: Image) -> None:
    result = pyx86emu(image(say("text\n") + HALT), "--json", "-cpu", "8086", "-m", "640K")

    report = json.loads(result.stdout)
    assert result.returncode == 0
    assert (report["status"], report["reason"], report["debug"]) == (0, "HLT", "text\n")
    assert report["instructions"] > 100
    assert 0 < report["guest_seconds"] < 10


def test_json_says_how_much_of_the_oldest_text_was_dropped(
    image: Image, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(run_verb, "Machine", partial(Machine, log_limit=4))
    boot = image("baf803 b041 ee" + say("hello") + HALT)

    status, out, _ = main(capsys, boot, "--json")
    _, streamed, _ = main(capsys, boot)

    report = json.loads(out)
    assert status == 0
    assert (report["debug"], report["debug_dropped"]) == ("ello", 1)
    assert (report["serial"], report["serial_dropped"]) == ("A", 0)
    assert streamed == "Ahello"


def test_screenshots_are_taken_at_the_end(image: Image, tmp_path: Path) -> None:
    shot = tmp_path / "shot.txt"
    boot = image("b40e b058 cd10" + HALT)

    pyx86emu(boot, "--screenshot", shot)
    pyx86emu(boot, "--screenshot", tmp_path / "shot.png")

    assert shot.read_text("utf-8") == "X\n"
    assert (tmp_path / "shot.png").stat().st_size > 100


def test_serial_text_goes_to_a_file(image: Image, tmp_path: Path) -> None:
    log = tmp_path / "serial.log"

    result = pyx86emu(image("baf803 b041 ee" + say("!") + HALT), "-serial", f"file:{log}")

    assert result.stdout == "!"
    assert log.read_bytes() == b"A"


def test_write_back_changes_the_image_and_nothing_else_does(image: Image) -> None:
    # mov ax,301h; mov bx,7C00h; mov cx,1; xor dx,dx; mov byte [7D00h],55h; int 13h
    boot = image("c606007d55 b80103 bb007c b90100 31d2 cd13" + HALT)

    pyx86emu(boot)
    assert boot.read_bytes()[0x100] == 0
    pyx86emu(boot, "-snapshot")
    assert boot.read_bytes()[0x100] == 0
    pyx86emu(boot, "--write-back")
    assert boot.read_bytes()[0x100] == 0x55


def test_help_names_the_verbs() -> None:
    result = pyx86emu("--help")

    assert result.returncode == 0
    assert all(verb in result.stdout for verb in ("run", "demo", "bench"))


# -- what ends a run ------------------------------------------------------------------------------


class Started:
    """A command that runs beside the test, with its output in pipes."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for(self, path: Path, size: int) -> None:
        """Wait until the guest has written that much to its serial file."""

        def written() -> bool:
            assert self.process.poll() is None
            return path.exists() and path.stat().st_size >= size

        wait_until(written, 60)

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal; status, output and errors of the end."""
        self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        return self.process.returncode, out.decode(), err.decode()


# mov ax,301h; mov bx,7C00h; mov cx,1; xor dx,dx; mov byte [7D00h],55h; int 13h
WRITE = "c606007d55 b80103 bb007c b90100 31d2 cd13"
UP = "baf803 b055 ee b050 ee"  # "UP" over COM1


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_a_run_and_what_was_asked_for_is_written(
    image: Image, tmp_path: Path, number: signal.Signals
) -> None:
    log, shot = tmp_path / "log", tmp_path / "shot.txt"
    boot = image(WRITE + show("X") + UP + "fa" + SPIN)  # cli: it is not in an interrupt's handler
    asked_for = ("--json", "--write-back", "--screenshot", shot)
    run = Started(*command(boot, "-serial", f"file:{log}", "--timeout", 10**6, *asked_for))
    run.wait_for(log, 2)

    status, out, err = run.end(number)

    report = json.loads(out)
    assert status == report["status"] == 130
    assert err.startswith(f"pyx86emu: ended by {number.name} (at 0000:7c")
    assert (report["reason"], report["screen"].strip(), report["serial"]) == (
        "INTERRUPTED",
        "X",
        "UP",
    )
    assert report["disk_sectors_changed"] == 1
    assert report["instructions"] > 0
    assert shot.read_text("utf-8") == "X\n"
    assert boot.read_bytes()[0x100] == 0x55


def test_a_signal_that_was_ignored_stays_ignored(image: Image, tmp_path: Path) -> None:
    log = tmp_path / "log"
    ignoring = "trap '' INT QUIT HUP TERM; exec \"$@\""
    words = command(image(UP + SPIN), "-serial", f"file:{log}", "--max-instructions", 10**9)
    run = Started("sh", "-c", ignoring, "sh", *words)
    run.wait_for(log, 2)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        run.process.send_signal(number)

    status, _, err = run.end(signal.SIGTERM)

    assert status == 124
    assert "time is up" in err


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (("--wall", 0.2), 124),
        (("--timeout", 1), 124),
        (("--expect", "X"), 0),
        (("--expect", "Y", "--timeout", 1), 8),
    ],
)
def test_however_a_run_ends_what_was_asked_for_is_written(
    image: Image, tmp_path: Path, limits: tuple[object, ...], status: int
) -> None:
    shot = tmp_path / "shot.txt"
    boot = image(WRITE + show("X") + SPIN)

    result = pyx86emu(boot, "--json", "--write-back", "--screenshot", shot, *limits)

    assert result.returncode == json.loads(result.stdout)["status"] == status
    assert shot.read_text("utf-8") == "X\n"
    assert boot.read_bytes()[0x100] == 0x55


# -- the host's failures --------------------------------------------------------------------------


def main(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Run the command in this process."""
    status = cli.main([*map(str, args)])
    out, err = capsys.readouterr()
    return status, out, err


def full(*_: object) -> NoReturn:
    raise OSError(28, "No space left on device")


def test_graphics_are_saved_as_a_picture_but_not_as_text(image: Image, tmp_path: Path) -> None:
    graphics = image("b81300 cd10" + HALT)  # mov ax,13h; int 10h
    text, page = tmp_path / "shot.txt", tmp_path / "shot.html"

    refused = pyx86emu(graphics, "--screenshot", text)
    saved = pyx86emu(graphics, "--screenshot", page)

    assert refused.returncode == 74
    assert "it shows graphics, 320x200 256 colours; name a file in .png" in refused.stderr
    assert not text.exists()
    assert saved.returncode != 74
    assert "data:image/png" in page.read_text("utf-8")


def test_a_screenshot_that_cannot_be_written_is_74(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("pyx86emu.pc.screen.screen.Screen.save", full)
    shot = tmp_path / "shot.png"

    status, out, err = main(capsys, image(HALT), "--screenshot", shot, "--json")

    assert err == f"pyx86emu: cannot write --screenshot {shot}: No space left on device\n"
    assert status == json.loads(out)["status"] == 74


def test_changes_that_cannot_be_written_back_are_74(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("pyx86emu.pc.disks.image.Disk.commit", full)
    boot = image(WRITE + HALT)

    status, out, err = main(capsys, boot, "--write-back", "--json")

    sentence = f"cannot write back to {boot}: No space left on device; changed sectors lost: 1"
    assert err == f"pyx86emu: {sentence}\n"
    assert status == json.loads(out)["status"] == 74


@pytest.mark.usefixtures("interruptible")
def test_an_image_that_was_shortened_meanwhile_is_74(image: Image, tmp_path: Path) -> None:
    log = tmp_path / "log"
    boot = image(WRITE + UP + SPIN)
    boot.write_bytes(boot.read_bytes() + bytes(512))
    run = Started(*command(boot, "-serial", f"file:{log}", "--write-back", "--timeout", 10**6))
    run.wait_for(log, 2)
    os.truncate(boot, 512)

    status, _, err = run.end(signal.SIGTERM)

    assert status == 74
    ended, refused = err.splitlines()
    assert ended.startswith("pyx86emu: ended by SIGTERM")
    assert refused.startswith(f"pyx86emu: cannot write back to {boot}: ")
    assert refused.endswith("; changed sectors lost: 1")


def test_an_image_that_cannot_be_read_any_more_is_74(
    image: Image, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def broken(*_: object) -> NoReturn:
        raise OSError(5, "Input/output error")

    boot = image(HALT)
    monkeypatch.setattr("pyx86emu.pc.disks.image.Disk.read", broken)

    status, out, err = main(capsys, boot, "--json")

    assert err == f"pyx86emu: cannot read {boot}: Input/output error\n"
    assert status == json.loads(out)["status"] == 74


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (MemoryError(), 74, "there is not enough memory"),
        (OSError(24, "Too many open files"), 74, "the operating system refused: Too many open"),
        (PermissionError(13, "Permission denied", "x"), 74, "refused: Permission denied (x)"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RecursionError("deep"), 70, "a bug of pyx86emu, please report it: RecursionError"),
        (ValueError("odd"), 70, "a bug of pyx86emu, please report it: ValueError('odd')"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "demo", "bench", "conformance"])
def test_what_the_host_does_is_no_bug_of_ours(
    verb: str,
    error: BaseException,
    status: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    def fails(args: list[str]) -> NoReturn:
        raise error

    monkeypatch.setattr(f"pyx86emu.cli.{verb}.main", fails)

    got, out, err = main(capsys, verb)

    assert (got, out) == (status, "")
    assert sentence in err.splitlines()[-1]
    assert ("Traceback" in err) == (status == 70)


@pytest.mark.parametrize(
    "where", ["Machine", "Outputs", "make_script", "_run", "explain", "report"]
)
def test_ctrl_c_is_130_at_every_step(
    where: str, image: Image, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_verb, where, interrupted)

    status, _, err = main(capsys, image(HALT), "--json")

    assert status == 130
    assert err.startswith("pyx86emu: interrupted")
    assert "Traceback" not in err


@pytest.mark.usefixtures("interruptible")
def test_the_first_signal_unwinds_and_the_next_does_not_disturb_it() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Ending() as ending:
        with pytest.raises(Interrupted, match="ended by SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(3):  # while the terminal is given back
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):  # it hangs
            os.kill(os.getpid(), signal.SIGTERM)
        ending.again()
        with pytest.raises(Interrupted, match="ended by SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
        ending.again()
        ending.no_more()
        os.kill(os.getpid(), signal.SIGTERM)  # while files are closed

    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.usefixtures("interruptible")
def test_a_signal_that_python_drops_comes_again() -> None:
    class Finalized:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(100):  # the handler runs between two of these
                pass

    before = sys.unraisablehook
    with Ending():
        Finalized()
        with pytest.raises(Interrupted, match="ended by SIGTERM"):
            threading.Event().wait(60)

    assert sys.unraisablehook is before


def test_the_command_runs_in_any_thread(image: Image, capsys: Any) -> None:
    boot = str(image(HALT))

    assert Running(lambda: cli.main([boot])).result(60) == 0
