"""The line that is typed: edit it as DOS does, with the last line as a template. Reads no keys.

Source: MS-DOS User's Guide, "Editing keys". What is to be shown is returned.
"""

from ..state import Values, take, take_whole

BELL, BACKSPACE, TAB, LF, CR, CTRL_Z, ESCAPE, DELETE = 0x07, 8, 9, 10, 13, 0x1A, 0x1B, 0x7F
#: Scan codes of the keys: copy a character, up to one, all; skip up to one; make what is typed the
#: template; Ctrl-Z; NUL.
F1, F2, F3, F4, F5, F6, F7, LEFT, RIGHT, INSERT, REMOVE = (
    0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x40, 0x41, 0x4B, 0x4D, 0x52, 0x53,
)  # fmt: skip
#: A line is at most so long, with its CR.
LONGEST = 256


class Line:
    """A line in work. `column`: where it starts."""

    def __init__(self) -> None:
        self.begun = False
        self.text = bytearray()
        self.template = b""
        self.column = 0
        self._spot = 0  # in the template
        self._insert = False
        self._waits = 0  # F2 or F4, for a character

    def begin(self, template: bytes, column: int) -> None:
        """Start a line, unless there is one."""
        if not self.begun:
            self.__init__()  # type: ignore[misc]
            self.begun, self.template, self.column = True, template, column

    def end(self) -> bytes:
        """The line; there is none afterwards."""
        self.begun = False
        return bytes(self.text)

    def key(self, scan: int, most: int) -> bytes:
        """A key without a character; the result is what is shown. `most`: characters, at most."""
        rest = self.template[self._spot :]
        if scan in (F1, RIGHT):
            return self._copy(rest[:1], most)
        if scan == F3:
            return self._copy(rest, most)
        if scan in (F2, F4):
            self._waits = scan
        elif scan == F5:
            self.template = bytes(self.text)
            return b"@" + self._again()
        elif scan in (F6, F7):
            return self._type(CTRL_Z if scan == F6 else 0, most)
        elif scan == LEFT:
            return self._erase()
        elif scan == INSERT:
            self._insert = not self._insert
        elif scan == REMOVE:
            self._spot = min(self._spot + 1, len(self.template))
        return b""

    def char(self, char: int, most: int) -> bytes:
        """A character; the result is what is shown."""
        if self._waits:
            place = self.template.find(bytes([char]), self._spot + 1)
            copies, self._waits = self._waits == F2, 0
            if place < 0:
                return b""
            if copies:
                return self._copy(self.template[self._spot : place], most)
            self._spot = place
            return b""
        if char in (BACKSPACE, DELETE):
            return self._erase()
        if char == ESCAPE:
            return b"\\" + self._again()
        return self._type(char, most)

    def _again(self) -> bytes:
        """Start at the beginning, on a new line of the screen."""
        self.text.clear()
        self._spot, self._insert = 0, False
        return b"\r\n" + b" " * self.column

    def _copy(self, chars: bytes, most: int) -> bytes:
        shown = b""
        for char in chars:
            shown += self._put(char, most)
            self._spot += 1
        return shown

    def _type(self, char: int, most: int) -> bytes:
        if not self._insert and len(self.text) < most and self._spot < len(self.template):
            self._spot += 1
        return self._put(char, most)

    def _put(self, char: int, most: int) -> bytes:
        if len(self.text) >= most:
            return bytes([BELL])
        self.text.append(char)
        return look(char)

    def _erase(self) -> bytes:
        if not self.text:
            return b""
        before = self._width()
        self.text.pop()
        if not self._insert and self._spot:
            self._spot -= 1
        return b"\b \b" * (before - self._width())

    def _width(self) -> int:
        column = self.column
        for char in self.text:
            column += 8 - column % 8 if char == TAB else len(look(char))
        return column

    # -- state -------------------------------------------------------------------------------------

    def state(self) -> Values:
        """The line and what is known of the keys before."""
        return {
            "begun": self.begun,
            "text": bytes(self.text),
            "template": self.template,
            "column": self.column,
            "spot": self._spot,
            "insert": self._insert,
            "waits": self._waits,
        }

    @staticmethod
    def read(values: Values) -> "Line":
        """The line of a state. ValueError: it has none."""
        line = Line()
        line.begun, line._insert = take(values, "begun", bool), take(values, "insert", bool)
        line.text = bytearray(take(values, "text", bytes))
        line.template = take(values, "template", bytes)
        if len(line.text) > LONGEST or len(line.template) > LONGEST:
            raise ValueError(f"a state has a line of more than {LONGEST} characters")
        line.column = take_whole(values, "column", 0, 1 << 16)
        line._spot = take_whole(values, "spot", 0, len(line.template))
        line._waits = take_whole(values, "waits", 0, 0xFF)
        return line


def look(char: int) -> bytes:
    """How a character is shown: a control character as ^ and a letter.

    >>> look(0x1A), look(0x41)
    (b'^Z', b'A')
    """
    return bytes([0x5E, char + 0x40] if char < 0x20 and char != TAB else [char])
