"""INT, faults, triple faults: the vector, the frame, and the exit where there is no handler."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason
from pyx86emu.models import MODELS
from tests.harness import CODE, STACK, MakeGuest, program

# -- vectors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_int_pushes_a_frame_and_iret_takes_it(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(program("f9 fb cd21 43  ; stc; sti; int 0x21; inc bx"), model=model)
    guest.ram[4 * 0x21 : 4 * 0x21 + 4] = bytes.fromhex("0000 0003")  # 0300:0000
    handler = program("9c 58 e699 cf  ; pushf; pop ax; out 0x99,al; iret")
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler

    assert guest.run().reason is ExitReason.IO

    ones = 0xF002 if model in ("8086", "80186") else 2
    assert guest.frame() == (0x1004).to_bytes(2, "little").hex() + "0000" + (
        (ones | 0x201).to_bytes(2, "little").hex()
    )
    assert guest.vcpu.regs.cs == 0x300
    assert guest.vcpu.regs.ax == ones | 1  # IF is off inside
    assert guest.text() == "HLT"
    assert guest.vcpu.regs.eflags & 0x201 == 0x201
    assert guest.vcpu.regs.bx == 1


FAULTS = [
    ("div", program("b300 f6f3  ; mov bl,0; div bl"), 0, {"8086": 4, "80186": 4}, 2),
    (
        "prefixed div",
        program("bb0040 26f737  ; mov bx,0x4000; es div word [bx]"),
        0,
        {"8086": 6, "80186": 6},
        3,
    ),
    ("aam 0", bytes.fromhex("90d400"), 0, {"8086": 3, "80186": 3}, 1),
    ("int3", program("90 cc  ; nop; int3"), 3, {}, 2),
    ("into", bytes.fromhex("b07f 0401 ce"), 4, {}, 5),  # mov al,7fh; add al,1; into
    ("ud2", program("90 0f0b  ; nop; ud2"), 6, {"8086": None, "80186": 1}, 1),
    ("63", bytes.fromhex("90 63c0"), 6, {"8086": None}, 1),
    (
        "bound",
        program("bb0040 b80500 6207  ; mov bx,0x4000; mov ax,5; bound ax,[bx]"),
        5,
        {"8086": None},
        6,
    ),
    ("int1", bytes.fromhex("90f1"), 1, {"8086": None, "80186": None, "80286": None}, 2),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("code", "vector", "by_model", "offset"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_fault_goes_through_its_vector(
    make_guest: MakeGuest,
    code: bytes,
    vector: int,
    by_model: dict[str, int | None],
    offset: int,
    model: str,
) -> None:
    wanted = by_model.get(model, offset)
    if wanted is None:
        pytest.skip(f"the {model} has no such fault")
    guest = make_guest(code, model=model)

    assert guest.text() == f"HLT IN VECTOR {vector}"

    assert guest.word(STACK - 6) == CODE + wanted
    assert guest.vcpu.regs.sp == STACK - 6
    assert guest.vcpu.regs.eflags & 0x300 == 0


@pytest.mark.parametrize("model", MODELS[2:])
def test_word_at_the_end_of_a_segment_faults(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(
        program("bbffff b83412 8b07  ; mov bx,0xffff; mov ax,0x1234; mov ax,[bx]"), model=model
    )

    assert guest.text() == "HLT IN VECTOR 13"

    assert guest.word(STACK - 6) == CODE + 6
    assert guest.vcpu.regs.ax == 0x1234


@pytest.mark.parametrize("model", MODELS[:2])
def test_word_at_the_end_of_a_segment_wraps(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(
        program("bbffff 8b07 c7073344  ; mov bx,0xffff; mov ax,[bx]; mov word [bx],0x4433"),
        model=model,
    )
    guest.ram[0xFFFF:0x10000] = b"\x11"
    guest.ram[0:1] = b"\x22"

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.ax == 0x2211
    assert (guest.ram[0xFFFF], guest.ram[0], guest.ram[1]) == (0x33, 0x44, 6)  # 1: vector 0


@pytest.mark.parametrize("model", MODELS[3:])
def test_index_of_32_bits_does_not_wrap(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(
        program(
            """
            66bfffffffff  ; mov edi,0xffffffff
            66b903000000  ; mov ecx,3
            ba8000        ; mov dx,0x80
            f3676c        ; a32 rep insb
            """
        ),
        model=model,
    )

    assert guest.exits()[-1] == "HLT IN VECTOR 13"

    assert guest.vcpu.regs.edi == 0xFFFFFFFF


def test_batch_of_ins_that_faults_is_forgotten(make_guest: MakeGuest) -> None:
    """The third word does not fit the segment; the handler's own INSB must ask the port."""
    guest = make_guest(
        program(
            "bffbff b90400 ba8000 fc f36d  ; mov di,0xfffb; mov cx,4; mov dx,0x80; cld; rep insw"
        ),
        answer=lambda exit: b"\x11\x22" * exit.count if exit.size == 2 else b"\x5a",
    )
    guest.vector(13, 0x3000)
    handler = program("bf0050 6c f4  ; mov di,0x5000; insb; hlt")
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler

    exits = guest.exits()

    assert exits[-2:] == ["IO in port=0x80 size=1 count=1", "HLT"]
    assert guest.ram[0x5000] == 0x5A
    assert guest.ram[0xFFFB:0xFFFF] == b"\x11\x22\x11\x22"


# -- what ends a run ------------------------------------------------------------------------------


TRIPLE = [
    ("no vector table", program("0f011e0040 cc  ; lidt [0x4000]; int3"), CODE + 5),
    ("no stack", program("bc0100 50  ; mov sp,1; push ax"), CODE + 3),
]


@pytest.mark.parametrize("model", MODELS[2:])
@pytest.mark.parametrize(("code", "at"), [t[1:] for t in TRIPLE], ids=[t[0] for t in TRIPLE])
def test_triple_fault_shuts_down(make_guest: MakeGuest, code: bytes, at: int, model: str) -> None:
    guest = make_guest(code, model=model)

    assert guest.run().reason is ExitReason.SHUTDOWN

    assert guest.vcpu.regs.eip == at
    assert guest.run().reason is ExitReason.SHUTDOWN
    guest.vcpu.reset()
    assert (guest.vcpu.regs.cs, guest.vcpu.regs.ip) == (0xF000, 0xFFF0)
    guest.start(program("40  ; inc ax"))
    assert guest.text() == "HLT"


@pytest.mark.parametrize(
    ("code", "model"),
    [
        (program("b80100 0f01f0  ; mov ax,1; lmsw ax"), "80286"),
        (program("b80100 0f01f0  ; mov ax,1; lmsw ax"), "80486"),
        (program("0f20c0 0c01 0f22c0  ; mov eax,cr0; or al,1; mov cr0,eax"), "80386"),
        (program("0f20c0 0c01 0f22c0  ; mov eax,cr0; or al,1; mov cr0,eax"), "80486"),
    ],
)
def test_protected_mode_is_refused_by_name(make_guest: MakeGuest, code: bytes, model: str) -> None:
    guest = make_guest(model=model)
    guest.ram[0x2340 : 0x2340 + len(code)] = code
    guest.vcpu.regs.cs, guest.vcpu.regs.eip = 0x0200, 0x0340

    exit = guest.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR
    at = 0x340 + len(code) - 3
    assert f"0200:{at:04x}" in str(exit.message).lower()
    assert "protected mode" in str(exit.message)


def test_code_outside_memory_is_an_error_that_says_where(make_guest: MakeGuest) -> None:
    guest = make_guest(program("ea100000d0  ; jmp 0xd000:0x10"))

    exit = guest.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR
    assert "d000:0010" in str(exit.message).lower()


def test_code_that_runs_into_a_hole_is_an_error(make_guest: MakeGuest) -> None:
    guest = make_guest()
    guest.ram[0xFFF0:0x10000] = b"\x90" * 16
    guest.vcpu.regs.cs, guest.vcpu.regs.eip = 0x0F00, 0x0FF0

    exit = guest.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR
    assert "0f00:1000" in str(exit.message).lower()
    assert guest.vcpu.instructions == 16
