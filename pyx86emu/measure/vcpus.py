"""Two vCPUs of one Vm in two threads, measured: computing, sharing pages, ringing, at the chips.

Each row is a ratio of what was measured in turns: the work that two vCPUs do in a second, divided
by the work of each of them alone. Two threads of plain C are measured in each turn as well, because
a host that is shared, or changes its clock rate, does not do twice the work with two threads.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from threading import Barrier, Thread
from time import perf_counter, sleep

from .. import _core
from ..vm import Vm
from .figures import Row

MEMORY = 0xA0000
CODE, OTHER_CODE = 0x10000, 0x20000
DATA, OTHER_DATA = 0x30000, 0x40000
#: The two vCPUs store into two halves of one page.
SHARED, OTHER_SHARED = 0x50000, 0x50800
RING, OTHER_RING = 0x510, 0x520

#: again: mov cx,1000; one: add ax,cx; xor bx,ax; add ax,bx; inc ax; loop one; jmp again
COMPUTE = "b9e803 01c8 31c3 01d8 40 e2f7 ebf2"
#: again: mov cx,1000; one: mov ax,[si]; add ax,cx; mov [si],ax; loop one; jmp again
STORE = "b9e803 8b04 01c8 8904 e2f8 ebf3"
#: The same with a store next to code: mov [si+80h],ax in the code segment of the first.
NEAR = "b9e803 8b04 01c8 2e89848000 e2f5 ebf0"
#: again: mov cx,1000; one: out dx,al; loop one; jmp again
OUT = "b9e803 ee e2fd ebf8"
#: The same with the interrupt mask of the 8259, counter 0 of the 8254, port 61h.
PIC = "b9e803 e621 e2fc ebf7"
PIT = "b9e803 e440 e2fc ebf7"
PORT61 = "b9e803 e461 e2fc ebf7"

#: Instructions of a run at scale 1, and additions of one in C.
MANY = 10_000_000
ADDITIONS = 60_000_000
#: Runs for each repetition that was asked for: short ones in turns, on a host that is shared.
RUNS = 3


@dataclass(frozen=True)
class Loop:
    """What a vCPU executes for ever: code, where, its data segment and its port."""

    code: str
    at: int = CODE
    data: int = DATA
    port: int = 0


#: Instructions that a vCPU has run before it is measured.
WARM = 20_000
OTHER = Loop(COMPUTE, OTHER_CODE, OTHER_DATA)
#: Name, what two vCPUs do, and the limit.
PAIRS: tuple[tuple[str, Loop, Loop, str, float | None], ...] = (
    ("compute", Loop(COMPUTE), OTHER, "both compute", 0.9),
    ("one-code", Loop(COMPUTE), Loop(COMPUTE), "both compute, by the same code", 0.9),
    (
        "one-page",
        Loop(STORE, CODE, SHARED),
        Loop(STORE, OTHER_CODE, OTHER_SHARED),
        "both store to one page, in two halves",
        0.9,
    ),
    ("one-bell", Loop(OUT, port=RING), Loop(OUT, OTHER_CODE, port=RING), "both ring one bell", 0.5),
    (
        "two-bells",
        Loop(OUT, port=RING),
        Loop(OUT, OTHER_CODE, port=OTHER_RING),
        "each rings a bell of its own",
        0.8,
    ),
)
#: Name, what one vCPU does while the other computes, what that is, and the limit.
BESIDE: tuple[tuple[str, Loop, str, float | None], ...] = (
    ("near-code", Loop(NEAR, data=OTHER_DATA), "stores next to its code", None),
    ("pic", Loop(PIC), "writes the mask of the 8259", 0.4),
    ("pit", Loop(PIT), "reads counter 0 of the 8254", 0.4),
    ("port61", Loop(PORT61), "reads port 61h", 0.4),
)


def alone(loop: Loop, scale: float) -> float:
    """Run a loop in a Vm with one vCPU; return its instructions a second."""
    with closing(machine([loop])) as vm:
        (rate,) = together([worker(vm.vcpus[0], scale)])
    return rate


def pair(first: Loop, second: Loop, scale: float) -> tuple[float, float]:
    """Run two loops on two vCPUs of one Vm, in two threads, as long as both have to do; return the
    instructions a second of each."""
    with closing(machine([first, second])) as vm:
        one, two = together([worker(vcpu, scale) for vcpu in vm.vcpus])
    return one, two


def beside(loop: Loop, other: Loop, scale: float) -> float:
    """Run a loop while another vCPU runs `other` all the time; return its instructions a second."""
    with closing(machine([loop, other])) as vm:
        vcpu, busy = vm.vcpus
        work = worker(vcpu, scale)
        thread = Thread(target=busy.run)
        thread.start()
        while busy.instructions < WARM + 1:
            sleep(0)
        try:
            (rate,) = together([work])
        finally:
            busy.kick()
            thread.join()
    return rate


def machine(loops: Sequence[Loop]) -> Vm:
    """A Vm with a vCPU for each loop, which has run a little: its code is decoded, and who uses the
    chips alone owns them."""
    vm = Vm(irqchip=True)
    vm.add_memory(0, MEMORY)
    for port in {loop.port for loop in loops} - {0}:
        vm.ioeventfd(port, 1)
    for loop in loops:
        vm.write(loop.at, bytes.fromhex(loop.code))
        vcpu = vm.create_vcpu()
        regs = vcpu.regs
        regs.cs, regs.ip, regs.ss, regs.sp = loop.at >> 4, 0, 0, 0x8000
        regs.ds, regs.si, regs.dx = loop.data >> 4, 0, loop.port
        vcpu.run(WARM)
    return vm


def worker(vcpu: "_core.Vcpu", scale: float) -> Callable[[], float]:
    """Return a function that runs the vCPU and returns its instructions a second."""
    count = max(int(MANY * scale), 4096)

    def work() -> float:
        began = perf_counter()
        vcpu.run(count)
        return count / (perf_counter() - began)

    return work


def together(works: Sequence[Callable[[], float]]) -> list[float]:
    """Begin all in threads of their own at the same time; return what each returns."""
    results = [0.0] * len(works)
    begin = Barrier(len(works))

    def act(number: int) -> None:
        begin.wait()
        results[number] = works[number]()

    threads = [Thread(target=act, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_plain_c(scale: float) -> float:
    """Return how much of two threads' work two threads of C do here and now: 1 is all of it."""
    count = max(int(ADDITIONS * scale), 4096)

    def work() -> float:
        began = perf_counter()
        _core.add_chain(count)
        return count / (perf_counter() - began)

    (one,) = together([work])
    return sum(together([work, work])) / (2 * one)


def both(first: Loop, second: Loop, scale: float) -> float:
    """Return what two vCPUs do, compared with each alone, and that compared with two threads of
    C."""
    one, two = alone(first, scale), alone(second, scale)
    shared = pair(first, second, scale)
    return (shared[0] / one + shared[1] / two) / 2 / in_plain_c(scale)


def rows(repeats: int, scale: float) -> Iterator[Row]:
    """Yield all rows. Each measures in turns what it compares."""

    def row(name: str, measure: Callable[[], float], what: str, limit: float | None = None) -> Row:
        values = [measure() for _ in range(RUNS * repeats)]
        return Row.of(f"vcpus-{name}", values, "x", what, limit=limit, least=True)

    for name, first, second, what, limit in PAIRS:
        yield row(
            name,
            partial(both, first, second, scale),
            f"{what}; 1 is what two threads of plain C gain",
            limit,
        )
    for name, loop, what, limit in BESIDE:
        yield row(
            name,
            lambda loop=loop: beside(loop, OTHER, scale) / alone(loop, scale),  # type: ignore[misc]
            f"one {what}, the other computes; 1 is the first alone",
            limit,
        )
    for name, code in (("pic-both", PIC), ("pit-both", PIT)):
        one, two = Loop(code), Loop(code, OTHER_CODE)
        yield row(
            name,
            lambda one=one, two=two: sum(pair(one, two, scale)) / alone(one, scale),  # type: ignore[misc]
            "both at the chips, what both do; 1 is one alone",
        )
