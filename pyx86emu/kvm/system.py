"""The device of KVM: open it, and say in one sentence why it cannot be used. Know this host."""

import ctypes
import errno
import os
import platform
from fcntl import ioctl
from functools import cache

from . import abi

PATH = "/dev/kvm"

#: What the back end needs of a kernel, and how a reader calls it.
NEEDED = {
    abi.KVM_CAP_USER_MEMORY: "memory slots",
    abi.KVM_CAP_IMMEDIATE_EXIT: "immediate_exit",
    abi.KVM_CAP_SYNC_REGS: "registers in struct kvm_run",
    abi.KVM_CAP_VCPU_EVENTS: "vCPU events",
    abi.KVM_CAP_DEBUGREGS: "debug registers",
    abi.KVM_CAP_SET_GUEST_DEBUG: "guest debugging",
    abi.KVM_CAP_READONLY_MEM: "read-only slots",
    abi.KVM_CAP_IOEVENTFD: "ioeventfds",
    abi.KVM_CAP_IOEVENTFD_ANY_LENGTH: "ioeventfds of length 0",
    abi.KVM_CAP_COALESCED_MMIO: "coalesced zones",
    abi.KVM_CAP_COALESCED_PIO: "coalesced zones of ports",
}
SYNCED = abi.KVM_SYNC_X86_REGS | abi.KVM_SYNC_X86_SREGS | abi.KVM_SYNC_X86_EVENTS
INSTEAD = "use accel='interp', or accel='auto' to choose what there is"


_ioctl = ctypes.CDLL(None, use_errno=True).ioctl


def ioctl_number(fd: int, request: int, value: int) -> None:
    """An ioctl whose argument is a number of 64 bits; `fcntl.ioctl` takes 31."""
    if _ioctl(fd, ctypes.c_ulong(request), ctypes.c_ulong(value)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def unusable(number: int, why: str) -> OSError:
    """The exception of a Vm that asks for KVM in vain."""
    return OSError(number, f"{why}: {INSTEAD}")


class System:
    """/dev/kvm, open. `cap(n)` is what KVM_CHECK_EXTENSION returns; it is asked once for each n.

    OSError: it cannot be used; ENOENT: there is no /dev/kvm, EACCES or EPERM: it is forbidden,
    EBUSY: another hypervisor has the processor, EOPNOTSUPP: the host or its kernel lacks something.
    """

    def __init__(self, path: str = PATH) -> None:
        self._fd = -1
        self._caps: dict[int, int] = {}
        if platform.machine() != "x86_64":
            raise unusable(errno.EOPNOTSUPP, f"this host is no x86-64 but {platform.machine()}")
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise unusable(error.errno or errno.EIO, _cannot_open(path, error)) from None
        try:
            self._check(path)
        except BaseException:
            self.close()
            raise

    def _check(self, path: str) -> None:
        try:
            version = ioctl(self._fd, abi.KVM_GET_API_VERSION, 0)
        except OSError:
            raise unusable(errno.EOPNOTSUPP, f"{path} is not KVM's device") from None
        if version != abi.KVM_API_VERSION:
            raise unusable(errno.EOPNOTSUPP, f"{path} speaks API version {version}, not 12")
        for number, name in NEEDED.items():
            if not self.cap(number):
                raise unusable(errno.EOPNOTSUPP, f"the KVM of this kernel has no {name}")
        if self.cap(abi.KVM_CAP_SYNC_REGS) & SYNCED != SYNCED:
            raise unusable(errno.EOPNOTSUPP, "the KVM of this kernel shares no vCPU events")

    def cap(self, number: int) -> int:
        """What KVM_CHECK_EXTENSION says of a capability; 0: it is missing."""
        if number not in self._caps:
            self._caps[number] = ioctl(self._fd, abi.KVM_CHECK_EXTENSION, number)
        return self._caps[number]

    def create_vm(self) -> int:
        """A new VM's descriptor. OSError as for the class."""
        try:
            return ioctl(self._fd, abi.KVM_CREATE_VM, 0)
        except OSError as error:
            why = f"KVM makes no virtual machine now ({error.strerror})"
            if error.errno == errno.EBUSY:
                why = "another hypervisor uses the processor's virtualization (busy)"
            raise unusable(error.errno or errno.EIO, why) from None

    def run_size(self) -> int:
        """Bytes of a vCPU's mapping: struct kvm_run and the pages after it."""
        return ioctl(self._fd, abi.KVM_GET_VCPU_MMAP_SIZE, 0)

    def cpuid(self) -> bytes:
        """The CPUID leaves that KVM can give a guest, as struct kvm_cpuid2."""
        entries = 64
        while True:
            data = bytearray(abi.CPUID_SIZE + entries * abi.CPUID_ENTRY_SIZE)
            data[0:4] = entries.to_bytes(4, "little")
            try:
                ioctl(self._fd, abi.KVM_GET_SUPPORTED_CPUID, data)
            except OSError as error:
                if error.errno != errno.E2BIG or entries > 4096:
                    raise
                entries *= 2
                continue
            found = int.from_bytes(data[0:4], "little")
            return bytes(data[: abi.CPUID_SIZE + found * abi.CPUID_ENTRY_SIZE])

    def close(self) -> None:
        """Close the descriptor, once. VMs that were made go on."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _cannot_open(path: str, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"there is no {path} (no KVM in this kernel, or not in this container)"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"this user may not open {path} (join its group, often 'kvm')"
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return f"{path} has no driver (virtualization is switched off in the firmware, or nested)"
    if error.errno == errno.EBUSY:
        return f"{path} is busy"
    return f"{path} cannot be opened ({error.strerror})"


@cache
def supported_cpuid() -> bytes:
    """`System.cpuid`, asked once in a process."""
    with System() as system:
        return system.cpuid()
