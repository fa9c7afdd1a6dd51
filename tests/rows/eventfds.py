"""Rows E: the eventfd itself: its counter, its flags, its descriptor."""

from __future__ import annotations

import os
import select

from pyx86emu import ExitReason
from tests.harness import Running, count_of, entered, program, wait_until
from tests.rows.case import OUT_80, OUT_80_X3, Case, assign, deassign, poll_of, row

MOST = (1 << 64) - 2  # what a write from user space can bring a counter to


@row("E01")
def e01_a_semaphore_gives_one_at_a_time(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd(flags=os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
    case.ring(guest.vm, fd=fd)
    end = guest.text()
    return f"{end}; reads {','.join(str(count_of(fd)) for _ in range(5))}"


@row(
    "E02",
    f"HLT; poll events 0x1; read {MOST:#x} then 0x0",
    kvm=f"HLT; poll events 0x9; read {MOST + 1:#x} then 0x0",
)
def e02_a_full_counter_stays_full(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd(MOST)
    case.ring(guest.vm, fd=fd)
    end = Running(guest.text).result()
    events = poll_of(fd)
    return f"{end}; poll events {events:#x}; read {count_of(fd):#x} then {count_of(fd):#x}"


@row("E03", f"HLT poll 0x1 read {MOST:#x}; HLT poll 0x1 read {MOST:#x}")
def e03_a_counter_is_filled_up(case: Case) -> str:
    seen = []
    for code in (OUT_80, OUT_80_X3):
        guest, fd = case.guest(code), case.eventfd(MOST - 1)
        case.ring(guest.vm, fd=fd)
        end = Running(guest.text).result()
        seen.append(f"{end} poll {poll_of(fd):#x} read {count_of(fd):#x}")
    return "; ".join(seen)


@row("E04", f"HLT at once; read {MOST:#x}", kvm=f"HLT at once; read {MOST + 1:#x}")
def e04_a_full_blocking_eventfd_stops_no_vcpu(case: Case) -> str:
    """The vCPU never sleeps for a reader, whoever ends up writing."""
    guest, fd = case.guest(OUT_80_X3), case.eventfd(MOST - 1, flags=0)
    case.ring(guest.vm, fd=fd)
    end = Running(guest.text).result(5.0)
    assert os.get_blocking(fd), "O_NONBLOCK belongs to the open file, which is the user's"
    wait_until(lambda: not poll_writable(fd))
    return f"{end} at once; read {count_of(fd):#x}"


def poll_writable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return any(events & select.POLLOUT for _, events in poll.poll(0))


@row("E05")
def e05_the_user_may_close_the_descriptor(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd()
    case.ring(guest.vm, fd=fd)
    copy = os.dup(fd)
    os.close(fd)
    seen = f"dup open: {guest.text()} counter {count_of(copy)}; "
    os.close(copy)
    guest.start()
    new = case.eventfd()
    seen += f"all closed: {guest.text()}; "
    seen += f"assign again with new fd {assign(guest.vm, 0x80, 1, new)}; "
    seen += f"deassign with new fd {deassign(guest.vm, 0x80, 1, new)}; "
    os.close(new)
    return seen + f"deassign with closed fd {deassign(guest.vm, 0x80, 1, new)}"


@row("E06")
def e06_a_number_that_is_used_again_does_not_match(case: Case) -> str:
    guest, fd = case.guest(OUT_80), case.eventfd()
    case.ring(guest.vm, fd=fd)
    new = os.eventfd(0)
    os.dup2(new, fd)  # closes the old one and takes its number, whatever other threads open
    os.close(new)
    return f"same number True; deassign {deassign(guest.vm, 0x80, 1, fd)}"


@row("E07")
def e07_one_eventfd_adds_up_what_three_entries_ring(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b800d0  ; mov ax,0xd000
            8ed8    ; mov ds,ax
            e680    ; out 0x80,al
            e681    ; out 0x81,al
            a20000  ; mov [0],al
            """
        )
    )
    fd = case.eventfd()
    for addr, bus in ((0x80, "pio"), (0x81, "pio"), (0xD0000, "mmio")):
        case.ring(guest.vm, addr, bus=bus, fd=fd)
    return f"{guest.text()}; counter {count_of(fd)}"


@row("E08")
def e08_a_ring_adds_one_whatever_is_written(case: Case) -> str:
    guest = case.guest(
        program(
            """
            b0ff          ; mov al,0xff
            e680          ; out 0x80,al
            66b878563412  ; mov eax,0x12345678
            66e780        ; out 0x80,eax
            """
        )
    )
    fd = case.eventfd()
    for length in (1, 4):
        case.ring(guest.vm, 0x80, length, fd=fd)
    return f"{guest.text()}; counter {count_of(fd)}"


@row("E09")
def e09_each_ring_is_an_edge(case: Case) -> str:
    """With rings added up as well: each OUT here is in a run of its own."""
    guest = case.guest(
        program("e680 f4 e680 f4 e680 f4  ; out 0x80,al; hlt; out 0x80,al; hlt; out 0x80,al; hlt")
    )
    fd = case.eventfd()
    case.ring(guest.vm, fd=fd)
    edges = []
    with select.epoll() as poll:
        poll.register(fd, select.EPOLLIN | select.EPOLLET)
        for _ in range(3):
            assert guest.run().reason is ExitReason.HLT
            edges.append(len(poll.poll(0)))
    return f"wakeups per OUT {edges}, counter {count_of(fd)}"


@row("E10")
def e10_host_and_guest_add_to_one_counter(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd(7)
    case.ring(guest.vm, fd=fd)
    guest.exits()
    os.eventfd_write(fd, 3)
    return f"counter {count_of(fd)}"


@row("E11")
def e11_the_eventfd_outlives_the_vm(case: Case) -> str:
    guest, fd = case.guest(OUT_80_X3), case.eventfd()
    case.ring(guest.vm, fd=fd)
    guest.exits()
    guest.close()
    os.eventfd_write(fd, 2)
    return f"counter {count_of(fd)}"


@row("E12")
def e12_a_reader_that_waits_is_woken_once(case: Case) -> str:
    guest, fd = case.guest(OUT_80), case.eventfd(flags=0)
    case.ring(guest.vm, fd=fd)
    reader = entered(lambda: [os.eventfd_read(fd)])
    guest.exits()
    return str(reader.result())
