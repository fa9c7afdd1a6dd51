"""Rows T: changes while a vCPU runs, several vCPUs, a forked child."""

from __future__ import annotations

import os
import signal
import warnings
from functools import partial

from pyx86emu import ExitReason
from tests.harness import (
    BUDGET,
    FOREVER,
    Running,
    another,
    count_of,
    entered,
    folded,
    program,
    wait_until,
    work,
)
from tests.rows.case import Case, assign, forever, poll_of, result, row

OUT_80_FOREVER = program("e680 ebfc  ; again: out 0x80,al; jmp again")


@row("T01")
def t01_nothing_rings_after_the_deassign_has_returned(case: Case) -> str:
    guest, fd = case.guest(OUT_80_FOREVER), case.eventfd()
    entry = case.ring(guest.vm, fd=fd)
    vcpu = forever(guest)
    wait_until(lambda: poll_of(fd) != 0)
    entry.deassign()
    before = count_of(fd)
    exit = vcpu.result()
    after = count_of(fd)
    return (
        f"signals before >0: {before > 0}; after the deassign returned: {after}; "
        f"first exit {guest.show(exit)}"
    )


@row("T02")
def t02_at_most_one_exit_follows_the_assign(case: Case) -> str:
    guest, fd = case.guest(OUT_80_FOREVER), case.eventfd()
    exits = 0

    def pull() -> None:
        nonlocal exits
        while guest.vcpu.run().reason is ExitReason.IO:
            exits += 1

    vcpu = Running(pull)
    wait_until(lambda: exits > 0)
    case.ring(guest.vm, fd=fd)
    before = exits
    wait_until(lambda: poll_of(fd) != 0)
    work(guest.vcpu, vcpu)
    guest.vcpu.kick()
    vcpu.result()
    after = "0" if exits - before <= 1 else str(exits - before)
    return (
        f"exits before >0: {before > 0}; exits after assign: {after} "
        f"(0 or 1 = the one in flight); signals >0: {count_of(fd) > 0}"
    )


@row("T03")
def t03_two_vcpus_ring_one_eventfd(case: Case) -> str:
    guest = case.guest(program("b9204e e680 e2fc  ; mov cx,20000; again: out 0x80,al; loop again"))
    fd = case.eventfd()
    case.ring(guest.vm, fd=fd)
    budget = BUDGET if guest.counts else None
    runs = [Running(partial(v.run, budget)) for v in (guest.vcpu, another(guest.vm))]
    ends = folded([guest.show(run.result()) for run in runs])
    return f"{'; '.join(ends)}; counter {count_of(fd)}"


@row("T04")
def t04_a_second_thread_waits_for_the_vcpu(case: Case) -> str:
    guest = case.guest(FOREVER)
    first = forever(guest)
    work(guest.vcpu, first)
    second = entered(guest.vcpu.run)
    work(guest.vcpu, first)
    blocks = first.going and second.going
    guest.vcpu.kick()
    wait_until(lambda: not (first.going and second.going))
    guest.vcpu.kick()
    shown = [guest.show(run.result()) for run in (first, second)]
    return f"second blocks on the vcpu mutex: {blocks}; first {shown[0]}; second {shown[1]}"


@row("T05")
def t05_a_reader_sees_the_ring_while_the_vcpu_runs_on(case: Case) -> str:
    guest = case.guest(program("e680 ebfe  ; out 0x80,al; again: jmp again"))
    fd = case.eventfd(flags=0)
    case.ring(guest.vm, fd=fd)
    reader = entered(lambda: [os.eventfd_read(fd)])
    vcpu = forever(guest)
    got = reader.result()
    running = vcpu.going
    guest.vcpu.kick()
    exit = vcpu.result()
    return f"reader got {got} while vcpu running {running}; then {guest.show(exit)}"


@row("T06", "child: registers 0, HLT, its RAM 2a; parent: RAM 00, counter 1, then HLT and 2")
def t06_a_forked_child_goes_on_with_its_own_copy(case: Case) -> str:
    """A forked child goes on with its own copy of RAM; both ring the same eventfds."""
    guest = case.guest(program("c60600202a e680  ; mov byte [0x2000],0x2a; out 0x80,al"))
    fd = case.eventfd()
    reader, writer = os.pipe()
    case.later(reader)
    case.later(writer)
    case.ring(guest.vm, fd=fd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking a process with threads
        child = os.fork()
    if child == 0:
        try:
            signal.alarm(20)
            registers = assign(guest.vm, 0x90, 1, os.eventfd(0))
            if case.accel == "kvm":
                told = f"{registers} {result(guest.vcpu.run)}"
            else:
                end = guest.text()
                told = f"registers {registers}, {end}, its RAM {guest.ram[0x2000]:02x}"
        except BaseException as error:
            told = repr(error)
        os.write(writer, told.encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reader, 1000).decode()
    if case.accel == "kvm":
        assert guest.text() == "HLT" and count_of(fd) == 1, "the parent goes on"
        return told
    seen = f"child: {told}; parent: RAM {guest.ram[0x2000]:02x}, counter {count_of(fd)}"
    os.eventfd_write(fd, 1)
    return f"{seen}, then {guest.text()} and {count_of(fd)}"
