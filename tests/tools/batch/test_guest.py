"""One job: its steps are done, and how it ended is judged."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pyx86emu.tools import batch
from pyx86emu.tools.batch.guest import golden_text, run_job
from tests.tools.batch.guests import ECHO, EXIT, FAULT, LOOP, PRINT, ZEROS, sector

# code, what else the job says, outcome, a word of the message
ENDINGS: list[tuple[bytes, dict[str, Any], str, str]] = [
    (PRINT, {}, "passed", ""),
    (PRINT, {"end": "halt", "expect": "^abcd$", "refuse": "panic"}, "passed", ""),
    (PRINT, {"expect": "abce"}, "failed", "expect 'abce' is in no text"),
    (PRINT, {"refuse": "b."}, "failed", "refuse 'b.' is in the debug text: 'bc'"),
    (PRINT, {"end": "time"}, "failed", "ended with 'halt', not 'time'"),
    (PRINT, {"steps": (batch.Wait("cd"),)}, "passed", ""),
    (PRINT, {"steps": (batch.Wait("zz"),)}, "failed", "step 1 of 1: wait 'zz' was not met"),
    (PRINT, {"steps": (batch.Wait(1.0),)}, "failed", "step 1 of 1: wait 1 guest seconds"),
    (LOOP, {"timeout": 0.5}, "passed", ""),
    (LOOP, {"max_instructions": 50_000}, "passed", ""),
    (LOOP, {"timeout": 0.5, "end": "halt"}, "failed", "an endless loop"),
    (LOOP, {"steps": (batch.Wait("x", timeout=0.25),)}, "failed", "0.25"),
    (FAULT, {}, "failed", 'if that is right, write end = "shutdown"'),
    (FAULT, {"end": "shutdown"}, "passed", ""),
    (ZEROS, {}, "failed", 'if that is right, write end = "stop"'),
    (ZEROS, {"end": "stop"}, "passed", ""),
    (ZEROS, {"stop_on": (), "timeout": 0.1}, "passed", ""),
    (LOOP, {"stop_on": ("loop",), "timeout": 1}, "failed", "'stop', not 'halt'"),
    (EXIT, {}, "failed", "write status = 7"),
    (EXIT, {"status": 7}, "passed", ""),
    (EXIT, {"status": 1}, "failed", "ended with status 7, the job says 1"),
    (PRINT, {"status": 1}, "failed", "ended with 'halt', not 'exit'"),
    (ECHO, {"steps": (batch.Send("hi\u00e4"), batch.Wait("hi"))}, "passed", ""),
    (PRINT, {"model": "8086", "memory": 640 << 10, "rtc": "2001-02-03T04:05:06"}, "passed", ""),
]


@pytest.mark.parametrize(("code", "more", "outcome", "says"), ENDINGS)
def test_a_job_ends_as_it_should(
    code: bytes, more: dict[str, Any], outcome: str, says: str
) -> None:
    result = run_job(
        batch.Job("one", sector(code, "\0\0\0\0" if code == FAULT else "abcd"), **more), 5
    )

    assert (result.outcome, result.index, result.name) == (outcome, 5, "one"), result
    assert says in result.message


def test_a_step_that_the_guest_does_not_meet_says_how_it_ended() -> None:
    result = run_job(batch.Job("one", sector(EXIT), steps=(batch.Wait("never"),)))

    assert (result.outcome, result.end, result.status) == ("failed", "exit", 7)


def test_a_failure_has_the_last_instructions() -> None:
    failed = run_job(batch.Job("one", sector(PRINT, "abcd"), expect="never"))

    assert failed.last[0] == "0000:7c00  fa               cli"
    assert failed.last[-3:] == (
        "0000:7c0e  e2fb             loop 0x7c0b",
        "           (these 3 instructions 4 times)",
        "0000:7c10  f4               hlt",
    )
    assert run_job(batch.Job("one", sector(PRINT))).last == ()


def test_two_runs_of_a_job_are_equal() -> None:
    job = batch.Job("twice", sector(ECHO), steps=(batch.Send("x"), batch.Wait("x")))

    first, second = (run_job(job).plain() for _ in range(2))

    assert {**first, "wall_seconds": 0} == {**second, "wall_seconds": 0}


def test_what_boots_not_has_failed() -> None:
    result = run_job(batch.Job("data", hda=bytes(1 << 20), timeout=30))

    assert result.outcome == "failed"
    assert "nothing boots" in result.message


def test_a_golden_screen_is_recorded_and_then_compared() -> None:
    def job(sha256: str | None) -> batch.Job:
        return batch.Job("screen", sector(LOOP), steps=(batch.Golden("a.txt", sha256),))

    recorded = run_job(job(None))
    ((name, screen),) = recorded.goldens
    same = run_job(job(hashlib.sha256(screen).hexdigest()))
    other = run_job(job(hashlib.sha256(screen + b"x").hexdigest()))

    assert (recorded.outcome, name, same.outcome) == ("passed", "a.txt", "passed")
    assert other.outcome == "failed"
    assert "not the golden one of a.txt" in other.message


def test_a_graphics_mode_has_golden_pictures_only() -> None:
    graphics = bytes.fromhex("b81300 cd10 ebfe")  # mov ax,13h; int 10h

    text = run_job(batch.Job("text", sector(graphics), steps=(batch.Golden("a.txt"),)))
    picture = run_job(batch.Job("png", sector(graphics), steps=(batch.Golden("a.png"),)))

    assert "give golden a file in .png" in text.message
    assert picture.goldens[0][1].startswith(b"\x89PNG")
    assert picture.screen is None


def test_blanks_at_the_ends_do_not_count() -> None:
    assert golden_text("a  \n\n b\n  \n\n") == b"a\n\n b\n"


def test_what_the_host_cannot_do_is_an_error_of_that_job() -> None:
    result = run_job(batch.Job("bad", fda=bytes(1 << 24)))

    assert result.outcome == "error"
    assert "Error: " in result.message


def test_texts_are_cut_to_the_newest() -> None:
    assert run_job(batch.Job("cut", sector(PRINT, "abcd"), texts=2)).debug == "cd"
    assert run_job(batch.Job("cut", sector(PRINT, "abcd"), texts=0)).debug == ""


def test_a_failure_is_kept_if_that_is_asked_for() -> None:
    job = batch.Job("kept", sector(PRINT), expect="nothing")

    assert run_job(job).kept == ()
    assert dict(run_job(job, keep=True).kept)["screen.png"].startswith(b"\x89PNG")
