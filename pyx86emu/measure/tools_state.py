"""Saved states, measured: save, restore, fork, and a fuzz loop on a Vm; beside Unicorn's context.

Unicorn saves registers only, so the same with it is `context_save` or `context_restore` and a copy
of all memory.
"""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any

from .. import _core
from ..vm import Vm
from .children import environment
from .figures import Row

MEMORY = 1 << 20
CODE = 0x1000
INPUT = 0x2000
#: again: mov si,2000h; mov cx,40h; xor ax,ax; next: lodsb; add bx,ax; push ax; pop ax; loop next;
#: mov [3000h],bx; jmp again. A parser reads 64 bytes of input again and again.
PARSER = bytes.fromhex("be0020 b94000 31c0 ac 01c3 50 58 e2f9 891e0030 ebee")
#: mov ax,4000h; mov dx,32; page: mov es,ax; xor di,di; mov cx,800h; rep stosw; add ax,100h;
#: dec dx; jnz page; hlt. It fills 32 pages.
FILLER = bytes.fromhex("b80040 ba2000 8ec0 31ff b90008 f3ab 050001 4a 75f1 f4")
PAGES = 32
RUN = 2000
#: Seconds of a loop, at scale 1.
SECONDS = 0.3


def made(code: bytes, fill: bool = False) -> Vm:
    """A Vm of 1 MiB, about to execute `code`. `fill`: no page of it is zero."""
    vm = Vm()
    ram = vm.add_memory(0, MEMORY)
    if fill:
        ram[:] = random.Random(1).randbytes(MEMORY)
    ram[CODE : CODE + len(code)] = code
    vcpu = vm.create_vcpu()
    regs = vcpu.regs
    regs.cs = regs.ds = regs.es = regs.ss = 0
    regs.ip, regs.sp = CODE, 0x8000
    return vm


def microseconds(act: Callable[[], object], before: Callable[[], object], rounds: int) -> float:
    """The median time of `act`, each time after `before`."""
    times = []
    for _ in range(rounds):
        before()
        start = perf_counter()
        act()
        times.append(perf_counter() - start)
    return median(times) * 1e6


def a_second(act: Callable[[], object], seconds: float) -> float:
    """How often a second `act` is done."""
    count, start = 0, perf_counter()
    while (spent := perf_counter() - start) < seconds:
        for _ in range(50):
            act()
        count += 50
    return count / spent


# -- ours -----------------------------------------------------------------------------------------


def restore_pages(rounds: int) -> float:
    """`vm.restore` after the guest has filled 32 pages."""
    with made(FILLER) as vm:
        state, vcpu = vm.save(), vm.vcpus[0]

        def restore() -> None:
            vm.restore(state)

        for _ in range(20):
            restore()
            vcpu.run()
        return microseconds(restore, vcpu.run, rounds)


def save_all(rounds: int) -> float:
    """The first `vm.save` of 1 MiB without a page of zeros."""
    times = []
    for _ in range(max(rounds // 10, 7)):
        with made(FILLER, fill=True) as vm:
            start = perf_counter()
            state = vm.save()
            times.append(perf_counter() - start)
            del state
    return median(times) * 1e6


def save_again(rounds: int) -> float:
    """`vm.save` after the guest has filled 32 pages."""
    with made(FILLER, fill=True) as vm:
        state, vcpu = vm.save(), vm.vcpus[0]

        def run() -> None:
            vm.restore(state)
            vcpu.run()

        return microseconds(vm.save, run, rounds)


def fork(rounds: int) -> float:
    """`vm.fork` of 1 MiB without a page of zeros, of which some bytes have changed."""
    with made(PARSER, fill=True) as vm:
        vcpu = vm.vcpus[0]
        vm.fork().close()
        twins: list[Vm] = []

        def run() -> None:
            for twin in twins:
                twin.close()
            twins.clear()
            vcpu.run(RUN)

        took = microseconds(lambda: twins.append(vm.fork()), run, rounds)
        run()
        return took


def fuzzer() -> tuple[Vm, Callable[[], object]]:
    """The loop of a fuzzer: restore, 64 bytes of input, 2,000 instructions, the result."""
    vm = made(PARSER)
    state, vcpu, regs = vm.save(), vm.vcpus[0], vm.vcpus[0].regs
    data = random.Random(2).randbytes(64)
    restore, write, run = vm.restore, vm.write, vcpu.run

    def once() -> object:
        restore(state)
        write(INPUT, data)
        run(RUN)
        return regs.bx

    return vm, once


# -- Unicorn --------------------------------------------------------------------------------------


class Peer:
    """Unicorn with the same guest."""

    def __init__(self, code: bytes) -> None:
        import unicorn

        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_16)
        self.uc.mem_map(0, MEMORY)
        self.uc.mem_write(CODE, code)
        self.code = code
        self.saved: Any = None
        self.memory = b""

    def save(self) -> None:
        self.saved = self.uc.context_save()
        self.memory = bytes(self.uc.mem_read(0, MEMORY))

    def restore(self) -> None:
        self.uc.context_restore(self.saved)
        self.uc.mem_write(0, self.memory)

    def fuzz(self, data: bytes) -> object:
        from unicorn.x86_const import UC_X86_REG_BX

        self.restore()
        self.uc.mem_write(INPUT, data)
        self.uc.emu_start(CODE, MEMORY, count=RUN)
        return self.uc.reg_read(UC_X86_REG_BX)


# -- two processes --------------------------------------------------------------------------------

CHILD = "from pyx86emu.measure.tools_state import child; child()"


def child() -> None:
    """In a process of its own: the loop."""
    serve_child(fuzzer()[1])


def serve_child(once: Callable[[], object]) -> None:
    """Do what each line asks for, `once` or additions in C so often; print how long it took."""
    for line in sys.stdin:
        what, count = line.split()
        start = perf_counter()
        if what == "c":
            _core.add_chain(int(count))
        else:
            for _ in range(int(count)):
                once()
        print(perf_counter() - start, flush=True)


def gain(children: list[Any], line: str) -> float:
    """The work that two processes do, as a multiple of one's."""

    def seconds(some: list[Any]) -> float:
        for each in some:
            each.stdin.write(line)
            each.stdin.flush()
        return max(float(each.stdout.readline()) for each in some)

    return 2 * seconds(children[:1]) / seconds(children)


def processes(rounds: int, seconds: float, rate: float, source: str = CHILD) -> list[float]:
    """What two processes with a loop gain, compared with two of plain C, in each round. `source`
    is run by both."""
    env = environment()
    pipe = subprocess.PIPE
    children = [
        subprocess.Popen(
            [sys.executable, "-c", source], env=env, stdin=pipe, stdout=pipe, text=True
        )
        for _ in range(2)
    ]
    loops, additions = f"fuzz {max(int(rate * seconds), 1)}\n", f"c {int(seconds * 3e9) + 1}\n"
    try:
        gain(children, loops)
        return [gain(children, loops) / gain(children, additions) for _ in range(rounds)]
    finally:
        for each in children:
            assert each.stdin is not None and each.stdout is not None
            each.stdin.close()
            each.wait()
            each.stdout.close()


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    count = max(int(300 * scale) // rounds, 15)

    def repeat(figure: Callable[[int], float]) -> list[float]:
        return [figure(count) for _ in range(rounds)]

    peers = find_spec("unicorn") is not None
    saved = restored = fuzzed = None
    if peers:
        peer, data = Peer(PARSER), random.Random(2).randbytes(64)
        saved = microseconds(peer.save, lambda: None, count)
        restored = microseconds(peer.restore, lambda: None, count)
        fuzzed = a_second(lambda: peer.fuzz(data), SECONDS * scale)
    what = f"vm.restore() after the guest has filled {PAGES} pages; Unicorn: context_restore, copy"
    times = repeat(restore_pages)
    yield Row.of("restore-32-pages", times, "us", what, peer=restored, limit=15.0)
    what = (
        f"vm.save() of 1 MiB after the guest has filled {PAGES} pages; Unicorn: context_save, copy"
    )
    yield Row.of("save", repeat(save_again), "us", what, peer=saved, limit=150.0)
    what = "the first vm.save(), without a page of zeros: most of it is the host's new pages"
    yield Row.of("save-first", repeat(save_all), "us", what)
    what = "vm.fork() of 1 MiB, of which some has changed since the last one"
    yield Row.of("fork", repeat(fork), "us", what, limit=150.0)
    vm, once = fuzzer()
    with closing(vm):
        once()
        rates = [a_second(once, SECONDS * scale / rounds) for _ in range(rounds)]
    what = f"a second: restore, write 64 bytes, run {RUN} instructions, read the result"
    yield Row.of("fuzz-loop", rates, "/s", what, peer=fuzzed, limit=40_000.0, least=True)
    what = "what two processes with this loop gain, as a part of what two of plain C gain"
    gained = processes(rounds, SECONDS * scale, median(rates))
    yield Row.of("fuzz-2-processes", gained, "x", what, limit=0.9, least=True)
