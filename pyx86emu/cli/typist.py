"""The typist: give the guest the keys of a terminal, also characters that no key types."""

from ..pc.devices import Keyboard8042
from ..pc.devices.keyboard.keys import chord
from ..pc.screen.text import CP437
from .keys import HELD, RELEASED, REPEATED, Key


class Typist:
    """Types on a keyboard. Keys that the terminal holds down are held down for the guest, too."""

    def __init__(self, keyboard: Keyboard8042) -> None:
        self._keyboard = keyboard
        #: The keys that are down, by the last key of their chord.
        self._down: dict[str, list[str]] = {}

    def type(self, key: Key) -> bool:
        """Give the guest a key. False: no key and no code of a PC types it."""
        try:
            keys = [name for name, down, _ in chord(key.name) if down]
        except ValueError:
            return key.how == RELEASED or self._by_code(key.name)
        if key.how == RELEASED:
            self._release(keys[-1])
        elif key.how in (HELD, REPEATED):
            self._hold(keys)
        else:
            self._keyboard.press(key.name)
        return True

    def release_all(self) -> None:
        """Release what is held: the terminal does not say any more when it is released."""
        for last in list(self._down):
            self._release(last)

    def _hold(self, keys: list[str]) -> None:
        last = keys[-1]
        if last in self._down:
            self._keyboard.key(last, True)  # a repeat
            return
        pressed = {each for down in self._down.values() for each in down}
        self._down[last] = [each for each in keys if each not in pressed]
        for each in self._down[last]:
            self._keyboard.key(each, True)

    def _release(self, last: str) -> None:
        for each in reversed(self._down.pop(last, [])):
            self._keyboard.key(each, False)

    def _by_code(self, char: str) -> bool:
        """Type a character of code page 437 as a PC does: Alt and its number on the keypad."""
        code = CP437.find(char) if len(char) == 1 else -1
        if code <= 0:
            return False
        self._keyboard.key("alt", True)
        for digit in str(code):
            self._keyboard.press(f"kp{digit}")
        self._keyboard.key("alt", False)
        return True
