"""The prefix Ctrl-]: take the commands that are the user's, not the guest's."""

import os
from collections.abc import Callable

from ..errors import Pyx86Error
from ..pc.machine import Machine
from .signals import Interrupted
from .status import reason

NAME = "ctrl+]"
BYTE = 0x1D
#: What is said at the start.
GREETING = "Ctrl-] is ours, all other keys are the guest's: Ctrl-] q quits, Ctrl-] ? helps"
HELP = "q quit, s screenshot, r reset, p pause, Ctrl-] sends it"
PAUSED = "paused: Ctrl-] p goes on"
#: The key after the prefix may be typed with modifiers held.
MEANINGS = {
    **{letter: letter for letter in "qsrp"},
    **{f"shift+{letter}": letter for letter in "qsrp"},
    **{f"ctrl+{letter}": letter for letter in "qsrp"},
    "shift+/": "?",
    "/": "?",
}


class Prefix:
    """Waits for Ctrl-] and does what the next key says.

    `say` shows a line to the user, `send` gives the guest its Ctrl-].
    """

    def __init__(
        self, m: Machine, say: Callable[[str], object], send: Callable[[], object]
    ) -> None:
        self.m = m
        self.paused = False
        self._say = say
        self._send = send
        self._typed = False

    def take(self, name: str) -> bool:
        """True if the key was ours. Interrupted: the user quits."""
        if not self._typed:
            self._typed = name == NAME
            return self._typed
        self._typed = False
        if name == NAME:
            self._send()
        elif name != "esc":
            self._do(MEANINGS.get(name, ""), name)
        return True

    def take_bytes(self, data: bytes) -> bytes:
        """The same for bytes of a serial line; the result is what is the guest's."""
        rest = bytearray()
        for byte in data:
            if byte == BYTE and self._typed:
                self._typed = False
                rest.append(byte)
            elif self._typed:
                self._typed = False
                char = chr(byte).lower()
                if byte != 0x1B:
                    self._do(char if char in "qsrp?" else "", ascii(chr(byte)).strip("'"))
            elif byte == BYTE:
                self._typed = True
            else:
                rest.append(byte)
        return bytes(rest)

    def _do(self, command: str, name: str) -> None:
        if command == "q":
            raise Interrupted("ended by Ctrl-] q")
        if command == "s":
            self._say(screenshot(self.m))
        elif command == "r":
            self.m.reset()
            self._say("reset")
        elif command == "p":
            self.paused = not self.paused
            self._say(PAUSED if self.paused else "goes on")
        elif command == "?":
            self._say(HELP)
        else:
            self._say(f"Ctrl-] {name} means nothing: Ctrl-] ? helps")


def screenshot(m: Machine) -> str:
    """Save the screen as a new file in the current directory; the result says what was done."""
    number = 1
    while os.path.lexists(path := f"pyx86emu-{number}.png"):
        number += 1
    try:
        m.screen.save(path)
    except OSError as error:
        return f"no screenshot: cannot write {path}: {reason(error)}"
    except (Pyx86Error, ImportError) as error:
        return f"no screenshot: {error}"
    return f"screenshot: {os.path.abspath(path)}"
