"""A doorbell looped back: the guest rings an eventfd that is its own irqfd, and its ISR counts."""

import argparse
import os

from pyx86emu import ExitReason, Vm

RINGS = 100
LINE = 5
COUNT = 0x900  # where the ISR counts
CODE = 0x1000
ISR = 0x1100
# The master 8259: vectors from 20h, all lines masked but this one.
SETUP = bytes.fromhex(f"b011 e620 b020 e621 b004 e621 b001 e621 b0{0xFF ^ 1 << LINE:02x} e621")
# again: mov bx,[900h]; out 80h,al; sti; wait: cmp bx,[900h]; je wait; cli; loop again; hlt
LOOP = bytes.fromhex("fa 8b1e0009 e680 fb 3b1e0009 74fa fa e2f0 f4")
# inc word [900h]; mov al,20h; out 20h,al; iret
HANDLER = bytes.fromhex("ff060009 b020 e620 cf")


def main(accel: str = "interp") -> int:
    """Let the guest interrupt itself; return how often its ISR ran."""
    with Vm(accel=accel, irqchip=True) as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[CODE : CODE + len(SETUP + LOOP)] = SETUP + LOOP
        ram[ISR : ISR + len(HANDLER)] = HANDLER
        vector = 4 * (0x20 + LINE)
        ram[vector : vector + 4] = ISR.to_bytes(4, "little")
        vcpu = vm.create_vcpu()
        regs = vcpu.regs
        regs.cs = regs.ds = regs.ss = 0
        regs.ip, regs.sp, regs.cx = CODE, 0x800, RINGS
        loop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        vm.irqfd(LINE, loop)
        vm.ioeventfd(0x80, length=1, fd=loop)
        exit = vcpu.run()
        assert exit.reason is ExitReason.HLT, exit
        interrupts = int.from_bytes(ram[COUNT : COUNT + 2], "little")
        os.close(loop)
    print(f"{interrupts} interrupts")
    return interrupts


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    main(options.parse_args().accel)
