"""Rows V and G: interrupts from outside, and single steps."""

from __future__ import annotations

from typing import Any

from tests.harness import FOREVER, Guest, program
from tests.rows.case import KEEPS_RUNNING, Case, result, row, runs_on

VECTOR = 0x20


HANDLER = program("b099 e699 cf  ; mov al,0x99; out 0x99,al; iret")


def interruptible(case: Case, code: bytes, flags: int = 0x202, **options: Any) -> Guest:
    guest = case.guest(code, flags=flags, **options)
    guest.ram[0x3000 : 0x3000 + len(HANDLER)] = HANDLER
    guest.vector(VECTOR, 0x3000)
    return guest


def inject(guest: Guest, vector: int = VECTOR) -> str:
    return result(lambda: guest.vcpu.interrupt(vector))


OUT_81 = program("e681  ; out 0x81,al")


@row("V01")
def v01_an_interrupt_comes_before_the_first_instruction(case: Case) -> str:
    guest = interruptible(case, OUT_81)
    return f"{inject(guest)}; {guest.text()}; stack ip,cs,flags {guest.frame()}"


@row("V02", "-EAGAIN; IO out port=0x81 size=1 count=1 data=00; HLT")
def v02_with_if_off_it_is_refused(case: Case) -> str:
    guest = interruptible(case, OUT_81, flags=2)
    return f"{inject(guest)}; {guest.text()}"


@row(
    "V03",
    "-EAGAIN; IO out port=0x80 size=1 count=1 data=00; "
    "IO out port=0x81 size=1 count=1 data=00; HLT",
)
def v03_with_if_off_it_is_refused_before_sti(case: Case) -> str:
    guest = interruptible(
        case, program("e680 fb 90 e681  ; out 0x80,al; sti; nop; out 0x81,al"), flags=2
    )
    return f"{inject(guest)}; {guest.text()}"


@row("V04", "0 -EAGAIN; -EINVAL -EINVAL")
def v04_one_at_a_time_and_only_vectors(case: Case) -> str:
    guest = interruptible(case, OUT_81)
    twice = f"{inject(guest)} {inject(guest)}"
    return f"{twice}; {inject(guest, 256)} {inject(guest, -1)}"


def window(guest: Guest) -> str:
    """Ask for an interrupt window, and run until it opens or for a while."""
    guest.vcpu.request_interrupt_window = True
    seen = runs_on(guest)
    return seen if seen == KEEPS_RUNNING else f"{seen} rip={guest.vcpu.regs.eip:#x}"


@row("V05b")
def v05b_a_window_that_is_open(case: Case) -> str:
    guest = case.guest(FOREVER, flags=0x202)
    opened = window(guest)
    return f"{opened} ready {guest.vcpu.ready:d} if {guest.vcpu.if_flag:d}"


@row("V05c")
def v05c_a_window_that_opens(case: Case) -> str:
    closed = window(case.guest(FOREVER))
    opened = window(
        case.guest(
            program("90 90 90 90 fb 90 ebfe  ; nop; nop; nop; nop; sti; nop; again: jmp again")
        )
    )
    return f"{closed}; {opened}"


@row("V09")
def v09_an_interrupt_after_hlt(case: Case) -> str:
    guest = interruptible(case, program("f4 e681  ; hlt; out 0x81,al"))
    halted = guest.text()
    return f"{halted}; {inject(guest)}; {guest.text()}"


@row("V10")
def v10_an_in_that_waits_is_completed_first(case: Case) -> str:
    guest = interruptible(
        case,
        program("fb 90 e480 88c3 e681  ; sti; nop; in al,0x80; mov bl,al; out 0x81,al"),
    )
    pending = guest.show(guest.run())
    seen = f"{pending}; {inject(guest)}; {guest.text()}"
    return f"{seen}; stack {guest.frame()} rbx={guest.vcpu.regs.ebx:#x}"


@row("V11")
def v11_an_interrupt_between_two_elements_of_rep_stos(case: Case) -> str:
    guest = interruptible(
        case,
        program(
            """
            fb      ; sti
            b800d0  ; mov ax,0xd000
            8ec0    ; mov es,ax
            31ff    ; xor di,di
            b90300  ; mov cx,3
            f3aa    ; rep stosb
            """
        ),
    )
    first = guest.show(guest.run())
    seen = f"{first}; {inject(guest)}; {guest.text()}"
    return f"{seen}; stack {guest.frame()}"


@row("V15")
def v15_popf_sets_tf(case: Case) -> str:
    guest = case.guest(
        program("f9 680001 9d bb0100  ; stc; push word 0x100; popf; mov bx,1"),
    )
    return f"{guest.text()} stack ip,cs,flags {guest.frame()}"


def stepped(guest: Guest, times: int) -> list[str]:
    """So many exits of a guest that is being debugged."""
    return [guest.show(guest.run()) for _ in range(times)]


STEP = "DEBUG exc=1 pc={:#x} dr6=0xffff4ff0".format


@row("G01")
def g01_single_steps_and_a_hlt(case: Case) -> str:
    guest = case.guest(program("90 90 f4  ; nop; nop; hlt"))
    begun = result(lambda: guest.vcpu.debug(singlestep=True))
    return f"{begun} {'; '.join(stepped(guest, 4))}"


@row("G03")
def g03_a_breakpoint(case: Case) -> str:
    guest = case.guest(program("90 90 90  ; nop; nop; nop"))
    begun = result(lambda: guest.vcpu.debug(breakpoints=[0x1001]))
    return f"{begun} {'; '.join(stepped(guest, 1))}"


@row(
    "G04",
    "; ".join(
        (
            STEP(0x1002),
            *("IO out port=0x81 size=1 count=1 data=00", STEP(0x1004)),
            *("IO in port=0x81 size=1 count=1", STEP(0x1006)),
            STEP(0x1007) + " counter 1",
        )
    ),
)
def g04_steps_over_ports(case: Case) -> str:
    """The step event of an instruction that exits for a write follows the exit."""
    guest = case.guest(program("e680 e681 e481 90  ; out 0x80,al; out 0x81,al; in al,0x81; nop"))
    entry = case.ring(guest.vm)
    guest.vcpu.debug(singlestep=True)
    return f"{'; '.join(stepped(guest, 6))} counter {entry.read()}"


@row(
    "G05",
    "; ".join(STEP(pc) for pc in (0x1003, 0x1006, 0x1009, 0x1009, 0x1009, 0x100B, 0x100C))
    + " counter 3",
    kvm="; ".join(STEP(pc) for pc in (0x1003, 0x1006, 0x1009, 0x1009, 0x100B, 0x100C, 0x100D))
    + " counter 3",
)
def g05_steps_over_rep_outs(case: Case) -> str:
    """A REP steps once per element (section 12). KVM's emulator did all three in one step."""
    guest = case.guest(
        program(
            "be0040 ba8000 b90300 f36e f4  ; mov si,0x4000; mov dx,0x80; mov cx,3; rep outsb; hlt"
        )
    )
    entry = case.ring(guest.vm)
    guest.vcpu.debug(singlestep=True)
    return f"{'; '.join(stepped(guest, 7))} counter {entry.read()}"
