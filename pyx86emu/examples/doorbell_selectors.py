"""Doorbells of two queues and one selector: each says which queue the guest has rung."""

import argparse
import selectors
from threading import Thread

from pyx86emu import ExitReason, Vm

RINGS = 1000
# again: mov al,0; out 80h,al; mov al,1; out 80h,al; out 80h,al; loop again; hlt
CODE = bytes.fromhex("b000 e680 b001 e680 e680 e2f4 f4")


def main(accel: str = "interp") -> dict[str, int]:
    """Count the rings of each queue while the guest runs in a thread."""
    rings = {"receive": 0, "transmit": 0}
    with Vm(accel=accel) as vm, selectors.DefaultSelector() as selector:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000 : 0x1000 + len(CODE)] = CODE
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.cx = 0, 0x1000, RINGS
        for value, queue in enumerate(rings):  # as in virtio: the value is the number of the queue
            bell = vm.ioeventfd(0x80, length=1, datamatch=value)
            selector.register(bell, selectors.EVENT_READ, (queue, bell))
        exits: list[ExitReason] = []
        guest = Thread(target=lambda: exits.append(vcpu.run().reason))
        guest.start()
        while sum(rings.values()) < 3 * RINGS:
            for key, _ in selector.select():
                queue, bell = key.data
                rings[queue] += bell.read()
        guest.join()
    assert exits == [ExitReason.HLT]
    print(", ".join(f"{queue} {count:,}" for queue, count in rings.items()))
    return rings


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    main(options.parse_args().accel)
