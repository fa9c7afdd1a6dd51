"""The keys of a US keyboard: give names, the scan codes of three sets, the keys of a text."""

# Scan code set 2 to set 1, from the 8042's ROM. Of the codes from 80h on only 83h and 84h change.
TRANSLATION = bytes.fromhex(
    "ff 43 41 3f 3d 3b 3c 58 64 44 42 40 3e 0f 29 59"
    "65 38 2a 70 1d 10 02 5a 66 71 2c 1f 1e 11 03 5b"
    "67 2e 2d 20 12 05 04 5c 68 39 2f 21 14 13 06 5d"
    "69 31 30 23 22 15 07 5e 6a 72 32 24 16 08 09 5f"
    "6b 33 25 17 18 0b 0a 60 6c 34 35 26 27 19 0c 61"
    "6d 73 28 74 1a 0d 62 6e 3a 36 1c 1b 75 2b 63 76"
    "55 56 77 78 79 7a 0e 7b 7c 4f 7d 4b 47 7e 7f 6f"
    "52 53 50 4c 4d 48 01 45 57 4e 51 4a 37 49 46 54"
    "80 81 82 41 54"
) + bytes(range(0x85, 0x100))

# name: (code in set 2, in set 3); 100h in set 2 stands for the prefix E0h.
KEYS: dict[str, tuple[int, int]] = {
    "esc": (0x76, 0x08),
    "f1": (0x05, 0x07),
    "f2": (0x06, 0x0F),
    "f3": (0x04, 0x17),
    "f4": (0x0C, 0x1F),
    "f5": (0x03, 0x27),
    "f6": (0x0B, 0x2F),
    "f7": (0x83, 0x37),
    "f8": (0x0A, 0x3F),
    "f9": (0x01, 0x47),
    "f10": (0x09, 0x4F),
    "f11": (0x78, 0x56),
    "f12": (0x07, 0x5E),
    "print": (0x17C, 0x57),
    "scrolllock": (0x7E, 0x5F),
    "pause": (0x177, 0x62),
    "backspace": (0x66, 0x66),
    "tab": (0x0D, 0x0D),
    "enter": (0x5A, 0x5A),
    "space": (0x29, 0x29),
    "capslock": (0x58, 0x14),
    "shift": (0x12, 0x12),
    "rshift": (0x59, 0x59),
    "ctrl": (0x14, 0x11),
    "rctrl": (0x114, 0x58),
    "alt": (0x11, 0x19),
    "altgr": (0x111, 0x39),
    "win": (0x11F, 0x8B),
    "rwin": (0x127, 0x8C),
    "menu": (0x12F, 0x8D),
    "insert": (0x170, 0x67),
    "delete": (0x171, 0x64),
    "home": (0x16C, 0x6E),
    "end": (0x169, 0x65),
    "pageup": (0x17D, 0x6F),
    "pagedown": (0x17A, 0x6D),
    "left": (0x16B, 0x61),
    "up": (0x175, 0x63),
    "down": (0x172, 0x60),
    "right": (0x174, 0x6A),
    "numlock": (0x77, 0x76),
    "kp/": (0x14A, 0x77),
    "kp*": (0x7C, 0x7E),
    "kp-": (0x7B, 0x84),
    "kp+": (0x79, 0x7C),
    "kpenter": (0x15A, 0x79),
    "kp.": (0x71, 0x71),
    "kp0": (0x70, 0x70),
    "kp1": (0x69, 0x69),
    "kp2": (0x72, 0x72),
    "kp3": (0x7A, 0x7A),
    "kp4": (0x6B, 0x6B),
    "kp5": (0x73, 0x73),
    "kp6": (0x74, 0x74),
    "kp7": (0x6C, 0x6C),
    "kp8": (0x75, 0x75),
    "kp9": (0x7D, 0x7D),
    "102nd": (0x61, 0x13),
    "\\": (0x5D, 0x5C),
}
# The typewriter keys have the same code in sets 2 and 3.
_PLAIN = zip(
    "`1234567890-=qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    bytes.fromhex(
        "0e 16 1e 26 25 2e 36 3d 3e 46 45 4e 55 15 1d 24 2d 2c 35 3c 43 44 4d 54 5b"
        "1c 1b 23 2b 34 33 3b 42 4b 4c 52 1a 22 21 2a 32 31 3a 41 49 4a"
    ),
    strict=True,
)
KEYS.update((name, (code, code)) for name, code in _PLAIN)

_OTHER_NAMES = {
    "ret": "enter",
    "return": "enter",
    "escape": "esc",
    "bs": "backspace",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "lshift": "shift",
    "lctrl": "ctrl",
    "control": "ctrl",
    "lalt": "alt",
    "ralt": "altgr",
    "prtsc": "print",
    "break": "pause",
    " ": "space",
    "\n": "enter",
    "\r": "enter",
    "\t": "tab",
    "\b": "backspace",
    "\x7f": "backspace",
    "\x1b": "esc",
}
_SHIFTED = dict(
    zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./", strict=True),
)
_SHIFTED.update((letter.upper(), letter) for letter in "abcdefghijklmnopqrstuvwxyz")

# The control characters after ctrl+z, with the keys that type them on a PC.
_CONTROL = {
    "\0": "ctrl+2",
    "\x1c": "ctrl+\\",
    "\x1d": "ctrl+]",
    "\x1e": "ctrl+6",
    "\x1f": "ctrl+-",
}

# What keys send in set 3 by default: modifiers send a break code, most other keys repeat.
SET3_BREAKS = {"shift", "rshift", "ctrl", "alt", "capslock"}

#: Key name; True for down; True if it repeats while it is down.
Event = tuple[str, bool, bool]


def to_set1(set2: bytes) -> bytes:
    codes = bytearray()
    mark = 0
    for byte in set2:
        if byte == 0xF0:
            mark = 0x80
        elif byte in (0xE0, 0xE1):
            codes.append(byte)
        else:
            codes.append(TRANSLATION[byte] | mark)
            mark = 0
    return bytes(codes)


def key_name(name: str) -> str:
    known = name if name in KEYS else name.lower()
    known = _OTHER_NAMES.get(known, known)
    if known not in KEYS:
        raise ValueError(
            f"no key is called {name!r}: use a character of the US keyboard's lower case "
            "or a name such as enter, esc, left, f1, shift, ctrl, alt"
        )
    return known


def chord(name: str) -> list[Event]:
    """The events of a chord such as `ctrl+alt+delete`: down in this order, up in reverse order.

    ValueError: no key has such a name. TypeError: it is no string.
    """
    if not isinstance(name, str):
        raise TypeError(f"a chord is a string such as 'ctrl+c', not {type(name).__name__}")
    parts = _split(name)
    keys: list[str] = []
    for part in parts:
        if len(parts) > 1 and part.isalpha():
            part = part.lower()  # "Ctrl+C" does not mean shift
        if part in _SHIFTED:
            keys.append("shift")
            part = _SHIFTED[part]
        keys.append(key_name(part))
    return [(key, True, False) for key in keys] + [(key, False, False) for key in reversed(keys)]


def typed_by(char: str) -> str | None:
    """The name of the chord that types a character; None if no key of a US keyboard does.

    >>> typed_by("a"), typed_by("A"), typed_by("+"), typed_by(" "), typed_by(chr(3))
    ('a', 'shift+a', 'shift+=', 'space', 'ctrl+c')
    """
    if char in _SHIFTED:
        return f"shift+{_SHIFTED[char]}"
    name = _OTHER_NAMES.get(char, char)
    if len(char) == 1 and name in KEYS:
        return name
    if "\x01" <= char <= "\x1a":
        return f"ctrl+{chr(ord(char) + 0x60)}"
    return _CONTROL.get(char)


def _split(name: str) -> list[str]:
    """The names joined by `+`; a last `+` is the key itself."""
    parts: list[str] = []
    while not (name in KEYS or len(name) == 1):
        head, _, rest = name.partition("+")
        if not rest:
            break
        parts.append(head)
        name = rest
    return [*parts, name]


def keystrokes(text: str) -> list[Event]:
    if not isinstance(text, str):
        raise TypeError(f"what is typed is text (str), not {type(text).__name__}")
    events: list[Event] = []
    i = 0
    while i < len(text):
        char = text[i]
        i += 1
        if char == "{":
            if text.startswith("{", i):
                events += chord("{")
                i += 1
                continue
            end = text.find("}", i)
            if end < 0:
                raise ValueError(f"{text[i - 1 :]!r} has no closing brace: write {{{{ for a brace")
            events += chord(text[i:end])
            i = end + 1
        elif char == "\r" and text.startswith("\n", i):
            continue  # CR LF is one line end, so one key
        elif name := typed_by(char):
            events += chord(name)
        else:
            raise ValueError(
                f"no key of a US keyboard types {char!r}: type ASCII, or {{name}} for other keys"
            )
    return events
