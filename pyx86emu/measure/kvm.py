"""KVM as a peer: run a real-mode kernel to its HLT by the fewest ioctls on /dev/kvm."""

import ctypes
import mmap
import os
import struct
from fcntl import ioctl
from time import thread_time

from .kernels import ENTRY, MEMORY, Kernel

KVM_CREATE_VM = 0xAE01
KVM_GET_VCPU_MMAP_SIZE = 0xAE04
KVM_CREATE_VCPU = 0xAE41
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_SET_TSS_ADDR = 0xAE47
KVM_RUN = 0xAE80
KVM_SET_REGS = 0x4090AE82
KVM_GET_SREGS = 0x8138AE83
KVM_SET_SREGS = 0x4138AE84

SREGS_SIZE = 0x138
SEGMENT_SIZE = 24
EXIT_REASON = 8  # offset in struct kvm_run
EXIT_HLT = 5


def usable() -> bool:
    """Return whether this process may open /dev/kvm."""
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


class Kvm:
    """An engine: one kernel in a KVM guest with one vCPU and 1 MiB of RAM."""

    seconds = 0.1

    def __init__(self, kernel: Kernel) -> None:
        self.ebx = kernel.ebx
        kvm = os.open("/dev/kvm", os.O_RDWR)
        self.vm = ioctl(kvm, KVM_CREATE_VM, 0)
        ioctl(self.vm, KVM_SET_TSS_ADDR, 0x7000_0000)  # Intel hosts need three unused pages
        self.ram = mmap.mmap(-1, MEMORY)
        self.ram[ENTRY : ENTRY + len(kernel.code)] = kernel.code
        where = ctypes.addressof(ctypes.c_char.from_buffer(self.ram))
        region = struct.pack("=IIQQQ", 0, 0, 0, MEMORY, where)  # slot, flags, guest, size, host
        ioctl(self.vm, KVM_SET_USER_MEMORY_REGION, region)
        self.vcpu = ioctl(self.vm, KVM_CREATE_VCPU, 0)
        self.state = mmap.mmap(self.vcpu, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
        os.close(kvm)

    def run(self, turns: int) -> float:
        sregs = bytearray(SREGS_SIZE)
        ioctl(self.vcpu, KVM_GET_SREGS, sregs)
        for segment in range(6):  # cs ds es fs gs ss: base 64 bits, limit 32, selector 16
            struct.pack_into("=QIH", sregs, segment * SEGMENT_SIZE, 0, 0xFFFF, 0)
        ioctl(self.vcpu, KVM_SET_SREGS, sregs)
        # rax rbx rcx rdx rsi rdi rsp rbp r8-r15 rip rflags
        registers = [0, self.ebx, turns, *[0] * 13, ENTRY, 2]
        ioctl(self.vcpu, KVM_SET_REGS, struct.pack("=18Q", *registers))
        start = thread_time()
        ioctl(self.vcpu, KVM_RUN, 0)
        seconds = thread_time() - start
        (reason,) = struct.unpack_from("=I", self.state, EXIT_REASON)
        if reason != EXIT_HLT:
            raise RuntimeError(f"KVM left the kernel with exit reason {reason}, not {EXIT_HLT}")
        return seconds

    def close(self) -> None:
        self.state.close()
        os.close(self.vcpu)
        os.close(self.vm)
