"""A virtio device of your own: it answers each request with its text in capitals.

The driver is 30 lines of Python here; tests/virtio/queue_poll.asm is one in assembly.
"""

import argparse
import struct

from pyx86emu import Machine
from pyx86emu.virtio import mmio
from pyx86emu.virtio.device import VirtioDevice
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.numbers import ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, VERSION_1

QUEUE, AVAIL, USED, TEXT, ANSWER = 0x10000, 0x10080, 0x10100, 0x10200, 0x10300
# kick: mov word [QueueNotify],0; hlt
CODE = bytes.fromhex("c70650000000 f4")


class Upper(VirtioDevice):
    """Capitals."""

    device_id = 0x2A
    name = "upper"
    queue_sizes = (8,)

    def kicked(self, index: int) -> None:
        for batch in self.requests(index):
            self.done(index, [(head, text.upper()[:room]) for head, text, room in batch])


def set_up(device: VirtioMmio) -> None:
    """What a driver writes to the registers (Virtio 1.2, 3.1.1 and 4.2.2)."""
    status = ACKNOWLEDGE | DRIVER
    for offset, value in (
        *((mmio.STATUS, 0), (mmio.STATUS, status)),  # a reset first
        *((mmio.DRIVER_FEATURES_SEL, 1), (mmio.DRIVER_FEATURES, VERSION_1 >> 32)),
        (mmio.STATUS, status | FEATURES_OK),
        *((mmio.QUEUE_SEL, 0), (mmio.QUEUE_NUM, 8), (mmio.QUEUE_DESC_LOW, QUEUE)),
        *((mmio.QUEUE_DRIVER_LOW, AVAIL), (mmio.QUEUE_DEVICE_LOW, USED), (mmio.QUEUE_READY, 1)),
        (mmio.STATUS, status | FEATURES_OK | DRIVER_OK),
    ):
        device.mmio_write(offset, 4, value)


def main(text: bytes = b"from a kick to a completion") -> bytes:
    """Ask the device once; return its answer."""
    with Machine(CODE) as m:
        transport = VirtioMmio(Upper())
        m.attach(transport, addr=0xD0000)
        set_up(transport)
        m.vm.write(TEXT, text)
        m.vm.write(QUEUE, struct.pack("<QIHH", TEXT, len(text), 1, 1))  # NEXT
        m.vm.write(QUEUE + 16, struct.pack("<QIHH", ANSWER, 256, 2, 0))  # WRITE
        m.vm.write(AVAIL, struct.pack("<HHH", 0, 1, 0))  # head 0 is available
        m.vm.write(0x7C00, CODE)
        m.vcpu.regs.cs, m.vcpu.regs.ip, m.vcpu.regs.ds = 0, 0x7C00, 0xD000
        m.vcpu.run(2)
        _, used, _, written = struct.unpack("<HHII", m.vm.read(USED, 12))
        answer = m.vm.read(ANSWER, written)
        print(f"{used} request, {m.stats.mmio_exits} exits: {answer.decode()}")
        return answer


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("text", nargs="?", default="from a kick to a completion")
    main(options.parse_args().text.encode())
