"""Slots: tell KVM of the memory slots of a Vm. Know pages and numbers, no addresses of devices.

The core keeps the memory, its bytes and its views; here KVM gets the same slot under a number.
"""

import ctypes
from fcntl import ioctl
from typing import TYPE_CHECKING

from .. import _core
from . import abi
from .messages import no_dirty_log

if TYPE_CHECKING:
    from .vm import Vm

PAGE = 4096


class Slot(_core.MemorySlot):
    """A memory slot of a Vm with KVM. Its methods promise what those of `MemorySlot` do."""

    _back: "Vm | None" = None  # until KVM has it
    _number: int
    _log: bool
    _host: int

    def _enter(self, vm: "Vm", number: int, dirty_log: bool) -> None:
        """Give KVM the slot. OSError: it refuses."""
        self._number, self._log = number, dirty_log
        view = ctypes.c_char.from_buffer(self)
        self._host = ctypes.addressof(view)
        del view
        self._set(vm, self.addr, self.size)
        self._back = vm

    def _set(self, vm: "Vm", addr: int, size: int) -> None:
        """KVM_SET_USER_MEMORY_REGION; size 0 deletes it."""
        flags = abi.KVM_MEM_LOG_DIRTY_PAGES if self._log else 0
        flags |= abi.KVM_MEM_READONLY if self.readonly else 0
        region = abi.MEMORY_REGION.pack(self._number, flags, addr, size, self._host)
        ioctl(vm._fd, abi.KVM_SET_USER_MEMORY_REGION, region)

    def delete(self) -> None:
        super().delete()
        vm, self._back = self._back, None
        if vm is not None:
            vm._forget(self)

    def move(self, addr: int) -> None:
        before = self.addr
        super().move(addr)
        vm = self._back
        if vm is None:
            return
        try:
            self._set(vm, self.addr, self.size)
        except OSError:
            super().move(before)
            raise

    def dirty(self) -> bytes:
        vm = self._back
        if vm is None or not self._log or self.vm is None:
            raise no_dirty_log(self)
        pages = self.size // PAGE
        bits = (ctypes.c_uint64 * ((pages + 63) // 64))()
        log = abi.DIRTY_LOG.pack(self._number, ctypes.addressof(bits))
        ioctl(vm._fd, abi.KVM_GET_DIRTY_LOG, log)
        return bytes(bits)[: (pages + 7) // 8]
