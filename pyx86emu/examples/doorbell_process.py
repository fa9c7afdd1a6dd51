"""A doorbell and another process that counts what the guest rings: the measurement of 2009 again.

The guest rings three ways: an ioeventfd, whose eventfd the other process gets over a Unix socket
(SCM_RIGHTS); a forwarded range with posted writes; one whose writes are waited for. In 2009 the
harness was a module of the kernel. Here it is another process than the guest's.
"""

import argparse
import os
import select
import socket
import subprocess
import sys
from time import perf_counter

from pyx86emu import ExitReason, PioDevice, Vm
from pyx86emu.forward import serve

EVENTFD, POSTED, WAITED = 0x80, 0x84, 0x88
#: Rings by each way.
RINGS = {EVENTFD: 100_000, POSTED: 20_000, WAITED: 2_000}
NAMES = {EVENTFD: "eventfd-process", POSTED: "forward-posted", WAITED: "forward-waited"}
CODE = bytes.fromhex("ee 6649 75fb f4")  # again: out dx,al; dec ecx; jnz again; hlt


class Counter(PioDevice):
    """The harness: a write rings, a read says how many rings there were."""

    length = 4

    def __init__(self) -> None:
        self.count = 0

    def pio_read(self, offset: int, size: int) -> int:
        return self.count

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.count += 1


def harness(channel: socket.socket) -> None:
    """The other process: it gets an eventfd, then it is two devices, by `user_data`."""
    _, (bell,), _, _ = socket.recv_fds(channel, 1, 1)
    heard = 0
    while heard < RINGS[EVENTFD]:
        select.select([bell], [], [])
        heard += os.eventfd_read(bell)
    channel.send(b"!")
    serve(channel, {POSTED: Counter(), WAITED: Counter()})


def main(accel: str = "interp") -> dict[str, int]:
    """Ring each way; print what a ring costs; return what the other process has counted."""
    print(f"{'way':<16}{'rings':>10} {'a ring':>11}")
    counts: dict[str, int] = {}
    here, there = socket.socketpair()
    program = [sys.executable, "-m", __spec__.name, "--harness", str(there.fileno())]
    with here, Vm(accel) as vm, subprocess.Popen(program, pass_fds=[there.fileno()]) as other:
        there.close()
        bell = vm.ioeventfd(EVENTFD, length=1)
        socket.send_fds(here, [b"!"], [bell.fileno()])
        ranges = [
            vm.pio.forward(port, 4, here, posted=port == POSTED, user_data=port)
            for port in (POSTED, WAITED)
        ]
        vm.add_memory(0, 0x10000)
        vm.write(0x1000, CODE)
        vcpu = vm.create_vcpu()
        for port, rings in RINGS.items():
            regs = vcpu.regs
            regs.cs, regs.ip, regs.dx, regs.ecx = 0, 0x1000, port, rings
            start = perf_counter()
            assert vcpu.run().reason is ExitReason.HLT
            seconds = perf_counter() - start
            if port == EVENTFD:
                counts[NAMES[port]] = rings if here.recv(1) == b"!" else 0
            else:
                counts[NAMES[port]] = vm.pio.read(port, 4)
            print(f"{NAMES[port]:<16}{counts[NAMES[port]]:>10,} {seconds / rings * 1e6:8.3f} us")
        for each in ranges:
            each.detach()
        here.shutdown(socket.SHUT_RDWR)
        assert other.wait() == 0
    return counts


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    options.add_argument("--harness", type=int, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.harness is None:
        main(asked.accel)
    else:
        harness(socket.socket(fileno=asked.harness))
