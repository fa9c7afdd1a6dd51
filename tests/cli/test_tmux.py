"""In tmux, a real terminal emulator: what the user sees, and what is there afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.drive import HALT, SPIN, Image, command, show
from tests.conftest import missing
from tests.harness import wait_until

# Shows scan codes as characters: mov ah,10h; int 16h; mov al,ah; mov ah,0Eh; int 10h; jmp $-10
SCAN_CODES = "b410 cd16 88e0 b40e cd10 ebf4"
#: What tmux says about the modes of the terminal, when they are as a shell has them.
PLAIN = "alternate 0, cursor 1, keypad 0, mouse 0"


class Tmux:
    """A terminal with a shell on it."""

    def __init__(self, program: str, directory: Path) -> None:
        self.base = [program, "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self.directory = directory
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PS1": "$ ", "ENV": ""}
        self.environment = {k: v for k, v in environment.items() if k not in ("TMUX", "COLORTERM")}
        self("new-session", "-d", "-x", "90", "-y", "30", "-c", str(directory), "sh")

    def __call__(self, *args: str) -> str:
        return subprocess.run(
            [*self.base, *args],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
        ).stdout

    def run(self, *args: object) -> None:
        """Type a command line of pyx86emu into the shell."""
        script = self.directory / "go"
        words = " ".join(f"'{word}'" for word in command(*args))
        script.write_text(
            "before=$(stty -g)\n"
            f'sh -c \'echo $$ >{self.directory}/pid; exec "$0" "$@"\' {words}\n'
            "status=$?\n"
            # After KILL and SEGV another process restores the terminal, at its own time.
            'same() { test "$(stty -g)" = "$before"; }\n'
            "case $status in 137|139) until same; do sleep 0.1; done;; esac\n"
            'same && echo "whole, status $status"\n'
        )
        self("send-keys", f". {script}", "Enter")

    def keys(self, *names: str) -> None:
        self("send-keys", *names)

    def kill(self, number: int) -> None:
        """Send the program a signal."""
        os.kill(int((self.directory / "pid").read_text()), number)

    @property
    def text(self) -> str:
        return self("capture-pane", "-p")

    def until(self, text: str) -> None:
        wait_until(lambda: text in self.text)

    @property
    def modes(self) -> str:
        return self(
            "display-message",
            "-p",
            "alternate #{alternate_on}, cursor #{cursor_flag}, "
            "keypad #{keypad_cursor_flag}, mouse #{mouse_any_flag}",
        ).strip()


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    program = shutil.which("tmux")
    if program is None:
        missing("tmux", "apt-get install tmux")
    terminal = Tmux(str(program), tmp_path)
    yield terminal
    terminal("kill-server")


def test_the_screen_is_drawn_and_the_keys_are_the_guests(tmux: Tmux, image: Image) -> None:
    tmux.run(image(show("ready ") + SCAN_CODES))
    tmux.until("ready")
    tmux.until("Ctrl-] is ours")
    assert tmux.modes.startswith("alternate 1")

    tmux.keys("F1", "M-x", "C-c", "C-z", "C-\\", "C-Up", "S-F1", "C-DC", "Up")

    # The scan codes of INT 16h AH=10h, as characters.
    tmux.until("ready ;-.,+\u00ecT\u00f4H")
    tmux.keys("C-]", "q")
    tmux.until("whole, status 130")
    assert tmux.modes == PLAIN
    assert "pyx86emu: ended by Ctrl-] q (at " in tmux.text


def test_text_that_is_pasted_is_typed(tmux: Tmux, image: Image) -> None:
    # again: mov ah,0; int 16h; mov ah,0Eh; int 10h; jmp again
    tmux.run(image(show("ready ") + "b400 cd16 b40e cd10 ebf6"))
    tmux.until("ready")

    tmux("set-buffer", "Hi {alt} \u00e9\x1dq!")
    tmux("paste-buffer", "-p")

    tmux.until("ready Hi {alt} \u00e9")
    tmux.until("q!")
    tmux.keys("C-]", "q")
    tmux.until("whole, status 130")


def test_a_window_that_is_too_small_follows_the_cursor(tmux: Tmux, image: Image) -> None:
    lines = "".join(show(f"line {chr(65 + n)}\r\n") for n in range(4))
    tmux.run(image(lines + show("\n" * 15 + "here") + SPIN))
    tmux.until("here")

    tmux("resize-window", "-x", "40", "-y", "10")
    tmux.until("columns 1-40 of 80, rows 12-20 of 25")
    assert "here" in tmux.text
    assert "line A" not in tmux.text

    tmux("resize-window", "-x", "100", "-y", "40")
    tmux.until("line A")
    tmux.until("Ctrl-] is ours")
    tmux.keys("C-]", "q")
    tmux.until("whole, status 130")


def test_commands_after_the_prefix_are_answered(tmux: Tmux, image: Image) -> None:
    tmux.run(image(show("ready ") + SCAN_CODES))
    tmux.until("ready")

    tmux.keys("C-]", "?")
    tmux.until("q quit, s screenshot, r reset")
    tmux.keys("C-]", "s")
    tmux.until("screenshot: ")
    assert (tmux.directory / "pyx86emu-1.png").read_bytes()[:4] == b"\x89PNG"
    tmux.keys("C-]", "p")
    tmux.until("paused")
    tmux.keys("x")
    tmux.keys("C-]", "p")
    tmux.until("goes on")
    tmux.keys("F1")
    tmux.until("ready ;")
    tmux.keys("C-]", "r")
    tmux.until("reset")
    wait_until(lambda: "ready" in tmux.text and "ready ;" not in tmux.text)
    tmux.keys("C-]", "q")
    tmux.until("whole, status 130")


@pytest.mark.parametrize("how", ["TERM", "HUP", "INT", "KILL", "SEGV", "halt"])
def test_the_terminal_is_as_before_however_it_ends(tmux: Tmux, image: Image, how: str) -> None:
    shot = tmux.directory / "shot.txt"
    tmux.run(image(show("ready") + (HALT if how == "halt" else SPIN)), "--screenshot", shot)
    if how != "halt":
        tmux.until("Ctrl-] is ours")
        tmux.until("ready")
        tmux.kill(signal.Signals[f"SIG{how}"])

    tmux.until("whole, status")
    wait_until(lambda: tmux.modes == PLAIN)
    if how not in ("KILL", "SEGV"):
        assert shot.read_text() == "ready\n"
        assert "pyx86emu: " in tmux.text


def test_a_stop_leaves_the_terminal_to_the_shell(tmux: Tmux, image: Image) -> None:
    tmux("respawn-pane", "-k", "sh -i -m")
    tmux.run(image(show("ready ") + SCAN_CODES))
    tmux.until("ready")

    tmux.kill(signal.SIGTSTP)

    tmux.until("whole, status 148")
    assert tmux.modes == PLAIN
    tmux.keys("fg", "Enter")
    tmux.until("ready")
    tmux.keys("F1")
    tmux.until("ready ;")
    tmux.keys("C-]", "q")
    wait_until(lambda: tmux.modes == PLAIN)
