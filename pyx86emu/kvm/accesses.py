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
        *(
            "_page",
            "_ring",
            "_tables",
            "addr",
            "answered",
            "asked",
            "at",
            "left",
            "port",
            "reading",
        ),
        *("serial", "size"),
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
        self.port = False  # on the bus of the ports
        self.addr = self.size = self.at = 0
        self.serial = 0  # an Exit of another serial number can no longer be answered

    def page_is(self, page: "mmap | bytearray") -> None:
        """The Vm is closed: nobody reads what is stored from now on."""
        self._page = page

    def io(self) -> Exit | None:
        """KVM_EXIT_IO: an Exit, or None if devices have done it all."""
        direction, self.size, self.addr, self.left, self.at = io_of(self._page, abi.RUN_IO_AT)
        self.port, self.reading = True, direction != abi.KVM_EXIT_IO_OUT
        return self._serve()

    def mmio(self) -> Exit | None:
        """KVM_EXIT_MMIO: the same."""
        self.addr, _, self.size, write = mmio_of(self._page, abi.RUN_MMIO_AT)
        self.left, self.at = 1, abi.RUN_MMIO_DATA_AT
        self.port, self.reading = False, not write
        return self._serve()

    def resume(self) -> Exit | None:
        """Go on at an access that an earlier run has left: with the next element, or with nothing
        if all are answered. What was asked for and not answered is 0."""
        if self.asked:
            done = self.answered
            if not done:
                done = self.left
                self._page[self.at : self.at + done * self.size] = bytes(done * self.size)
            self.at += done * self.size
            self.left -= done
            self.asked, self.answered = False, 0
        return self._serve()

    def give_up(self) -> None:
        """The vCPU is reset: reads get 0, and nobody can answer any more."""
        self.serial += 1
        if self.reading:
            size = self.left * self.size
            self._page[self.at : self.at + size] = bytes(size)
        self.left = self.answered = 0
        self.asked = self.reading = False

    def _serve(self) -> Exit | None:
        """Let devices do what is left, up to an element that nobody but the caller of run() can."""
        page, table, size = self._page, self._tables[self.port], self.size
        while self.left:
            at = self.at
            try:
                if self.reading:
                    value = table.push_read(self.addr, size)
                    if value is None:
                        return self._ask()
                    page[at : at + size] = value.to_bytes(size, "little")
                    self.left -= 1
                    self.at = at + size
                else:
                    data = bytes(page[at : at + size])
                    self.left -= 1  # first: a write that raises has reached the device
                    self.at = at + size
                    if table.push_write(self.addr, size, int.from_bytes(data, "little")):
                        continue
                    ring = self._ring
                    if not ring._zones or not ring._write(BUSES[self.port], self.addr, data):
                        return self._tell(data)
            except BaseException as error:
                self._note(error)
                raise
        return None

    def _place(self) -> tuple[int, int]:
        """CS and IP where the vCPU stands."""
        return word(self._page, CS_AT)[0], word(self._page, RIP_AT)[0]

    def _tell(self, data: bytes) -> Exit:
        reason = IO if self.port else MMIO
        return access_exit(reason, self.addr, self.size, 1, data, None, *self._place())

    def _ask(self) -> Exit:
        self.asked, self.answered = True, 0
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
