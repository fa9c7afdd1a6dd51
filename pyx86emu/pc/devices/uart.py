"""The serial port: a 16550A UART moves bytes between the guest and a serial line.

| offset | DLAB | read                     | write               |
| ------ | ---- | ------------------------ | ------------------- |
| 0      | 0    | RBR receiver buffer      | THR transmit buffer |
| 1      | 0    | IER interrupt enable     | IER                 |
| 0, 1   | 1    | divisor latch, low, high | the same            |
| 2      |      | IIR interrupt identity   | FCR FIFO control    |
| 3      |      | LCR line control         | LCR                 |
| 4      |      | MCR modem control        | MCR                 |
| 5      |      | LSR line status          |                     |
| 6      |      | MSR modem status         |                     |
| 7      |      | SCR scratch              | SCR                 |

On a PC at 3F8h, IRQ 4 (COM1), and at 2F8h, IRQ 3 (COM2), gated by MCR bit OUT2.
"""

from collections import deque
from collections.abc import Callable

from ..._core import truth
from ...clock import Timer
from .fields import BYTE, TIME, FieldDevice, Fields, Flag, Group, Raw, Row, Whole

RBR = THR = 0
IER = 1
IIR = FCR = 2
LCR = 3
MCR = 4
LSR = 5
MSR = 6
SCR = 7

IER_RDI = 0x01  # received data, and the FIFO's timeout
IER_THRI = 0x02
IER_RLSI = 0x04
IER_MSI = 0x08

IIR_NONE = 0x01
IIR_MSI = 0x00
IIR_THRI = 0x02
IIR_RDI = 0x04
IIR_RLSI = 0x06
IIR_TIMEOUT = 0x0C
IIR_FIFO = 0xC0

FCR_ENABLE = 0x01
FCR_CLEAR_RX = 0x02
FCR_CLEAR_TX = 0x04

LCR_STOP = 0x04
LCR_PARITY = 0x08
LCR_BREAK = 0x40
LCR_DLAB = 0x80

MCR_DTR = 0x01
MCR_RTS = 0x02
MCR_OUT1 = 0x04
MCR_OUT2 = 0x08
MCR_LOOP = 0x10

LSR_DR = 0x01
LSR_OE = 0x02
LSR_PE = 0x04
LSR_FE = 0x08
LSR_BI = 0x10
LSR_THRE = 0x20
LSR_TEMT = 0x40
LSR_FIFO_ERROR = 0x80
LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI

MSR_DCTS = 0x01
MSR_DDSR = 0x02
MSR_TERI = 0x04
MSR_DDCD = 0x08
MSR_CTS = 0x10
MSR_DSR = 0x20
MSR_RI = 0x40
MSR_DCD = 0x80

FIFO_SIZE = 16
TRIGGER = (1, 4, 8, 14)
CRYSTAL = 1_843_200
DIVISOR_9600 = 12


class Uart16550A(FieldDevice):
    """A 16550A. Sending takes no time; receiving takes one character time per byte.

    Each byte that the guest sends goes to `output` at once, on the thread that runs the guest. The
    bytes given to `receive()` wait in an unbounded queue. They arrive one character time after the
    other, while the receiver has room.

    >>> uart = Uart16550A(output=print)
    >>> uart.pio_write(THR, 1, 0x41)
    b'A'
    >>> uart.receive(b"Z")
    >>> chr(uart.pio_read(RBR, 1))
    'Z'
    """

    name = "uart"
    length = 8
    max_size = 1
    fields = Fields(
        {
            "queue": Raw(),
            "inputs": BYTE,
            "rbr": BYTE,
            "fifo": Row(Group(BYTE, BYTE), most=FIFO_SIZE),
            "ier": Whole(0x0F),
            "fcr": Whole(0xC9),
            "lcr": BYTE,
            "mcr": Whole(0x1F),
            "lsr": BYTE,
            "msr": BYTE,
            "scratch": BYTE,
            "divisor": Whole(0xFFFF),
            "line_free": TIME,
            "thr_pending": Flag(),
            "timeout_pending": Flag(),
        },
        timers=[
            ("_next_byte", {"{name}.byte": "_feed"}),
            ("_timeout", {"{name}.timeout": "_timed_out"}),
        ],
        lines=[("level", "irq")],
    )

    def __init__(
        self, output: Callable[[bytes], object] | None = None, *, name: str = "uart"
    ) -> None:
        self.output = output
        self.name = name
        self.queue: deque[int] = deque()
        self.inputs = MSR_CTS | MSR_DSR | MSR_DCD
        self._next_byte: Timer | None = None
        self._timeout: Timer | None = None
        self.level = False
        self.reset()

    def reset(self) -> None:
        self.queue.clear()
        self._stop(self._next_byte)
        self._stop(self._timeout)
        self._next_byte = self._timeout = None
        self.rbr = 0
        self.fifo: deque[tuple[int, int]] = deque()  # (byte, its error bits)
        self.ier = 0
        self.fcr = 0
        self.lcr = 0
        self.mcr = 0
        self.lsr = LSR_THRE | LSR_TEMT
        self.msr = self.inputs
        self.scratch = 0
        self.divisor = DIVISOR_9600
        self.line_free = 0  # guest time at which the next byte can be complete
        self.thr_pending = False
        self.timeout_pending = False
        self._update()

    # -- the serial line ---------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Send bytes to the guest; they wait in the queue until it reads them.

        Call it on the thread that runs the guest, or while the guest does not run. TypeError:
        `data` is not bytes-like.
        """
        try:
            self.queue.extend(memoryview(data).tobytes())
        except TypeError:
            raise TypeError(f"receive() takes bytes, not {type(data).__name__}") from None
        if self._next_byte is None:
            self._feed()

    def receive_break(self) -> None:
        """Send a break: one zero byte with the error bits for break and framing error."""
        if not self.mcr & MCR_LOOP:
            self._arrive(0, LSR_BI | LSR_FE)

    def set_modem(
        self,
        *,
        cts: bool | None = None,
        dsr: bool | None = None,
        ri: bool | None = None,
        dcd: bool | None = None,
    ) -> None:
        """Change the given modem lines; the others stay. At first all but RI are on. ValueError: a
        value is neither true nor false."""
        for bit, on in ((MSR_CTS, cts), (MSR_DSR, dsr), (MSR_RI, ri), (MSR_DCD, dcd)):
            if on is not None:
                high = truth(on, "a line of the modem")
                self.inputs = self.inputs | bit if high else self.inputs & ~bit
        self._modem_lines()

    @property
    def char_time(self) -> int:
        """Guest nanoseconds that one character takes on the line."""
        bits = 1 + 5 + (self.lcr & 3) + bool(self.lcr & LCR_PARITY) + 1 + bool(self.lcr & LCR_STOP)
        return bits * 16 * (self.divisor or 0x10000) * 1_000_000_000 // CRYSTAL

    # -- the guest ---------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        if offset == LSR:
            return self._read_lsr()
        if offset == RBR:
            return self.divisor & 0xFF if self.lcr & LCR_DLAB else self._read_rbr()
        if offset == IER:
            return self.divisor >> 8 if self.lcr & LCR_DLAB else self.ier
        if offset == IIR:
            return self._read_iir()
        if offset == LCR:
            return self.lcr
        if offset == MCR:
            return self.mcr
        if offset == MSR:
            value = self.msr
            self.msr &= 0xF0
            self._update()
            return value
        return self.scratch

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == THR:
            if self.lcr & LCR_DLAB:
                self.divisor = self.divisor & 0xFF00 | value
            else:
                self._write_thr(value)
        elif offset == IER:
            if self.lcr & LCR_DLAB:
                self.divisor = self.divisor & 0x00FF | value << 8
            else:
                self._write_ier(value & 0x0F)
        elif offset == FCR:
            self._write_fcr(value)
        elif offset == LCR:
            begins = value & ~self.lcr & LCR_BREAK
            self.lcr = value
            if begins and self.mcr & MCR_LOOP:
                self._arrive(0, LSR_BI | LSR_FE)
        elif offset == MCR:
            self.mcr = value & 0x1F
            self._modem_lines()
            self._feed()
        elif offset == SCR:
            self.scratch = value

    def _write_thr(self, value: int) -> None:
        # The interrupt line goes low while the byte is sent, so that an edge-triggered interrupt
        # controller sees a new edge for every byte.
        self.thr_pending = False
        self._update()
        if self.mcr & MCR_LOOP:
            self._arrive(value, 0)
        elif self.output is not None:
            self.output(bytes((value,)))
        self.thr_pending = True
        self._update()

    def _write_ier(self, value: int) -> None:
        if (value ^ self.ier) & IER_THRI:
            # The transmitter is always empty, so enabling its interrupt raises it at once.
            self.thr_pending = bool(value & IER_THRI)
        self.ier = value
        self._update()

    def _write_fcr(self, value: int) -> None:
        if (value ^ self.fcr) & FCR_ENABLE:
            value |= FCR_CLEAR_RX | FCR_CLEAR_TX
        if value & FCR_CLEAR_RX:
            self.fifo.clear()
            self.lsr &= ~(LSR_DR | LSR_BI | LSR_FE | LSR_PE)
            self.timeout_pending = False
            self._stop(self._timeout)
        if value & FCR_CLEAR_TX:
            self.thr_pending = True
        # Without the enable bit the other bits have no effect.
        self.fcr = value & 0xC9 if value & FCR_ENABLE else 0
        if self.fifo:
            self._start_timeout()
        self._update()
        self._feed()

    def _read_rbr(self) -> int:
        if not self.fifo:
            return self.rbr
        self.rbr, _ = self.fifo.popleft()
        self.timeout_pending = False
        if self.fifo:
            self.lsr |= self.fifo[0][1]
            self._start_timeout()
        else:
            self.lsr &= ~LSR_DR
            self._stop(self._timeout)
        self._update()
        if self.queue and self._next_byte is None:
            # Only after this read has returned: the interrupt line must go low first.
            self._next_byte = self.clock.call_after(self.char_time, self._feed, self.name + ".byte")
        return self.rbr

    def _read_iir(self) -> int:
        source = self._source()
        if source == IIR_THRI:
            self.thr_pending = False
            self._update()
        return source | (IIR_FIFO if self.fcr & FCR_ENABLE else 0)

    def _read_lsr(self) -> int:
        value = self.lsr
        if self.fcr & FCR_ENABLE and any(errors for _, errors in self.fifo):
            value |= LSR_FIFO_ERROR
        if value & LSR_ERRORS:
            self.lsr &= ~LSR_ERRORS
            if self.fifo:
                # Reported once; the byte itself stays.
                self.fifo[0] = (self.fifo[0][0], 0)
            self._update()
        return value

    # -- receiver ----------------------------------------------------------------

    def _room(self) -> int:
        return (FIFO_SIZE if self.fcr & FCR_ENABLE else 1) - len(self.fifo)

    def _feed(self) -> None:
        """Receive the next byte of the queue if there is room, as with hardware flow control."""
        if self._next_byte is not None and self._next_byte.pending:
            return
        self._next_byte = None
        if not self.queue or self._room() <= 0 or self.mcr & MCR_LOOP:
            return
        now = self.clock.now()
        if now < self.line_free:
            self._next_byte = self.clock.call_after(
                self.line_free - now, self._feed, self.name + ".byte"
            )
            return
        self.line_free = now + self.char_time
        self._arrive(self.queue.popleft(), 0)
        if self.queue and self._room() > 0:
            self._next_byte = self.clock.call_after(self.char_time, self._feed, self.name + ".byte")

    def _arrive(self, byte: int, errors: int) -> None:
        """One character is complete in the receiver's shift register."""
        if self._room() <= 0:
            self.lsr |= LSR_OE
            if not self.fcr & FCR_ENABLE:
                # Without FIFO the new character replaces the old one. A FIFO keeps the old ones.
                self.fifo[0] = (byte, errors)
                self.lsr |= errors
        else:
            self.fifo.append((byte, errors))
            self.lsr |= LSR_DR | (errors if len(self.fifo) == 1 else 0)
        self._start_timeout()
        self._update()

    def _start_timeout(self) -> None:
        """Interrupt for the waiting bytes after four character times without arrival or read."""
        self._stop(self._timeout)
        if self.fcr & FCR_ENABLE and len(self.fifo) < self._trigger():
            self._timeout = self.clock.call_after(
                4 * self.char_time, self._timed_out, self.name + ".timeout"
            )

    def _timed_out(self) -> None:
        self.timeout_pending = bool(self.fifo)
        self._update()

    def _trigger(self) -> int:
        return TRIGGER[self.fcr >> 6] if self.fcr & FCR_ENABLE else 1

    @staticmethod
    def _stop(timer: Timer | None) -> None:
        if timer is not None:
            timer.cancel()

    # -- modem lines and interrupt -------------------------------------------------

    def _modem_lines(self) -> None:
        lines = self.inputs
        if self.mcr & MCR_LOOP:
            lines = (
                (MSR_CTS if self.mcr & MCR_RTS else 0)
                | (MSR_DSR if self.mcr & MCR_DTR else 0)
                | (MSR_RI if self.mcr & MCR_OUT1 else 0)
                | (MSR_DCD if self.mcr & MCR_OUT2 else 0)
            )
        changed = (self.msr ^ lines) & 0xF0
        deltas = changed >> 4 & (MSR_DCTS | MSR_DDSR | MSR_DDCD)
        if changed & ~lines & MSR_RI:
            deltas |= MSR_TERI  # set at the end of a ring, not at its start
        self.msr = lines | self.msr & 0x0F | deltas
        self._update()

    def _source(self) -> int:
        """The pending interrupt of the highest priority."""
        ier = self.ier
        if ier & IER_RLSI and self.lsr & LSR_ERRORS:
            return IIR_RLSI
        if ier & IER_RDI:
            if len(self.fifo) >= self._trigger():
                return IIR_RDI
            if self.timeout_pending:
                return IIR_TIMEOUT
        if ier & IER_THRI and self.thr_pending:
            return IIR_THRI
        if ier & IER_MSI and self.msr & 0x0F:
            return IIR_MSI
        return IIR_NONE

    def _update(self) -> None:
        # Loopback does not close the gate. The chip itself would lower OUT2 in loopback, but
        # self-tests of boards and of emulators expect the interrupt.
        level = bool(self.mcr & MCR_OUT2) and self._source() != IIR_NONE
        if level != self.level:
            self.level = level
            self.irq(level)
