"""Messages: say in a sentence what KVM refused, or why it stopped."""

import errno
from typing import TYPE_CHECKING

from . import abi

if TYPE_CHECKING:
    from mmap import mmap

    from .._core import MemorySlot

#: Of a Vm whose descriptors are closed.
SHUT = "this Vm is closed"
#: Of a Vm in a child of fork().
FOREIGN = "a Vm of KVM stays with the process that made it: make one here"


def refused(what: str, instead: str) -> OSError:
    """The exception for what KVM cannot honour."""
    return OSError(errno.EOPNOTSUPP, f"{what}: {instead}")


def no_irqchip() -> OSError:
    """The exception for interrupt lines and chips of a Vm without them."""
    return OSError(errno.EINVAL, "this Vm has no interrupt controller: make it with irqchip=True")


def run_error(error: OSError, cs: int, ip: int) -> OSError:
    """What KVM_RUN itself failed with."""
    number = error.errno or errno.EIO
    if number == errno.EBADF:
        return OSError(number, SHUT)
    if number == errno.EIO:
        return OSError(number, FOREIGN)
    if number == errno.EFAULT:
        return OSError(
            number,
            f"KVM cannot reach the host memory of a slot, at {cs:04x}:{ip:04x}: "
            "is it mapped, as long as its file, and writable?",
        )
    return OSError(number, f"KVM_RUN failed at {cs:04x}:{ip:04x}: {error.strerror}")


def internal_error(page: "mmap | bytearray", reason: int, cs: int, ip: int) -> str:
    """What an exit means that is neither an access nor a stop."""
    where = f"at {cs:04x}:{ip:04x}"
    if reason == abi.KVM_EXIT_FAIL_ENTRY:
        why, _ = abi.RUN_FAIL_ENTRY.unpack_from(page, abi.RUN_FAIL_ENTRY_AT)
        return f"the processor refuses the guest's state (hardware reason {why:#x}) {where}"
    if reason != abi.KVM_EXIT_INTERNAL_ERROR:
        return f"KVM stopped with exit reason {reason}, which this machine does not know, {where}"
    suberror, count, *data = abi.RUN_INTERNAL.unpack_from(page, abi.RUN_INTERNAL_AT)
    if suberror != abi.KVM_INTERNAL_ERROR_EMULATION:
        return f"KVM's internal error {suberror} {where}"
    text = "KVM cannot emulate the instruction"
    # data[0]: flags, 1: there are bytes; then their number, and the bytes
    if count >= 3 and data[0] & 1:
        raw = b"".join(word.to_bytes(8, "little") for word in data[1:4])
        text += f" {raw[1 : 1 + min(raw[0], 15)].hex(' ')}"
    return f"{text} {where}, or the guest executes outside RAM and ROM"


def no_dirty_log(slot: "MemorySlot") -> OSError:
    """The exception for the log of a slot that has none."""
    if slot.vm is None:
        return OSError(errno.ENOENT, f"{slot!r} is deleted, and its dirty log with it")
    return OSError(errno.ENOENT, f"{slot!r} has no dirty log: set slot.dirty_log = True")
