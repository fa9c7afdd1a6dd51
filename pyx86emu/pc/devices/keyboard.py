"""The keyboard and its controller: an 8042 hands the scan codes of an AT keyboard to the guest.

| offset | access | on a PC | meaning                                                 |
| ------ | ------ | ------- | ------------------------------------------------------- |
| 0      | read   | 60h     | output buffer: scan code, answer of keyboard or 8042    |
| 0      | write  | 60h     | byte for the keyboard, or the operand of an 8042 command |
| 4      | read   | 64h     | status                                                  |
| 4      | write  | 64h     | 8042 command                                            |

IRQ 1 while the output buffer is full. There is no mouse: the auxiliary port stays silent.
"""

from collections import deque
from collections.abc import Callable

from ..._core import truth
from ...clock import Timer
from ...device import PioDevice
from .keys import KEYS, SET3_BREAKS, TRANSLATION, Event, chord, key_name, keystrokes, to_set1

DATA = 0
COMMAND = STATUS = 4

STATUS_OBF = 0x01
STATUS_IBF = 0x02  # never seen: the 8042 takes every byte at once
STATUS_SYSTEM = 0x04
STATUS_COMMAND = 0x08
STATUS_UNLOCKED = 0x10
STATUS_AUX = 0x20
STATUS_TIMEOUT = 0x40

MODE_IRQ1 = 0x01
MODE_SYSTEM = 0x04
MODE_DISABLED = 0x10
MODE_AUX_DISABLED = 0x20
MODE_TRANSLATE = 0x40

OUTPUT_RUNNING = 0x01  # low resets the processor
OUTPUT_A20 = 0x02
OUTPUT_OBF = 0x10
OUTPUT_AUX = 0x20
OUTPUT_ONES = 0xCC

ACK = 0xFA
RESEND = 0xFE
BAT_OK = 0xAA
ECHO = 0xEE

BUFFER_SIZE = 16
#: How many keys move at one time with `key_gap = 0`: more than the buffer takes.
BURST = 64
MS = 1_000_000


class Keyboard8042(PioDevice):
    """An 8042 with a 101/102-key AT keyboard.

    The host types with `type()`, `press()` and `key()`. What it types waits in a queue without
    bound; the next key moves when the guest has read all of the one before and `key_gap`
    nanoseconds of guest time are over. With `key_gap = 0` keys come as fast as the host gives
    them, and the keyboard's own 16 bytes may overrun.

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
    length = 5
    max_size = 1
    ranges = ((DATA, 1), (COMMAND, 1))

    def __init__(
        self,
        a20: Callable[[bool], object] | None = None,
        reset: Callable[[], object] | None = None,
    ) -> None:
        self.a20_line = a20
        self.reset_line = reset
        #: Guest nanoseconds between two movements of keys.
        self.key_gap = 20 * MS
        #: Guest nanoseconds that the keyboard's cable is idle after the guest read a byte.
        self.byte_gap = 1 * MS
        #: Whether a key held down with `key()` repeats.
        self.typematic = True
        self.queue: deque[Event] = deque()
        self._byte_timer: Timer | None = None
        self._key_timer: Timer | None = None
        self._repeat_timer: Timer | None = None
        self._repeat_waits = False  # the buffer is full: the repeat goes on when a byte is read
        self.level = False
        self.reset()

    def reset(self) -> None:
        for timer in (self._byte_timer, self._key_timer, self._repeat_timer):
            if timer is not None:
                timer.cancel()
        self._byte_timer = self._key_timer = self._repeat_timer = None
        self.queue.clear()
        self.held: list[str] = []
        # The controller. Translation and IRQ 1 are on before any firmware ran, so that a guest
        # that knows only an XT's keyboard gets its keys.
        self.ram = bytearray(32)
        self.ram[0] = MODE_IRQ1 | MODE_TRANSLATE
        self.status = STATUS_UNLOCKED
        self.output = 0
        self.operand_for = 0  # the command whose operand port 60h takes next, or 0
        self.replies: deque[tuple[int, int]] = deque(maxlen=BUFFER_SIZE)  # (byte, status bits)
        self.break_prefix = False
        self.a20 = True
        self._drive_a20()
        # The keyboard.
        self.buffer: deque[int] = deque()
        self.answers: deque[int] = deque(maxlen=BUFFER_SIZE)
        self.last_sent = BAT_OK
        self.keyboard_operand_for = 0
        self.leds = 0
        self._keyboard_defaults()
        self.scanning = True
        self.rest_until = 0
        self._rest()
        self._update()

    # -- the host types ------------------------------------------------------------

    def key(self, name: str, down: bool) -> None:
        """Move one key, after those that wait; held down it repeats, as on a real keyboard."""
        self._enqueue([(key_name(name), truth(down, "down"), self.typematic)])

    def press(self, name: str) -> None:
        """Press and release a key or a chord: `a`, `f1`, `ctrl+c`, `ctrl+alt+delete`."""
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
        """True while keys wait or the guest has not read all bytes."""
        return bool(self.queue or self.buffer or self.answers or self.status & STATUS_OBF)

    def _enqueue(self, events: list[Event]) -> None:
        self.queue.extend(events)
        self._pump()

    def _pump(self) -> None:
        """Move the next key if the guest has digested the one before."""
        for _ in range(BURST):
            if not self.queue or not self._may_type():
                return
            self._move(*self.queue.popleft())
            self._rest()
        if self.queue and not self._key_waits:
            self._key_timer = self.clock.call_after(self.byte_gap, self._pump)

    @property
    def _key_waits(self) -> bool:
        return self._key_timer is not None and self._key_timer.pending

    def _may_type(self) -> bool:
        if not self.scanning or self.ram[0] & MODE_DISABLED:
            return False  # whoever turns it on again pumps
        if self.key_gap == 0:
            return True
        if self.buffer or self.answers or self.status & STATUS_OBF:
            return False  # the read of port 60h pumps
        rest = self.rest_until - self.clock.now()
        if rest > 0:
            if not self._key_waits:
                self._key_timer = self.clock.call_after(rest, self._pump)
            return False
        return True

    def _rest(self) -> None:
        # Also after a reset and after being enabled: firmware that starts the keyboard throws
        # away what it finds there, and the first key of a script must not be it.
        self.rest_until = self.clock.now() + self.key_gap

    # -- the guest -------------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        if offset == STATUS:
            return self.status | self.ram[0] & STATUS_SYSTEM
        value = self.output
        if self.status & STATUS_OBF:
            self.status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT)
            self._update()
            if self.replies:
                self._fill(*self.replies.popleft())
            elif self.answers or self.buffer or self.queue:
                # One interrupt a byte: the handler reads port 60h more than once and ends
                # before the next byte comes over the cable.
                self._byte_timer = self.clock.call_after(self.byte_gap, self._next_byte)
        return value

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == COMMAND:
            self.status |= STATUS_COMMAND
            self.operand_for = 0
            self._command(value)
        else:
            self.status &= ~STATUS_COMMAND
            if self.operand_for:
                command, self.operand_for = self.operand_for, 0
                self._operand(command, value)
            else:
                # Sending needs the clock line, so the 8042 enables the keyboard by itself.
                self._set_mode(self.ram[0] & ~MODE_DISABLED)
                self._to_keyboard(value)
                self._next_byte()

    # -- controller --------------------------------------------------------------------

    def _command(self, command: int) -> None:
        if 0x20 <= command <= 0x3F:
            self._reply(self.ram[command & 0x1F])
        elif 0x60 <= command <= 0x7F or 0xD1 <= command <= 0xD4:
            self.operand_for = command
        elif command == 0xA1:
            self._reply(0x00)  # firmware version
        elif command == 0xA4:
            self._reply(0xF1)  # no password
        elif command == 0xA7:
            self._set_mode(self.ram[0] | MODE_AUX_DISABLED)
        elif command == 0xA8:
            self._set_mode(self.ram[0] & ~MODE_AUX_DISABLED)
        elif command == 0xA9:
            self._reply(0x00)  # the port is sound, there is just nothing in it
        elif command == 0xAA:
            self.ram[0] |= MODE_SYSTEM
            self._reply(0x55)
        elif command == 0xAB:
            self._reply(0x00)
        elif command == 0xAD:
            self._set_mode(self.ram[0] | MODE_DISABLED)
        elif command == 0xAE:
            self._set_mode(self.ram[0] & ~MODE_DISABLED)
        elif command == 0xC0:
            self._reply(0x80)  # input port: not locked, colour display
        elif command == 0xD0:
            self._reply(self.output_port)
        elif command in (0xDD, 0xDF):
            self.a20 = command == 0xDF
            self._drive_a20()
        elif command == 0xE0:
            # Test inputs: clock and data idle high; a disabled keyboard has its clock held low.
            self._reply(0x02 if self.ram[0] & MODE_DISABLED else 0x03)
        elif command >= 0xF0 and not command & OUTPUT_RUNNING:
            self._pulse_reset()

    def _operand(self, command: int, value: int) -> None:
        if command == 0x60:
            self._set_mode(value)
        elif command < 0x80:
            self.ram[command & 0x1F] = value
        elif command == 0xD1:
            self.a20 = bool(value & OUTPUT_A20)
            self._drive_a20()
            if not value & OUTPUT_RUNNING:
                self._pulse_reset()
        elif command == 0xD2:
            self._reply(value)
        elif command == 0xD3:
            self._reply(value, STATUS_AUX)
        else:
            # D4 for a mouse: nobody answers on the auxiliary cable.
            self._reply(RESEND, STATUS_AUX | STATUS_TIMEOUT)

    @property
    def output_port(self) -> int:
        """The 8042's output port, as command D0h reads it."""
        full, aux = self.status & STATUS_OBF, self.status & STATUS_AUX
        return (
            OUTPUT_ONES
            | OUTPUT_RUNNING
            | (OUTPUT_A20 if self.a20 else 0)
            | (OUTPUT_OBF if full and not aux else 0)
            | (OUTPUT_AUX if full and aux else 0)
        )

    def _set_mode(self, mode: int) -> None:
        enabled = self.ram[0] & ~mode & MODE_DISABLED
        self.ram[0] = mode
        self._update()
        if enabled:
            self._rest()
            self._next_byte()

    def _reply(self, value: int, bits: int = 0) -> None:
        if self.status & STATUS_OBF:
            self.replies.append((value, bits))
        else:
            self._fill(value, bits)

    def _fill(self, value: int, bits: int) -> None:
        self.output = value
        self.status |= STATUS_OBF | bits
        self._update()

    def _next_byte(self) -> None:
        """Take a byte from the keyboard if the output buffer and the cable are free."""
        if self._repeat_waits and len(self.buffer) < BUFFER_SIZE:
            self._start_repeat(self._repeat_period())
        idle = self._byte_timer is None or not self._byte_timer.pending
        if not idle or self.status & STATUS_OBF or self.ram[0] & MODE_DISABLED:
            return
        while self.answers or self.buffer:
            byte = (self.answers or self.buffer).popleft()
            if byte != RESEND:
                self.last_sent = byte
            if not self.ram[0] & MODE_TRANSLATE:
                self._fill(byte, 0)
                return
            if byte == 0xF0:
                self.break_prefix = True
                continue
            code = TRANSLATION[byte]
            if self.break_prefix:
                self.break_prefix = False
                code |= 0x80
            self._fill(code, 0)
            return
        self._pump()

    def _update(self) -> None:
        level = (
            bool(self.status & STATUS_OBF)
            and not self.status & STATUS_AUX
            and self.ram[0] & (MODE_IRQ1 | MODE_DISABLED) == MODE_IRQ1
        )
        if level != self.level:
            self.level = level
            self.irq(level)

    def _drive_a20(self) -> None:
        if self.a20_line is not None:
            self.a20_line(self.a20)

    def _pulse_reset(self) -> None:
        if self.reset_line is not None:
            self.reset_line()

    # -- keyboard -------------------------------------------------------------------------

    def _keyboard_defaults(self) -> None:
        self.scan_set = 2
        self.repeat_rate = 0x2B  # 10.9 a second after half a second
        self.set3_types: dict[int, str] = {}
        self.set3_default = ""
        self._stop_repeat()

    def _to_keyboard(self, value: int) -> None:
        command, self.keyboard_operand_for = self.keyboard_operand_for, 0
        if command and value < 0x80:
            self._keyboard_operand(command, value)
            return
        # A byte from 80h on is a new command, also where an operand was expected.
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
            self.set3_default = ("repeat", "break", "make", "both")[value - 0xF7]
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
        """Store a key's bytes whole, or one overrun code in the place after the last."""
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
        """What a key sends in the current set."""
        code, code3 = KEYS[name]
        if self.scan_set == 3:
            if down:
                return bytes((code3,))
            return bytes((0xF0, code3)) if self._set3_type(name) in ("break", "both") else b""
        if name == "pause":
            if not down:
                return b""  # it sends both with the press
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
        """The key moved last is still down: it sends its make code again."""
        if not self.held or not self.scanning:
            return
        name = self.held[-1]
        self._start_repeat(self._repeat_period())
        self._send(self._codes(name, True))
        if len(self.buffer) >= BUFFER_SIZE:
            # Repeat no more until the guest reads: no timer runs for a guest that never does.
            self._stop_repeat()
            self._repeat_waits = True

    def _start_repeat(self, ns: int) -> None:
        self._repeat_waits = False
        self._repeat_timer = self.clock.call_after(ns, self._repeat)

    def _stop_repeat(self) -> None:
        self._repeat_waits = False
        if self._repeat_timer is not None:
            self._repeat_timer.cancel()
            self._repeat_timer = None
