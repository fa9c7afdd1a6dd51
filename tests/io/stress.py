"""Many at once: `python -m tests.io.stress --seconds N` lets vCPUs ring while threads change all.

Four vCPUs ring on every bus. Four threads register and deregister. Two drain. One lets slots come
and go, one drives lines of the shared chips. At the end each write of a guest must be accounted
for: as a ring that was drained, or as an exit. After its deregistration an entry must not ring.

What joins later (coalesced zones, irqfds) is one more Actor in ACTORS.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import os
import random
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pyx86emu import Doorbell, ExitReason, IoEventFd, Vcpu, Vm
from tests.harness import Running, another, descriptors, program, switches_every

VCPUS = 4
CODE = 0x1000
FLAG = 0x0F00  # not 0: the guests stop
#: Where entries come and go, eight places on each bus, as GUEST has them.
PLACES = 8
PORT, ADDRESS, NUMBER = 0x200, 0xD1000, 0x600
SLOT = 0x20000
END = 0xF0
#: Rings of each turn of the guest on each entry that stays.
TIMES = 16

#: What a guest does in a turn; its number is ESI. AL is its lowest byte, and BX a place.
GUEST = program(
    f"""
    {"e680" * TIMES}     ; out 0x80,al: rings are added up
    {"e681" * TIMES}     ; out 0x81,al: one write each
    {"a20000" * TIMES}   ; mov [0xd0000],al
    66b830050000         ; mov eax,0x530
    {"0f01c1" * TIMES}   ; vmcall
    6689f0               ; mov eax,esi
    6689c3               ; mov ebx,eax
    83e307               ; and bx,7
    2403                 ; and al,3
    ba0002               ; mov dx,0x200
    01da                 ; add dx,bx
    ee                   ; out dx,al
    88870010             ; mov [bx+0x1000],al
    6631c0               ; xor eax,eax
    b80006               ; mov ax,0x600
    01d8                 ; add ax,bx
    0f01c1               ; vmcall
    e421                 ; in al,0x21
    e640                 ; out 0x40,al
    e440                 ; in al,0x40
    64a20000             ; mov fs:[0],al
    6646                 ; inc esi
    2e803e000f00         ; cmp byte cs:[0xf00],0
    """
)
#: je again (near); out 0xf0,al
GUEST += b"\x0f\x84" + (-(len(GUEST) + 4) & 0xFFFF).to_bytes(2, "little") + b"\xe6\xf0"


@dataclass
class Tap:
    """An entry, and what was drained from it."""

    entry: IoEventFd
    total: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def drain(self) -> None:
        with self.lock:
            self.total += self.entry.read()


class Stress:
    """A Vm, its guests, and who does something to it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.stop = threading.Event()
        self.vm = Vm(irqchip=True)
        ram = self.vm.add_memory(0, 0x10000)
        ram[CODE : CODE + len(GUEST)] = GUEST
        self.vcpus = [self.vcpu() for _ in range(VCPUS)]
        self.stay = {
            "added up": Tap(self.vm.ioeventfd(0x80, 1)),
            "each": Tap(self.vm.ioeventfd(0x81, 1, coalesce=False)),
            "mmio": Tap(self.vm.ioeventfd(0xD0000, 1, bus="mmio")),
            "hypercall": Tap(self.vm.ioeventfd(0x530, bus="hypercall", fd=Doorbell())),
        }
        self.taps: list[Tap] = list(self.stay.values())
        self.rung: Counter[str] = Counter()  # of entries that came and went, by bus
        self.exits: Counter[str] = Counter()
        self.removals = 0
        self.lock = threading.Lock()

    def vcpu(self) -> Vcpu:
        made = another(self.vm, CODE)
        made.regs.ds, made.regs.fs = 0xD000, SLOT >> 4
        return made

    # -- who does something ------------------------------------------------------------------------

    def guest(self, vcpu: Vcpu) -> None:
        exits: Counter[str] = Counter()
        while True:
            exit = vcpu.run()
            if exit.reason is ExitReason.IO and exit.port == END:
                break
            if exit.reason is ExitReason.IO:
                exits["pio"] += 1
            elif exit.reason is ExitReason.HYPERCALL:
                exits["hypercall"] += 1
            elif exit.reason is not ExitReason.MMIO:
                raise AssertionError(exit)
            elif exit.addr >= ADDRESS:
                exits["mmio"] += 1
        with self.lock:
            self.exits += exits

    def registrar(self, rng: random.Random) -> None:
        """Register, wait a little, deregister, and see later that nothing came late."""
        gone: deque[Tap] = deque()
        while not self.stop.is_set():
            tap = self.register(rng)
            if tap is None:
                continue
            with self.lock:
                self.taps.append(tap)
            for _ in range(rng.randrange(3)):
                tap.drain()
            tap.entry.deassign()
            tap.drain()
            gone.append(tap)
            if len(gone) > 32:
                self.settle(gone.popleft())
        for tap in gone:
            self.settle(tap)

    def register(self, rng: random.Random) -> Tap | None:
        """An entry at one of the places; None: another thread has one there."""
        bus = rng.choice(("pio", "mmio", "hypercall"))
        base, length = {"pio": (PORT, 1), "mmio": (ADDRESS, 1), "hypercall": (NUMBER, 4)}[bus]
        match = rng.choice((None, None, 0, 1)) if bus != "hypercall" else None
        kind = rng.choice(("made", "blocking", "bell", "notify"))
        fd: object = None
        with contextlib.ExitStack() as stack:
            if kind in ("blocking", "notify"):
                number = os.eventfd(0, os.EFD_CLOEXEC | (os.EFD_NONBLOCK * (kind == "notify")))
                stack.callback(os.close, number)
                fd = Doorbell(notify=number) if kind == "notify" else number
            elif kind == "bell":
                fd = Doorbell()
            try:
                entry = self.vm.ioeventfd(
                    base + rng.randrange(PLACES),
                    rng.choice((0, length)) if match is None else length,
                    bus=bus,  # type: ignore[arg-type]
                    datamatch=match,
                    fd=fd,  # type: ignore[arg-type]
                    coalesce=rng.random() < 0.5,
                )
            except OSError as error:
                assert error.errno == errno.EEXIST, error
                return None
        return Tap(entry)

    def settle(self, tap: Tap) -> None:
        """What was drained when the deregistration returned is all that ever came."""
        before = tap.total
        tap.drain()
        assert tap.total == before, f"{tap.total - before} late rings of {tap.entry!r}"
        assert tap.total == tap.entry.hits, f"{tap.total} drained of {tap.entry!r}"
        with self.lock:
            self.taps.remove(tap)
            self.rung[tap.entry.bus] += tap.total
            self.removals += 1

    def drainer(self, rng: random.Random) -> None:
        while not self.stop.is_set():
            with self.lock:
                tap = rng.choice(self.taps)
            tap.drain()

    def slots(self, rng: random.Random) -> None:
        while not self.stop.is_set():
            slot = self.vm.add_memory(SLOT, 0x1000, dirty_log=rng.random() < 0.5)
            self.vm.write(CODE + len(GUEST) + 16, rng.randbytes(4))
            slot.delete()

    def lines(self, rng: random.Random) -> None:
        while not self.stop.is_set():
            self.vm.irq_line(rng.randrange(3, 16), rng.random() < 0.5)

    # -- from begin to end -------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        threads = [Running(partial(self.guest, vcpu)) for vcpu in self.vcpus]
        others = [
            Running(partial(actor, self, random.Random(self.rng.random())))
            for actor, count in ACTORS
            for _ in range(count)
        ]
        end = time.monotonic() + seconds
        while time.monotonic() < end and all(run.going for run in (*threads, *others)):
            self.stop.wait(0.1)
        self.stop.set()
        for other in others:
            other.result(60)
        self.vm.write(FLAG, b"\x01")
        for thread in threads:
            thread.result(60)

    def account(self) -> str:
        """Compare what was written with what arrived."""
        turns = sum(vcpu.regs.esi for vcpu in self.vcpus)
        for name, tap in self.stay.items():
            tap.drain()
            assert tap.total == tap.entry.hits == TIMES * turns, f"{name}: {tap.total}, {turns}"
        for bus in ("pio", "mmio", "hypercall"):
            arrived = self.rung[bus] + self.exits[bus]
            assert arrived == turns, f"{bus}: {arrived} arrived of {turns}"
        rung = sum(self.rung.values())
        return f"{turns:,} turns, {self.removals:,} removals, {rung:,} rings of what was removed"


Actor = Callable[[Stress, random.Random], None]
#: Who does something to the Vm, and in how many threads.
ACTORS: list[tuple[Actor, int]] = [
    (Stress.registrar, 4),
    (Stress.drainer, 2),
    (Stress.slots, 1),
    (Stress.lines, 1),
]


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def stress(seed: int) -> Iterator[Stress]:
    made = Stress(seed)
    try:
        yield made
    finally:
        made.stop.set()
        made.vm.close()


def once(seed: int, seconds: float) -> str:
    """One run; what it did, in words."""
    with stress(seed) as run, switches_every(1e-4):
        run.run(seconds)
        return run.account()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.io.stress", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    once(asked.seed, min(2.0, asked.seconds / 4))  # what is allocated once is there
    files, memory = descriptors(), resident()
    print(once(asked.seed, asked.seconds), flush=True)
    gc.collect()
    assert descriptors() == files, f"{descriptors() - files} descriptors more"
    grown = resident() - memory
    print(f"{grown >> 10:,} KiB more memory")
    assert grown < 16 << 20


if __name__ == "__main__":
    sys.exit(main())
