"""KVM as a peer: run a real-mode kernel to its HLT by the fewest ioctls on /dev/kvm."""

import ctypes
import mmap
import os
import struct
from fcntl import ioctl
from time import thread_time

from ..kvm import abi
from ..kvm.system import System
from .kernels import ENTRY, MEMORY, Kernel


def usable() -> bool:
    """Return whether this process may use /dev/kvm."""
    try:
        System().close()
    except OSError:
        return False
    return True


class Kvm:
    """An engine: one kernel in a KVM guest with one vCPU and 1 MiB of RAM."""

    seconds = 0.1

    def __init__(self, kernel: Kernel) -> None:
        self.ebx = kernel.ebx
        kvm = os.open("/dev/kvm", os.O_RDWR)
        self.vm = ioctl(kvm, abi.KVM_CREATE_VM, 0)
        ioctl(self.vm, abi.KVM_SET_TSS_ADDR, 0x7000_0000)  # Intel hosts need three unused pages
        self.ram = mmap.mmap(-1, MEMORY)
        self.ram[ENTRY : ENTRY + len(kernel.code)] = kernel.code
        where = ctypes.addressof(ctypes.c_char.from_buffer(self.ram))
        region = abi.MEMORY_REGION.pack(0, 0, 0, MEMORY, where)
        ioctl(self.vm, abi.KVM_SET_USER_MEMORY_REGION, region)
        self.vcpu = ioctl(self.vm, abi.KVM_CREATE_VCPU, 0)
        self.state = mmap.mmap(self.vcpu, ioctl(kvm, abi.KVM_GET_VCPU_MMAP_SIZE, 0))
        os.close(kvm)

    def run(self, turns: int) -> float:
        sregs = bytearray(abi.SREGS_SIZE)
        ioctl(self.vcpu, abi.KVM_GET_SREGS, sregs)
        for segment in range(6):  # cs ds es fs gs ss: base, limit, selector; the rest stays
            struct.pack_into("=QIH", sregs, segment * abi.SEGMENT.size, 0, 0xFFFF, 0)
        ioctl(self.vcpu, abi.KVM_SET_SREGS, sregs)
        # rax rbx rcx rdx rsi rdi rsp rbp r8-r15 rip rflags
        registers = [0, self.ebx, turns, *[0] * 13, ENTRY, 2]
        ioctl(self.vcpu, abi.KVM_SET_REGS, abi.REGS.pack(*registers))
        start = thread_time()
        ioctl(self.vcpu, abi.KVM_RUN, 0)
        seconds = thread_time() - start
        (reason,) = abi.RUN_EXIT.unpack_from(self.state, abi.EXIT_REASON_AT)
        if reason != abi.KVM_EXIT_HLT:
            raise RuntimeError(
                f"KVM left the kernel with exit reason {reason}, not {abi.KVM_EXIT_HLT}"
            )
        return seconds

    def close(self) -> None:
        self.state.close()
        os.close(self.vcpu)
        os.close(self.vm)
