"""The POST port: record the codes by which firmware reports its progress.

| port | access |                                        |
| ---- | ------ | -------------------------------------- |
| 80h  | write  | POST code; also written as an I/O wait |
| 80h  | read   | the code written last                  |
"""

from collections import deque
from collections.abc import Callable

from ..._core import whole
from .fields import BYTE, FieldDevice, Fields, Raw


class PostPort(FieldDevice):
    """Port 80h: the last code, and the newest `keep` codes. Each is also given to `on_code`.

    >>> post = PostPort()
    >>> post.pio_write(0, 1, 0x01); post.pio_write(0, 1, 0x55)
    >>> hex(post.code), list(post.history)
    ('0x55', [1, 85])
    """

    name = "post"
    max_size = 1
    fields = Fields({"code": BYTE, "history": Raw(most=1 << 20)})

    def __init__(self, keep: int = 256, on_code: Callable[[int], object] | None = None) -> None:
        self.on_code = on_code
        self.history: deque[int] = deque(maxlen=whole(keep, "keep", 0, 1 << 20))
        self.reset()

    def reset(self) -> None:
        self.code = 0
        self.history.clear()

    def pio_read(self, offset: int, size: int) -> int:
        return self.code

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.code = value
        self.history.append(value)
        if self.on_code is not None:
            self.on_code(value)
