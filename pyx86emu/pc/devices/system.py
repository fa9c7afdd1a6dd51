"""System control port A: open the A20 gate and reset the machine, faster than the 8042 can.

| port | bit | access |                                        |
| ---- | --- | ------ | -------------------------------------- |
| 92h  | 0   | r/w    | 0 -> 1 resets the machine              |
| 92h  | 1   | r/w    | A20 gate: 1 = open                     |
| 92h  | 2-7 | r/w    | kept: password lock, activity lights   |
"""

from collections.abc import Callable

from .fields import BYTE, FieldDevice, Fields

FAST_RESET = 0x01
A20_GATE = 0x02


class SystemControlA(FieldDevice):
    """Port 92h of the PS/2 and of every PC after it.

    `load()` does not drive the A20 gate, which other parts drive too: it is state of the Vm.

    >>> port = SystemControlA(a20=lambda is_open: print("A20", is_open))
    A20 True
    >>> port.pio_write(0, 1, 0x00)
    A20 False
    """

    name = "system-control-a"
    max_size = 1
    fields = Fields({"value": BYTE})

    def __init__(
        self,
        a20: Callable[[bool], object] | None = None,
        reset: Callable[[], object] | None = None,
    ) -> None:
        self.a20_line = a20
        self.reset_line = reset
        self.reset()

    def reset(self) -> None:
        # A PC starts with the gate closed and its BIOS opens it. This machine starts with it open.
        self.value = A20_GATE
        self._drive_a20()

    def pio_read(self, offset: int, size: int) -> int:
        return self.value

    def pio_write(self, offset: int, size: int, value: int) -> None:
        rising = value & ~self.value
        self.value = value
        self._drive_a20()
        if rising & FAST_RESET and self.reset_line is not None:
            self.reset_line()

    def _drive_a20(self) -> None:
        if self.a20_line is not None:
            self.a20_line(bool(self.value & A20_GATE))
