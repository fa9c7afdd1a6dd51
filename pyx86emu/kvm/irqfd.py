"""irqfds: tell KVM which eventfds raise lines. Keep a duplicate of each, and who has it."""

import contextlib
import errno
import os
from fcntl import ioctl
from itertools import count
from typing import TYPE_CHECKING, Any

from .._core import eventfd_of, irqfd_known
from ..irqfd import ON_KVM, IrqFd
from . import abi
from .messages import SHUT
from .signals import same_open_file

if TYPE_CHECKING:
    from .vm import Vm

_serials = count(1)


class IrqFds:
    """The irqfds of one Vm. Any thread may call anything here."""

    def __init__(self, vm: "Vm") -> None:
        self._vm = vm
        self._own: dict[IrqFd, tuple[int, int]] = {}  # the duplicate, and the kernel's id

    def add(self, line: int, fd: Any, resample: Any) -> IrqFd:
        """KVM_IRQFD. OSError EBADF, EINVAL: as `eventfd_of`; EBUSY: it raises a line already."""
        number, known = eventfd_of(fd)
        second = None if resample is None else eventfd_of(resample, "resample")[0]
        entry = IrqFd(self, line, number, next(_serials), second)
        if known >= 0:
            if ON_KVM.setdefault(known, entry.serial) != entry.serial:
                raise self._busy(number)
            if irqfd_known(known):
                self._free(entry, known)
                raise self._busy(number)
        try:
            own = os.dup(number)
        except OSError:
            self._free(entry, known)
            raise
        self._own[entry] = own, known
        flags = 0 if second is None else abi.KVM_IRQFD_FLAG_RESAMPLE
        try:
            self._tell(own, line, flags, second or 0)
        except BaseException as error:
            self._drop(entry)
            if isinstance(error, OSError) and error.errno == errno.EBUSY:
                raise self._busy(number) from None
            raise
        return entry

    def deassign(self, line: int, fd: Any) -> None:
        """Remove the irqfd of this eventfd and line; what is unknown is no error."""
        number, known = eventfd_of(fd)
        for entry, (own, other) in list(self._own.items()):
            if entry.gsi == line and (
                other == known if known >= 0 else same_open_file(own, number)
            ):
                self._irqfd_remove(entry)

    def __len__(self) -> int:
        return len(self._own)

    def _irqfd_remove(self, entry: IrqFd) -> None:
        """`IrqFd.deassign`. When it returns, the eventfd raises the line no more."""
        found = self._own.get(entry)
        if found is None:
            return
        if self._vm._fd >= 0:
            with contextlib.suppress(OSError):  # another thread has removed it
                self._tell(found[0], entry.gsi, abi.KVM_IRQFD_FLAG_DEASSIGN, 0)
        self._drop(entry)

    def close(self) -> None:
        """Forget all; the Vm's end has removed them, or it is another process's."""
        for entry in list(self._own):
            self._drop(entry)

    def _tell(self, fd: int, line: int, flags: int, resample: int) -> None:
        if self._vm._fd < 0:
            raise OSError(errno.EBADF, SHUT)
        ioctl(self._vm._fd, abi.KVM_IRQFD, abi.IRQFD.pack(fd, line, flags, resample))

    def _drop(self, entry: IrqFd) -> None:
        own, known = self._own.pop(entry, (-1, -1))
        if own >= 0:
            self._free(entry, known)  # first: the kernel gives the id of a closed eventfd again
            os.close(own)

    def _free(self, entry: IrqFd, known: int) -> None:
        if ON_KVM.get(known) == entry.serial:
            del ON_KVM[known]

    def _busy(self, number: int) -> OSError:
        return OSError(
            errno.EBUSY,
            f"eventfd {number} raises a line already, of this Vm or another one: deassign it first",
        )
