"""Memory as a guest sees it: the A20 line, ROM."""

from __future__ import annotations

import pytest

from pyx86emu import PioDevice
from pyx86emu.models import MODELS
from tests.harness import MakeGuest, program

FFFF_0010 = program(
    """
    b8ffff      ; mov ax,0xffff
    8ed8        ; mov ds,ax
    c606100542  ; mov byte [0x510],0x42
    a01005      ; mov al,[0x510]
    """
)


@pytest.mark.parametrize("model", MODELS)
def test_a20_folds_the_second_mebibyte(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(FFFF_0010, model=model)
    high = guest.vm.add_memory(0x100000, 0x10000)
    always_folded = model in ("8086", "80186")

    for line in (True, False, True):
        guest.vm.a20 = line
        guest.ram[0x500:0x501] = b"\0"
        high[0x100500:0x100501] = b"\0"
        guest.start()
        assert guest.text() == "HLT"
        folded = always_folded or not line
        assert guest.vcpu.regs.al == 0x42
        assert (guest.ram[0x500], high[0x100500]) == ((0x42, 0) if folded else (0, 0x42))


def test_a20_changes_in_the_middle_of_a_run(make_guest: MakeGuest) -> None:
    """The code itself lies above 1 MiB: FFFF:0010 is a different place after the switch."""

    class Gate(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            guest.vm.a20 = bool(value)

    guest = make_guest(program("b000 ea1050ffff  ; mov al,0; jmp 0xffff:0x5010"))
    high = guest.vm.add_memory(0x100000, 0x10000)
    guest.vm.pio.attach(Gate(), 0x92)
    high[0x105000:0x105004] = program("e692 40 f4  ; out 0x92,al; inc ax; hlt")
    guest.ram[0x5000:0x5004] = program("e692 43 f4  ; out 0x92,al; inc bx; hlt")

    assert guest.text() == "HLT"

    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (0, 1)


def test_rom_is_read_and_run_but_not_written(make_guest: MakeGuest) -> None:
    guest = make_guest(program("ea00000020  ; jmp 0x2000:0"))
    rom = guest.vm.add_memory(0x20000, 0x1000, readonly=True)
    code = program("2ea00000 2ec606000055 f4  ; mov al,[cs:0]; mov byte [cs:0],0x55; hlt")
    rom[0x20000 : 0x20000 + len(code)] = code

    assert guest.exits() == ["MMIO w 0x20000 len=1 data=55", "HLT"]

    assert guest.vcpu.regs.al == 0x2E
    assert rom[0x20000] == 0x2E
