"""ioeventfds: tell KVM of the entries of a Vm. The core checks, names and keeps them."""

import errno
from fcntl import ioctl
from typing import TYPE_CHECKING

from .. import _core
from . import abi

if TYPE_CHECKING:
    from .vm import Vm


class Entry(_core.IoEventFd):
    """An ioeventfd of a Vm with KVM. Each ring is signalled; KVM keeps no count and no value."""

    _back: "Vm | None" = None  # until KVM has it

    @property
    def hits(self) -> None:
        """None: KVM does not count."""
        return None

    @property
    def last_value(self) -> None:
        """None: KVM does not keep the value."""
        return None

    def deassign(self) -> None:
        super().deassign()
        vm, self._back = self._back, None
        if vm is not None:
            vm._unregister(self)

    def __repr__(self) -> str:
        match = "" if self.datamatch is None else f", datamatch {self.datamatch:#x}"
        where = f"{self.bus} {self.addr:#x}, length {self.length}{match}"
        return f"<IoEventFd {where}, fd {self.fileno()}>"


def tell(vm: "Vm", entry: _core.IoEventFd, flags: int = 0) -> None:
    """KVM_IOEVENTFD with the properties of an entry. Removing one that KVM has lost is no error:
    the Vm is closed, or it is another process's."""
    removing = flags & abi.KVM_IOEVENTFD_FLAG_DEASSIGN
    if vm._fd < 0:
        if removing:
            return
        vm._check_run()  # closed, or of another process
    if entry.bus == "pio":
        flags |= abi.KVM_IOEVENTFD_FLAG_PIO
    if entry.datamatch is not None:
        flags |= abi.KVM_IOEVENTFD_FLAG_DATAMATCH
    match = entry.datamatch or 0
    data = abi.IOEVENTFD.pack(match, entry.addr, entry.length, entry._descriptor(), flags)
    try:
        ioctl(vm._fd, abi.KVM_IOEVENTFD, data)
    except OSError as error:
        if not removing or error.errno not in (errno.ENOENT, errno.EBADF):
            raise
