"""The PS/2 mouse: turn movements into packets. Does not know the 8042.

| byte | bits 7-0                                                     |
| ---- | ------------------------------------------------------------ |
| 1    | 0 0 YS XS 1 M R L: signs of Y and X, buttons                 |
| 2    | X, to the right                                              |
| 3    | Y, upwards                                                   |
| 4    | wheel, towards the user; only after the knock 200, 100, 80   |

(IBM, Personal System/2 Hardware Interface Technical Reference, Mouse; the wheel as Microsoft's.)
"""

from collections import deque
from collections.abc import Callable

from ..._core import whole
from ...clock import Clock, Timer
from .fields import BYTE, TIME, Fields, Flag, Group, Raw, Row, Whole

LEFT = 0x01
RIGHT = 0x02
MIDDLE = 0x04

ACK = 0xFA
RESEND = 0xFE
ERROR = 0xFC
TEST_PASSED = 0xAA

RESET = 0xFF
DEFAULTS = 0xF6
DISABLE = 0xF5
ENABLE = 0xF4
SET_RATE = 0xF3
GET_ID = 0xF2
REMOTE = 0xF0
WRAP = 0xEE
UNWRAP = 0xEC
READ = 0xEB
STREAM = 0xEA
STATUS = 0xE9
SET_RESOLUTION = 0xE8
SCALE_2_1 = 0xE7
SCALE_1_1 = 0xE6

ID_PLAIN = 0x00
ID_WHEEL = 0x03
#: The sample rates, set one after the other, that turn the wheel on.
KNOCK = (200, 100, 80)
#: Scaling 2:1 of 0 to 5 counts; more are doubled.
SCALED = (0, 1, 1, 3, 6, 9)

SECOND = 1_000_000_000
#: The largest movement of one packet; the rest follows in the next one.
MOST = 127
#: How many changes of buttons wait; if there are more, they become one.
CHANGES = 64
FAR = 1 << 31


#: The sum of many movements that wait.
_SUM = Whole(1 << 62, -(1 << 62))
_HELD = Whole(7)


class Ps2Mouse:
    """A mouse with three buttons and a wheel.

    The host moves it with `move()`, and may do so while the guest does not listen: then only the
    buttons are kept. Each change of the buttons is a packet of its own. Packets come at the sample
    rate that the guest has set, and only as fast as it reads them.

    The thread that runs the guest calls all methods; any other thread only while the guest does
    not run.

    >>> mouse = Ps2Mouse(print)
    >>> mouse.take()                                         # nothing to say
    """

    name = "mouse"
    fields = Fields(
        {
            "buttons": _HELD,
            "_changes": Row(Group(_SUM, _SUM, _SUM, _HELD), most=CHANGES + 1),
            "_bytes": Raw(most=CHANGES),
            "_fraction_x": Whole(3),
            "_fraction_y": Whole(3),
            "id": BYTE,
            "_knocks": Row(BYTE, most=len(KNOCK)),
            "wraps": Flag(),
            "_operand_for": BYTE,
            "_errors": Flag(),
            "_sent": Raw(most=4),
            "_next": TIME,
            "rate": Whole(200, 10),
            "resolution": Whole(3),
            "doubles": Flag(),
            "remote": Flag(),
            "enabled": Flag(),
        },
        timers=[("_timer", {"mouse.rate": "_pump"})],
    )

    def __init__(self, on_ready: Callable[[], object] | None = None) -> None:
        #: Called when there are bytes to `take()`.
        self.on_ready = on_ready
        self.clock: Clock | None = None
        self._timer: Timer | None = None
        self.buttons = 0
        self._changes: deque[tuple[int, int, int, int]] = deque()
        self._bytes: deque[int] = deque()
        self._fraction_x = self._fraction_y = 0  # quarters of a count
        self._power_on()

    def reset(self) -> None:
        """Power-on: the settings are the defaults, and nothing waits. Buttons stay held."""
        self._drop()
        self._power_on()

    def _power_on(self) -> None:
        self._defaults()
        self.id = ID_PLAIN
        self._knocks: list[int] = []
        self.wraps = False
        self._operand_for = 0
        self._errors = 0
        self._sent = bytes((TEST_PASSED, ID_PLAIN))
        self._next = 0  # guest time of the next packet, at the earliest

    def _defaults(self) -> None:
        self.rate = 100  # packets a second
        self.resolution = 2  # 1 << resolution counts a millimetre
        self.doubles = False
        self.remote = False
        self.enabled = False

    # -- the host moves it ---------------------------------------------------------------

    def move(self, dx: int = 0, dy: int = 0, buttons: int | None = None, wheel: int = 0) -> None:
        """Move to the right by `dx` and down by `dy`, in counts of 0.25 mm; turn the wheel towards
        the user by `wheel` notches; hold down `buttons`, a sum of LEFT, RIGHT and MIDDLE (None: the
        same as before).

        TypeError: no integer. ValueError: `buttons` is not 0 to 7, or a movement is 2**31 or more.
        """
        dx, dy = whole(dx, "dx", -FAR, FAR), whole(dy, "dy", -FAR, FAR)
        wheel = whole(wheel, "wheel", -FAR, FAR)
        held = self.buttons if buttons is None else whole(buttons, "buttons", 0, 7)
        changed = held != self.buttons
        self.buttons = held
        if not (self.enabled or self.remote):
            return
        x, self._fraction_x = _counts(self._fraction_x + (dx << self.resolution))
        y, self._fraction_y = _counts(self._fraction_y - (dy << self.resolution))
        if self.id != ID_WHEEL:
            wheel = 0
        if not (changed or x or y or wheel):
            return
        last = self._changes[-1] if self._changes else None
        if last is not None and (last[3] == held or len(self._changes) >= CHANGES):
            self._changes.pop()
            x, y, wheel = last[0] + x, last[1] + y, last[2] + wheel
        self._changes.append((x, y, wheel, held))
        self._pump()

    @property
    def moving(self) -> bool:
        """True while packets wait that the guest has not read."""
        return bool(self._bytes or self._due())

    # -- the cable -----------------------------------------------------------------------

    def take(self) -> int | None:
        """The next byte for the guest; None: there is none now."""
        if not self._bytes:
            return None
        byte = self._bytes.popleft()
        self._make_packet()
        return byte

    @property
    def has_more(self) -> bool:
        """True if `take()` would return a byte."""
        return bool(self._bytes)

    def receive(self, value: int) -> None:
        """Take a byte from the guest: a command, or the value that the last one asked for."""
        self._bytes.clear()  # what was not sent yet is dropped
        if self.wraps and value not in (RESET, UNWRAP):
            self._bytes.append(value)
        elif self._operand_for:
            command, self._operand_for = self._operand_for, 0
            self._operand(command, value)
        else:
            self._command(value)
        self._pump()

    def _answer(self, *values: int) -> None:
        self._errors = 0
        self._bytes.extend((ACK, *values))
        if values:
            self._sent = bytes(values)

    def _refuse(self) -> None:
        """RESEND; a second wrong byte in a row is an error, and the command is over."""
        self._bytes.append(ERROR if self._errors else RESEND)
        self._errors = not self._errors

    def _command(self, command: int) -> None:
        if command == RESET:
            self.reset()
            self._answer(TEST_PASSED, ID_PLAIN)
        elif command == RESEND:
            self._bytes.extend(self._sent)
        elif command == DEFAULTS:
            self._drop()
            self._defaults()
            self._answer()
        elif command in (ENABLE, DISABLE):
            self._drop()
            self.enabled = command == ENABLE
            self._answer()
        elif command in (SET_RATE, SET_RESOLUTION):
            self._answer()
            self._operand_for = command
        elif command == GET_ID:
            self._answer(self.id)
        elif command in (REMOTE, STREAM):
            self._drop()
            self.remote = command == REMOTE
            self._answer()
        elif command in (WRAP, UNWRAP):
            self._drop()
            self.wraps = command == WRAP
            self._answer()
        elif command == READ:
            self._answer(*self._packet(doubles=False))
        elif command == STATUS:
            self._answer(self._status(), self.resolution, self.rate)
        elif command in (SCALE_1_1, SCALE_2_1):
            self.doubles = command == SCALE_2_1
            self._answer()
        else:
            self._refuse()

    def _operand(self, command: int, value: int) -> None:
        if command == SET_RESOLUTION and value <= 3:
            self.resolution = value
        elif command == SET_RATE and value in (10, 20, 40, 60, 80, 100, 200):
            self.rate = value
            self._knocks = [*self._knocks[-2:], value]
            if tuple(self._knocks) == KNOCK:
                self.id = ID_WHEEL
        else:
            self._operand_for = 0 if self._errors else command
            self._refuse()
            return
        self._answer()

    def _status(self) -> int:
        return (
            (0x40 if self.remote else 0)
            | (0x20 if self.enabled else 0)
            | (0x10 if self.doubles else 0)
            | (0x04 if self.buttons & LEFT else 0)
            | (0x02 if self.buttons & MIDDLE else 0)
            | (0x01 if self.buttons & RIGHT else 0)
        )

    # -- packets -------------------------------------------------------------------------

    def _drop(self) -> None:
        """Forget movements that were not sent."""
        self._changes.clear()
        self._fraction_x = self._fraction_y = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> bool:
        """True if a packet is to be sent without being asked for."""
        return bool(self._changes) and self.enabled and not self.remote and not self.wraps

    def _pump(self) -> None:
        self._make_packet()
        if self._bytes and self.on_ready is not None:
            self.on_ready()

    def _make_packet(self) -> None:
        """Make the next packet, if it is time for it and the last one has been sent."""
        if self._bytes or not self._due() or self.clock is None:
            return
        now = self.clock.now()
        if now >= self._next:
            self._next = now + SECOND // self.rate
            self._sent = self._packet(self.doubles)
            self._bytes.extend(self._sent)
        elif self._timer is None or not self._timer.pending:
            self._timer = self.clock.call_after(self._next - now, self._pump, "mouse.rate")

    def _packet(self, doubles: bool) -> bytes:
        """The next movement, at most `MOST` counts of it; the rest stays."""
        dx, dy, wheel, held = self._changes.popleft() if self._changes else (0, 0, 0, self.buttons)
        x, y, z = max(-MOST, min(MOST, dx)), max(-MOST, min(MOST, dy)), max(-8, min(7, wheel))
        if (x, y, z) != (dx, dy, wheel):
            self._changes.appendleft((dx - x, dy - y, wheel - z, held))
        if doubles:
            x, y = _double(x), _double(y)
        first = 0x08 | held | (0x10 if x < 0 else 0) | (0x20 if y < 0 else 0)
        packet = bytes((first, x & 0xFF, y & 0xFF))
        return packet + bytes((z & 0xFF,)) if self.id == ID_WHEEL else packet

    def __repr__(self) -> str:
        how = "remote" if self.remote else "enabled" if self.enabled else "disabled"
        return f"<Ps2Mouse {how}, {self.rate} packets a second>"


def _counts(quarters: int) -> tuple[int, int]:
    """Whole counts, and the quarters that are left."""
    counts = quarters >> 2
    return counts, quarters - 4 * counts


def _double(counts: int) -> int:
    """Scaling 2:1."""
    size = abs(counts)
    size = SCALED[size] if size < len(SCALED) else 2 * size
    return size if counts >= 0 else -size
