"""Rows S, M, X: what stands at an exit, and what happens while an access waits for its end."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from pyx86emu import ExitReason
from tests.harness import FOREVER, Guest, count_of, folded, program, work
from tests.rows.case import EINTR, KEEPS_RUNNING, OUT_80, ROWS, Case, forever, row
from tests.rows.interrupts import inject


@row("S14")
def s14_the_user_registers_the_port_at_the_second_exit(case: Case) -> str:
    guest = case.guest(
        program(
            "be0040 ba8000 fc b90500 f36e  ; mov si,0x4000; mov dx,0x80; cld; mov cx,5; rep outsb"
        )
    )
    fd = case.eventfd()
    exits = [guest.show(guest.run()), guest.show(guest.run())]
    case.ring(guest.vm, fd=fd)
    exits += guest.exits()
    return f"{'; '.join(folded(exits))}; counter {count_of(fd)}"


@row("S15")
def s15_the_user_answers_two_of_five_bytes(case: Case) -> str:
    guest = case.guest(
        program(
            "bf0040 ba8000 fc b90500 f36c  ; mov di,0x4000; mov dx,0x80; cld; mov cx,5; rep insb"
        ),
        answer=lambda exit: b"\x11\x22",
    )
    return f"{guest.text()}; ram {guest.ram[0x4000:0x4006].hex()}"


@row(
    "M35",
    ROWS["M35"]["result"],
    "MMIO w 0xd0ffe len=2 data=1122; HLT; counter 1",
)
def m35_the_user_registers_the_second_half_at_the_first_exit(case: Case) -> str:
    """Either order of looking the two halves up is allowed."""
    guest = case.guest(
        program(
            """
            b800d0        ; mov ax,0xd000
            8ed8          ; mov ds,ax
            66b811223344  ; mov eax,0x44332211
            66a3fe0f      ; mov [0xffe],eax
            """
        )
    )
    first = guest.show(guest.run())
    entry = case.ring(guest.vm, 0xD1000, 2, bus="mmio")
    return f"{first}; {guest.text()}; counter {entry.read()}"


def registers(guest: Guest) -> str:
    regs = guest.vcpu.regs
    return (
        f"rip={regs.eip:#x} rax={regs.eax:#x} rcx={regs.ecx:#x} rsi={regs.esi:#x} rdi={regs.edi:#x}"
    )


def kicked(guest: Guest) -> str:
    """Enter with the kick flag set: what is pending is completed, nothing more is executed."""
    guest.vcpu.kick()
    return guest.show(guest.run())


def stopped_at(case: Case, code: bytes, answer: int = 0x5A) -> str:
    """The registers at the first exit, after completing it, and what comes then."""
    guest = case.guest(code, answer=lambda exit: bytes([answer]) * (exit.size * exit.count))
    first = guest.show(guest.run())
    at_exit = registers(guest)
    assert kicked(guest) == EINTR
    after = registers(guest)
    then = guest.show(guest.run())
    completed = f"after immediate_exit re-entry ({EINTR}): {after}"
    return f"{first}; at exit: {at_exit}; {completed}; then {then}"


@row("X02")
def x02_out_is_over_at_its_exit(case: Case) -> str:
    return stopped_at(case, OUT_80)


@row("X03")
def x03_in_is_not_over_at_its_exit(case: Case) -> str:
    return stopped_at(case, program("e480  ; in al,0x80"))


@row("X04")
def x04_a_store_is_over_at_its_exit(case: Case) -> str:
    return stopped_at(case, program("b800d0 8ed8 a20000  ; mov ax,0xd000; mov ds,ax; mov [0],al"))


@row("X05")
def x05_a_load_is_not_over_at_its_exit(case: Case) -> str:
    return stopped_at(case, program("b800d0 8ed8 a00000  ; mov ax,0xd000; mov ds,ax; mov al,[0]"))


@row("X06")
def x06_hlt_is_over_at_its_exit(case: Case) -> str:
    return stopped_at(case, program("f4 e681  ; hlt; out 0x81,al"))


@row("X07")
def x07_rep_outs_has_counted_at_its_exit(case: Case) -> str:
    return stopped_at(
        case,
        program("be0040 ba8000 b90300 f36e  ; mov si,0x4000; mov dx,0x80; mov cx,3; rep outsb"),
    )


@row("X08")
def x08_rep_stos_has_counted_at_its_exit(case: Case) -> str:
    code = program(
        "b800d0 8ec0 31ff b90300 f3aa  ; mov ax,0xd000; mov es,ax; xor di,di; mov cx,3; rep stosb"
    )
    return stopped_at(case, code)


@row("X09")
def x09_rep_ins_has_not_counted_at_its_exit(case: Case) -> str:
    return stopped_at(
        case, program("bf0040 ba8000 b90300 f36c  ; mov di,0x4000; mov dx,0x80; mov cx,3; rep insb")
    )


def answered(case: Case, code: bytes, *answers: bytes | int | None) -> Guest:
    """Run with these answers in turn; None leaves an access unanswered."""
    left = iter(answers)
    guest = case.guest(code, answer=lambda exit: next(left))
    assert guest.exits()[-1] == "HLT"
    return guest


def rax(guest: Guest) -> str:
    return f"rax={guest.vcpu.regs.eax:#x}"


IN_TWICE = program("e480 88c4 e480  ; in al,0x80; mov ah,al; in al,0x80")


@row("X10")
def x10_an_in_without_an_answer(case: Case) -> str:
    fresh = answered(case, program("e480  ; in al,0x80"), None)
    return f"{rax(fresh)}; {rax(answered(case, IN_TWICE, 0x5A, None))}"


@row("X11")
def x11_a_load_without_an_answer(case: Case) -> str:
    return rax(
        answered(case, program("b800d0 8ed8 a10000  ; mov ax,0xd000; mov ds,ax; mov ax,[0]"), None)
    )


@row("X11b", "rax=0x5a00")
def x11b_a_load_without_an_answer_after_one_with(case: Case) -> str:
    code = program(
        """
        b800d0  ; mov ax,0xd000
        8ed8    ; mov ds,ax
        a00000  ; mov al,[0]
        88c4    ; mov ah,al
        a00000  ; mov al,[0]
        """
    )
    return rax(answered(case, code, b"\x5a", None))


@row("X12")
def x12_in_ax_takes_two_bytes_of_the_answer(case: Case) -> str:
    code = program("66b844332211 e580  ; mov eax,0x11223344; in ax,0x80")
    as_number = rax(answered(case, code, 0xDDCCBBAA))
    assert rax(answered(case, code, b"\xaa\xbb\xcc\xdd")) == as_number
    return as_number


@row("X13")
def x13_four_bytes_of_an_answer(case: Case) -> str:
    port = rax(answered(case, program("66e580  ; in eax,0x80"), b"\xaa\xbb\xcc\xdd"))
    code = program("b800d0 8ed8 66a10000  ; mov ax,0xd000; mov ds,ax; mov eax,[0]")
    assert rax(answered(case, code, 0xDDCCBBAA)) == port
    return port


def written_between(case: Case, register: str, value: int) -> str:
    """Write a register while an IN is pending."""
    guest = case.guest(program("e480  ; in al,0x80"))
    assert guest.run().reason is ExitReason.IO
    with pytest.raises((RuntimeError, OSError, ValueError)):
        setattr(guest.vcpu.regs, register, value)
    return f"refused; {guest.text()} {rax(guest)} rip={guest.vcpu.regs.eip:#x}"


@row("X14", "refused; HLT rax=0xa5 rip=0x1003")
def x14_rax_cannot_be_written_while_an_in_waits(case: Case) -> str:
    return written_between(case, "eax", 0x7700)


@row("X15", "refused; HLT rax=0xa5 rip=0x1003")
def x15_rip_cannot_be_written_while_an_in_waits(case: Case) -> str:
    return written_between(case, "eip", 0x2000)


@row("X16", f"{EINTR} rip=0x1000; then HLT")
def x16_a_kick_is_good_for_one_return(case: Case) -> str:
    """KVM's flag stays up until its owner takes it down; one `kick()` is good for one return."""
    guest = case.guest(program("90  ; nop"))
    first = kicked(guest)
    return f"{first} rip={guest.vcpu.regs.eip:#x}; then {guest.text()}"


@row("X17")
def x17_signals_alone_end_no_run(case: Case) -> str:
    """Signals are handled while the guest runs on; the handler's kick is what ends it."""
    guest, alarms = case.guest(FOREVER), 0

    def alarm(number: int, frame: object) -> None:
        nonlocal alarms
        alarms += 1
        if alarms == 3:
            guest.vcpu.kick()

    old = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        exit = guest.vcpu.run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return KEEPS_RUNNING if exit.reason is ExitReason.INTR and alarms >= 3 else guest.show(exit)


@row("X18", f"still running: True; after a kick: {EINTR}")
def x18_a_kick_from_another_thread_ends_the_run(case: Case) -> str:
    guest = case.guest(FOREVER)
    vcpu = forever(guest)
    work(guest.vcpu, vcpu)
    still = vcpu.going
    guest.vcpu.kick()
    return f"still running: {still}; after a kick: {guest.show(vcpu.result())}"


@row("X20")
def x20_ud2_and_its_frame(case: Case) -> str:
    guest = case.guest(program("90 0f0b  ; nop; ud2"))
    return f"{guest.text()}; stack ip,cs,flags {guest.frame()}"


@row("X24")
def x24_div_by_zero_and_its_frame(case: Case) -> str:
    guest = case.guest(program("31c9 f7f1  ; xor cx,cx; div cx"))
    return f"{guest.text()} stack ip,cs,flags {guest.frame()}"


@row("X25")
def x25_a_word_at_the_end_of_a_segment_and_its_frame(case: Case) -> str:
    word = case.guest(program("bbffff 8b07  ; mov bx,0xffff; mov ax,[bx]"))
    pop = case.guest(program("bcffff 58  ; mov sp,0xffff; pop ax"))
    return f"{word.text()} stack ip,cs,flags {word.frame()}; pop: {pop.text()}"


@row("X28", "a negative budget: ValueError; two of them: TypeError")
def x28_run_takes_no_argument_of_an_ioctl(case: Case) -> str:
    """What comes near: the budget of run()."""
    run: Any = case.guest().vcpu.run
    seen = []
    for name, arguments in (("a negative budget", (-1,)), ("two of them", (1, 1))):
        with pytest.raises((ValueError, TypeError)) as refused:
            run(*arguments)
        seen.append(f"{name}: {refused.type.__name__}")
    return "; ".join(seen)


@row("X29")
def x29_ready_is_when_an_interrupt_is_accepted(case: Case) -> str:
    """Ready is what an interrupt is accepted at."""
    seen = []
    for name, code in (
        ("cli; hlt", program("fa f4  ; cli; hlt")),
        ("sti; nop; hlt", program("fb 90 f4  ; sti; nop; hlt")),
        ("sti; hlt", program("fb f4  ; sti; hlt")),
    ):
        guest = case.guest(code)
        assert guest.text() == "HLT"
        flag = guest.vcpu.regs.eflags >> 9 & 1
        ready = int(inject(guest, 0x20) == "0")
        seen.append(f"{name}: if {flag} ready {ready}")
    return "; ".join(seen)


@row("X30")
def x30_insb_into_a_hole_exits_twice(case: Case) -> str:
    guest = case.guest(
        program(
            """
        b800d0  ; mov ax,0xd000
        8ec0    ; mov es,ax
        31ff    ; xor di,di
        ba8000  ; mov dx,0x80
        fc      ; cld
        6c      ; insb
        """
        )
    )
    return guest.text()
