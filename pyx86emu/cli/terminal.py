"""The user's terminal: draw the guest's screen with ANSI, give the guest its keys."""

import sys
from typing import TYPE_CHECKING

from ..exits import ExitReason
from ..pc.limits import Limits
from ..pc.machine import Machine
from ..pc.screen.text import CP437
from . import output, tty
from .keys import names
from .options import QUIET
from .signals import Interrupted

if TYPE_CHECKING:
    from .. import Exit

FRAME = 1 / 30
QUIT = 0x1D  # Ctrl-]
#: ANSI numbers of the PC's colours. Bit 0 is blue on the PC and red in ANSI.
ANSI = (0, 4, 2, 6, 1, 5, 3, 7)


def leave_if_asked(data: bytes) -> None:
    """Raise Interrupted if Ctrl-] was typed."""
    if QUIT in data:
        raise Interrupted("ended by Ctrl-]")


class ScreenTerminal:
    """The guest's text screen, drawn on the user's terminal."""

    #: Switch to the terminal's second screen; HIDDEN brings the first one back as it was.
    SHOWN = "\x1b[?1049h\x1b[0m\x1b[2J"
    HIDDEN = "\x1b[0m\x1b[?25h\x1b[?1049l"

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.drawn: list[bytes] = []
        self.shape: tuple[int, ...] = ()
        self.version: int | None = None
        self.cursor: tuple[int, int] | None = None

    def run(self, limits: Limits, keys: str) -> "Exit":
        """Run until the guest or a limit ends the run. Then print the last screen."""
        m = self.m
        with tty.Tty(self.SHOWN, self.HIDDEN, self.redraw) as terminal:
            while True:
                exit = limits.run(FRAME)
                terminal.look()
                self.draw()
                if exit.reason is not ExitReason.DEADLINE or limits.over:
                    break
                if keys and m.booted and m.time > QUIET:
                    m.keyboard.type(keys)
                    keys = ""
                self.take_keys(terminal.read())
        output.say(m.screen.text.rstrip())
        return exit

    def take_keys(self, data: bytes | None) -> None:
        """Give the guest the keys that were typed on the terminal."""
        if not data:
            return
        leave_if_asked(data)
        for name in names(data):
            try:
                self.m.keyboard.press(name)
            except ValueError:
                output.send(b"\a")  # no such key on a PC keyboard

    def redraw(self) -> None:
        """Draw the whole screen again, whatever the terminal shows."""
        self.shape = ()
        self.draw()

    def draw(self) -> None:
        """Send the rows that have changed, or all rows after the terminal was resized."""
        screen = self.m.screen
        commands = []
        columns, lines = tty.size()
        shape = (columns, lines, screen.columns, screen.rows)
        if shape != self.shape:
            self.shape, self.version = shape, None
            self.drawn = [b""] * min(screen.rows, lines)
            commands.append("\x1b[0m\x1b[2J")
        version = screen.version
        if version != self.version:
            self.version = version
            for y, old in enumerate(self.drawn):
                new = screen.row(y)[: 2 * columns]
                if new != old:
                    self.drawn[y] = new
                    commands.append(f"\x1b[{y + 1}H{ansi_row(new)}")
        cursor = screen.cursor
        if not commands and cursor == self.cursor:
            return
        self.cursor = cursor
        if cursor is None or cursor[0] >= columns or cursor[1] >= lines:
            commands.append("\x1b[?25l")
        else:
            commands.append(f"\x1b[{cursor[1] + 1};{cursor[0] + 1}H\x1b[?25h")
        output.send(output.printable("".join(commands)))


def ansi_row(row: bytes) -> str:
    """One row of characters and attributes as text with ANSI colours."""
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
    """Standard input goes to COM1. What COM1 sends goes to standard output by `run.Outputs`."""

    def __init__(self, m: Machine) -> None:
        self.m = m

    def run(self, limits: Limits, keys: str) -> "Exit":
        """Run until the guest or a limit ends the run."""
        m = self.m
        open_input = True
        with tty.Tty() as terminal:
            while True:
                exit = limits.run(FRAME)
                terminal.look()
                if exit.reason is not ExitReason.DEADLINE or limits.over:
                    return exit
                if keys and m.booted and m.time > QUIET:
                    m.keyboard.type(keys)
                    keys = ""
                data = terminal.read() if open_input else b""
                if data is None:
                    open_input = False
                elif data:
                    if output.is_terminal(sys.stdin):
                        leave_if_asked(data)
                    m.uart.receive(data)
