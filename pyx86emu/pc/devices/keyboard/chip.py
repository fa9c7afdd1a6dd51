"""The 8042: take commands at its ports, give bytes to the guest. Does not know keys.

| offset | access | on a PC | meaning                                                 |
| ------ | ------ | ------- | ------------------------------------------------------- |
| 0      | read   | 60h     | output buffer: scan code, answer of keyboard or 8042    |
| 0      | write  | 60h     | byte for the keyboard, or the operand of an 8042 command |
| 4      | read   | 64h     | status                                                  |
| 4      | write  | 64h     | 8042 command                                            |

IRQ 1 while the output buffer has a byte of the keyboard or of the 8042, IRQ 12 while it has one of
the auxiliary port, where a mouse is connected.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable

from ....clock import Timer
from ..fields import FieldDevice
from ..mouse import Ps2Mouse
from .keys import TRANSLATION

DATA = 0
COMMAND = STATUS = 4

STATUS_OBF = 0x01
STATUS_IBF = 0x02  # never set: the 8042 takes every byte at once
STATUS_SYSTEM = 0x04
STATUS_COMMAND = 0x08
STATUS_UNLOCKED = 0x10
STATUS_AUX = 0x20
STATUS_TIMEOUT = 0x40

MODE_IRQ1 = 0x01
MODE_IRQ12 = 0x02
MODE_SYSTEM = 0x04
MODE_DISABLED = 0x10
MODE_AUX_DISABLED = 0x20
MODE_TRANSLATE = 0x40

OUTPUT_RUNNING = 0x01  # low resets the processor
OUTPUT_A20 = 0x02
OUTPUT_OBF = 0x10
OUTPUT_AUX = 0x20
OUTPUT_ONES = 0xCC

RESEND = 0xFE

MS = 1_000_000
#: How many answers of the 8042, and how many bytes of the keyboard, can wait.
BUFFER_SIZE = 16


class Chip8042(FieldDevice):
    """Ports and commands; a subclass adds the keyboard at the other end of the cable."""

    length = 5
    max_size = 1
    ranges = ((DATA, 1), (COMMAND, 1))

    def __init__(
        self,
        a20: Callable[[bool], object] | None,
        reset: Callable[[], object] | None,
        irq12: Callable[[bool], object] | None,
    ) -> None:
        self.a20_line = a20
        self.reset_line = reset
        self.aux_line = irq12
        #: At the auxiliary port.
        self.mouse = Ps2Mouse(self._next_byte)
        #: Guest nanoseconds from a read of port 60h to the next byte from the keyboard.
        self.byte_gap = 1 * MS
        self._byte_timer: Timer | None = None
        self.level = self.aux_level = False

    def reset(self) -> None:
        if self._byte_timer is not None:
            self._byte_timer.cancel()
            self._byte_timer = None
        # Translation and IRQ 1 are on before any firmware has run: so a guest that knows only the
        # keyboard of an XT gets its keys.
        self.ram = bytearray(32)
        self.ram[0] = MODE_IRQ1 | MODE_TRANSLATE
        self.status = STATUS_UNLOCKED
        self.output = 0
        self.operand_for = 0  # the command whose operand port 60h takes next, or 0
        self.replies: deque[tuple[int, int]] = deque(maxlen=BUFFER_SIZE)  # (byte, status bits)
        self.break_prefix = False
        self.a20 = True
        self.mouse.clock = self.clock
        self.mouse.reset()
        self._drive_a20()
        self._update()

    # -- the other end of the cable ------------------------------------------------------

    @abstractmethod
    def _receive(self, value: int) -> None:
        """Give the keyboard a byte that came over the cable."""

    @abstractmethod
    def _send_byte(self) -> int | None:
        """The next byte of the keyboard; None if it has none."""

    @property
    @abstractmethod
    def _has_more(self) -> bool:
        """True if the keyboard has bytes, or keys are waiting."""

    @abstractmethod
    def _enabled(self) -> None:
        """The clock line is free again: the keyboard may send."""

    @abstractmethod
    def _idle(self) -> None:
        """The output buffer is free and the keyboard has sent all of its bytes."""

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
            elif self._has_more or self.mouse.has_more:
                # One interrupt per byte: a handler may read port 60h more than once, and must
                # end before the next byte comes over the cable.
                self._byte_timer = self.clock.call_after(
                    self.byte_gap, self._next_byte, "keyboard.byte"
                )
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
                # Sending needs the clock line, so the 8042 enables the keyboard too.
                self._set_mode(self.ram[0] & ~MODE_DISABLED)
                self._receive(value)
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
            self._reply(0x00)  # the auxiliary port works
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
            # Test inputs: idle clock and data are high. A disabled keyboard has its clock low.
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
            # D4. As for the keyboard: sending needs the clock line, so it enables the port.
            self._set_mode(self.ram[0] & ~MODE_AUX_DISABLED)
            self.mouse.receive(value)

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
        enabled = self.ram[0] & ~mode
        self.ram[0] = mode
        self._update()
        if enabled & MODE_DISABLED:
            self._enabled()
        if enabled & (MODE_DISABLED | MODE_AUX_DISABLED):
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
        """Take a byte from the keyboard, else from the mouse, if the output buffer is free."""
        idle = self._byte_timer is None or not self._byte_timer.pending
        if not idle or self.status & STATUS_OBF:
            return
        if not self.ram[0] & MODE_DISABLED:
            self._next_code()
        if not self.status & STATUS_OBF and not self.ram[0] & MODE_AUX_DISABLED:
            byte = self.mouse.take()
            if byte is not None:
                self._fill(byte, STATUS_AUX)

    def _next_code(self) -> None:
        while (byte := self._send_byte()) is not None:
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
        self._idle()

    def _update(self) -> None:
        full, mode = self.status & (STATUS_OBF | STATUS_AUX), self.ram[0]
        level = full == STATUS_OBF and mode & (MODE_IRQ1 | MODE_DISABLED) == MODE_IRQ1
        if level != self.level:
            self.level = level
            self.irq(level)
        level = full == STATUS_OBF | STATUS_AUX
        level = level and mode & (MODE_IRQ12 | MODE_AUX_DISABLED) == MODE_IRQ12
        if level != self.aux_level:
            self.aux_level = level
            if self.aux_line is not None:
                self.aux_line(level)

    def _drive_a20(self) -> None:
        if self.a20_line is not None:
            self.a20_line(self.a20)

    def _pulse_reset(self) -> None:
        if self.reset_line is not None:
            self.reset_line()
