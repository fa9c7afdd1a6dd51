"""A doorbell and a blocking thread, which sleeps in read(2) until the guest rings."""

import argparse
import os
from threading import Thread

from pyx86emu import ExitReason, Vm

RINGS = 1000
# again: out 80h,al; loop again; hlt
CODE = bytes.fromhex("e680 e2fc f4")


def main(accel: str = "interp") -> int:
    """Count the rings in a thread while the guest runs; return the number of all."""
    counts: list[int] = []
    bell = os.eventfd(0, os.EFD_CLOEXEC)  # a read of it sleeps until the count is not 0

    def drain() -> None:
        while sum(counts) < RINGS:
            counts.append(os.eventfd_read(bell))

    consumer = Thread(target=drain)
    with Vm(accel=accel) as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000 : 0x1000 + len(CODE)] = CODE
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.cx = 0, 0x1000, RINGS
        vm.ioeventfd(0x80, length=1, fd=bell)
        consumer.start()
        assert vcpu.run().reason is ExitReason.HLT  # without the GIL
        consumer.join()
    os.close(bell)
    print(f"{sum(counts):,} rings in {len(counts)} reads")
    return sum(counts)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    main(options.parse_args().accel)
