"""The AT keyboard: turn what the host types into scan codes. Does not know the 8042's commands.

It waits for the guest: a key moves when the guest has read all bytes of the previous key.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from ...._core import truth
from ....clock import LAST, Timer
from ....state import Values, take
from ..fields import BYTE, TIME, Fields, Flag, Group, Raw, Row, Table, Whole, Word
from ..mouse import Ps2Mouse
from .chip import BUFFER_SIZE, MODE_DISABLED, MS, RESEND, STATUS_OBF, Chip8042
from .keys import KEYS, SET3_BREAKS, Event, chord, key_name, keystrokes, to_set1

ACK = 0xFA
BAT_OK = 0xAA
ECHO = 0xEE

#: What a key of scan code set 3 sends.
SET3_TYPES = ("repeat", "break", "make", "both")
#: How many keys move at one time with `key_gap = 0`: more than fit into the buffer.
BURST = 64


class Keyboard8042(Chip8042):
    """An 8042 with a 101/102-key AT keyboard.

    The host types with `type()`, `press()` and `key()`. The keys wait in an unbounded queue. The
    next key moves when the guest has read all bytes of the previous one and `key_gap` nanoseconds
    of guest time have passed. With `key_gap = 0` keys come as fast as the host types, and the
    keyboard's own buffer of 16 bytes may overrun.

    The thread that runs the guest types; any other thread only while the guest does not run.

    >>> from pyx86emu.clock import Clock
    >>> class Stopwatch:
    ...     time = 10**9
    ...     def set_timer(self, deadline, fn): pass
    >>> keyboard = Keyboard8042()
    >>> keyboard.clock = Clock(Stopwatch())
    >>> keyboard.type("a")
    >>> hex(keyboard.pio_read(0, 1))
    '0x1e'
    """

    name = "keyboard"
    fields = Fields(
        {
            "byte_gap": Whole(LAST, -LAST),
            "ram": Raw(32, make=bytearray),
            "status": BYTE,
            "output": BYTE,
            "operand_for": BYTE,
            "replies": Row(Group(BYTE, BYTE), most=BUFFER_SIZE),
            "break_prefix": Flag(),
            "a20": Flag(),
            "key_gap": Whole(LAST, -LAST),
            "typematic": Flag(),
            "queue": Row(Group(Word(*KEYS), Flag(), Flag())),
            "_repeat_waits": Flag(),
            "held": Row(Word(*KEYS), most=len(KEYS)),
            "buffer": Raw(most=BUFFER_SIZE + 8),
            "answers": Raw(most=BUFFER_SIZE),
            "last_sent": BYTE,
            "keyboard_operand_for": BYTE,
            "leds": Whole(7),
            "scan_set": Whole(3, 1),
            "repeat_rate": Whole(0x7F),
            "set3_types": Table(Word(*SET3_TYPES), most=256),
            "set3_default": Word("", *SET3_TYPES),
            "scanning": Flag(),
            "rest_until": TIME,
        },
        timers=[
            ("_byte_timer", {"keyboard.byte": "_next_byte"}),
            ("_key_timer", {"keyboard.key": "_pump"}),
            ("_repeat_timer", {"keyboard.repeat": "_repeat"}),
        ],
        lines=[("level", "irq"), ("aux_level", "aux_line")],
    )

    def __init__(
        self,
        a20: Callable[[bool], object] | None = None,
        reset: Callable[[], object] | None = None,
        irq12: Callable[[bool], object] | None = None,
    ) -> None:
        super().__init__(a20, reset, irq12)
        #: Guest nanoseconds between two key movements.
        self.key_gap = 20 * MS
        #: True: a key that is held down with `key()` repeats.
        self.typematic = True
        self.queue: deque[Event] = deque()
        self._key_timer: Timer | None = None
        self._repeat_timer: Timer | None = None
        self._repeat_waits = False  # the buffer is full: the repeat goes on when a byte is read
        self.reset()

    def reset(self) -> None:
        super().reset()
        for timer in (self._key_timer, self._repeat_timer):
            if timer is not None:
                timer.cancel()
        self._key_timer = self._repeat_timer = None
        self.queue.clear()
        self.held: list[str] = []
        self.buffer: deque[int] = deque()
        self.answers: deque[int] = deque(maxlen=BUFFER_SIZE)
        self.last_sent = BAT_OK
        self.keyboard_operand_for = 0
        self.leds = 0
        self._keyboard_defaults()
        self.scanning = True
        self.rest_until = 0
        self._rest()

    # -- state -----------------------------------------------------------------------------

    @property
    def parts(self) -> tuple[tuple[Any, Fields], ...]:
        """The keyboard and the mouse."""
        return ((self, self.fields), (self.mouse, Ps2Mouse.fields))

    def state(self) -> Values:
        """Everything that the guest or the host can see, now or later, and keys that wait to be
        typed; see `Stateful`. "mouse" is that of the mouse."""
        return {**self.fields.state(self), "mouse": Ps2Mouse.fields.state(self.mouse)}

    def load(self, values: Values) -> None:
        """Restore what `state()` returned, and set the interrupt lines to their levels. The A20
        gate, which other parts drive too, is state of the Vm. ValueError: it is no such state;
        nothing has changed."""
        mouse = Ps2Mouse.fields.checked(self.mouse, take(values, "mouse", dict))
        found = self.fields.checked(self, values)
        self.fields.put(self, found, self.clock)
        Ps2Mouse.fields.put(self.mouse, mouse, self.clock)

    # -- the host types ------------------------------------------------------------

    def key(self, name: str, down: bool) -> None:
        """Press or release one key, after the waiting ones. A key that is held down repeats.

        ValueError: no key has this name.
        """
        self._enqueue([(key_name(name), truth(down, "down"), self.typematic)])

    def press(self, name: str) -> None:
        """Press and release a key or a chord: `a`, `f1`, `ctrl+c`, `ctrl+alt+delete`.

        ValueError: no key has such a name.
        """
        self._enqueue(chord(name))

    def type(self, text: str) -> None:
        """Type text on a US keyboard; `{name}` is a key or chord, `{{` is a brace.

        >>> Keyboard8042().type("caf\u00e9")
        Traceback (most recent call last):
        ValueError: no key of a US keyboard types '\u00e9': type ASCII, or {name} for other keys
        """
        if not isinstance(text, str):
            raise TypeError(f"type() takes text (str), not {type(text).__name__}")
        self._enqueue(keystrokes(text))

    @property
    def typing(self) -> bool:
        """True while keys wait, or bytes that the guest has not read."""
        return bool(self.queue or self.buffer or self.answers or self.status & STATUS_OBF)

    def _enqueue(self, events: list[Event]) -> None:
        self.queue.extend(events)
        self._pump()

    def _pump(self) -> None:
        """Move the next key if the guest has read all of the previous one."""
        for _ in range(BURST):
            if not self.queue or not self._may_type():
                return
            self._move(*self.queue.popleft())
            self._rest()
        if self.queue and not self._key_waits:
            self._key_timer = self.clock.call_after(self.byte_gap, self._pump, "keyboard.key")

    @property
    def _key_waits(self) -> bool:
        return self._key_timer is not None and self._key_timer.pending

    def _may_type(self) -> bool:
        if not self.scanning or self.ram[0] & MODE_DISABLED:
            return False  # turning it on again calls _pump
        if self.key_gap == 0:
            return True
        if self.buffer or self.answers or self.status & STATUS_OBF:
            return False  # the read of port 60h calls _pump
        rest = self.rest_until - self.clock.now()
        if rest > 0:
            if not self._key_waits:
                self._key_timer = self.clock.call_after(rest, self._pump, "keyboard.key")
            return False
        return True

    def _rest(self) -> None:
        # Also after a reset and after the keyboard is enabled: firmware that starts the keyboard
        # discards the bytes that it finds, which must not include the first key of a script.
        self.rest_until = self.clock.now() + self.key_gap

    # -- the cable ------------------------------------------------------------------------

    def _send_byte(self) -> int | None:
        if not self.answers and not self.buffer:
            return None
        byte = (self.answers or self.buffer).popleft()
        if byte != RESEND:
            self.last_sent = byte
        return byte

    @property
    def _has_more(self) -> bool:
        return bool(self.answers or self.buffer or self.queue)

    def _enabled(self) -> None:
        self._rest()

    def _idle(self) -> None:
        self._pump()

    def _next_byte(self) -> None:
        if self._repeat_waits and len(self.buffer) < BUFFER_SIZE:
            self._start_repeat(self._repeat_period())
        super()._next_byte()

    # -- the guest's commands ---------------------------------------------------------------

    def _keyboard_defaults(self) -> None:
        self.scan_set = 2
        self.repeat_rate = 0x2B  # 10.9 per second, after half a second
        self.set3_types: dict[int, str] = {}
        self.set3_default = ""
        self._stop_repeat()

    def _receive(self, value: int) -> None:
        command, self.keyboard_operand_for = self.keyboard_operand_for, 0
        if command and value < 0x80:
            self._keyboard_operand(command, value)
            return
        # A byte of 80h or more is a new command, also if an operand was expected.
        if command in (0xFB, 0xFC, 0xFD):
            command = 0
        if value == ECHO:
            self.answers.append(ECHO)
        elif value == RESEND:
            self.answers.append(self.last_sent)
        elif value in (0xED, 0xF0, 0xF3, 0xFB, 0xFC, 0xFD):
            self.answers.append(ACK)
            self.keyboard_operand_for = value
        elif value == 0xF2:
            self.answers.extend((ACK, 0xAB, 0x83))
        elif value in (0xF4, 0xF5, 0xF6):
            self.answers.append(ACK)
            self.buffer.clear()
            if value != 0xF4:
                self._keyboard_defaults()
            if value != 0xF6:
                self.scanning = value == 0xF4
            self._rest()
        elif 0xF7 <= value <= 0xFA:
            self.answers.append(ACK)
            self.set3_types.clear()
            self.set3_default = SET3_TYPES[value - 0xF7]
        elif value == 0xFF:
            self.buffer.clear()
            self.answers.clear()
            self.answers.extend((ACK, BAT_OK))
            self._keyboard_defaults()
            self.leds = 0
            self.scanning = True
            self._rest()
        else:
            self.answers.append(RESEND)

    def _keyboard_operand(self, command: int, value: int) -> None:
        if command == 0xED:
            self.leds = value & 0x07
        elif command == 0xF3:
            self.repeat_rate = value
        elif command == 0xF0:
            if value > 3:
                self.answers.append(RESEND)
                self.keyboard_operand_for = command
                return
            self.answers.append(ACK)
            if value:
                self.scan_set = value
                self.buffer.clear()
            else:
                self.answers.append(self.scan_set)
            return
        else:
            # FB FC FD name keys until the next command.
            self.set3_types[value] = {0xFB: "repeat", 0xFC: "break", 0xFD: "make"}[command]
            self.keyboard_operand_for = command
        self.answers.append(ACK)

    # -- scan codes ---------------------------------------------------------------------------

    def _move(self, name: str, down: bool, repeats: bool) -> None:
        codes = self._codes(name, down)
        if down:
            if name not in self.held:
                self.held.append(name)
        elif name in self.held:
            self.held.remove(name)
        self._stop_repeat()
        self._send(codes)
        if self.scan_set == 3:
            repeats = repeats and self._set3_type(name) in ("repeat", "both")
        if down and repeats and name not in ("pause", "print"):
            self._start_repeat(self._repeat_delay())

    def _send(self, codes: bytes) -> None:
        """Store all bytes of a key. If they do not fit, store one overrun code in the place after
        the last one."""
        if not codes:
            return
        if len(self.buffer) + len(codes) <= BUFFER_SIZE:
            self.buffer.extend(codes)
        elif len(self.buffer) <= BUFFER_SIZE:
            overrun = 0xFF if self.scan_set == 1 else 0x00
            if not self.buffer or self.buffer[-1] != overrun:
                self.buffer.append(overrun)
        self._next_byte()

    def _codes(self, name: str, down: bool) -> bytes:
        """The bytes that a key sends in the current scan code set."""
        code, code3 = KEYS[name]
        if self.scan_set == 3:
            if down:
                return bytes((code3,))
            return bytes((0xF0, code3)) if self._set3_type(name) in ("break", "both") else b""
        if name == "pause":
            if not down:
                return b""  # Pause sends both codes with the press
            ctrl = "ctrl" in self.held or "rctrl" in self.held
            set2 = bytes.fromhex("e07ee0f07e" if ctrl else "e11477e1f014f077")
        elif name == "print":
            if "alt" in self.held or "altgr" in self.held:
                set2 = b"\x84" if down else b"\xf0\x84"
            elif {"shift", "rshift", "ctrl", "rctrl"}.intersection(self.held):
                set2 = b"\xe0\x7c" if down else b"\xe0\xf0\x7c"
            else:
                set2 = bytes.fromhex("e012e07c" if down else "e0f07ce0f012")
        else:
            prefix = b"\xe0" if code & 0x100 else b""
            set2 = prefix + (b"" if down else b"\xf0") + bytes((code & 0xFF,))
        return set2 if self.scan_set == 2 else to_set1(set2)

    def _set3_type(self, name: str) -> str:
        default = self.set3_default or ("break" if name in SET3_BREAKS else "repeat")
        return self.set3_types.get(KEYS[name][1], default)

    # -- typematic ------------------------------------------------------------------------

    def _repeat_delay(self) -> int:
        return ((self.repeat_rate >> 5 & 3) + 1) * 250 * MS

    def _repeat_period(self) -> int:
        # IBM: period = (8 + A) * 2^B * 0.00417 s
        return (8 + (self.repeat_rate & 7)) * (1 << (self.repeat_rate >> 3 & 3)) * 4_170_000

    def _repeat(self) -> None:
        """Send the make code of the last key again, since it is still down."""
        if not self.held or not self.scanning:
            return
        name = self.held[-1]
        self._start_repeat(self._repeat_period())
        self._send(self._codes(name, True))
        if len(self.buffer) >= BUFFER_SIZE:
            # Stop until the guest reads: so no timer runs for a guest that never reads.
            self._stop_repeat()
            self._repeat_waits = True

    def _start_repeat(self, ns: int) -> None:
        self._repeat_waits = False
        self._repeat_timer = self.clock.call_after(ns, self._repeat, "keyboard.repeat")

    def _stop_repeat(self) -> None:
        self._repeat_waits = False
        if self._repeat_timer is not None:
            self._repeat_timer.cancel()
            self._repeat_timer = None
