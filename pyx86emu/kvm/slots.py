"""Slots: tell KVM of the memory slots of a Vm. Know pages and numbers, no addresses of devices.

The core keeps the memory, its bytes and its views; here KVM gets the same slot under a number. The
dirty log is KVM's. What KVM_GET_DIRTY_LOG has cleared and nobody has asked to be cleared is kept
here.
"""

import ctypes
import errno
from fcntl import ioctl
from threading import RLock
from typing import TYPE_CHECKING, Any

from .. import _core
from .._core import truth, whole
from . import abi
from .messages import SHUT, no_dirty_log

if TYPE_CHECKING:
    from .vm import Vm

PAGE = 4096


class Slot(_core.MemorySlot):
    """A memory slot of a Vm with KVM. Its methods promise what those of `MemorySlot` do."""

    _back: "Vm | None" = None  # until KVM has it
    _number: int
    _log: bool
    _host: int
    _seen: int  # bits that KVM has given out, and that were not cleared
    _lock: RLock

    def _enter(self, vm: "Vm", number: int, dirty_log: bool) -> None:
        """Give KVM the slot. OSError: it refuses."""
        self._number, self._log, self._seen, self._lock = number, dirty_log, 0, RLock()
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
        if (fd := vm._fd) < 0:  # closed meanwhile
            raise OSError(errno.EBADF, SHUT)
        ioctl(fd, abi.KVM_SET_USER_MEMORY_REGION, region)

    def _owner(self) -> "Vm":
        if self._back is None or self.vm is None:
            raise OSError(errno.EINVAL, f"{self!r} is deleted already")
        return self._back

    def _forget_parent(self) -> None:
        """In a child of fork(), which has no other thread: no one holds the lock."""
        self._lock = RLock()

    def delete(self) -> None:
        vm = self._back
        if vm is None:
            super().delete()
            self._leave()  # another thread may be giving it to KVM
            return
        with vm._changes, self._lock:  # its place is free when KVM has forgotten it
            super().delete()
            self._leave()

    def _leave(self) -> None:
        """It is deleted: KVM forgets it, if it has it."""
        vm = self._back
        if vm is not None:
            with vm._changes:
                vm, self._back = self._back, None
                if vm is not None:
                    vm._forget(self)

    def move(self, addr: int) -> None:
        vm = self._back
        if vm is None:
            super().move(addr)
            return
        with vm._changes, self._lock:
            before = self.addr
            super().move(addr)
            if vm._fd < 0:
                return
            try:
                self._set(vm, self.addr, self.size)
            except OSError:
                super().move(before)
                raise

    @property
    def readonly(self) -> bool:
        """KVM does not let it change, so no vCPU is in KVM while the slot is made again."""
        return bool(_core.MemorySlot.readonly.__get__(self))

    @readonly.setter
    def readonly(self, value: bool) -> None:
        rom = truth(value, "readonly")
        vm = self._owner()
        if rom == self.readonly:
            return
        with vm._outside(), vm._changes, self._lock:
            self._owner()  # not deleted meanwhile
            self._look(vm)
            _core.MemorySlot.readonly.__set__(self, rom)  # type: ignore[attr-defined]
            if vm._fd >= 0:
                self._set(vm, self.addr, 0)
                self._set(vm, self.addr, self.size)

    @readonly.deleter
    def readonly(self) -> None:
        raise AttributeError("readonly cannot be deleted: set it to False")

    # -- the dirty log ----------------------------------------------------------------------------

    @property
    def dirty_log(self) -> bool:
        return self._log

    @dirty_log.setter
    def dirty_log(self, value: bool) -> None:
        on = truth(value, "dirty_log")
        vm = self._owner()
        with vm._changes, self._lock:
            self._owner()  # not deleted meanwhile
            if on == self._log:
                return
            vm._check_run()
            self._log, before = on, self._log
            self._seen = 0
            try:
                self._set(vm, self.addr, self.size)
            except BaseException:
                self._log = before
                raise

    @dirty_log.deleter
    def dirty_log(self) -> None:
        raise AttributeError("dirty_log cannot be deleted: set it to False")

    def dirty(self, clear: bool = True) -> bytes:
        clean = truth(clear, "clear")
        pages = self.size // PAGE
        with self._lock:
            self._look(self._logged())
            seen = self._seen
            if clean:
                self._seen = 0
        return seen.to_bytes((pages + 7) // 8, "little")

    def clear_dirty(self, first_page: int, count: int, bits: Any = None) -> bytes:
        pages = self.size // PAGE
        first = whole(first_page, "first_page", 0, 2**64 - 1)
        number = whole(count, "count", 0, 2**64 - 1)
        if first + number > pages:
            raise IndexError(
                f"{number} pages from page {first} on are not inside {self!r}, which has {pages}"
            )
        length = (number + 7) // 8
        mask = (1 << number) - 1
        if bits is not None:
            try:
                raw = memoryview(bits).tobytes()
            except TypeError:
                kind = type(bits).__name__
                raise TypeError(f"bits are taken from bytes or a buffer, not from {kind}") from None
            if len(raw) != length:
                raise ValueError(
                    f"{len(raw)} bytes of bits for {number} pages: give {length}, a bit for each "
                    "page"
                )
            mask &= int.from_bytes(raw, "little")
        with self._lock:
            self._look(self._logged())
            found = self._seen >> first & mask
            self._seen &= ~(mask << first)
        return found.to_bytes(length, "little")

    def _logged(self) -> "Vm":
        """OSError ENOENT: there is no log."""
        vm = self._back
        if vm is None or not self._log or self.vm is None:
            raise no_dirty_log(self)
        vm._check_run()
        return vm

    def _look(self, vm: "Vm") -> None:
        """Add to `_seen` what KVM has logged. KVM forgets it."""
        if not self._log:
            return
        bits = (ctypes.c_uint64 * ((self.size // PAGE + 63) // 64))()
        log = abi.DIRTY_LOG.pack(self._number, ctypes.addressof(bits))
        if (fd := vm._fd) < 0:
            return
        ioctl(fd, abi.KVM_GET_DIRTY_LOG, log)
        self._seen |= int.from_bytes(bytes(bits), "little")
