"""The terminal: draw the guest's screen with ANSI, give the guest its keys, restore it always."""

import argparse
import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from ..exits import ExitReason
from ..machine import Machine
from ..screen import CP437
from .limits import QUIET, Limits
from .status import INTERRUPTED

if TYPE_CHECKING:
    from .. import Exit

FRAME = 1 / 30
QUIT = 0x1D  # Ctrl-]
#: The PC's colours count blue first, ANSI's red.
ANSI = (0, 4, 2, 6, 1, 5, 3, 7)

SEQUENCES = {
    "[A": "up", "[B": "down", "[C": "right", "[D": "left", "[H": "home", "[F": "end",
    "OA": "up", "OB": "down", "OC": "right", "OD": "left", "OH": "home", "OF": "end",
    "[1~": "home", "[2~": "insert", "[3~": "delete", "[4~": "end", "[5~": "pageup",
    "[6~": "pagedown", "[7~": "home", "[8~": "end",
    "OP": "f1", "OQ": "f2", "OR": "f3", "OS": "f4", "[11~": "f1", "[12~": "f2", "[13~": "f3",
    "[14~": "f4", "[15~": "f5", "[17~": "f6", "[18~": "f7", "[19~": "f8", "[20~": "f9",
    "[21~": "f10", "[23~": "f11", "[24~": "f12", "[Z": "shift+tab",
}  # fmt: skip


@contextmanager
def raw_input() -> Iterator[None]:
    """Keys one by one and unechoed; Ctrl-C still interrupts. Does nothing in a pipe."""
    if sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    fd = sys.stdin.fileno()

    def terminated(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(INTERRUPTED)

    before = termios.tcgetattr(fd)
    handlers = {n: signal.signal(n, terminated) for n in (signal.SIGTERM, signal.SIGHUP)}
    attributes = termios.tcgetattr(fd)
    attributes[0] &= ~(termios.ICRNL | termios.IXON)
    attributes[3] &= ~(termios.ICANON | termios.ECHO)
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN, attributes)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def read_input(wait: float = 0.0) -> bytes | None:
    """What was typed, without waiting for it; None at the end of the input."""
    fd = sys.stdin.fileno()
    if not select.select([fd], [], [], wait)[0]:
        return b""
    return os.read(fd, 4096) or None


def split_keys(data: bytes) -> list[str]:
    """What the terminal sent, as texts for `keyboard.type`.

    >>> split_keys(b"a\\x1b[A\\x1bx{")
    ['a', '{up}', '{alt+x}', '{{']
    """
    text = data.decode("utf-8", "ignore")
    keys = []
    while text:
        key, text = text[0], text[1:]
        if key == "\x1b" and text:
            found = next((s for s in sorted(SEQUENCES, key=len) if text.startswith(s)), None)
            name = SEQUENCES[found] if found else f"alt+{text[0]}"
            text = text[len(found) if found else 1 :]
            keys.append(f"{{{name}}}")
        else:
            keys.append("{{" if key == "{" else key)
    return keys


class ScreenTerminal:
    """The guest's text screen on ours."""

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.drawn: list[bytes] = []
        self.version: object = None
        self.cursor: tuple[int, int] | None = None

    def run(self, options: argparse.Namespace, keys: str) -> "Exit":
        """Run until the guest or a limit ends it; then leave the last screen on the terminal."""
        m, limits = self.m, Limits(self.m, options)
        with raw_input(), self.alternate_screen():
            while True:
                exit = limits.run(FRAME)
                self.draw()
                if exit.reason is not ExitReason.DEADLINE or limits.over():
                    break
                if keys and m.booted and m.time > QUIET:
                    m.keyboard.type(keys)
                    keys = ""
                self.take_keys()
        print(m.screen.text.rstrip())
        return exit

    def take_keys(self) -> None:
        data = read_input()
        if not data:
            return
        if QUIT in data:
            raise KeyboardInterrupt
        for key in split_keys(data):
            try:
                self.m.keyboard.type(key)
            except ValueError:
                print("\a", end="", flush=True)  # no such key on a PC keyboard

    @contextmanager
    def alternate_screen(self) -> Iterator[None]:
        """The terminal's second screen, so that what stood on the first comes back."""
        try:
            print("\x1b[?1049h\x1b[2J", end="", flush=True)
            yield
        finally:
            print("\x1b[0m\x1b[?25h\x1b[?1049l", end="", flush=True)

    def draw(self) -> None:
        """Send the rows that have changed."""
        screen = self.m.screen
        output = []
        size = os.get_terminal_size()
        if (screen.version, size) != self.version:
            self.version = (screen.version, size)
            seen = range(min(screen.rows, size.lines))
            rows = [screen.row(y)[: 2 * size.columns] for y in seen]
            if len(rows) != len(self.drawn) or len(rows[0]) != len(self.drawn[0]):
                self.drawn = [b""] * len(rows)
                output.append("\x1b[0m\x1b[2J")
            for y, (new, old) in enumerate(zip(rows, self.drawn, strict=True)):
                if new != old:
                    output.append(f"\x1b[{y + 1}H{ansi_row(new)}")
            self.drawn = rows
        cursor = screen.cursor
        if not output and cursor == self.cursor:
            return
        self.cursor = cursor
        if cursor is None or cursor[0] >= size.columns or cursor[1] >= size.lines:
            output.append("\x1b[?25l")
        else:
            output.append(f"\x1b[{cursor[1] + 1};{cursor[0] + 1}H\x1b[?25h")
        print("".join(output), end="", flush=True)


def ansi_row(row: bytes) -> str:
    """One row of characters and attributes, with colours."""
    output = []
    colour = -1
    for char, attribute in zip(row[::2], row[1::2], strict=True):
        if attribute != colour:
            colour = attribute
            front = ANSI[attribute & 7] + (90 if attribute & 8 else 30)
            output.append(f"\x1b[0;{front};{ANSI[attribute >> 4 & 7] + 40}m")
        output.append(CP437[char])
    return "".join(output)


class SerialTerminal:
    """Standard input goes to COM1; what COM1 sends is on standard output already."""

    def __init__(self, m: Machine) -> None:
        self.m = m

    def run(self, options: argparse.Namespace, keys: str) -> "Exit":
        """Run until the guest or a limit ends it."""
        m, limits = self.m, Limits(self.m, options)
        open_input = sys.stdin is not None
        with raw_input():
            while True:
                exit = limits.run(FRAME)
                if exit.reason is not ExitReason.DEADLINE or limits.over():
                    return exit
                if keys and m.booted and m.time > QUIET:
                    m.keyboard.type(keys)
                    keys = ""
                if not open_input:
                    continue
                data = read_input()
                if data is None:
                    open_input = False
                elif QUIT in data and sys.stdin.isatty():
                    raise KeyboardInterrupt
                else:
                    m.uart.receive(data)
