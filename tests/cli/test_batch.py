"""`pyx86emu batch`: its table, its files, its exit status, and what it refuses."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pyx86emu import cli
from pyx86emu.cli import batch_progress, output
from tests import on_dask
from tests.harness import ROOT, wait_until
from tests.tools.batch.guests import ECHO, EXIT, FAULT, LOOP, PRINT, sector

PLAN = """
[[job]]
name = "prints"
image = "print.img"
expect = "abcd"

[[job]]
name = "echoes"
image = "echo.img"
steps = [{ send = "hi" }, { wait = "hi" }]

[[job]]
name = "fails"
image = "print.img"
expect = "nothing"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with images and a plan, of which one job fails."""
    (tmp_path / "print.img").write_bytes(sector(PRINT, "abcd"))
    (tmp_path / "echo.img").write_bytes(sector(ECHO))
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


def run(*words: object) -> int:
    return cli.main(["batch", *map(str, words)])


def test_the_table_has_the_jobs_in_their_order(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(place / "plan.toml", "-j", 2)

    out, err = capsys.readouterr()
    words = [line.split()[:2] for line in out.splitlines() if not line.startswith("    ")]
    assert words[1:4] == [["passed", "prints"], ["passed", "echoes"], ["failed", "fails"]]
    assert "expect 'nothing' is in no text" in out
    assert "3 jobs: 2 passed, 1 failed" in out
    assert [line.split()[0] for line in err.splitlines()] == ["1/3", "2/3", "3/3"]
    assert status == 8


def test_a_batch_that_passes_ends_with_0(place: Path) -> None:
    assert run(place / "plan.toml", "--job", "prints", "--job=echoes") == 0


def test_reports_are_written(place: Path) -> None:
    junit, report = place / "j.xml", place / "j.json"

    run(place / "plan.toml", "--junit", junit, "--json", report, "--retries", 1)

    root = ElementTree.parse(junit).getroot()
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["prints", "echoes", "fails"]
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "1")
    jobs = json.loads(report.read_text())["jobs"]
    assert [(each["debug"], each["attempts"]) for each in jobs] == [
        ("abcd", 1),
        ("hi", 1),
        ("abcd", 2),
    ]


def test_a_failure_is_kept_with_the_command_that_repeats_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = place / "kept"
    run(place / "plan.toml", "--keep", kept)
    capsys.readouterr()

    (directory,) = kept.iterdir()
    lines = (directory / "repeat.txt").read_text().splitlines()
    again = cli.main(shlex.split(lines[lines.index("To repeat it:") + 1])[1:])

    assert directory.name == "00002-fails"
    assert (directory / "debug.txt").read_text() == "abcd"
    assert (directory / "screen.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((directory / "result.json").read_text())["name"] == "fails"
    assert again == 8
    assert "1 job: 0 passed, 1 failed" in capsys.readouterr().out


def test_a_failure_goes_on_from_the_state_before_its_last_step(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, kept = place / "state.toml", place / "kept"
    (place / "exit.img").write_bytes(sector(EXIT))
    plan.write_text(
        '[[job]]\nimage = "exit.img"\nmodel = "80286"\nmemory = "640K"\nrtc = 2001-02-03\n'
        'shift = 5\nsteps = [{ wait = 0.001 }, { wait = "never" }]\n'
    )
    run(plan, "--keep", kept)

    (directory,) = kept.iterdir()
    line = (directory / "repeat.txt").read_text().splitlines()[-1]
    status = cli.main(shlex.split(line)[1:])

    assert "--load-state" in line
    assert status == 7, capsys.readouterr().err


def test_golden_screens_are_written_and_then_compared(place: Path) -> None:
    plan = place / "golden.toml"
    plan.write_text('[[job]]\nimage = "print.img"\nsteps = [{ golden = "screen.txt" }]\n')

    without = run(plan)
    written = run(plan, "--update-golden")
    same = run(plan)
    (place / "screen.txt").write_text("something else\n")
    other = run(plan)

    assert (without, written, same, other) == (2, 0, 0, 8)


def test_a_directory_is_a_batch(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "echo.img").unlink()  # it would run for a minute
    (place / "fault.img").write_bytes(sector(FAULT))

    status = run(place)

    out, err = capsys.readouterr()
    assert status == 8
    assert "2 jobs: 1 passed, 1 failed" in out
    assert f"{place / 'plan.toml'} is left out, it is no bootable image" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing.toml"], "cannot read nothing.toml"),
        (["PLAN", "--job", "other"], "--job other: "),
        (["PLAN", "-j", "0"], "give a whole number, from 1 to 1024"),
        (["PLAN", "--junit", "/"], "--junit /: that is a directory"),
        (["PLAN", "--json", "/no/such/file"], "there is no directory"),
        (["PLAN", "--keep", "PLAN"], "is no directory"),
        (["PLAN", "--dask", "127.0.0.1:1", "-j", "2"], "leave it or --dask out"),
        (["PLAN", "more"], "one argument too many"),
        ([], "FILE.toml|DIR"),
    ],
)
def test_a_wrong_word_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    plan = str(place / "plan.toml")

    status = run(*(plan if word == "PLAN" else word for word in words))

    assert status == 2
    assert says in capsys.readouterr().err


def test_a_file_that_cannot_be_written_ends_with_74(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(place / "plan.toml", "--junit", "/dev/full")

    assert status == 74
    assert "cannot write --junit /dev/full" in capsys.readouterr().err


def test_ctrl_c_reports_what_is_done_and_leaves_no_process(
    place: Path, interruptible: None
) -> None:
    (place / "loop.img").write_bytes(sector(LOOP))
    (place / "plan.toml").write_text(
        '[[job]]\nimage = "print.img"\n[[job]]\nimage = "loop.img"\ntimeout = 1e9\n'
    )
    junit = place / "j.xml"
    with subprocess.Popen(
        [sys.executable, "-m", "pyx86emu", "batch", place / "plan.toml", "--junit", junit],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "1/2 passed print.img" in process.stderr.readline()
        workers = workers_of(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "1 of 2 jobs are done" in err
    assert "1 job: 1 passed" in out
    assert len(list(ElementTree.parse(junit).getroot().iter("testcase"))) == 1
    assert workers
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def workers_of(parent: int) -> list[int]:
    """The children of all its threads."""
    tasks = Path(f"/proc/{parent}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def test_a_terminal_has_a_bar_if_rich_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    monkeypatch.delenv("CI", raising=False)

    bar = batch_progress.progress(3)
    monkeypatch.setenv("CI", "true")
    in_ci = batch_progress.progress(3)

    assert isinstance(bar, batch_progress.Bar)
    assert isinstance(in_ci, batch_progress.Lines)


def test_a_terminal_without_rich_has_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    monkeypatch.delenv("CI", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich.console", None)

    shown = batch_progress.progress(3)

    assert isinstance(shown, batch_progress.Lines)
    assert "pip install 'pyx86emu[batch]'" in capsys.readouterr().err


def test_the_bar_escapes_what_the_guest_printed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    from pyx86emu.tools.batch import Result

    with batch_progress.Bar(1) as bar:
        bar.done(Result(0, "[red]\x1b[2J", "failed", "[/]\x1b]0;title\x07"))

    err = capsys.readouterr().err
    assert "[red]\\x1b[2J: [/]\\x1b]0;title\\x07" in err


def test_a_missing_dask_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    assert run(place / "plan.toml", "--dask", "127.0.0.1:1") == 2
    assert "pip install 'pyx86emu[dask]'" in capsys.readouterr().err


@pytest.mark.release
def test_a_dask_cluster_runs_a_batch(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with on_dask.cluster(2) as client:
        address: Any = client.scheduler.address
        status = run(place / "plan.toml", "--dask", address, "--job", "prints", "--job", "echoes")

    assert status == 0
    assert "2 jobs: 2 passed" in capsys.readouterr().out
