"""Code that changes: whoever writes it, the guest, a device or the host, the new code runs next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, PioDevice
from tests.harness import CODE, LONG, Guest, MakeGuest, Running, advance, another, program

# -- by the guest itself --------------------------------------------------------------------------


@pytest.fixture(params=["run", "step"])
def drive(request: pytest.FixtureRequest) -> Callable[[Guest], None]:
    """Runs a guest to its HLT, at once or one instruction at a time."""

    def run(guest: Guest) -> None:
        assert guest.run().reason is ExitReason.HLT

    def step(guest: Guest) -> None:
        for _ in guest.steps():
            pass

    return run if request.param == "run" else step


Drive = Callable[[Guest], None]


SELF_MODIFYING = [
    ("the next byte", program("c606051043 40  ; mov byte [next],0x43; next: inc ax"), 0x0001),
    (
        "the next byte, alias",
        program(
            """
        b80001        ; mov ax,0x100
        8ec0          ; mov es,ax
        31c0          ; xor ax,ax
        26c6060d0043  ; mov byte [es:next-0x1000],0x43
        40            ; next: inc ax
        """
        ),
        0x0001,
    ),
    (
        "stosb",
        program(
            "bf0810 b043 aa b000 40  ; mov di,next; mov al,0x43; stosb; mov al,0; next: inc ax"
        ),
        0x0001,
    ),
    (
        "stosw",
        program(
            """
        bf0a10  ; mov di,next-1
        b89043  ; mov ax,0x4390
        ab      ; stosw
        b80000  ; mov ax,0
        90      ; nop
        40      ; next: inc ax
        """
        ),
        0x0001,
    ),
    (
        "rep stosb",
        program(
            """
        bf0d10  ; mov di,next
        b043    ; mov al,0x43
        b90400  ; mov cx,4
        fc      ; cld
        f3aa    ; rep stosb
        b000    ; mov al,0
        40      ; next: inc ax
        40      ; inc ax
        40      ; inc ax
        40      ; inc ax
        """
        ),
        0x0004,
    ),
    (
        "rep movsb",
        program(
            """
        be1010  ; mov si,new
        bf0c10  ; mov di,next
        b90300  ; mov cx,3
        fc      ; cld
        f3a4    ; rep movsb
        40      ; next: inc ax
        40      ; inc ax
        40      ; inc ax
        f4      ; hlt
        43      ; new: inc bx
        43      ; inc bx
        42      ; inc dx
        """
        ),
        0x0002,
    ),
    (
        "rep movsb down",
        program(
            """
        be1210  ; mov si,new+2
        bf0e10  ; mov di,next+2
        b90300  ; mov cx,3
        fd      ; std
        f3a4    ; rep movsb
        40      ; next: inc ax
        40      ; inc ax
        40      ; inc ax
        f4      ; hlt
        43      ; new: inc bx
        43      ; inc bx
        42      ; inc dx
        """
        ),
        0x0002,
    ),
    (
        "push",
        program(
            """
        bc0c10  ; mov sp,next+2
        b84390  ; mov ax,0x9043
        50      ; push ax
        b80000  ; mov ax,0
        40      ; next: inc ax
        90      ; nop
        """
        ),
        0x0001,
    ),
    (
        "a loop's own immediate",
        program(
            """
        b91400    ; mov cx,20
        b000      ; again: mov al,0
        00c3      ; add bl,al
        fe060410  ; inc byte [again+1]
        e2f6      ; loop again
        """
        ),
        0x00BE,
    ),
    (
        "an opcode, again and again",
        program(
            """
        b90a00      ; mov cx,10
        8036081003  ; again: xor byte [patch],0x03
        40          ; patch: inc ax
        e2f8        ; loop again
        """
        ),
        0x0005,
    ),
    (
        "a jump's target",
        program(
            """
        b90200      ; mov cx,2
        eb00        ; again: jmp short near_
        43          ; near_: inc bx
        c606041009  ; mov byte [again+1],far_-again-2
        e2f6        ; loop again
        f4          ; hlt
        83c310      ; far_: add bx,0x10
        """
        ),
        0x0011,
    ),
]


@pytest.mark.parametrize(
    ("code", "bx"), [c[1:] for c in SELF_MODIFYING], ids=[c[0] for c in SELF_MODIFYING]
)
def test_changed_code_is_what_runs_next(
    make_guest: MakeGuest, drive: Drive, code: bytes, bx: int | None
) -> None:
    reference, guest = make_guest(code), make_guest(code)
    for _ in reference.steps():
        pass

    drive(guest)

    assert guest.state() == reference.state()
    assert guest.vcpu.regs.bx == bx


def test_code_that_becomes_what_no_block_can_hold(make_guest: MakeGuest) -> None:
    """A chained CALL leads to what was a block and now reaches to the end of the segment."""
    guest = make_guest(
        program(
            """
            b90500      ; mov cx,5
            e8f7ef      ; again: call last
            c606fdffb8  ; mov byte [last],0xb8
            e2f6        ; loop again
            """
        ),
        model="8086",
    )
    guest.ram[0xFFFD:0x10000] = program("c3 34 12  ; last: ret, then mov ax,0x1234")
    guest.ram[0:1] = b"\xc3"  # ret: an 8086 goes on at offset 0

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.ax == 0x1234
    assert guest.vcpu.instructions == 1 + 5 * 4 + 4 + 1


def test_code_in_two_segments_is_the_same_bytes(make_guest: MakeGuest) -> None:
    """A loop calls 0000:2000 and 0100:1000, which is the same routine, and changes it."""
    guest = make_guest(
        program(
            """
            b90400      ; mov cx,4
            9a00200000  ; again: call 0x0000:0x2000
            9a00100001  ; call 0x0100:0x1000
            8036002003  ; xor byte [0x2000],0x03
            e2ef        ; loop again
            """
        )
    )
    guest.ram[0x2000:0x2002] = program("40 cb  ; inc ax; retf")

    assert guest.text() == "HLT"

    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (4, 4)


# -- by others ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["slot", "vm", "view", "byte"])
def test_host_writes_to_code_are_seen(make_guest: MakeGuest, way: str) -> None:
    guest = make_guest(program("40 f4 40 f4  ; inc ax; hlt; inc ax; hlt"))
    view = memoryview(guest.ram)
    assert guest.text() == "HLT"
    guest.vcpu.regs.eip = CODE

    if way == "slot":
        guest.ram[CODE : CODE + 1] = b"\x43"
    elif way == "vm":
        guest.vm.write(CODE, b"\x43")
    elif way == "view":
        view[CODE] = 0x43
    else:
        guest.ram[CODE] = 0x43

    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)
    view.release()


def test_a_device_that_changes_code_is_seen_at_once(make_guest: MakeGuest, drive: Drive) -> None:
    guest = make_guest(program("e690 40 f4  ; out 0x90,al; inc ax; hlt"))

    class Dma(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            guest.ram[CODE + 2 : CODE + 3] = b"\x43"

    guest.vm.pio.attach(Dma(), 0x90)

    drive(guest)

    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (0, 1)


def test_another_vcpu_changes_code(make_guest: MakeGuest) -> None:
    guest = make_guest(program("c6060120f4  ; mov byte [0x2001],0xf4"))
    guest.ram[0x2000:0x2004] = program("90 90 ebfc  ; again: nop; nop; jmp again")
    victim = another(guest.vm, 0x2000)
    run = Running(victim.run)
    advance(victim, LONG)
    assert run.going

    assert guest.text() == "HLT"

    assert run.result().reason is ExitReason.HLT
    assert victim.regs.eip == 0x2002


def test_memory_seen_at_two_places_changes_at_both(make_guest: MakeGuest) -> None:
    guest = make_guest()
    page = bytearray(0x3000)
    at = -_address(page) % 0x1000
    part = memoryview(page)[at : at + 0x1000]
    for addr in (0x20000, 0x30000):
        guest.vm.add_memory(addr, buffer=part)
    guest.vm.write(0x20000, program("40 ea00100000  ; inc ax; jmp 0:0x1000"))
    guest.start(
        program(
            """
            b80030        ; mov ax,0x3000
            8ed8          ; mov ds,ax
            31c0          ; xor ax,ax
            83fb00        ; cmp bx,0
            7523          ; jne done
            2ec606301001  ; mov byte [cs:flag],1
            2e803e311000  ; cmp byte [cs:again],0
            750b          ; jne second
            2ec606311001  ; mov byte [cs:again],1
            ea00000020    ; jmp 0x2000:0
            c606000043    ; second: mov byte [0],0x43
            ea00000020    ; jmp 0x2000:0
            f4            ; done: hlt
            00            ; flag: db 0
            00            ; again: db 0
            """
        )
    )

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.bx == 1


def _address(buffer: bytearray) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def test_deleting_a_slot_takes_its_code_along(make_guest: MakeGuest) -> None:
    guest = make_guest(program("ea00000020  ; jmp 0x2000:0"))
    slot = guest.vm.add_memory(0x20000, 0x1000)
    slot[0x20000:0x20002] = program("f4 f4  ; hlt; hlt")
    assert guest.run().reason is ExitReason.HLT

    slot.delete()

    assert guest.run().reason is ExitReason.INTERNAL_ERROR
