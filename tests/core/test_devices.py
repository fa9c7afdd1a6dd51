"""Devices in Python, called by a vCPU: what they raise, and what they may do meanwhile."""

from __future__ import annotations

import pytest

from pyx86emu import PioDevice
from tests.harness import CODE, MakeGuest, program

# -- exceptions -----------------------------------------------------------------------------------


class Faulty(PioDevice):
    """Raises as often as told."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.reads = self.writes = 0

    def _maybe(self) -> None:
        if self.times:
            self.times -= 1
            raise LookupError("no such thing")

    def pio_read(self, offset: int, size: int) -> int:
        self.reads += 1
        self._maybe()
        return 0x5A

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.writes += 1
        self._maybe()


def test_device_exception_in_an_out_comes_out_and_the_out_is_done(make_guest: MakeGuest) -> None:
    guest = make_guest(program("e690 43  ; out 0x90,al; inc bx"))
    device = Faulty(1)
    guest.vm.pio.attach(device, 0x90)

    with pytest.raises(LookupError, match="no such thing") as caught:
        guest.vcpu.run()

    notes = " ".join(getattr(caught.value, "__notes__", []))
    assert "0x90" in notes and "0000:1000" in notes.lower()
    assert guest.vcpu.regs.eip == CODE + 2
    assert guest.text() == "HLT"
    assert (device.writes, guest.vcpu.regs.bx) == (1, 1)


def test_device_exception_in_an_in_comes_out_and_the_in_is_repeated(make_guest: MakeGuest) -> None:
    guest = make_guest(program("e490 43  ; in al,0x90; inc bx"))
    device = Faulty(2)
    guest.vm.pio.attach(device, 0x90)

    for _ in range(2):
        with pytest.raises(LookupError):
            guest.vcpu.run()
        assert guest.vcpu.regs.eip == CODE

    assert guest.text() == "HLT"
    assert (device.reads, guest.vcpu.regs.al, guest.vcpu.regs.bx) == (3, 0x5A, 1)


def test_rings_before_a_device_exception_are_delivered(make_guest: MakeGuest) -> None:
    guest = make_guest(
        program("e680 e680 e680 e690  ; out 0x80,al; out 0x80,al; out 0x80,al; out 0x90,al")
    )
    entry = guest.vm.ioeventfd(0x80, 1)
    guest.vm.pio.attach(Faulty(1), 0x90)

    with pytest.raises(LookupError):
        guest.vcpu.run()

    assert entry.read() == 3


# -- what a device does ---------------------------------------------------------------------------


def test_run_inside_a_device_is_refused(make_guest: MakeGuest) -> None:
    guest = make_guest(program("e690 43  ; out 0x90,al; inc bx"))
    seen: list[BaseException] = []

    class Again(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            try:
                guest.vcpu.run()
            except RuntimeError as error:
                seen.append(error)

    guest.vm.pio.attach(Again(), 0x90)

    assert guest.text() == "HLT"

    assert len(seen) == 1
    assert guest.vcpu.regs.bx == 1


def test_device_deregisters_what_its_own_vcpu_rings(make_guest: MakeGuest) -> None:
    guest = make_guest(
        program("e680 e680 e690 e680  ; out 0x80,al; out 0x80,al; out 0x90,al; out 0x80,al")
    )
    entry = guest.vm.ioeventfd(0x80, 1)
    counted: list[int] = []

    class Remover(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            counted.append(entry.read())
            entry.deassign()

    guest.vm.pio.attach(Remover(), 0x90)

    assert guest.exits() == ["IO out port=0x80 size=1 count=1 data=00", "HLT"]

    assert counted == [2]


def test_device_detaches_itself(make_guest: MakeGuest) -> None:
    guest = make_guest(program("e490 e490  ; in al,0x90; in al,0x90"))

    class Shy(PioDevice):
        def pio_read(self, offset: int, size: int) -> int:
            guest.vm.pio.detach(self)
            return 1

    guest.vm.pio.attach(Shy(), 0x90)

    assert guest.exits() == ["IO in port=0x90 size=1 count=1", "HLT"]
