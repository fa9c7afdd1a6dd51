"""Keys of a terminal: turn the bytes that it sends into names. Knows no scan codes.

| bytes                                  | key                                                 |
| -------------------------------------- | --------------------------------------------------- |
| `61`, `C3 A9`                          | a character, in UTF-8                               |
| `03`, `1B`, `7F`                       | ctrl+c, esc, backspace                              |
| ESC and a character or a sequence      | the same with Alt                                   |
| `CSI A`, `SS3 A`, `CSI 1 ; 5 A`        | up, up, ctrl+up (xterm)                             |
| `CSI 3 ~`, `CSI 3 ; 5 ~`               | delete, ctrl+delete (xterm)                         |
| `CSI 97 ; 5 u`, `CSI 27 ; 5 ; 97 ~`    | ctrl+a (kitty's protocol, xterm's modifyOtherKeys)  |
| `CSI 1 ; 1 : 3 A`                      | up is released (kitty: 1 press, 2 repeat, 3 release) |
| `CSI 200 ~` text `CSI 201 ~`           | pasted text, typed as it is                         |
| `CSI ? 62 ; 4 c` and the like          | an answer of the terminal                           |

Sources: ECMA-48 (sequences); Xterm Control Sequences; the page of the kitty keyboard protocol; rxvt
and the Linux console for their own forms.
"""

import re
from typing import NamedTuple

from ..pc.devices.keyboard.keys import typed_by

#: The last byte of a sequence, after ESC [ or ESC O.
BY_LETTER = {
    "A": "up", "B": "down", "C": "right", "D": "left", "E": "kp5", "F": "end", "H": "home",
    "P": "f1", "Q": "f2", "R": "f3", "S": "f4", "Z": "shift+tab",
    "a": "shift+up", "b": "shift+down", "c": "shift+right", "d": "shift+left",  # rxvt
}  # fmt: skip
#: The last byte after ESC O only: the keypad in application mode, and rxvt's arrows with Ctrl.
BY_SS3 = {
    **{letter: BY_LETTER[letter] for letter in "ABCDEFHPQRS"},
    **{letter: f"kp{digit}" for digit, letter in enumerate("pqrstuvwxy")},
    "M": "kpenter", "j": "kp*", "k": "kp+", "m": "kp-", "n": "kp.", "o": "kp/",
    "a": "ctrl+up", "b": "ctrl+down", "c": "ctrl+right", "d": "ctrl+left",
}  # fmt: skip
#: The number in ESC [ number ~.
BY_NUMBER = {
    1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pageup", 6: "pagedown", 7: "home", 8: "end",
    11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8", 20: "f9",
    21: "f10", 23: "f11", 24: "f12", 29: "menu",
}  # fmt: skip
#: Numbers of the kitty protocol, in ESC [ number u, that are no characters.
BY_KITTY = {
    57358: "capslock", 57359: "scrolllock", 57360: "numlock", 57361: "print", 57362: "pause",
    57363: "menu", **{57399 + digit: f"kp{digit}" for digit in range(10)},
    57409: "kp.", 57410: "kp/", 57411: "kp*", 57412: "kp-", 57413: "kp+", 57414: "kpenter",
    57415: "=", 57416: ",", 57417: "left", 57418: "right", 57419: "up", 57420: "down",
    57421: "pageup", 57422: "pagedown", 57423: "home", 57424: "end", 57425: "insert",
    57426: "delete", 57427: "kp5", 57441: "shift", 57442: "ctrl", 57443: "alt", 57444: "win",
    57447: "rshift", 57448: "rctrl", 57449: "altgr", 57450: "rwin",
}  # fmt: skip
#: The second number is 1 plus these bits. Caps Lock (64) and Num Lock (128) are no modifiers here.
MODIFIERS = ((4, "ctrl"), (2, "alt"), (1, "shift"), (8, "win"))
#: rxvt: the last byte of a numbered sequence says what is held.
RXVT = {"^": ["ctrl"], "@": ["ctrl", "shift"]}

PRESSED, HELD, REPEATED, RELEASED = "pressed", "held", "repeated", "released"
#: No sequence that a terminal sends is longer. A longer one is dropped.
LONGEST = 1024

#: Seconds to wait: ESC may be a key, or the beginning of a sequence; the rest of one is on its way.
LONE_ESC, CUT = 0.05, 0.5

PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"

_CSI = re.compile(rb"\x1b\[(\[[A-E]|([0-?]*)([ -/]*)([@-~]))")
_CSI_BEGUN = re.compile(rb"\x1b\[(\[|[0-?]*[ -/]*)")
_APC = re.compile(rb"\x1b_G([ -~]*)\x1b\\")
_APC_BEGUN = re.compile(rb"\x1b_(G[ -~]*\x1b?)?")
_NUMBER = re.compile(r"[0-9]{0,6}")


class Key(NamedTuple):
    """A key or a chord, as a name for `keyboard.press`, or a character that no key types."""

    name: str
    how: str = PRESSED
    """PRESSED: pressed and released. HELD, REPEATED and RELEASED come from a terminal that says
    when a key is released."""
    pasted: bool = False
    """True for text that was pasted: it is no command, whatever it is."""


class Answer(NamedTuple):
    """What the terminal answers or says about itself: `CSI ? 1 u` is ("?u", (1,))."""

    kind: str
    numbers: tuple[int, ...] = ()
    text: str = ""


class Decoder:
    """Bytes in, keys and answers out. A sequence that is cut waits for the rest of it.

    `asked` is True while the terminal may answer; only then is ESC _ the beginning of an answer.
    `releases` is True if the terminal says when a key is released.

    >>> decoder = Decoder()
    >>> decoder.feed(b"\\x1b[1;"), decoder.feed(b"5A")
    ([], [Key(name='ctrl+up', how='pressed', pasted=False)])
    >>> decoder.feed(b"\\x1b"), decoder.flush()
    ([], [Key(name='esc', how='pressed', pasted=False)])
    """

    def __init__(self) -> None:
        self.asked = False
        self.releases = False
        self._rest = b""
        self._pasting = False
        self._after_cr = False

    @property
    def patience(self) -> float | None:
        """Seconds after which `flush()` is called if the rest of a sequence has not come; None if
        nothing waits."""
        if not self._rest:
            return None
        return LONE_ESC if self._rest in (b"\x1b", b"\x1b\x1b", b"\x1b[", b"\x1bO") else CUT

    def feed(self, data: bytes) -> list[Key | Answer]:
        """What these bytes complete."""
        return self._take(self._rest + data, False)

    def flush(self) -> list[Key | Answer]:
        """Nothing more has come: what waits is all of it. A lone ESC is the key."""
        return self._take(self._rest, True)

    def _take(self, data: bytes, whole: bool) -> list[Key | Answer]:
        found: list[Key | Answer] = []
        at = 0
        while at < len(data):
            size = self._one(data, at, whole, found)
            if not size:
                break
            at += size
        self._rest = data[at:]
        return found

    def _one(self, data: bytes, at: int, whole: bool, found: list[Key | Answer]) -> int:
        """Take one key or answer at `at`; the result is its size. 0: it is cut, wait for more."""
        if data[at] != 0x1B:
            return self._character(data, at, whole, found, "")
        rest = data[at : at + LONGEST]
        if self._pasting:
            if rest.startswith(PASTE_END):
                self._pasting = False
                return len(PASTE_END)
            if PASTE_END.startswith(rest) and not whole:
                return 0
            return self._character(data, at, whole, found, "")
        if not whole and (rest in (b"\x1b", b"\x1b\x1b", b"\x1bO", b"\x1b\x1bO") or _cut(rest)):
            return 0
        if _cut(rest) and rest.lstrip(b"\x1b") != b"[":
            return len(rest)  # the rest of it never came
        if self.asked:
            if answer := _APC.match(rest):
                found.append(Answer("G", text=answer[1].decode("ascii")))
                return answer.end()
            if not whole and (begun := _APC_BEGUN.match(rest)) and begun.end() == len(rest):
                return 0
        meta = "alt" if rest[1:3] in (b"\x1b[", b"\x1bO") else ""
        size = self._sequence(rest[1:] if meta else rest, meta, found)
        if size:
            return size + bool(meta)
        if len(rest) == 1:
            found.append(Key("esc"))
            return 1
        size = self._character(data, at + 1, whole, found, "alt")
        return size and size + 1

    def _sequence(self, rest: bytes, meta: str, found: list[Key | Answer]) -> int:
        """Take a sequence after ESC [ or ESC O; 0: there is none."""
        held = [meta] if meta else []
        if rest[:2] == b"\x1bO":
            name = BY_SS3.get(chr(rest[2])) if len(rest) > 2 else None
            if name is not None:
                found.append(Key(_with(held, name)))
            return 3 if name is not None else 0
        match = _CSI.match(rest)
        if match is None:
            return 0
        if match[4] is None:  # the Linux console
            found.append(Key(_with(held, f"f{match[1][1] - ord('A') + 1}")))
        elif match[0] == PASTE:
            self._pasting, self._after_cr = True, False
        else:
            numbers, end = match[2].decode("ascii"), match[4].decode("ascii")
            if not match[3]:
                self._numbered(numbers, end, held, found)
        return match.end()

    def _numbered(self, text: str, end: str, held: list[str], found: list[Key | Answer]) -> None:
        """ESC [ text end: a key, an answer, or nothing that we know."""
        fields = [[_number(part) for part in field.split(":")] for field in text[:99].split(";")]
        if text[:1] in ("?", ">", "=", "<") or end == "t" or (end == "c" and text):
            numbers = tuple(
                _number(part) or 0 for part in re.split("[;:]", text[:99].lstrip("?>=<"))
            )
            found.append(Answer(text[:1].strip("0123456789") + end, numbers))
            return
        if end in "IO" and not text:
            found.append(Answer(end))
            return
        number = fields[0][0]
        modifier = fields[1] if len(fields) > 1 else [None]
        if end == "~" and number == 27 and len(fields) == 3:  # modifyOtherKeys
            number, end = fields[2][0], "u"
        if any(len(field) > 1 and field[-1] is _BAD for field in fields) or number is _BAD:
            return
        bits = (modifier[0] or 1) - 1
        if end == "u":
            name = _kitty(number, bits)
        elif end in RXVT:
            name = BY_NUMBER.get(number or 0)
            held = [*held, *RXVT[end]]
        elif end == "~":
            name = BY_NUMBER.get(number or 1)
        else:
            name = BY_LETTER.get(end) if number in (None, 1) else None
        if name is None:
            return
        name = _with([*held, *(each for bit, each in MODIFIERS if bits & bit)], name)
        event = (modifier[1] or 1) if len(modifier) > 1 else 1
        how = {1: HELD if self.releases else PRESSED, 2: REPEATED, 3: RELEASED}.get(event)
        if how is not None:
            found.append(Key(name, how))

    def _character(
        self, data: bytes, at: int, whole: bool, found: list[Key | Answer], held: str
    ) -> int:
        """Take one character of UTF-8. Bytes that are none are dropped."""
        first = data[at]
        size = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        some = data[at : at + size]
        try:
            char = some.decode("utf-8")
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data" and not whole:
                return 0
            return max(1, error.end - error.start)
        if self._pasting:
            ended, self._after_cr = self._after_cr, char == "\r"
            if char == "\n" and ended:
                return size  # CR LF is one line end
        name = typed_by(char) or char
        found.append(Key(_with([held], name) if held else name, PRESSED, self._pasting))
        return size


#: In place of a number: something else.
_BAD = -1


def _number(text: str) -> int | None:
    """The number; None if there is none; _BAD if it is not one, or has more than six digits."""
    if not _NUMBER.fullmatch(text):
        return _BAD
    return int(text) if text else None


def _cut(rest: bytes) -> bool:
    """True if the bytes are the beginning of ESC [ ... and the end is missing."""
    begin = rest[1:] if rest.startswith(b"\x1b\x1b[") else rest
    match = _CSI_BEGUN.match(begin)
    return match is not None and match.end() == len(begin) and len(begin) < LONGEST


def _kitty(number: int | None, bits: int) -> str | None:
    """The name of the key in ESC [ number u."""
    if number is None or number < 0:
        return None
    if number in BY_KITTY:
        return BY_KITTY[number]
    if number >= 0xD800:  # surrogates, and the private area, where keys are that no PC has
        return None
    char = chr(number)
    name = typed_by(char)
    if name is None and char.isprintable() and not bits & 0x3F & ~1:
        return char.upper() if bits & 1 and len(char.upper()) == 1 else char
    return name


def names(data: bytes) -> list[str]:
    """What was typed, as names for `keyboard.press`: keys and chords.

    A character that no key types is its own name. Sequences that mean no key are left out.

    >>> names(b"aB\\x1b[A\\x1b[1;5C\\x1bx{\\r\\x03")
    ['a', 'shift+b', 'up', 'ctrl+right', 'alt+x', 'shift+[', 'enter', 'ctrl+c']
    """
    decoder = Decoder()
    found = [*decoder.feed(data), *decoder.flush()]
    return [each.name for each in found if isinstance(each, Key) and each.how != RELEASED]


def _with(held: list[str], name: str) -> str:
    """The key with modifiers held, each once."""
    *others, key = [name] if name == "kp+" else name.split("+")
    return "+".join([*held, *(each for each in others if each not in held), key])
