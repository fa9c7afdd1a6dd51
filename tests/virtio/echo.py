"""Echo: a device that gives back what it reads; a request to it; code that kicks it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pyx86emu import Machine
from pyx86emu.virtio.device import Served, VirtioDevice
from tests.virtio.driver import Ring

CODE = 0x7C00


class Echo(VirtioDevice):
    """It gives back what it reads. Its type is that of an entropy device, which legacy drivers
    know."""

    device_id = 4
    name = "echo"
    queue_sizes = (8, 16)
    features = 1 << 5 | 1 << 40

    def __init__(self, *, served: Served = "vcpu") -> None:
        super().__init__(served=served)
        self.threads: list[int] = []
        self.data = bytearray(b"configuration")
        self.worked: Callable[[], object] = int

    @property
    def config(self) -> bytes:
        return bytes(self.data)

    def write_config(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data

    def kicked(self, index: int) -> None:
        self.threads.append(threading.get_ident())
        for batch in self.requests(index):
            self.done(index, [(head, data[:room]) for head, data, room in batch])
        self.worked()


def ask(m: Machine, ring: Ring) -> None:
    """Make one request available; its answer comes to 21000h."""
    ring.free = list(range(ring.size))
    m.vm.write(0x20000, b"hello")
    ring.add([(0x20000, 5, False), (0x21000, 5, True)])


def guest(m: Machine, code: str) -> None:
    """Let the vCPU execute these bytes, at 0000:7C00 with DS=D000h."""
    m.vm.write(CODE, bytes.fromhex(code))
    m.vcpu.regs.cs, m.vcpu.regs.ip, m.vcpu.regs.ds = 0, CODE, 0xD000
