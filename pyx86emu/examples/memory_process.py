"""A doorbell and the guest's memory, in another process: it gets both over a socket.

The guest writes numbers into a ring of its RAM and rings after each. The other process reads them
there: it has mapped the same memory, and no byte goes through the socket.
"""

import argparse
import mmap
import os
import select
import socket
import subprocess
import sys

from pyx86emu import ExitReason, Vm

NUMBERS = 1000
RING = 0x8000  # words; the first word is the number that was written last
# again: inc ax; mov di,ax; and di,0fffh; mov [di+di+8002h],ax; mov [8000h],ax; out 80h,al; loop
CODE = bytes.fromhex("40 89c7 81e7ff0f 01ff 89850280 a30080 e680 e2ec f4")


def consumer(channel: socket.socket) -> int:
    """The other process: take two descriptors, wait for the bell, add the numbers up."""
    _, fds, _, _ = socket.recv_fds(channel, 1, 2)
    bell, memory = fds
    total = read = 0
    with mmap.mmap(memory, 0x10000) as data, memoryview(data) as view, view.cast("H") as words:
        while read < NUMBERS:
            select.select([bell], [], [])
            os.eventfd_read(bell)
            newest = words[RING // 2]
            while read < newest:
                read += 1
                total += words[RING // 2 + 1 + (read & 0xFFF)]
    return total


def main(accel: str = "interp") -> int:
    """Run the guest here and the consumer in another process; return the sum that it found."""
    here, there = socket.socketpair()
    with here, there, Vm(accel=accel) as vm:
        ram = vm.add_memory(0, 0x10000, shared=True)
        ram[0x1000 : 0x1000 + len(CODE)] = CODE
        vcpu = vm.create_vcpu()
        regs = vcpu.regs
        regs.cs = regs.ds = 0
        regs.ip, regs.cx, regs.ax = 0x1000, NUMBERS, 0
        bell = vm.ioeventfd(0x80, length=1)
        program = [sys.executable, "-m", __spec__.name, "--consumer", str(there.fileno())]
        with subprocess.Popen(program, pass_fds=[there.fileno()], stdout=subprocess.PIPE) as other:
            socket.send_fds(here, [b"!"], [bell.fileno(), ram.fileno()])
            assert vcpu.run().reason is ExitReason.HLT
            assert other.stdout is not None
            total = int(other.stdout.read())
    print(f"{total:,}")
    return total


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    options.add_argument("--consumer", type=int, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.consumer is None:
        main(asked.accel)
    else:
        print(consumer(socket.socket(fileno=asked.consumer)))
