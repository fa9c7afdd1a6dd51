"""The DMA controller: an 8237A and its page registers move bytes between a device and memory.

| offset             | read              | write                            |
| ------------------ | ----------------- | -------------------------------- |
| 00h 02h 04h 06h    | current address   | base and current address, ch 0-3 |
| 01h 03h 05h 07h    | current count     | base and current count, ch 0-3   |
| 08h                | status            | command                          |
| 09h                |                   | request                          |
| 0Ah                |                   | mask, one channel                |
| 0Bh                |                   | mode                             |
| 0Ch                |                   | clear the byte flip-flop         |
| 0Dh                | temporary         | master clear                     |
| 0Eh                |                   | clear all masks                  |
| 0Fh                | mask              | mask, all channels               |
| 87h 83h 81h 82h    | page, ch 0 1 2 3  | the same                         |
| the rest of 81-8Fh | latch             | latch                            |

At port 00h on a PC. Port 80h, the first of the page registers, belongs to the POST port.
"""

from ..._core import whole
from ...memory import Memory, load, store
from .fields import BYTE, FieldDevice, Fields, Raw, Row, Whole

STATUS = COMMAND = 0x08
REQUEST = 0x09
SINGLE_MASK = 0x0A
MODE = 0x0B
CLEAR_FLIP_FLOP = 0x0C
TEMPORARY = MASTER_CLEAR = 0x0D
CLEAR_MASK = 0x0E
ALL_MASK = 0x0F
PAGES = 0x80

PAGE_OF_CHANNEL = (7, 3, 1, 2)

COMMAND_DISABLE = 0x04

MODE_TYPE = 0x0C
MODE_VERIFY = 0x00
MODE_WRITE = 0x04  # device to memory
MODE_READ = 0x08  # memory to device
MODE_AUTOINIT = 0x10
MODE_DECREMENT = 0x20


class Dma8237(FieldDevice):
    """Channels 0-3 of a PC. A device that owns a channel calls the two transfer methods.

    At the end of its 64 KiB page a channel continues at the start of that page: the page register
    does not count.

    >>> class Ram(dict):
    ...     def read(self, addr, size): return bytes(self.get(addr + i, 0) for i in range(size))
    ...     def write(self, addr, data): self.update(zip(range(addr, addr + len(data)), data))
    >>> ram = Ram()
    >>> dma = Dma8237(ram)
    >>> for port, value in (0x0B, 0x46), (4, 0x00), (4, 0x7C), (5, 0x01), (5, 0x00), (0x0A, 2):
    ...     dma.pio_write(port, 1, value)
    >>> dma.transfer_to_memory(2, b"boot")
    (2, True)
    >>> ram.read(0x7C00, 4)
    b'bo\\x00\\x00'
    """

    name = "dma"
    length = 0x90
    max_size = 1
    ranges = ((0x00, 0x10), (0x81, 0x0F))
    fields = Fields(
        {
            "base_address": Row(Whole(0xFFFF), 4),
            "base_count": Row(Whole(0xFFFF), 4),
            "address": Row(Whole(0xFFFF), 4),
            "count": Row(Whole(0xFFFF), 4),
            "mode": Row(BYTE, 4),
            "pages": Raw(16, make=bytearray),
            "command": BYTE,
            "status": Whole(0x0F),
            "request": Whole(0x0F),
            "flip_flop": Whole(1),
            "mask": Whole(0x0F),
        }
    )

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.reset()

    def reset(self) -> None:
        self._master_clear()
        self.base_address = [0] * 4
        self.base_count = [0] * 4
        self.address = [0] * 4
        self.count = [0] * 4
        self.mode = [0] * 4
        self.pages = bytearray(16)

    def _master_clear(self) -> None:
        self.command = 0
        self.status = 0
        self.request = 0
        self.flip_flop = 0
        self.mask = 0x0F

    # -- the device's side -------------------------------------------------------

    def transfer_to_memory(self, channel: int, data: bytes) -> tuple[int, bool]:
        """Move bytes from a device to memory.

        Returns how many bytes were moved, and whether that reached terminal count. A masked channel
        moves none. A channel that reaches its count moves no more. TypeError, ValueError: there is
        no such channel.
        """
        channel = whole(channel, "channel", 0, 3)
        if not self._ready(channel):
            return 0, False
        chunk = data[: self.count[channel] + 1]
        if self.mode[channel] & MODE_TYPE == MODE_WRITE:
            done = 0
            for addr, size in self._runs(channel, len(chunk)):
                piece = chunk[done : done + size]
                down = self.mode[channel] & MODE_DECREMENT
                store(self.memory, addr, piece[::-1] if down else piece)
                done += size
        # Otherwise (verify) the chip counts but does not access memory.
        return len(chunk), self._advance(channel, len(chunk))

    def transfer_from_memory(self, channel: int, n: int) -> tuple[bytes, bool]:
        """Move up to `n` bytes from memory to a device.

        Returns the bytes, and whether that reached terminal count. A masked channel moves none.
        TypeError, ValueError: there is no such channel, or `n` is not a number of bytes.
        """
        channel, n = whole(channel, "channel", 0, 3), whole(n, "n", 0, 1 << 32)
        if not self._ready(channel):
            return b"", False
        n = min(n, self.count[channel] + 1)
        if self.mode[channel] & MODE_TYPE == MODE_READ:
            data = b""
            for addr, size in self._runs(channel, n):
                piece = load(self.memory, addr, size)
                data += piece[::-1] if self.mode[channel] & MODE_DECREMENT else piece
        else:
            data = b"\xff" * n  # nothing drives the data bus
        return data, self._advance(channel, n)

    def _ready(self, channel: int) -> bool:
        return not (self.mask >> channel & 1 or self.command & COMMAND_DISABLE)

    def _runs(self, channel: int, n: int) -> list[tuple[int, int]]:
        """The contiguous pieces of the next `n` bytes, in order of transfer: (lowest physical
        address, size) each."""
        page = self.pages[PAGE_OF_CHANNEL[channel]] << 16
        at = self.address[channel]
        if self.mode[channel] & MODE_DECREMENT:
            first = min(n, at + 1)
            runs = [(page + at + 1 - first, first), (page + 0x10000 - (n - first), n - first)]
        else:
            first = min(n, 0x10000 - at)
            runs = [(page + at, first), (page, n - first)]
        return [run for run in runs if run[1]]

    def _advance(self, channel: int, n: int) -> bool:
        step = -n if self.mode[channel] & MODE_DECREMENT else n
        self.address[channel] = self.address[channel] + step & 0xFFFF
        self.count[channel] -= n
        if self.count[channel] >= 0:
            return False
        self.count[channel] = 0xFFFF
        self.status |= 1 << channel
        self.request &= ~(1 << channel)
        if self.mode[channel] & MODE_AUTOINIT:
            self.address[channel] = self.base_address[channel]
            self.count[channel] = self.base_count[channel]
        else:
            self.mask |= 1 << channel
        return True

    # -- the guest's side --------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        if offset >= PAGES:
            return self.pages[offset - PAGES]
        if offset < STATUS:
            values = self.count if offset & 1 else self.address
            return self._half(values[offset >> 1])
        if offset == STATUS:
            value = self.status | self.request << 4
            self.status = 0
            return value
        if offset == TEMPORARY:
            return 0
        if offset == ALL_MASK:
            return self.mask
        return 0xFF

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset >= PAGES:
            self.pages[offset - PAGES] = value
        elif offset < STATUS:
            base, current = (
                (self.base_count, self.count) if offset & 1 else (self.base_address, self.address)
            )
            channel = offset >> 1
            shift = 8 * self.flip_flop
            self.flip_flop ^= 1
            base[channel] = base[channel] & ~(0xFF << shift) | value << shift
            # Each half goes to both registers; the other half of the current register is unchanged.
            current[channel] = current[channel] & ~(0xFF << shift) | value << shift
        elif offset == COMMAND:
            self.command = value
        elif offset == REQUEST:
            self.request = _with_bit(self.request, value)
        elif offset == SINGLE_MASK:
            self.mask = _with_bit(self.mask, value)
        elif offset == MODE:
            self.mode[value & 3] = value & 0xFC
        elif offset == CLEAR_FLIP_FLOP:
            self.flip_flop = 0
        elif offset == MASTER_CLEAR:
            self._master_clear()
        elif offset == CLEAR_MASK:
            self.mask = 0
        else:
            self.mask = value & 0x0F

    def _half(self, value: int) -> int:
        half = value >> 8 * self.flip_flop & 0xFF
        self.flip_flop ^= 1
        return half


def _with_bit(bits: int, value: int) -> int:
    """`bits` with the bit of one channel changed: bits 0-1 of `value` name it, bit 2 is the new
    value."""
    bit = 1 << (value & 3)
    return bits | bit if value & 4 else bits & ~bit
