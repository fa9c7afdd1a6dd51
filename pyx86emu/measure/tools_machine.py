"""Saved machines, measured: restore, save, fork, and a fuzz loop on a Machine. Knows no peer."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from statistics import median

from ..pc.machine import Machine
from .figures import Row
from .tools_state import (
    FILLER,
    INPUT,
    PAGES,
    PARSER,
    RUN,
    SECONDS,
    a_second,
    microseconds,
    processes,
    serve_child,
)

CHILD = "from pyx86emu.measure.tools_machine import child; child()"


def made(code: bytes) -> Machine:
    """A machine about to execute `code`, its boot sector, with interrupts off."""
    m = Machine(b"\xfa" + code)
    m.boot()
    return m


def restore_pages(rounds: int) -> float:
    """`m.restore` after the guest has filled 32 pages."""
    with made(FILLER) as m:
        state = m.save()

        def restore() -> None:
            m.restore(state)

        for _ in range(20):
            restore()
            m.vcpu.run()
        return microseconds(restore, m.vcpu.run, rounds)


def save_again(rounds: int) -> float:
    """`m.save` after the guest has filled 32 pages."""
    with made(FILLER) as m:
        state = m.save()

        def run() -> None:
            m.restore(state)
            m.vcpu.run()

        return microseconds(m.save, run, rounds)


def fork(rounds: int) -> float:
    """`m.fork`, after some bytes have changed since the last one."""
    with made(PARSER) as m:
        m.fork().close()
        twins: list[Machine] = []

        def run() -> None:
            for twin in twins:
                twin.close()
            twins.clear()
            m.vcpu.run(RUN)

        took = microseconds(lambda: twins.append(m.fork()), run, rounds)
        run()
        return took


def fuzzer() -> tuple[Machine, Callable[[], object]]:
    """The loop of a fuzzer: restore, 64 bytes of input, 2,000 instructions, the result."""
    m = made(PARSER)
    state, regs = m.save(), m.vcpu.regs
    data = random.Random(2).randbytes(64)
    restore, write, run = m.restore, m.vm.write, m.run

    def once() -> object:
        restore(state)
        write(INPUT, data)
        run(max_instructions=RUN)
        return regs.bx

    return m, once


def child() -> None:
    """In a process of its own: the loop."""
    m, once = fuzzer()
    with closing(m):
        serve_child(once)


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    count = max(int(300 * scale) // rounds, 15)

    def repeat(figure: Callable[[int], float]) -> list[float]:
        return [figure(count) for _ in range(rounds)]

    what = f"m.restore() of a Machine after the guest has filled {PAGES} pages"
    yield Row.of("machine-restore", repeat(restore_pages), "us", what, limit=40.0)
    what = f"m.save() after the guest has filled {PAGES} pages"
    yield Row.of("machine-save", repeat(save_again), "us", what)
    what = "m.fork() of a PC of 1 MiB with its disk"
    yield Row.of("machine-fork", repeat(fork), "us", what, limit=600.0)
    m, once = fuzzer()
    with closing(m):
        once()
        rates = [a_second(once, SECONDS * scale / rounds) for _ in range(rounds)]
    what = f"a second: m.restore, write 64 bytes, m.run {RUN} instructions, read the result"
    yield Row.of("machine-fuzz-loop", rates, "/s", what, limit=15_000.0, least=True)
    what = "what two processes with this loop gain, as a part of what two of plain C gain"
    gained = processes(rounds, SECONDS * scale, median(rates), CHILD)
    yield Row.of("machine-2-processes", gained, "x", what, limit=0.9, least=True)
