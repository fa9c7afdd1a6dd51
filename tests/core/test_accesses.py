"""Instructions with several accesses: a device is asked once for each, and in which pieces."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pyx86emu import ExitReason, MmioDevice, PioDevice
from pyx86emu.models import MODELS
from tests.harness import REGISTERS, Guest, MakeGuest, program

# -- each address once ----------------------------------------------------------------------------


class Memory(MmioDevice):
    """RAM behind a device; knows what was asked."""

    length = 0x2000
    max_size = 8

    def __init__(self, content: bytes) -> None:
        self.bytes = bytearray(content)
        self.reads: list[tuple[int, int]] = []
        self.writes: list[tuple[int, int]] = []

    def mmio_read(self, offset: int, size: int) -> int:
        self.reads.append((offset, size))
        return int.from_bytes(self.bytes[offset : offset + size], "little")

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        self.writes.append((offset, size))
        self.bytes[offset : offset + size] = value.to_bytes(size, "little")


#: Instructions with several accesses. AX is the segment that is RAM, a device or a hole.
SEVERAL = {
    "popa": program("8ed0 bc0001 61  ; mov ss,ax; mov sp,0x100; popa"),
    "popad": program("8ed0 bc0001 6661  ; mov ss,ax; mov sp,0x100; popad"),
    "pusha": program("8ed0 bc0001 60  ; mov ss,ax; mov sp,0x100; pusha"),
    "pushad": program("8ed0 bc0001 6660  ; mov ss,ax; mov sp,0x100; pushad"),
    "iret": program("8ed0 bc0002 cf  ; mov ss,ax; mov sp,0x200; iret"),
    "iretd": program("8ed0 bc1002 66cf  ; mov ss,ax; mov sp,0x210; iretd"),
    "retf": program("8ed0 bc0002 ca0400  ; mov ss,ax; mov sp,0x200; retf 4"),
    "enter": program(
        "8ed0 bc0001 bd8001 c8080004  ; mov ss,ax; mov sp,0x100; mov bp,0x180; enter 8,4"
    ),
    "leave": program("8ed0 bd8001 c9  ; mov ss,ax; mov bp,0x180; leave"),
    "les": program("8ed8 c41e1000  ; mov ds,ax; les bx,[0x10]"),
    "lds edi": program("8ed8 66c53e1000  ; mov ds,ax; lds edi,[0x10]"),
    "cmpsw": program(
        "8ed8 8ec0 be1000 bf2000 a7  ; mov ds,ax; mov es,ax; mov si,0x10; mov di,0x20; cmpsw"
    ),
    "repe cmpsb": program(
        """
        8ed8    ; mov ds,ax
        8ec0    ; mov es,ax
        be0003  ; mov si,0x300
        bf4003  ; mov di,0x340
        b90600  ; mov cx,6
        f3a6    ; repe cmpsb
        """
    ),
    "rep movsw": program(
        """
        8ed8    ; mov ds,ax
        8ec0    ; mov es,ax
        be1000  ; mov si,0x10
        bf2000  ; mov di,0x20
        b90400  ; mov cx,4
        f3a5    ; rep movsw
        """
    ),
    "rep lodsd": program(
        "8ed8 be1000 b90400 f366ad  ; mov ds,ax; mov si,0x10; mov cx,4; rep lodsd"
    ),
    "bound": program("8ed8 bb0070 621e2002  ; mov ds,ax; mov bx,0x7000; bound bx,[0x220]"),
    "call far": program(
        "8ed8 8ed0 bc0001 ff1e0002  ; mov ds,ax; mov ss,ax; mov sp,0x100; call far [0x200]"
    ),
    "jmp far": program("8ed8 ff2e0002  ; mov ds,ax; jmp far [0x200]"),
    "int": program("8ed0 bc0001 cd21  ; mov ss,ax; mov sp,0x100; int 0x21"),
    "pop m": program(
        "8ed8 8ed0 bc0001 8f064000  ; mov ds,ax; mov ss,ax; mov sp,0x100; pop word [0x40]"
    ),
    "push m": program(
        "8ed8 8ed0 bc0001 ff364000  ; mov ds,ax; mov ss,ax; mov sp,0x100; push word [0x40]"
    ),
    "add m": program("8ed8 810610003412  ; mov ds,ax; add word [0x10],0x1234"),
    "xchg": program("8ed8 bb3412 871e1000  ; mov ds,ax; mov bx,0x1234; xchg bx,[0x10]"),
    "cmpxchg": program(
        "8ed8 31c0 bb3412 0fb11e1000  ; mov ds,ax; xor ax,ax; mov bx,0x1234; cmpxchg [0x10],bx"
    ),
    "xadd": program("8ed8 66bb34120000 660fc11e1000  ; mov ds,ax; mov ebx,0x1234; xadd [0x10],ebx"),
    "shld": program("8ed8 bb3412 0fa41e100005  ; mov ds,ax; mov bx,0x1234; shld [0x10],bx,5"),
    "add, two pages": program("8ed8 668106fe0f78563412  ; mov ds,ax; add dword [0xffe],0x12345678"),
    "mov, two pages": program("8ed8 668b1efd0f  ; mov ds,ax; mov ebx,[0xffd]"),
    "lgdt": program("8ed8 0f01161000 0f01064000  ; mov ds,ax; lgdt [0x10]; sgdt [0x40]"),
    "xlat": program("8ed8 b80500 bb1000 d7  ; mov ds,ax; mov ax,5; mov bx,0x10; xlatb"),
    "push pop": program(
        "8ed0 bc0001 50 16 5b 59  ; mov ss,ax; mov sp,0x100; push ax; push ss; pop bx; pop cx"
    ),
}


def several(make_guest: MakeGuest, name: str, segment: int) -> Guest:
    guest = make_guest()
    guest.ram[0x3000:0x3001] = b"\xf4"
    guest.vector(0x21, 0x3000)
    code = b"\xb8" + segment.to_bytes(2, "little") + SEVERAL[name]
    guest.start(code)
    guest.vcpu.regs.edx = 0x89ABCDEF
    return guest


def contents() -> bytes:
    """Random, with a far pointer to 0000:3000, flags and bounds where the cases want them."""
    data = bytearray(random.Random(1).randbytes(0x2000))
    data[0x200:0x206] = bytes.fromhex("0030 0000 d702")
    data[0x210:0x21C] = bytes.fromhex("00300000 00000000 d7020000")
    data[0x220:0x224] = bytes.fromhex("0000 ff7f")
    data[0x300:0x306] = data[0x340:0x346] = b"sixsix"
    data[0x304] ^= 1
    return bytes(data)


def outcome(guest: Guest, segment: int, memory: bytes) -> dict[str, Any]:
    """Registers, with the segment's name in place of its number, and memory."""
    regs: dict[str, Any] = {name: getattr(guest.vcpu.regs, name) for name in REGISTERS}
    for name in ("ds", "es", "ss", "eax", "ebx", "ecx"):
        if regs[name] & 0xFFFF == segment:
            regs[name] = "segment"
    blind = segment.to_bytes(2, "little")
    return regs | {"memory": memory.replace(blind, b"**")}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_accesses_ask_each_address_once(make_guest: MakeGuest, name: str) -> None:
    in_ram = several(make_guest, name, 0x2000)
    slot = in_ram.vm.add_memory(0x20000, 0x2000)
    slot[0x20000:0x22000] = contents()
    assert in_ram.text() == "HLT"
    wanted = outcome(in_ram, 0x2000, slot[0x20000:0x22000])

    device = Memory(contents())
    pushed = several(make_guest, name, 0xD000)
    pushed.vm.mmio.attach(device, 0xD0000)
    assert pushed.text() == "HLT"
    assert outcome(pushed, 0xD000, bytes(device.bytes)) == wanted
    assert len(set(device.reads)) == len(device.reads)
    assert len(set(device.writes)) == len(device.writes)

    pulled = several(make_guest, name, 0xD000)
    hole = Memory(contents())
    pulled.answer = lambda exit: hole.mmio_read(exit.addr - 0xD0000, exit.size)
    for _ in range(100):
        exit = pulled.run()
        if exit.reason is not ExitReason.MMIO:
            break
        if exit.write:
            hole.mmio_write(exit.addr - 0xD0000, exit.size, exit.value)
    assert exit.reason is ExitReason.HLT
    assert outcome(pulled, 0xD000, bytes(hole.bytes)) == wanted
    assert hole.reads == device.reads
    assert hole.writes == device.writes


# -- the order --------------------------------------------------------------------------------

POPA = program("b800d0 8ed0 bc0001 61  ; mov ax,0xd000; mov ss,ax; mov sp,0x100; popa")
POPAD = program("b800d0 8ed0 bc0001 6661  ; mov ax,0xd000; mov ss,ax; mov sp,0x100; popad")


@pytest.mark.parametrize("model", MODELS[1:])
def test_popa_reads_its_words_in_the_order_of_the_chip(make_guest: MakeGuest, model: str) -> None:
    """From DI's word upwards; an 80286 reads AX's word first."""
    guest = make_guest(POPA, model=model)
    offsets = list(range(0, 16, 2))
    if model == "80286":
        offsets = [offsets[-1], *offsets[:-1]]

    seen = guest.exits()

    assert seen == [*(f"MMIO r {0xD0100 + at:#x} len=2" for at in offsets), "HLT"]


@pytest.mark.parametrize("model", MODELS[3:])
def test_popad_reads_upwards(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(POPAD, model=model)

    seen = guest.exits()

    assert seen == [*(f"MMIO r {0xD0100 + at:#x} len=4" for at in range(0, 32, 4)), "HLT"]


@pytest.mark.parametrize("model", MODELS[1:])
def test_popa_gives_each_register_its_word(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(POPA, model=model)
    guest.answer = lambda exit: 0x1100 | exit.addr & 0xF

    assert guest.exits()[-1] == "HLT"

    regs = guest.vcpu.regs
    names = ("di", "si", "bp", "sp", "bx", "dx", "cx", "ax")
    words = {name: 0x1100 | 2 * at for at, name in enumerate(names)} | {"sp": 0x110}
    assert {name: getattr(regs, name) for name in names} == words


# -- pieces ---------------------------------------------------------------------------------------


class Halves(Memory):
    """Answers the last two bytes of the first page only."""

    length = 2


@pytest.mark.parametrize("model", MODELS[3:])
def test_dword_half_on_a_device_half_on_nothing(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(
        program(
            """
            b800d0              ; mov ax,0xd000
            8ed8                ; mov ds,ax
            668b1efe0f          ; mov ebx,[0xffe]
            66c706fe0f11223344  ; mov dword [0xffe],0x44332211
            """
        ),
        model=model,
    )
    device = Halves(b"\x11\x22")
    guest.vm.mmio.attach(device, 0xD0FFE)

    assert guest.exits() == [
        "MMIO r 0xd1000 len=2",
        "MMIO w 0xd1000 len=2 data=3344",
        "HLT",
    ]

    assert guest.vcpu.regs.ebx == 0xA5A52211
    assert device.reads == [(0, 2)]
    assert device.writes == [(0, 2)]


def test_fragment_that_leaves_a_range_belongs_to_nobody(make_guest: MakeGuest) -> None:
    guest = make_guest(
        program(
            "b800d0 8ed8 668b1e0000 8b1e0000  ; mov ax,0xd000; mov ds,ax; mov ebx,[0]; mov bx,[0]"
        )
    )
    device = Halves(b"\x11\x22")
    guest.vm.mmio.attach(device, 0xD0000)

    assert guest.exits() == ["MMIO r 0xd0000 len=4", "HLT"]

    assert guest.vcpu.regs.ebx == 0xA5A52211


def test_narrow_device_is_asked_in_pieces(make_guest: MakeGuest) -> None:
    class Narrow(PioDevice):
        length = 4
        max_size = 1

        def __init__(self) -> None:
            self.log: list[tuple[object, ...]] = []

        def pio_read(self, offset: int, size: int) -> int:
            self.log.append((offset, size))
            return 0x11 * (offset + 1)

        def pio_write(self, offset: int, size: int, value: int) -> None:
            self.log.append((offset, size, value))

    guest = make_guest(program("ba0003 66ed ef  ; mov dx,0x300; in eax,dx; out dx,ax"))
    device = Narrow()
    guest.vm.pio.attach(device, 0x300)

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.eax == 0x44332211
    assert device.log == [(0, 1), (1, 1), (2, 1), (3, 1), (0, 1, 0x11), (1, 1, 0x22)]
