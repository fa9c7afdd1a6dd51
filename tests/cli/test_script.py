"""Scripts: --expect and --send in order, each after the one before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import cli
from pyx86emu.cli import script
from pyx86emu.cli.script import Send
from pyx86emu.cli.status import UsageError
from tests.cli.drive import ECHO, HALT, SPIN, Image, say, show

# again: in al,dx (3FDh); test al,1; jz again; mov dx,3F8h; in al,dx; out dx,al; mov dx,3FDh; again
SERIAL_ECHO = "bafd03 ec a801 74fb baf803 ec ee ebf1"


def run(capsys: Any, *words: object) -> tuple[int, str, str]:
    """Run the command in this process."""
    status = cli.main([*map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def test_steps_are_done_in_their_order(image: Image, capsys: Any) -> None:
    boot = image(show("A>") + ECHO)

    status, out, err = run(
        capsys, boot, "--expect", "A>", "--send", "one ", "--expect", "one", "--send", "A>",
        "--expect", "A>", "--screen",
    )  # fmt: skip

    assert (status, out, err) == (0, "A>one A>\n", "")


def test_a_step_sees_only_what_is_new(image: Image, capsys: Any) -> None:
    boot = image(show("A>") + HALT)

    status, _, err = run(capsys, boot, "--expect", "A>", "--send", "x", "--expect", "A>")

    assert status == 8
    assert err.startswith("pyx86emu: --expect 'A>' (step 3 of 3) not met (HLT at 0000:")


def test_send_goes_to_the_serial_line(image: Image, capsys: Any) -> None:
    boot = image(SERIAL_ECHO)

    status, out, _ = run(
        capsys, boot, "--send", "serial:ro\\x6ft\\n", "--expect", "root", "--timeout", 30
    )

    assert (status, out[:4]) == (0, "root")


def test_a_first_send_waits_until_the_guest_is_quiet(image: Image, capsys: Any) -> None:
    status, _, _ = run(capsys, image(ECHO), "--send", "hi{ret}", "--expect", "^hi$")

    assert status == 0


def test_a_last_send_lets_the_guest_run_on(image: Image, capsys: Any) -> None:
    boot = image(show("?") + "b400 cd16" + say("done") + HALT)

    status, out, err = run(capsys, boot, "--expect", "[?]", "--send", "x")

    assert (status, out, err) == (0, "done", "")


def test_steps_that_are_left_are_not_met(image: Image, capsys: Any) -> None:
    boot = image(SPIN)

    status, out, err = run(capsys, boot, "--send", "x", "--expect", "y", "--timeout", 2, "--json")

    assert status == json.loads(out)["status"] == 8
    assert "--expect 'y' (step 2 of 2) not met (DEADLINE at 0000:7c00" in err
    assert "an endless loop, jmp $" in err


def test_a_script_runs_the_same_twice(image: Image, capsys: Any) -> None:
    boot = image(show("A>") + ECHO)
    words = (boot, "--expect", "A>", "--send", "x", "--expect", "x", "--json")

    first, second = (json.loads(run(capsys, *words)[1]) for _ in range(2))

    assert first["instructions"] == second["instructions"]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("dir", Send("keyboard", "dir")),
        ("keyboard:serial:", Send("keyboard", "serial:")),
        ("serial:", Send("serial", "")),
        ("C:", Send("keyboard", "C:")),
        ("a\\tb\\e\\r\\\\n\\q\\x", Send("keyboard", "a\tb\x1b\r\\n\\q\\x")),
        ("serial:\\xff", Send("serial", "\xa0")),
    ],
)
def test_texts_to_send(text: str, step: Send) -> None:
    assert script.send(text) == step


def test_a_text_that_cannot_be_sent_is_refused(image: Image, capsys: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not in code page 437"):
        script.send("serial:\u4e2d")

    status, out, err = run(capsys, image(HALT), "--expect", "x", "--send", "caf\u00e9")

    assert (status, out) == (2, "")
    assert err.startswith("pyx86emu: --send: no key of a US keyboard types")
