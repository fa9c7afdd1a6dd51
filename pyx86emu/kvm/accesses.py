"""Accesses: what KVM asks of us for one instruction. Call the device, or make the Exit.

KVM leaves the data of an access in struct kvm_run. A REP INS is one exit of KVM for several
elements. A device answers each of them by itself, and so does `Exit.reply_one`: what is left of the
batch is then asked for by further exits, before KVM runs again.
"""

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING

from .._core import Exit, RangeTable, access_exit
from ..exits import ExitReason
from . import abi
from .registers import CS_AT, RIP_AT

if TYPE_CHECKING:
    from mmap import mmap

    from .coalesced import CoalescedRing


IO, MMIO = ExitReason.IO, ExitReason.MMIO
BUSES = ("mmio", "pio")
word = Struct("=H").unpack_from
io_of, mmio_of = abi.RUN_IO.unpack_from, abi.RUN_MMIO.unpack_from


class Accesses:
    """The access that a vCPU stands at. `left` elements of it are neither done nor answered.

    Only the thread that runs the vCPU calls this.
    """

    __slots__ = (
        *("_page", "_ring", "_tables", "addr", "answered", "asked", "at", "delivered", "left"),
        *("port", "reading", "serial", "size", "told"),
    )

    def __init__(
        self, page: "mmap | bytearray", pio: RangeTable, mmio: RangeTable, ring: "CoalescedRing"
    ) -> None:
        self._page = page
        self._ring = ring
        self._tables = (mmio, pio)
        self.left = 0
        self.reading = False  # KVM waits for data
        self.asked = False  # an Exit asks for them
        self.answered = 0  # elements that were answered through it
        self.told = False  # an Exit tells of the write of one element
        self.delivered = False  # run() has returned that Exit; else Ctrl-C came between
        self.port = False  # on the bus of the ports
        self.addr = self.size = self.at = 0
        self.serial = 0  # an Exit of another serial number can no longer be answered

    def page_is(self, page: "mmap | bytearray") -> None:
        """The Vm is closed: nobody reads what is stored from now on."""
        self._page = page

    def io(self) -> None:
        """KVM_EXIT_IO: take the access from the page."""
        direction, self.size, self.addr, left, self.at = io_of(self._page, abi.RUN_IO_AT)
        self.port, self.reading = True, direction != abi.KVM_EXIT_IO_OUT
        self.told = self.asked = False
        self.left = left

    def mmio(self) -> None:
        """KVM_EXIT_MMIO: the same."""
        self.addr, _, self.size, write = mmio_of(self._page, abi.RUN_MMIO_AT)
        self.port, self.reading, self.at = False, not write, abi.RUN_MMIO_DATA_AT
        self.told = self.asked = False
        self.left = 1

    def resume(self) -> None:
        """Go on at an access that an earlier run has left, with the next element. What was asked
        for and not answered is 0. An Exit that was not delivered is made again."""
        done = 0
        if self.delivered and self.told:
            done = 1
        elif self.delivered and self.asked:
            done = self.answered
            if not done:
                done = self.left
                self._page[self.at : self.at + done * self.size] = bytes(done * self.size)
        self.told = self.asked = False
        self.at += done * self.size
        self.left -= done

    def give_up(self) -> None:
        """The vCPU is reset: reads get 0, and nobody can answer any more."""
        self.serial += 1
        if self.reading:
            size = self.left * self.size
            self._page[self.at : self.at + size] = bytes(size)
        self.left = self.answered = 0
        self.asked = self.told = self.reading = False

    def serve(self) -> Exit | None:
        """Let devices do what is left, up to an element that nobody but the caller of run() can.
        No call stands between what is done and that it is counted: Ctrl-C comes at calls."""
        page, table, size = self._page, self._tables[self.port], self.size
        ring = self._ring
        while self.left:
            at = self.at
            if self.reading:
                try:
                    value = table.push_read(self.addr, size)
                except BaseException as error:
                    self._note(error)
                    raise
                if value is None:
                    return self._ask()
                page[at : at + size] = value.to_bytes(size, "little")
            else:
                data = bytes(page[at : at + size])
                value = int.from_bytes(data, "little")
                collected: list[bytes] = []
                try:
                    taken = table.push_write(self.addr, size, value)
                    if not taken and ring._zones:
                        taken = ring._write(BUSES[self.port], self.addr, data, collected)
                except BaseException as error:
                    if collected or table.find(self.addr, size) is not None:
                        self.at, self.left = at + size, self.left - 1  # it has arrived
                    self._note(error)
                    raise
                if not taken:
                    return self._tell(data)
            self.at = at + size
            self.left -= 1
        return None

    def _place(self) -> tuple[int, int]:
        """CS and IP where the vCPU stands."""
        return word(self._page, CS_AT)[0], word(self._page, RIP_AT)[0]

    def _tell(self, data: bytes) -> Exit:
        self.told, self.delivered = True, False
        reason = IO if self.port else MMIO
        return access_exit(reason, self.addr, self.size, 1, data, None, *self._place())

    def _ask(self) -> Exit:
        self.asked, self.answered, self.delivered = True, 0, False
        reason = IO if self.port else MMIO
        answer = self._answer()
        return access_exit(reason, self.addr, self.size, self.left, None, answer, *self._place())

    def _answer(self) -> Callable[[bytes], None]:
        """What takes the bytes of a reply: of all elements that are left, or of the first ones."""
        serial, at = self.serial, self.at

        def answer(data: bytes) -> None:
            if self.serial != serial or not self.asked:
                raise RuntimeError(
                    "this Exit waits for no answer: reply to a read, before the next run() or "
                    "reset()"
                )
            self._page[at : at + len(data)] = data
            self.answered = len(data) // self.size

        return answer

    def _note(self, error: BaseException) -> None:
        """Name the access in an exception of a device."""
        cs, ip = self._place()
        size = self.size
        where = "port" if self.port else "address"
        error.add_note(
            f"while the guest {'read' if self.reading else 'wrote'} {size} "
            f"byte{'s' * (size > 1)} at {where} {self.addr:#x}, at {cs:04x}:{ip:04x}"
        )
