"""The console of DOS: read characters and lines, write text. Input is a stream or the keyboard.

A stream is what standard input is: text whose lines end in LF, which DOS reads as CR, and as CR LF
where it reads whole lines. At its end there is Ctrl-Z. Without a stream the characters come from
the BIOS's buffer of keys at 40:1Eh.
"""

from collections.abc import Callable
from typing import Protocol

from ..log import Log
from ..state import Plain, Values, take, take_whole
from .editing import BACKSPACE, CR, CTRL_Z, ESCAPE, LF, TAB, Line
from .guest import Ram

CTRL_C = 0x03
#: The buffer of keys: head, tail, first, end, as offsets in segment 40h.
HEAD, TAIL, FIRST, END = 0x41A, 0x41C, 0x480, 0x482
#: A line that AH=3Fh reads from the console.
LONGEST_LINE = 128
#: Columns of the screen.
COLUMNS = 80
#: Bytes of a stream that are asked for at once.
PIECE = 4096
#: Scan codes of what has a key, without Shift: the keys 02h-0Dh, 10h-1Bh, 1Eh-29h, 2Bh-35h.
ROWS = {
    0x02: "1234567890-=", 0x10: "qwertyuiop[]", 0x1E: "asdfghjkl;'`", 0x2B: "\\zxcvbnm,./",
}  # fmt: skip
SCAN = {ord(key): first + i for first, keys in ROWS.items() for i, key in enumerate(keys)}
SCAN |= {ord(key.upper()): code for key, code in zip(map(chr, SCAN), SCAN.values(), strict=True)}
SCAN |= {CR: 0x1C, BACKSPACE: 0x0E, ESCAPE: 0x01, TAB: 0x0F, 0x20: 0x39}


class Input(Protocol):
    """A stream that DOS reads from: the only way in which what is typed or piped comes to it."""

    def read(self, size: int, wait: bool) -> bytes | None:
        """At most `size` bytes; b"" at the end. None: there is nothing yet, which a stream may
        also say when `wait` is true, after a time of its own."""


class Bytes:
    """A stream of bytes that are all there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int, wait: bool) -> bytes:
        """The next bytes."""
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece


class Console:
    """CON. `on_output` gets the bytes that programs write, `log` keeps the newest of them."""

    def __init__(
        self,
        ram: Ram,
        stream: Input | None,
        log: Log,
        on_output: Callable[[bytes], object] | None,
        *,
        binary: bool,
    ) -> None:
        self.ram = ram
        self.stream = stream
        self.log = log
        self.on_output = on_output
        self.binary = binary
        #: What is still to be printed on the screen of the machine.
        self.pending = bytearray()
        self._ahead = bytearray()  # of the stream
        self._ended = False
        self._after_cr = False
        self._second = -1  # the scan code after a 0
        self._line = Line()  # being typed
        self._last = b""  # that AH=3Fh has read
        self._ready = bytearray()  # a whole line that AH=3Fh has not given away
        self._column = 0

    # -- output ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write text to the output and to the screen."""
        self.log.write(data)
        if self.on_output is not None:
            self.on_output(bytes(data))
        self._show(data)

    def _show(self, data: bytes) -> None:
        for char in data:
            if char == TAB:
                blanks = 8 - self._column % 8
                self.pending += b" " * blanks
                self._column += blanks
                continue
            self.pending.append(char)
            if char == CR:
                self._column = 0
            elif char == BACKSPACE:
                self._column = max(0, self._column - 1)
            elif char >= 0x20:
                self._column += 1

    def echo(self, shown: bytes) -> None:
        """Write what was typed, as it is shown: not for a stream, whose text is no output."""
        if self.stream is None:
            self.write(shown)

    # -- characters --------------------------------------------------------------------------------

    def _fill(self, wait: bool) -> bool:
        """Is there a byte of the stream? At the end too: a Ctrl-Z."""
        if not self._ahead and not self._ended:
            assert self.stream is not None
            piece = self.stream.read(PIECE, wait)
            if piece is None:
                return False
            self._ahead += piece
            self._ended = not piece
        return True

    def ready(self) -> bool:
        """Would `char` return one?"""
        if self._second >= 0:
            return True
        if self.stream is None:
            return self.ram.u16(HEAD) != self.ram.u16(TAIL)
        self._skip()
        return self._fill(False) and bool(self._ahead)

    @property
    def may_come(self) -> bool:
        """Can the stream have more, at any time?"""
        return self.stream is not None and not self._ended

    def _skip(self) -> None:
        """Drop the LF after a CR: both are one key."""
        if self._after_cr and not self.binary and self._fill(False):
            if self._ahead[:1] == b"\n":
                del self._ahead[:1]
            self._after_cr = False

    def char(self, wait: bool = True) -> int | None:
        """The next character; None: there is none yet. A key without a character gives 0 and then
        its scan code."""
        if self._second >= 0:
            char, self._second = self._second, -1
            return char
        if self.stream is None:
            return self._key()
        self._skip()
        if not self._fill(wait):
            return None
        if not self._ahead:
            return CTRL_Z
        char = self._ahead.pop(0)
        if not self.binary:
            self._after_cr = char == CR
            if char == LF:
                char = CR
        return char

    def _key(self) -> int | None:
        head = self.ram.u16(HEAD)
        if head == self.ram.u16(TAIL):
            return None
        char, scan = self.ram.read(0x400 + head, 2)
        first, end = self.ram.u16(FIRST), self.ram.u16(END)
        self.ram.put(HEAD, first if head + 2 >= end else head + 2)
        if char in (0, 0xE0) and scan:
            self._second, char = scan, 0
        return char

    def break_waits(self) -> bool:
        """Is Ctrl-C the next key? It is taken then."""
        if self.stream is None:
            head = self.ram.u16(HEAD)
            if head != self.ram.u16(TAIL) and self.ram.u8(0x400 + head) == CTRL_C:
                self._key()
                return True
        return False

    def feed_keyboard(self, wait: bool) -> None:
        """Put the next character of the stream into the BIOS's buffer, if that is empty."""
        if self.stream is None or self.ram.u16(HEAD) != self.ram.u16(TAIL):
            return
        if not wait and not self.ready():
            return
        char = self.char(wait)
        if char is None or (self._ended and not self._ahead and char == CTRL_Z):
            return  # a program that waits for a key after the end waits until its time is up
        tail, first, end = self.ram.u16(TAIL), self.ram.u16(FIRST), self.ram.u16(END)
        self.ram.write(0x400 + tail, bytes([char, SCAN.get(char, 0)]))
        self.ram.put(TAIL, first if tail + 2 >= end else tail + 2)

    def interrupt(self) -> None:
        """Ctrl-Break: the next key is Ctrl-C, and no other one is waiting."""
        first = self.ram.u16(FIRST)
        self._second = -1
        self.ram.write(0x400 + first, bytes([CTRL_C, SCAN[ord("c")]]))
        self.ram.put(HEAD, first)
        self.ram.put(TAIL, first + 2)

    def flush(self) -> None:
        """Forget the keys that were typed ahead; a stream stays as it is."""
        self._second = -1
        if self.stream is None:
            self.ram.put(HEAD, self.ram.u16(TAIL))

    # -- lines -------------------------------------------------------------------------------------

    def line(self, most: int, template: bytes = b"") -> bytes | None:
        """A line with its CR, at most `most` bytes; None: it is not complete yet. b"\\x03" at its
        end: Ctrl-C. `template`: what the editing keys copy from."""
        line = self._line
        line.begin(template, self._column % COLUMNS)
        while (char := self.char()) is not None:
            at_end = self._ended and not self._ahead and char == CTRL_Z
            if char in (CR, CTRL_C) or at_end:
                if char != CTRL_C:
                    self.echo(bytes([CR]))
                return line.end() + bytes([CR if at_end else char])
            if char == 0 and self._second >= 0:
                self.echo(line.key(self._second, most - 1))
                self._second = -1
            elif char != LF or self.binary:
                self.echo(line.char(char, most - 1))
        return None

    def read(self, size: int, raw: bool) -> bytes | None:
        """What AH=3Fh reads: in text mode of one line, which ends in CR LF; b"" at the end.
        None: nothing yet; b"\\x03": Ctrl-C."""
        if self.stream is not None and (raw or self.binary):
            if not self._fill(True):
                return None
            data = bytes(self._ahead[:size])
            del self._ahead[:size]
            return data
        if raw:
            char = self.char()
            return None if char is None else bytes([char])
        if not self._ready:
            if self.stream is not None:
                self._skip()
                if not self._fill(True):
                    return None
                if not self._ahead and not self._line.begun:
                    return b""
            line = self.line(LONGEST_LINE, self._last)
            if line is None or line[-1] == CTRL_C:
                return None if line is None else bytes([CTRL_C])
            self._last = line[:-1]
            self.echo(b"\n")
            if line[0] == CTRL_Z:
                return b""
            self._ready += line + b"\n"
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    # -- state -------------------------------------------------------------------------------------

    def state(self) -> Values:
        """What was read and not yet taken, and what was written; the stream is the host's."""
        return {
            "pending": bytes(self.pending),
            "ahead": bytes(self._ahead),
            "ended": self._ended,
            "after_cr": self._after_cr,
            "second": self._second,
            "line": self._line.state(),
            "last": self._last,
            "ready": bytes(self._ready),
            "column": self._column,
            "log": dict(self.log.state()),
        }

    def check(self, values: Values) -> dict[str, Plain]:
        """The values of a state. ValueError: they are none."""
        found: dict[str, Plain] = {}
        for name in ("pending", "ahead", "last", "ready"):
            found[name] = take(values, name, bytes)
        for name in ("ended", "after_cr"):
            found[name] = take(values, name, bool)
        line: Values = take(values, "line", dict)
        Line.read(line)
        found["line"] = line
        found["second"] = take_whole(values, "second", -1, 0xFF)
        found["column"] = take_whole(values, "column", 0, 1 << 62)
        log: Values = take(values, "log", dict)
        self.log.check(log)
        found["log"] = log
        return found

    def load(self, values: Values) -> None:
        """Restore what `state()` returned."""
        found = self.check(values)
        self.log.load(take(found, "log", dict))
        self.pending = bytearray(take(found, "pending", bytes))
        self._ahead = bytearray(take(found, "ahead", bytes))
        self._line, self._last = Line.read(take(found, "line", dict)), take(found, "last", bytes)
        self._ready = bytearray(take(found, "ready", bytes))
        self._ended, self._after_cr = take(found, "ended", bool), take(found, "after_cr", bool)
        self._second, self._column = take(found, "second", int), take(found, "column", int)
