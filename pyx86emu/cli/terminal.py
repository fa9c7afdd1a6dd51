"""The user's terminal: draw the guest's screen with ANSI, give the guest its keys."""

import sys
from time import monotonic
from typing import TYPE_CHECKING

from ..exits import ExitReason
from ..pc.idle import Idle
from ..pc.limits import Limits
from ..pc.machine import Machine
from . import output, tty
from .canvas import Canvas
from .keys import RELEASED, Answer, Decoder, Key
from .pixels import KittyPictures
from .prefix import GREETING, PAUSED, Prefix
from .typist import Typist
from .window import Window, can_draw, has_colours, has_exact_colours, note_line

if TYPE_CHECKING:
    from .. import Exit

FRAME = 1 / 30
#: A note over the guest's screen stays for so many seconds, or until a key is typed.
NOTE = 3.0
#: A terminal answers within this time, or not at all.
ANSWERS = 0.25
#: From so many lines on, one is taken from a screen that does not fit, to say what is shown.
ROOM_FOR_NOTE = 3


class ScreenTerminal:
    """The guest's screen, drawn on the user's terminal. All keys are the guest's, but Ctrl-]."""

    #: Switch to the terminal's second screen, with bracketed paste. HIDDEN brings the first back.
    SHOWN = "\x1b[?1049h\x1b[?2004h\x1b[0m\x1b[2J"
    HIDDEN = "\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l"
    #: Kitty's keyboard protocol: no ambiguous keys (1), releases (2); and say if the focus goes.
    KEYS_ON, KEYS_OFF = "\x1b[>3u\x1b[?1004h", "\x1b[?1004l\x1b[<u"

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.window = Window(has_colours(), has_exact_colours())
        self.decoder = Decoder()
        self.typist = Typist(m.keyboard)
        self.prefix = Prefix(m, self.say, lambda: self.typist.type(Key("ctrl+]")))
        self.note, self.note_until = GREETING, monotonic() + NOTE
        self.noted: tuple[object, ...] = ()
        self.canvas = Canvas(has_colours())
        self.pictures = False
        self.asked_at = 0.0

    def run(self, limits: Limits) -> "Exit":
        """Run until the guest, the user or a limit ends the run. Then print the last screen and how
        it ended."""
        m = self.m
        if not can_draw():
            return PlainTerminal(m).run(limits)
        with tty.Tty(self.SHOWN, self.HIDDEN, self.redraw) as terminal:
            idle = Idle(m, terminal.wait)
            self.ask()
            try:
                while True:
                    if self.prefix.paused:
                        terminal.wait(FRAME)
                    else:
                        exit = idle.run(limits, FRAME)
                    terminal.look()
                    self.draw()
                    if exit.reason is not ExitReason.DEADLINE or limits.over:
                        break
                    self.take_keys(terminal)
            finally:
                self.typist.release_all()
                self.settle(terminal)
        output.say(last_screen(m))
        say_how_it_ended(m, limits, exit)
        return exit

    # -- keys --------------------------------------------------------------------------------

    def take_keys(self, terminal: tty.Tty) -> None:
        """Give the guest the keys that were typed on the terminal."""
        data = terminal.read()
        decoder = self.decoder
        found = decoder.feed(data) if data else []
        if not data and decoder.patience is not None and not terminal.wait(decoder.patience):
            found = decoder.flush()
        for each in found:
            if isinstance(each, Answer):
                self.answered(each, terminal)
            else:
                self.typed(each)

    def typed(self, key: Key) -> None:
        """A key of the user's: a command, or the guest's."""
        if key.how != RELEASED:
            self.note_until = 0.0  # the note was read
        if not key.pasted and key.how != RELEASED and self.prefix.take(key.name):
            return
        if self.prefix.paused:
            self.say(PAUSED)
        elif not self.typist.type(key):
            output.send(b"\a")  # no such key on a PC keyboard

    def ask(self) -> None:
        """Ask the terminal what it can do. Nobody waits for the answers."""
        self.decoder.asked, self.asked_at = True, monotonic()
        output.send(self.canvas.questions().encode("ascii"))

    def answered(self, answer: Answer, terminal: tty.Tty) -> None:
        """The terminal says what it can do, or that the focus is elsewhere."""
        if answer.kind == "O":
            self.typist.release_all()
        elif answer.kind == "?u" and not self.decoder.releases:
            self.decoder.releases = True
            terminal.enable(self.KEYS_ON, self.KEYS_OFF)
        elif answer.kind == "?c":
            self.decoder.asked = False
        self.canvas.answer(answer)
        if answer.kind == "G":
            terminal.enable("", KittyPictures.GONE)

    def settle(self, terminal: tty.Tty) -> None:
        """Take the answers that are on their way: the shell must not get them as keys."""
        until = self.asked_at + ANSWERS
        while self.decoder.asked and terminal.wait(max(0.0, until - monotonic())):
            data = terminal.read()
            if data is None:
                return
            for each in self.decoder.feed(data):
                if isinstance(each, Answer) and each.kind == "?c":
                    return

    def say(self, text: str) -> None:
        """Show the user a line."""
        self.note, self.note_until = text, monotonic() + NOTE

    # -- drawing -----------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the whole screen again, whatever the terminal shows."""
        self.window.clear()
        self.canvas.clear()
        self.noted = ()
        self.draw()

    def draw(self) -> None:
        """Send what has changed, or all after the terminal was resized."""
        screen = self.m.screen
        columns, lines = tty.size()
        pictures = not screen.is_text
        fits = lines == screen.rows and columns >= screen.columns
        has_line = lines >= ROOM_FOR_NOTE and (pictures or not fits)
        drawn = ""
        if pictures != self.pictures:
            self.pictures = pictures
            self.window.clear()
            drawn = self.canvas.clear()
        drawn += self.show(columns, lines - has_line)
        note = self.note_text(has_line)
        now = (note, columns, lines, has_line)
        if "\x1b[2J" in drawn:
            self.noted = ()
        if note and (now != self.noted or (drawn and not has_line)):
            drawn += note_line(note, columns, lines - 1) + self.cursor()
        elif self.noted and self.noted[0] and not note:
            if has_line:
                drawn += f"\x1b[{lines}H\x1b[0m\x1b[K"
            else:
                self.window.forget(lines - 1)
                drawn += self.show(columns, lines)
            drawn += self.cursor()
        self.noted = now
        if drawn:
            output.send(output.printable(drawn))

    def show(self, columns: int, lines: int) -> str:
        """What brings the guest's screen up to date on this part of the terminal."""
        if not self.pictures:
            return self.window.draw(self.m.screen, columns, lines)
        try:
            return self.canvas.draw(self.m.screen, columns, lines)
        except ImportError as error:
            self.say(f"cannot draw {self.m.screen.mode_name}: {error}")
            return ""

    def cursor(self) -> str:
        """What puts the cursor back after a note."""
        return "\x1b[?25l" if self.pictures else self.window.cursor()

    def note_text(self, has_line: bool) -> str:
        """The note to show now: the newest one, then which part of the screen is shown."""
        if monotonic() < self.note_until or self.prefix.paused:
            return self.note
        if not has_line:
            return ""
        if self.pictures:
            return f"{self.m.screen.mode_name}; Ctrl-] ? helps"
        where = self.window.where()
        return f"{where}; Ctrl-] ? helps" if where else GREETING


class PlainTerminal:
    """A terminal that cannot be drawn on (TERM=dumb): rows are printed when the screen rests."""

    #: Guest seconds without a change after which the rows that have changed are printed.
    REST = 0.1

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.prefix = Prefix(m, output.complain, lambda: m.keyboard.press("ctrl+]"))
        self.typist = Typist(m.keyboard)
        self.printed: list[str] = []

    def run(self, limits: Limits) -> "Exit":
        """Run until the guest, the user or a limit ends the run."""
        m = self.m
        output.complain(f"pyx86emu: TERM=dumb: changed rows are printed. {GREETING}")
        seen, since = None, 0.0
        decoder = Decoder()
        with tty.Tty() as terminal:
            idle = Idle(m, terminal.wait)
            while True:
                if self.prefix.paused:
                    terminal.wait(FRAME)
                else:
                    exit = idle.run(limits, FRAME)
                terminal.look()
                ended = exit.reason is not ExitReason.DEADLINE or limits.over
                now = m.screen.version
                if now != seen:
                    seen, since = now, m.time
                if ended or m.time - since >= self.REST:
                    self.print_changes()
                if ended:
                    break
                data = terminal.read()
                for key in decoder.feed(data) if data else decoder.flush():
                    if isinstance(key, Key) and not self.prefix.take(key.name):
                        self.typist.type(key)
        say_how_it_ended(m, limits, exit)
        return exit

    def print_changes(self) -> None:
        """Print the rows that the screen has now and had not when they were printed last."""
        rows = last_screen(self.m).split("\n")
        old, self.printed = self.printed, rows
        shift = next((n for n in range(len(old)) if rows[: len(old) - n] == old[n:]), len(old))
        new = rows[len(old) - shift :]
        if new and new != [""]:
            output.say("\n".join(new))


class SerialTerminal:
    """Standard input goes to COM1. What COM1 sends goes to standard output by `run.Outputs`.

    On a terminal all keys are the guest's, but Ctrl-]. If standard output is none, Ctrl-C and the
    like are signals.
    """

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.prefix = Prefix(m, self.say, lambda: None)

    def say(self, text: str) -> None:
        """Show the user a line."""
        output.complain(f"pyx86emu: {text}")

    def run(self, limits: Limits) -> "Exit":
        """Run until the guest, the user or a limit ends the run."""
        m = self.m
        from_terminal = output.is_terminal(sys.stdin)
        watched = from_terminal and output.is_terminal(sys.stdout)
        if from_terminal:
            self.say(GREETING)
        with tty.Tty(signals=not watched) as terminal:
            idle = Idle(m, terminal.wait)
            while True:
                if self.prefix.paused:
                    terminal.wait(FRAME)
                else:
                    exit = idle.run(limits, FRAME)
                terminal.look()
                if exit.reason is not ExitReason.DEADLINE or limits.over:
                    break
                data = terminal.read()
                if data:
                    m.uart.receive(self.prefix.take_bytes(data) if from_terminal else data)
        if watched:
            say_how_it_ended(m, limits, exit)
        return exit


def last_screen(m: Machine) -> str:
    """The text of the screen; for a picture the name of its mode."""
    text = m.screen.text
    return f"({m.screen.mode_name})" if text is None else text.rstrip()


def say_how_it_ended(m: Machine, limits: Limits, exit: "Exit") -> None:
    """One line on standard error about an end that is no failure; `run` explains the others."""
    where = f"at {exit.cs:04x}:{exit.ip:04x}, {m.time:.3f} guest seconds"
    if exit.reason is ExitReason.MATCH:
        text = "the guest has shown what --expect asks for"
    elif m.exit_status is not None:
        text = f"the guest has ended the run with status {m.exit_status & 0xFF}"
    elif exit.reason is ExitReason.HLT and limits.watch.pattern is None:
        text = "the guest has halted for good"
    else:
        return
    output.complain(f"pyx86emu: {text} ({where})")
