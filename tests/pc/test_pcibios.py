"""The PCI BIOS, INT 1Ah AH=B1h, and what POST does for the PCI bus."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import Machine
from pyx86emu.pc.pci import Bar, PciBus, PciFunction

#: int 1Ah; hlt: at 7C00h.
CALL = bytes.fromhex("cd1a fa f4")
UPPER = 0xABCD0000


class Board(PciFunction):
    """A device with an interrupt."""

    name = "board"

    def __init__(self, device: int, class_code: int = 0x020000) -> None:
        more = (bytes([9, 0, 4, 0]),)
        bars = (Bar(64, io=True),)
        self.describe(
            0x1234, device, class_code, bars=bars, interrupts=True, capabilities=more, revision=3
        )


@pytest.fixture
def m(machine: Callable[..., Machine]) -> Machine:
    made = machine(CALL, model="80386")
    pci = PciBus.of(made.vm)
    pci.plug(Board(7), 10)
    pci.plug(Board(8), 5)
    pci.plug(Board(7, 0x030000), 10)
    pci.plug(Board(7), None)
    made.boot()
    return made


def call(m: Machine, ax: int, **registers: int) -> tuple[int, bool]:
    """INT 1Ah with these registers; the other ones must come back. Returns AX and CF."""
    regs = m.vcpu.regs
    regs.cs, regs.ip = 0, 0x7C00
    given = {name: UPPER + n for n, name in enumerate(("ebx", "ecx", "edx", "esi", "edi"))}
    given.update(registers)
    regs.eax = UPPER | ax
    for name, value in given.items():
        setattr(regs, name, value)
    m.run(max_instructions=20_000)
    assert regs.ip == 0x7C04
    assert regs.eax & 0xFFFF0000 == UPPER
    m.changed = {  # type: ignore[attr-defined]
        name: getattr(regs, name) for name in given if getattr(regs, name) != given[name]
    }
    return regs.eax & 0xFFFF, bool(regs.eflags & 1)


def changed(m: Machine) -> dict[str, int]:
    return m.changed  # type: ignore[attr-defined, no-any-return]


def test_it_is_there(m: Machine) -> None:
    assert call(m, 0xB101, ecx=UPPER | 0xFFFF) == (1, False)
    assert changed(m) == {"ebx": UPPER | 0x210, "ecx": UPPER | 0xFF00, "edx": 0x20494350}


@pytest.mark.parametrize(("index", "found"), [(0, 1 << 3), (1, 3 << 3), (2, 4 << 3)])
def test_a_device_is_found_by_its_number(m: Machine, index: int, found: int) -> None:
    assert call(m, 0xB102, ecx=UPPER | 7, edx=UPPER | 0x1234, esi=index) == (2, False)
    assert changed(m) == {"ebx": UPPER | found}


def test_a_device_is_found_by_its_class(m: Machine) -> None:
    assert call(m, 0xB103, ecx=0x030000, esi=0) == (3, False)
    assert changed(m) == {"ebx": UPPER | 3 << 3}
    assert call(m, 0xB103, ebx=5, ecx=0x060000, esi=0) == (3, False)
    assert changed(m) == {"ebx": 0}


def test_registers_are_read(m: Machine) -> None:
    where = {"ebx": UPPER | 2 << 3, "ecx": UPPER | 0x5555}
    assert call(m, 0xB108, **where, edi=8) == (8, False)
    assert changed(m) == {"ecx": UPPER | 0x5503}
    assert call(m, 0xB109, **where, edi=2) == (9, False)
    assert changed(m) == {"ecx": UPPER | 8}
    assert call(m, 0xB10A, **where, edi=0x08) == (10, False)
    assert changed(m) == {"ecx": 0x02000003}
    assert call(m, 0xB108, **where, edi=0x3C) == (8, False)
    assert changed(m) == {"ecx": UPPER | 0x5505}


def test_registers_are_written(m: Machine) -> None:
    assert call(m, 0xB10D, ebx=1 << 3, ecx=0x00001840, edi=0x10) == (13, False)
    assert changed(m) == {}
    assert call(m, 0xB10C, ebx=1 << 3, ecx=0x403, edi=4) == (12, False)
    assert call(m, 0xB10B, ebx=1 << 3, ecx=0x0B, edi=0x3C) == (11, False)

    function = PciBus.of(m.vm).functions[1]
    assert (function.open_at(0), function.command, function.config[0x3C]) == (0x1840, 0x403, 0x0B)


@pytest.mark.parametrize(
    ("ax", "registers", "code"),
    [
        (0xB100, {}, 0x81),
        (0xB106, {}, 0x81),
        (0xB10E, {}, 0x81),
        (0xB1FF, {}, 0x81),
        (0xB102, {"ecx": 7, "edx": 0xFFFF, "esi": 0}, 0x83),
        (0xB102, {"ecx": 7, "edx": 0x1234, "esi": 3}, 0x86),
        (0xB102, {"ecx": 9, "edx": 0x1234, "esi": 0}, 0x86),
        (0xB103, {"ecx": 0xFFFFFF, "esi": 0}, 0x86),
        (0xB103, {"ecx": 0x010000, "esi": 0}, 0x86),
        (0xB109, {"ebx": 8, "edi": 1}, 0x87),
        (0xB10A, {"ebx": 8, "edi": 2}, 0x87),
        (0xB108, {"ebx": 8, "edi": 0x100}, 0x87),
        (0xB10D, {"ebx": 8, "edi": 0x11}, 0x87),
    ],
)
def test_what_it_cannot_do_is_a_code(
    m: Machine, ax: int, registers: dict[str, int], code: int
) -> None:
    assert call(m, ax, **registers) == (code << 8 | ax & 0xFF, True)
    assert changed(m) == {}


def test_what_is_not_there_reads_as_ones(m: Machine) -> None:
    assert call(m, 0xB10A, ebx=0x0108, edi=0) == (10, False)
    assert changed(m) == {"ecx": 0xFFFFFFFF}


def test_post_makes_the_lines_level_triggered(m: Machine) -> None:
    chip = m.vm.irqchip

    assert (chip.slave.elcr, chip.master.elcr) == (1 << 2, 1 << 5)


@pytest.mark.parametrize("model", ["8086", "80186", "80286", "80386"])
def test_without_a_bus_there_is_no_such_function(
    model: str, machine: Callable[..., Machine]
) -> None:
    m = machine(CALL, model=model)
    m.boot()
    regs = m.vcpu.regs
    regs.cs, regs.ip, regs.ax, regs.dx = 0, 0x7C00, 0xB101, 0x1234

    m.run(max_instructions=20_000)

    assert (regs.ax, regs.dx, regs.flags & 1) == (0xB101, 0x1234, 1)
    assert m.vm.irqchip.slave.elcr == m.vm.irqchip.master.elcr == 0
