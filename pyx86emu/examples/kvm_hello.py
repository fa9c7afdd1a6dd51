"""The first program for KVM, in pyx86emu: memory, a vCPU, an ioeventfd and the exit loop."""

# Wide lines, so that each comment is next to its code.
# fmt: off
# ruff: noqa: E501, E701
import argparse

from pyx86emu import ExitReason, Vm

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--accel", default="interp", help="interp, kvm or auto")
vm = Vm(options.parse_args().accel)
ram = vm.add_memory(0x0, 0x100000)                   # a MemorySlot: ram[a:b] reads bytes, ram[a:b] = b"..." writes
ram[0x7C00:0x7C08] = bytes.fromhex("ba1005 b001 ee ee f4")       # mov dx,510h; mov al,1; out dx,al; out dx,al; hlt
vcpu = vm.create_vcpu()
vcpu.regs.cs, vcpu.regs.ip = 0, 0x7C00               # al ah ax eax ... cs ds es fs gs ss ip eip flags eflags
bell = vm.ioeventfd(0x510, length=1, datamatch=1)    # an eventfd: fileno(), for select, asyncio or another process
while (e := vcpu.run()).reason is not ExitReason.HLT:
    match e.reason:                                  # KVM's names and numbers
        case ExitReason.IO if e.write: print(hex(e.port), e.size, e.value)
        case ExitReason.IO: e.reply(0xFF)            # the value that IN returns
        case ExitReason.MMIO: ...
print(bell.read(), bell.hits)                        # prints 2 2; KVM counts no hits: 2 None
