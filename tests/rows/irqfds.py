"""Rows I: interrupt eventfds."""

from __future__ import annotations

import os
import tempfile

from tests.harness import Guest, count_of, open_line, program
from tests.rows.case import KEEPS_RUNNING, Case, assign, forever, result, row, runs_on

GSI = 5


#: Vectors from 20h up; only line 5 is open; then a loop.
WAIT_FOR_LINE_5 = open_line(GSI) + program(
    """
    fb    ; sti
    ebfe  ; again: jmp again
    """
)


#: The same, ringing port 80h first.
RING_AND_WAIT = open_line(GSI) + program(
    """
    fb    ; sti
    e680  ; out 0x80,al
    ebfe  ; again: jmp again
    """
)


LINE_5_HANDLER = program(
    "b099 e699 b020 e620 cf  ; mov al,0x99; out 0x99,al; mov al,0x20; out 0x20,al; iret"
)


def with_chips(case: Case, code: bytes = WAIT_FOR_LINE_5) -> Guest:
    guest = case.guest(code, irqchip=True)
    guest.ram[0x3000 : 0x3000 + len(LINE_5_HANDLER)] = LINE_5_HANDLER
    guest.vector(0x20 + GSI, 0x3000)
    return guest


def next_exit(guest: Guest) -> str:
    """The next exit, with patience: irqfds are looked at by another thread."""
    return guest.show(forever(guest).result(5.0))


@row("I01")
def i01_without_chips_there_are_no_lines(case: Case) -> str:
    vm = case.guest().vm
    return result(lambda: vm.irqfd(GSI, case.eventfd()))


@row("I02")
def i02_an_eventfd_raises_one_line(case: Case) -> str:
    vm, fd, other = with_chips(case).vm, case.eventfd(), case.eventfd()
    cases = ((GSI, fd), (GSI, fd), (GSI + 1, fd), (GSI, other))
    return " ".join(result(lambda: vm.irqfd(gsi, fd)) for gsi, fd in cases)  # noqa: B023


@row("I03", "-EBADF -EINVAL -EINVAL -EINVAL")
def i03_lines_that_do_not_exist_are_refused(case: Case) -> str:
    """Lines that do not exist are refused; flags and padding have no counterpart."""
    vm = with_chips(case).vm
    with tempfile.TemporaryFile() as file:
        good = case.eventfd()
        cases = ((GSI, -1), (GSI, file.fileno()), (4096, good), (0xFFFFFFFF, good))
        return " ".join(result(lambda: vm.irqfd(gsi, fd)) for gsi, fd in cases)  # noqa: B023


@row("I04")
def i04_deassign_finds_nothing_wrong(case: Case) -> str:
    vm, fd = with_chips(case).vm, case.eventfd()
    seen = [result(lambda: vm.irqfd_deassign(GSI, fd))]
    vm.irqfd(GSI, fd)
    for gsi, number in ((GSI + 1, fd), (GSI, fd), (GSI, fd), (GSI, -1)):
        seen.append(result(lambda: vm.irqfd_deassign(gsi, number)))  # noqa: B023
    return " ".join(seen)


@row("I05")
def i05_each_write_is_one_interrupt(case: Case) -> str:
    guest, fd = with_chips(case), case.eventfd()
    guest.vm.irqfd(GSI, fd)
    assert runs_on(guest) == KEEPS_RUNNING
    seen = []
    for count in (1, 5):
        os.eventfd_write(fd, count)
        seen += [next_exit(guest), runs_on(guest), f"counter {count_of(fd)}"]
    return "; ".join(seen)


@row("I06")
def i06_a_count_that_was_there_before(case: Case) -> str:
    guest, fd = with_chips(case), case.eventfd(3)
    assert runs_on(guest) == KEEPS_RUNNING
    guest.vm.irqfd(GSI, fd)
    return f"{next_exit(guest)}; {runs_on(guest)}; counter {count_of(fd)}"


@row("I07")
def i07_a_guest_interrupts_itself(case: Case) -> str:
    guest, fd = with_chips(case, RING_AND_WAIT), case.eventfd()
    guest.vm.irqfd(GSI, fd)
    case.ring(guest.vm, fd=fd)
    return f"{next_exit(guest)}; {runs_on(guest)}; counter {count_of(fd)}"


@row("I08")
def i08_resample_at_the_eoi(case: Case) -> str:
    guest, fd, resample = with_chips(case), case.eventfd(), case.eventfd()
    assert runs_on(guest) == KEEPS_RUNNING
    seen = result(lambda: guest.vm.irqfd(GSI, fd, resample=resample))
    os.eventfd_write(fd, 1)
    seen += f"; {next_exit(guest)}; {runs_on(guest)}"
    return f"{seen}; resamplefd {count_of(resample)}; counter {count_of(fd)}"


@row("I09")
def i09_resample_needs_an_eventfd(case: Case) -> str:
    vm = with_chips(case).vm
    return result(lambda: vm.irqfd(GSI, case.eventfd(), resample=-1))


@row("I10")
def i10_the_user_may_close_the_descriptor(case: Case) -> str:
    """KVM detaches the irqfd with the last descriptor, here the Vm has one more until the irqfd is
    removed. Nobody can tell: who could write has a descriptor, and then neither detaches."""
    guest, fd = with_chips(case), case.eventfd()
    guest.vm.irqfd(GSI, fd)
    assert runs_on(guest) == KEEPS_RUNNING
    kept = os.dup(fd)
    os.close(fd)
    os.eventfd_write(kept, 1)
    assert next_exit(guest).startswith("IO out port=0x99")
    os.close(kept)
    return result(lambda: guest.vm.irqfd(GSI, case.eventfd()))


@row("I12", f"0 0; {KEEPS_RUNNING}; counters 1,1; imr read back 0x0")
def i12_an_ioeventfd_beats_a_chip(case: Case) -> str:
    """An ioeventfd always wins over a device of the core."""
    guest = case.guest(
        program(
            """
            b020  ; mov al,0x20
            e620  ; out 0x20,al
            b05a  ; mov al,0x5a
            e621  ; out 0x21,al
            e421  ; in al,0x21
            ebfe  ; again: jmp again
            """
        ),
        irqchip=True,
    )
    fds = case.eventfd(), case.eventfd()
    made = " ".join(assign(guest.vm, 0x20 + i, 1, fd) for i, fd in enumerate(fds))
    seen = f"{made}; {runs_on(guest)}; counters {count_of(fds[0])},{count_of(fds[1])}"
    return f"{seen}; imr read back {guest.vcpu.regs.al:#x}"
