"""A DOS program on the user's terminal: give it the keys, let the terminal be as it is else.

What the program writes comes by `Writer`. All keys are the guest's, but Ctrl-]. Nothing is drawn.
"""

from typing import TYPE_CHECKING

from ..exits import ExitReason
from ..pc.idle import Idle
from ..pc.limits import Limits
from ..pc.machine import Machine
from . import output, tty
from .keys import Answer, Decoder
from .prefix import GREETING, Prefix
from .typist import Typist

if TYPE_CHECKING:
    from .. import Exit

#: Seconds from one look at the keys to the next while the program computes.
FRAME = 1 / 30
BREAK = "ctrl+c"
#: After so many Ctrl-C that the program does nothing about, the user is told how to end it.
PATIENCE = 2


class KeyTerminal:
    """The keys of the user's terminal, typed on the keyboard of a machine."""

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.decoder = Decoder()
        self.typist = Typist(m.keyboard)
        self.prefix = Prefix(m, self.say, lambda: m.keyboard.press("ctrl+]"))
        self.breaks = 0

    def say(self, text: str) -> None:
        """Show the user a line."""
        output.complain(f"pyx86emu: {text}")

    def run(self, limits: Limits) -> "Exit":
        """Run until the program, the user or a limit ends the run. Interrupted: the user quits."""
        with tty.Tty() as terminal:
            idle = Idle(self.m, terminal.wait)
            while True:
                if self.prefix.paused:
                    terminal.wait(FRAME)
                else:
                    exit = idle.run(limits, FRAME)
                terminal.look()
                if exit.reason is not ExitReason.DEADLINE or limits.over:
                    return exit
                self.take_keys(terminal)

    def take_keys(self, terminal: tty.Tty) -> None:
        """Give the guest the keys that were typed."""
        data, decoder = terminal.read(), self.decoder
        found = decoder.feed(data) if data else []
        if not data and decoder.patience is not None and not terminal.wait(decoder.patience):
            found = decoder.flush()
        for key in found:
            if isinstance(key, Answer) or (not key.pasted and self.prefix.take(key.name)):
                continue
            self.breaks = self.breaks + 1 if key.name == BREAK else 0
            if self.breaks == PATIENCE:
                self.say(GREETING)
            if not self.typist.type(key):
                output.send(b"\a")  # no such key on a PC keyboard
