"""ioeventfds through the public API: what the conformance rows do not say."""

import errno
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Doorbell, Exit, ExitReason, IoEventFd, PioDevice, Vcpu, Vm
from pyx86emu.events import EventFd
from tests.harness import Running, descriptors, in_child, wait_until

CODE = 0x1000
HLT = b"\xf4"
OUT = {1: b"\xee", 2: b"\xef", 4: b"\x66\xef"}  # out dx,al / ax / eax
STORE = {1: b"\x88\x07", 2: b"\x89\x07", 4: b"\x66\x89\x07"}  # mov [bx],al / ax / eax
VMCALL = b"\x0f\x01\xc1"
FULL = (1 << 64) - 2  # where a counter sticks
DATAMATCH, PIO, DEASSIGN = 1, 2, 4

both_modes = pytest.mark.parametrize("coalesce", [True, False], ids=["summed", "each"])
any_eventfd = pytest.mark.parametrize("blocking", [False, True], ids=["nonblocking", "blocking"])


class Guest:
    """A Vm with RAM at 0-FFFFh and one vCPU."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.ram = vm.add_memory(0, 0x10000)
        self.vcpu: Vcpu = vm.create_vcpu()

    def run(self, code: bytes, budget: int = 1_000_000, **registers: int) -> Exit:
        """Run a program, with a HLT behind it."""
        self.ram[CODE : CODE + len(code) + 1] = code + HLT
        regs = self.vcpu.regs
        regs.cs, regs.ip, regs.eflags = 0, CODE, 2
        for name, value in registers.items():
            setattr(regs, name, value)
        return self.vcpu.run(budget)

    def out(self, port: int, size: int = 1, value: int = 0, times: int = 1) -> bool:
        """OUT some times in one run; whether none of them came out as an exit."""
        exit = self.run(OUT[size] * times, edx=port, eax=value)
        return exit.reason is ExitReason.HLT

    def store(self, addr: int, size: int = 1, value: int = 0) -> bool:
        """Store once; whether it did not come out as an exit."""
        exit = self.run(STORE[size], ds=addr >> 4, ebx=addr & 15, eax=value)
        return exit.reason is ExitReason.HLT


@pytest.fixture
def guest(vm: Callable[..., Vm]) -> Guest:
    return Guest(vm())


@pytest.fixture
def eventfd() -> Iterator[Callable[..., EventFd]]:
    """Make EventFds that are closed when the test ends."""
    made: list[EventFd] = []

    def make(*args: int, **options: bool) -> EventFd:
        made.append(EventFd(*args, **options))
        return made[-1]

    yield make
    for event in made:
        event.close()


def refused(action: Callable[..., object], *args: object, **options: object) -> int | None:
    """The errno of what is raised; None: nothing was."""
    try:
        action(*args, **options)
    except OSError as error:
        return error.errno
    return None


# -- ringing --------------------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize("bus", ["pio", "mmio"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_write_of_the_right_size_rings(guest: Guest, bus: str, size: int, coalesce: bool) -> None:
    addr = 0x510 if bus == "pio" else 0xD0000
    write = guest.out if bus == "pio" else guest.store
    bell = guest.vm.ioeventfd(addr, size, bus=bus, coalesce=coalesce)

    for other in (1, 2, 4):
        assert write(addr, other, 0x11223344) == (other == size)

    assert bell.read() == 1
    assert bell.read() == 0
    assert bell.hits == 1
    assert bell.last_value == 0x11223344 & ((1 << 8 * size) - 1)


@both_modes
def test_every_ring_of_a_run_is_counted(guest: Guest, coalesce: bool) -> None:
    bell = guest.vm.ioeventfd(0x510, 1, coalesce=coalesce)

    # mov cx,50000; again: out dx,al; loop again
    exit = guest.run(bytes.fromhex("b950c3 ee e2fd"), edx=0x510)

    assert exit.reason is ExitReason.HLT
    assert bell.read() == bell.hits == 50000


@both_modes
def test_more_entries_than_a_slice_remembers_are_counted(guest: Guest, coalesce: bool) -> None:
    bells = [guest.vm.ioeventfd(0x500 + i, 1, coalesce=coalesce) for i in range(40)]

    # again: mov dx,500h; mov bx,40; port: out dx,al; inc dx; dec bx; jnz port; loop again
    exit = guest.run(bytes.fromhex("ba0005 bb2800 ee 42 4b 75fb e2f3"), ecx=300)

    assert exit.reason is ExitReason.HLT
    assert {bell.read() for bell in bells} == {300}
    assert {bell.hits for bell in bells} == {300}


@both_modes
def test_rings_are_there_when_the_run_is_left(guest: Guest, coalesce: bool) -> None:
    bell = guest.vm.ioeventfd(0x510, 1, coalesce=coalesce)

    exit = guest.run(OUT[1] * 3 + b"\xe6\x99", edx=0x510)  # ...; out 99h,al

    assert (exit.reason, exit.port) == (ExitReason.IO, 0x99)
    assert bell.read() == 3


@both_modes
def test_rings_are_there_when_the_budget_ends(guest: Guest, coalesce: bool) -> None:
    bell = guest.vm.ioeventfd(0x510, 1, coalesce=coalesce)

    exit = guest.run(bytes.fromhex("ee ebfd"), budget=200, edx=0x510)  # again: out dx,al; jmp again

    assert exit.reason is ExitReason.BUDGET
    assert bell.read() == 100


class Witness(PioDevice):
    """Reads an eventfd whenever it is written; may fail."""

    length = 1
    seen: list[int]
    bell: IoEventFd
    fails = False

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.seen.append(self.bell.read())
        if self.fails:
            raise ZeroDivisionError("on purpose")

    def pio_read(self, offset: int, size: int) -> int:
        return 0xFF


@both_modes
def test_a_device_finds_the_rings_before_it(guest: Guest, coalesce: bool) -> None:
    witness = Witness()
    witness.seen = []
    witness.bell = guest.vm.ioeventfd(0x510, 1, coalesce=coalesce)
    guest.vm.pio.attach(witness, 0x99)

    exit = guest.run((OUT[1] * 3 + b"\xe6\x99") * 2 + OUT[1], edx=0x510)

    assert exit.reason is ExitReason.HLT
    assert witness.seen == [3, 3]
    assert witness.bell.read() == 1


@both_modes
def test_rings_are_there_when_run_raises(guest: Guest, coalesce: bool) -> None:
    witness = Witness()
    witness.seen, witness.fails = [], True
    witness.bell = guest.vm.ioeventfd(0x510, 1, coalesce=coalesce)
    guest.vm.pio.attach(witness, 0x99)

    with pytest.raises(ZeroDivisionError):
        guest.run(OUT[1] * 2 + b"\xe6\x99", edx=0x510)

    assert witness.seen == [2]


@both_modes
def test_hypercalls_ring_by_number(guest: Guest, coalesce: bool) -> None:
    bell = guest.vm.ioeventfd(7, bus="hypercall", coalesce=coalesce)

    exit = guest.run(VMCALL * 2, eax=7)
    assert exit.reason is ExitReason.HLT
    exit = guest.run(VMCALL, eax=8)

    assert exit.reason is ExitReason.HYPERCALL
    assert bell.read() == 2


@both_modes
def test_many_datamatch_values_on_one_port(guest: Guest, coalesce: bool) -> None:
    bells = [guest.vm.ioeventfd(0x80, 1, datamatch=v, coalesce=coalesce) for v in range(255)]

    # mov cx,100h; again: mov ax,cx; out 80h,al; loop again (0 to 255: the last is nobody's)
    exit = guest.run(bytes.fromhex("b90001 89c8 e680 e2fa"))
    while exit.reason is ExitReason.IO:
        assert exit.value == 255
        exit = guest.vcpu.run()

    assert {bell.read() for bell in bells} == {1}


# -- Doorbells ------------------------------------------------------------------------------------


@both_modes
def test_a_doorbell_counts_for_several_entries(guest: Guest, coalesce: bool) -> None:
    before = descriptors()
    bell = Doorbell()
    one = guest.vm.ioeventfd(0x510, 1, fd=bell, coalesce=coalesce)
    two = guest.vm.ioeventfd(0xD0000, 2, bus="mmio", fd=bell, coalesce=coalesce)

    guest.out(0x510, times=5)
    guest.store(0xD0000, 2)

    assert (one.hits, two.hits, bell.count, one.read(), bell.drain()) == (5, 1, 6, 6, 0)
    assert one.doorbell is bell
    assert descriptors() == before


@both_modes
def test_a_doorbell_notifies_once(
    guest: Guest, eventfd: Callable[..., EventFd], coalesce: bool
) -> None:
    event = eventfd()
    bell = Doorbell(notify=event)
    guest.vm.ioeventfd(0x510, 1, fd=bell, coalesce=coalesce)

    guest.out(0x510, times=5)
    assert (event.read(), bell.drain()) == (1, 5)
    guest.out(0x510)

    assert (event.read(), bell.drain()) == (1, 1)


# -- saturation -----------------------------------------------------------------------------------


@both_modes
@any_eventfd
@pytest.mark.parametrize(
    ("start", "rings"),
    [
        (FULL, 3),
        (FULL - 1, 1),
        (FULL - 2, 9),
        (FULL - 100, 40),
        (FULL - 700, 2000),
        (1 << 40, 2000),
    ],
)
def test_a_full_counter_sticks_and_never_blocks(
    guest: Guest,
    eventfd: Callable[..., EventFd],
    start: int,
    rings: int,
    blocking: bool,
    coalesce: bool,
) -> None:
    event = eventfd(blocking=blocking)
    event.write(start)
    bell = guest.vm.ioeventfd(0x510, 1, fd=event, coalesce=coalesce)

    # mov cx,rings; again: out dx,al; loop again
    exit = guest.run(b"\xb9" + rings.to_bytes(2, "little") + b"\xee\xe2\xfd", edx=0x510)

    assert exit.reason is ExitReason.HLT
    assert bell.hits == rings
    assert event.read() == min(start + rings, FULL)


def test_read_never_waits_for_a_blocking_eventfd(
    guest: Guest, eventfd: Callable[..., EventFd]
) -> None:
    bell = guest.vm.ioeventfd(0x510, 1, fd=eventfd(blocking=True))

    assert bell.read() == 0
    guest.out(0x510)
    assert bell.read() == 1


# -- registering ----------------------------------------------------------------------------------


def test_registering_says_what_collides(guest: Guest) -> None:
    guest.vm.ioeventfd(0x80, 1, datamatch=5)

    with pytest.raises(FileExistsError, match="pio 0x80, length 1, datamatch 0x5"):
        guest.vm.ioeventfd(0x80, 1)


def test_a_refused_registration_leaves_nothing_behind(guest: Guest) -> None:
    guest.vm.ioeventfd(0x80, 1)
    before = descriptors()

    assert refused(guest.vm.ioeventfd, 0x80, 0) == errno.EEXIST
    assert refused(guest.vm.ioeventfd, 0x80, 0, fd=-1) == errno.EBADF
    assert refused(guest.vm.ioeventfd, 0x81, 3) == errno.EINVAL

    assert len(guest.vm.ioeventfds) == 1
    assert descriptors() == before


@pytest.mark.parametrize("addr", [-1, 1 << 64])
def test_addresses_have_64_bits(guest: Guest, addr: int) -> None:
    assert refused(guest.vm.ioeventfd, addr, 1, bus="mmio") == errno.EINVAL


def test_an_unknown_bus_is_named(guest: Guest) -> None:
    with pytest.raises(ValueError, match=r"'isa'.*'pio', 'mmio' or 'hypercall'"):
        guest.vm.ioeventfd(0x80, 1, bus="isa")


def test_entries_that_can_never_ring_are_warned_about(guest: Guest) -> None:
    with pytest.warns(RuntimeWarning, match="port 0x10080 is above 0xffff"):
        guest.vm.ioeventfd(0x10080, 1)
    with pytest.warns(RuntimeWarning, match="0x100 does not fit in 1 byte"):
        guest.vm.ioeventfd(0x80, 1, datamatch=0x100)

    assert not guest.out(0x80)


def test_raw_flags_decide_alone(guest: Guest, eventfd: Callable[..., EventFd]) -> None:
    event = eventfd()
    entry = guest.vm.ioeventfd(0x80, 1, bus="mmio", datamatch=5, fd=event, flags=PIO)

    assert (entry.bus, entry.datamatch) == ("pio", None)
    gone = guest.vm.ioeventfd(0x80, 1, fd=event, flags=PIO | DEASSIGN)

    assert gone == entry
    assert not entry.registered


def test_the_list_has_every_entry_in_order(guest: Guest) -> None:
    bell = Doorbell()
    made = [
        guest.vm.ioeventfd(0x80, 2, datamatch=7),
        guest.vm.ioeventfd(0x80, 1),
        guest.vm.ioeventfd(0xD0000, bus="mmio", fd=bell, coalesce=False),
        guest.vm.ioeventfd(0x80, 2, datamatch=6),
        guest.vm.ioeventfd(9, bus="hypercall"),
    ]

    assert list(guest.vm.ioeventfds) == made
    third = guest.vm.ioeventfds[2]
    assert (third.addr, third.length, third.bus, third.coalesce) == (0xD0000, 0, "mmio", False)
    assert repr(third) == "<IoEventFd mmio 0xd0000, length 0, doorbell, hits 0>"
    made[1].deassign()
    assert list(guest.vm.ioeventfds) == made[:1] + made[2:]


def test_an_entry_outlives_the_object_that_named_it(
    guest: Guest, eventfd: Callable[..., EventFd]
) -> None:
    event = eventfd()
    guest.vm.ioeventfd(0x510, 1, fd=event)
    gc.collect()

    assert guest.out(0x510, times=2)
    (entry,) = guest.vm.ioeventfds
    assert (entry.hits, entry.read()) == (2, 2)


# -- one descriptor per eventfd -------------------------------------------------------------------


def test_entries_share_one_duplicate_per_eventfd(
    guest: Guest, eventfd: Callable[..., EventFd]
) -> None:
    event = eventfd()
    copy = os.dup(event.fileno())
    before = descriptors()
    try:
        for port in range(200):
            guest.vm.ioeventfd(port, 1, fd=(event, copy)[port & 1])

        assert descriptors() == before + 1
        for entry in guest.vm.ioeventfds:
            entry.deassign()
        del entry
        assert descriptors() == before
    finally:
        os.close(copy)


def test_a_reused_number_is_another_eventfd(guest: Guest, eventfd: Callable[..., EventFd]) -> None:
    first = eventfd()
    number = first.fileno()
    old = guest.vm.ioeventfd(0x80, 1, fd=number)
    first.close()
    second = eventfd()
    assert second.fileno() == number

    new = guest.vm.ioeventfd(0x81, 1, fd=number)
    guest.out(0x80)
    guest.out(0x81, times=2)

    assert (old.read(), new.read(), second.read()) == (1, 2, 0)
    assert refused(guest.vm.ioeventfd, 0x80, 1, fd=number, flags=PIO | DEASSIGN) == errno.ENOENT


def test_closing_returns_every_descriptor(vm: Callable[..., Vm]) -> None:
    before = descriptors()
    with vm() as machine:
        machine.ioeventfd(0x80, 1)
        machine.ioeventfd(0x81, 1, fd=Doorbell())
        with EventFd() as event:
            machine.ioeventfd(0x82, 1, fd=event)

    assert descriptors() == before


# -- removing -------------------------------------------------------------------------------------


@both_modes
def test_after_deassign_the_write_exits(guest: Guest, coalesce: bool) -> None:
    bell = guest.vm.ioeventfd(0x510, 1, coalesce=coalesce)
    guest.out(0x510, 1, 9, times=4)

    bell.deassign()

    assert not guest.out(0x510)
    assert (bell.read(), bell.hits, bell.last_value, bell.registered) == (4, 4, 9, False)
    with pytest.raises(FileNotFoundError, match="no such ioeventfd"):
        bell.deassign()
    bell.close()


def test_a_with_block_removes_its_entry(guest: Guest) -> None:
    with guest.vm.ioeventfd(0x510, 1) as bell:
        assert guest.out(0x510)

    assert not bell.registered
    assert not guest.out(0x510)


def test_a_device_may_remove_the_entry_that_was_just_rung(guest: Guest) -> None:
    class Remover(Witness):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            self.bell.deassign()

    remover = Remover()
    remover.bell = guest.vm.ioeventfd(0x510, 1)
    guest.vm.pio.attach(remover, 0x99)

    exit = guest.run(OUT[1] * 3 + b"\xe6\x99" + OUT[1], edx=0x510)

    assert (exit.reason, exit.port) == (ExitReason.IO, 0x510)
    assert remover.bell.read() == 3


@both_modes
def test_no_ring_follows_a_deassign_from_another_thread(guest: Guest, coalesce: bool) -> None:
    guest.ram[CODE : CODE + 3] = bytes.fromhex("ee ebfd")  # again: out dx,al; jmp again
    regs = guest.vcpu.regs
    regs.cs, regs.ip, regs.edx = 0, CODE, 0x510
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            guest.vcpu.run()

    runs = Running(run)
    try:
        for _ in range(20):
            bell = guest.vm.ioeventfd(0x510, 1, coalesce=coalesce)
            wait_until(lambda bell=bell: bell.hits > 0)
            bell.deassign()
            assert bell.read() == bell.hits
            assert bell.read() == 0
    finally:
        stop.set()
        guest.vcpu.kick()
        runs.result()


@pytest.mark.forks
def test_a_forked_child_rings_the_same_eventfd(guest: Guest) -> None:
    bell = guest.vm.ioeventfd(0x510, 1)
    guest.out(0x510, times=2)

    def ring() -> None:
        assert guest.out(0x510, times=3)

    assert in_child(ring) == 0
    assert (bell.read(), bell.hits) == (5, 2)


# -- the table against a list ---------------------------------------------------------------------

PORTS = st.sampled_from([0x80, 0x81, 0xFFFF, *range(0x100, 0x108)])
SIZES = st.sampled_from([1, 2, 4])
VALUES = st.sampled_from([0, 1, 2, 0xFF, 0x102, 0xFFFFFFFF])
STEPS = st.one_of(
    st.tuples(st.just("add"), PORTS, st.sampled_from([0, 1, 2, 4, 8]), st.none() | VALUES),
    st.tuples(st.just("out"), PORTS, SIZES, VALUES),
    st.tuples(st.just("remove"), PORTS, st.just(0), st.just(0)),
)
Key = tuple[int, int, int | None]


def collide(a: Key, b: Key) -> bool:
    if a[0] != b[0]:
        return False
    if 0 in (a[1], b[1]):
        return True
    return a[1] == b[1] and (None in (a[2], b[2]) or a[2] == b[2])


def matches(key: Key, port: int, size: int, value: int) -> bool:
    return key[0] == port and (key[1] == 0 or (key[1] == size and key[2] in (None, value)))


@settings(max_examples=60)
@given(st.lists(STEPS, min_size=20, max_size=150), st.booleans())
@pytest.mark.filterwarnings("ignore:datamatch")
def test_the_table_does_what_a_list_would(steps: list[tuple], coalesce: bool) -> None:
    with Vm() as vm:
        guest = Guest(vm)
        entries: dict[Key, IoEventFd] = {}
        rung: dict[Key, int] = {}
        for what, port, size, value in steps:
            if what == "add":
                key = (port, size, value if size else None)
                bell = Doorbell()
                if any(collide(key, other) for other in entries):
                    with pytest.raises(FileExistsError):
                        vm.ioeventfd(port, size, datamatch=key[2], fd=bell, coalesce=coalesce)
                else:
                    entries[key] = vm.ioeventfd(
                        port, size, datamatch=key[2], fd=bell, coalesce=coalesce
                    )
                    rung[key] = 0
            elif what == "remove":
                for key in [key for key in entries if key[0] == port][:1]:
                    entries.pop(key).deassign()
            else:
                cut = value & ((1 << 8 * size) - 1)
                hit = [key for key in entries if matches(key, port, size, cut)]
                assert guest.out(port, size, value) == (len(hit) == 1)
                for key in hit:
                    rung[key] += 1
        assert list(vm.ioeventfds) == list(entries.values())
        for key, entry in entries.items():
            assert entry.hits == entry.read() == rung[key]


@pytest.mark.slow
@pytest.mark.release
def test_a_million_entries_register_fast_and_slow_nothing_down(
    guest: Guest, eventfd: Callable[..., EventFd]
) -> None:
    events = [eventfd() for _ in range(16)]
    bell = guest.vm.ioeventfd(0xD0000, 1, bus="mmio")
    before = descriptors()

    start = time.perf_counter()
    for i in range(1_000_000):
        guest.vm.ioeventfd(0x200000 + 4 * i, 4, bus="mmio", fd=events[i & 15])
    each = (time.perf_counter() - start) / 1e6

    assert each < 5e-6
    assert descriptors() == before + 16
    assert guest.store(0xD0000)
    assert bell.read() == 1
    with suppress(OSError):
        guest.vm.ioeventfd(0x200000, 4, bus="mmio")
        pytest.fail("the first of the million is not there")
