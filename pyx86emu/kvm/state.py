"""State: what one vCPU of KVM owns - its descriptor, its page, its registers - and RESET."""

import mmap
import os
from fcntl import ioctl
from typing import TYPE_CHECKING

from ..models import fields
from . import abi, signals
from .debug import Debug
from .registers import CS_AT, RIP_AT

if TYPE_CHECKING:
    from .vm import Vm


#: Bytes of struct kvm_run that are looked at after the end.
SHARED = abi.SYNC_EVENTS_AT + abi.EVENTS_SIZE


class State:
    """The vCPU's part that does not run. `_page` is struct kvm_run, shared with KVM."""

    def __init__(self, vm: "Vm", number: int, run_size: int) -> None:
        self._back = vm
        self._number = number
        self._fd = ioctl(vm._fd, abi.KVM_CREATE_VCPU, number)
        self._alarm: signals.Alarm | None = None
        try:
            self._page: mmap.mmap | bytearray = mmap.mmap(self._fd, run_size)
            self._page[abi.VALID_REGS_AT] = (
                abi.KVM_SYNC_X86_REGS | abi.KVM_SYNC_X86_SREGS | abi.KVM_SYNC_X86_EVENTS
            )
            self._debug = Debug(self._fd)
            ioctl(self._fd, abi.KVM_SET_CPUID2, bytearray(vm._cpuid))
            #: As KVM makes them: TR, LDTR and where the APIC is.
            self._new_sregs = bytearray(abi.SREGS_SIZE)
            ioctl(self._fd, abi.KVM_GET_SREGS, self._new_sregs)
            self._set_reset_state()
        except BaseException:
            self._release()
            raise

    def _place(self) -> tuple[int, int]:
        page = self._page
        return (
            int.from_bytes(page[CS_AT : CS_AT + 2], "little"),
            int.from_bytes(page[RIP_AT : RIP_AT + 2], "little"),
        )

    def _pc(self) -> int:
        """The linear address where the vCPU stands."""
        page, at = self._page, abi.SYNC_SREGS_AT
        base = int.from_bytes(page[at : at + 8], "little")
        return base + int.from_bytes(page[RIP_AT : RIP_AT + 8], "little") & 0xFFFFFFFF

    def _set_mp_state(self, state: int) -> None:
        ioctl(self._fd, abi.KVM_SET_MP_STATE, state.to_bytes(4, "little"))

    def _store_sregs(self) -> None:
        """Give KVM the segments and control registers of the page. OSError EINVAL: it refuses."""
        if self._fd < 0:
            return
        at = abi.SYNC_SREGS_AT
        sregs = bytearray(self._page[at : at + abi.SREGS_SIZE])
        ioctl(self._fd, abi.KVM_SET_SREGS, sregs)
        ioctl(self._fd, abi.KVM_GET_SREGS, sregs)
        self._page[at : at + abi.SREGS_SIZE] = bytes(sregs)

    def _set_reset_state(self) -> None:
        """F000:FFF0 in the page, and in KVM what the page does not have."""
        page, at = self._page, abi.SYNC_SREGS_AT
        sregs = bytearray(self._new_sregs)
        for number in range(6):
            base, selector, kind = (0xF0000, 0xF000, 0xB) if number == 0 else (0, 0, 3)
            # limit 64 KiB; type, present, dpl, db, s (code or data), l, g, avl
            abi.SEGMENT.pack_into(
                *(sregs, number * abi.SEGMENT.size, base, 0xFFFF, selector),
                *(kind, 1, 0, 0, 1, 0, 0, 0),
            )
        abi.DTABLE.pack_into(sregs, abi.SREGS_GDT_AT, 0, 0xFFFF)
        abi.DTABLE.pack_into(sregs, abi.SREGS_IDT_AT, 0, 0x3FF)
        cr0 = fields("80486")["cr0_reset"]
        for place, value in (
            (abi.SREGS_CR0_AT, cr0),
            *((each, 0) for each in (abi.SREGS_CR2_AT, abi.SREGS_CR3_AT, abi.SREGS_CR4_AT)),
            (abi.SREGS_EFER_AT, 0),
        ):
            sregs[place : place + 8] = value.to_bytes(8, "little")
        sregs[abi.SREGS_BITMAP_AT :] = bytes(32)
        ioctl(self._fd, abi.KVM_SET_SREGS, sregs)
        ioctl(self._fd, abi.KVM_GET_SREGS, sregs)
        page[at : at + abi.SREGS_SIZE] = bytes(sregs)
        regs = [0] * 16
        abi.REGS.pack_into(page, abi.SYNC_REGS_AT, *regs, 0xFFF0, 2)
        flags = abi.KVM_VCPUEVENT_VALID_NMI_PENDING | abi.KVM_VCPUEVENT_VALID_SHADOW
        events = bytearray(abi.EVENTS_SIZE)
        at = abi.EVENTS_FLAGS_AT
        events[at : at + 4] = flags.to_bytes(4, "little")
        page[abi.SYNC_EVENTS_AT : abi.SYNC_EVENTS_AT + abi.EVENTS_SIZE] = bytes(events)
        page[abi.DIRTY_REGS_AT] = abi.KVM_SYNC_X86_REGS | abi.KVM_SYNC_X86_EVENTS
        self._debug.reset()
        if self._back._irqchip:
            self._set_mp_state(abi.KVM_MP_STATE_RUNNABLE)

    def _release(self) -> None:
        """Give the vCPU back. Its registers stay as they are, to be read."""
        fd, self._fd = self._fd, -1
        alarm, self._alarm = self._alarm, None
        if "_debug" in self.__dict__:
            self._debug.release()
        if alarm is not None:
            alarm.close()
        if fd >= 0:
            page = self.__dict__.get("_page")
            if isinstance(page, mmap.mmap):
                if self._number == 0:
                    self._back._ring._end()
                # Who reads `page` now may finish; it is unmapped with the last reference.
                self._page = bytearray(page[:SHARED])
                self._unmapped()
            os.close(fd)

    def _unmapped(self) -> None:
        """`_page` is another object now."""

    def __del__(self) -> None:
        if "_fd" in self.__dict__:
            self._release()
