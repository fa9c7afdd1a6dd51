"""What tests share: a small guest, threads and processes to run it in. Knows no test."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pyx86emu import Exit, ExitReason, Vcpu, Vm

ROOT = Path(__file__).resolve().parents[1]

T = TypeVar("T")

# -- a guest --------------------------------------------------------------------------------------

REGISTERS = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"),
    *("cs", "ds", "es", "ss", "fs", "gs"),
)
CODE = 0x1000
STACK = 0x8000
#: Every vector leads to a HLT of its own: the one of vector n is at HANDLERS + n.
HANDLERS = 0x600
#: No test guest runs longer than this without an exit.
BUDGET = 1_000_000
#: again: jmp again
FOREVER = b"\xeb\xfe"

Answer = Callable[[Exit], bytes | int | None]


def program(listing: str) -> bytes:
    """Machine code from lines of hex bytes, with what they mean after a semicolon."""
    return bytes.fromhex("".join(line.split(";")[0] for line in listing.splitlines()))


def open_line(line: int, base: int = 0x20) -> bytes:
    """Set up the master 8259: vectors from `base` up, all lines but this one masked."""
    return program(
        f"""
        b011             ; mov al,0x11
        e620             ; out 0x20,al
        b0{base:02x}     ; mov al,base
        e621             ; out 0x21,al
        b004             ; mov al,4
        e621             ; out 0x21,al
        b001             ; mov al,1
        e621             ; out 0x21,al
        b0{0xFF ^ 1 << line:02x}  ; mov al,mask
        e621             ; out 0x21,al
        """
    )


def vcpu(vm: Vm, code: str) -> Vcpu:
    """The first vCPU of a Vm: `code` at 1000h, in 64 KiB of RAM that are added."""
    ram = vm.add_memory(0, 0x10000)
    data = program(code)
    ram[CODE : CODE + len(data)] = data
    return another(vm, stack=STACK)


def another(vm: Vm, at: int = CODE, stack: int = 0x7000) -> Vcpu:
    """One more vCPU, which starts at 0000:at; its segments are 0."""
    made = vm.create_vcpu()
    for name in ("cs", "ds", "es", "ss"):
        setattr(made.regs, name, 0)
    made.regs.ip, made.regs.sp = at, stack
    return made


def all_a5(exit: Exit) -> bytes:
    """What the rows answer to every read."""
    return b"\xa5" * (exit.size * exit.count)


class Guest:
    """One vCPU in real mode: RAM at 0-FFFFh, everything above a hole, code at 1000h."""

    def __init__(
        self,
        code: bytes = b"",
        *,
        model: str = "80486",
        irqchip: bool = False,
        flags: int = 2,
        answer: Answer = all_a5,
        accel: str = "interp",
    ) -> None:
        self.vm = Vm(accel, irqchip=irqchip)
        self.ram = self.vm.add_memory(0, 0x10000)
        for vector in range(256):
            self.vector(vector, HANDLERS + vector)
        self.ram[HANDLERS : HANDLERS + 256] = b"\xf4" * 256
        self.answer = answer
        self.counts = accel == "interp"
        """Can a run be limited to a number of instructions?"""
        self.vcpu = self.vm.create_vcpu(model=model) if self.counts else self.vm.create_vcpu()
        self.start(code, flags=flags)

    def start(self, code: bytes = b"", *, flags: int = 2) -> None:
        """Put the program (with a HLT behind it) and the registers where the rows have them."""
        if code:
            self.ram[CODE : CODE + len(code) + 1] = code + b"\xf4"
        regs = self.vcpu.regs
        for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "cs", "ds", "es", "ss"):
            setattr(regs, name, 0)
        regs.esp, regs.eip, regs.eflags = STACK, CODE, flags

    def vector(self, number: int, offset: int) -> None:
        """Point an interrupt vector at 0000:offset."""
        self.ram[4 * number : 4 * number + 4] = offset.to_bytes(4, "little")

    def run(self, max_instructions: int = BUDGET) -> Exit:
        """Run to the next exit; answer it if it is a read."""
        exit = self.vcpu.run(max_instructions if self.counts else None)
        if exit.reason in (ExitReason.IO, ExitReason.MMIO) and not exit.write:
            reply = self.answer(exit)
            if reply is not None:
                exit.reply(reply)
        return exit

    def exits(self, limit: int = 5000) -> list[str]:
        """Run until the guest stops for good; every exit as text."""
        seen = []
        for _ in range(limit):
            exit = self.run()
            seen.append(self.show(exit))
            if exit.reason not in (ExitReason.IO, ExitReason.MMIO):
                return seen
        raise AssertionError(f"no end after {limit} exits: {seen[:5]}")

    def text(self) -> str:
        """`exits()` as the rows write them: equal neighbours are counted."""
        return "; ".join(folded(self.exits()))

    def steps(self, limit: int = 100_000) -> Iterator[Exit]:
        """Single steps up to a HLT and over it; yields after each but the last."""
        for _ in range(limit):
            regs = self.vcpu.regs
            halt = self.vm.read((regs.cs << 4) + regs.ip, 1) == b"\xf4"
            exit = self.vcpu.step()
            if halt:
                return
            yield exit
        raise AssertionError(f"no HLT within {limit} instructions")

    def show(self, exit: Exit) -> str:
        """An exit as the rows write it."""
        reason = exit.reason
        if reason is ExitReason.IO:
            what = f"port={exit.port:#x} size={exit.size} count={exit.count}"
            return f"IO out {what} data={exit.data.hex()}" if exit.write else f"IO in {what}"
        if reason is ExitReason.MMIO:
            if exit.write:
                return f"MMIO w {exit.addr:#x} len={exit.size} data={exit.data.hex()}"
            return f"MMIO r {exit.addr:#x} len={exit.size}"
        if reason is ExitReason.HLT:
            vector = self.vcpu.regs.ip - HANDLERS - 1
            inside = self.vcpu.regs.cs == 0 and 0 <= vector < 256
            return f"HLT IN VECTOR {vector}" if inside else "HLT"
        if reason is ExitReason.INTR:
            return "run returns EINTR"
        if reason is ExitReason.DEBUG:
            return f"DEBUG exc=1 pc={exit.pc:#x} dr6={exit.dr6:#x}"
        return f"{reason.name} {exit.message or ''}".strip()

    def state(self) -> dict[str, int]:
        """Every register, and a hash of RAM."""
        regs = {name: getattr(self.vcpu.regs, name) for name in REGISTERS}
        return regs | {"ram": hash(self.ram[0:0x10000])}

    def frame(self) -> str:
        """The frame below the initial stack pointer: ip, cs, flags in memory order."""
        return self.ram[STACK - 6 : STACK].hex()

    def word(self, addr: int) -> int:
        """A word of RAM."""
        return int.from_bytes(self.ram[addr : addr + 2], "little")

    def close(self) -> None:
        """Close the virtual machine."""
        self.vm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


MakeGuest = Callable[..., Guest]


def folded(texts: list[str]) -> list[str]:
    """A A B as "A x2", "B"."""
    out: list[tuple[str, int]] = []
    for text in texts:
        if out and out[-1][0] == text:
            out[-1] = (text, out[-1][1] + 1)
        else:
            out.append((text, 1))
    return [text if n == 1 else f"{text} x{n}" for text, n in out]


# -- threads --------------------------------------------------------------------------------------

#: Seconds that a thread may take for what should happen at once.
PATIENCE = 20.0
#: More instructions than a vCPU runs before it looks at what others want of it.
LONG = 200_000


class Running(Generic[T]):
    """Something in a thread of its own; what it raises comes out of `result()`."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._clock: int | None = None
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()

    def _main(self) -> None:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            self._value.append(self._function())
        except BaseException as error:  # handed to whoever asks for the result
            self._error = error

    @property
    def going(self) -> bool:
        """Whether it has not ended."""
        return self.thread.is_alive()

    @property
    def cpu(self) -> float:
        """Seconds of processor time that its thread has had; infinity once it has ended."""
        try:
            return 0.0 if self._clock is None else time.clock_gettime(self._clock)
        except OSError:  # no such thread any more
            return math.inf

    def result(self, timeout: float = PATIENCE) -> T:
        """Wait for it and hand out what it returned."""
        self.thread.join(timeout)
        assert not self.thread.is_alive(), f"still running after {timeout} s"
        if self._error is not None:
            raise self._error
        return self._value[0]


def wait_until(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait until another thread has made the condition true."""
    end = time.monotonic() + timeout
    turns = 0
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s"
        turns += 1
        time.sleep(0.001 if turns > 100 else 0)


def advance(vcpu: Vcpu, instructions: int = 1) -> None:
    """Wait until another thread has run so many more; they are counted at the end of a slice."""
    start = vcpu.instructions
    wait_until(lambda: vcpu.instructions >= start + instructions)


#: Seconds of processor time in which a vCPU runs more than LONG instructions, and sees a kick.
WORK = 0.01


def worked(vcpu: Vcpu, run: Running[Any]) -> Callable[[], bool]:
    """Returns a function: has the vCPU run LONG instructions since now, in this thread? Where they
    are not counted, the thread's processor time decides."""
    start = vcpu.instructions
    if start is not None:
        return lambda: vcpu.instructions - start > LONG
    end = run.cpu + WORK
    return lambda: run.cpu >= end


def work(vcpu: Vcpu, run: Running[Any]) -> None:
    """Wait until a vCPU that another thread runs has run LONG instructions more."""
    wait_until(worked(vcpu, run))


@contextlib.contextmanager
def running(vcpu: Vcpu) -> Iterator[Running[Exit]]:
    """Another thread runs the vCPU, from before the block begins until it ends."""
    run = Running(vcpu.run)
    try:
        advance(vcpu)
        yield run
    finally:
        vcpu.kick()
        run.result()


@contextlib.contextmanager
def switches_every(seconds: float) -> Iterator[None]:
    """Let Python change threads that often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def entered(function: Callable[[], T]) -> Running[T]:
    """Call it in another thread; return when it waits, or computes, without the GIL.

    Nothing but that lets this thread go on: no thread is asked to give the GIL up.
    """
    begun = threading.Lock()
    begun.acquire()

    def call() -> T:
        begun.release()
        return function()

    with switches_every(1000):
        run = Running(call)
        begun.acquire()
    return run


@contextlib.contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[None]:
    """Call `action` in another thread, as soon as this one waits in the block without the GIL."""
    gate = threading.Lock()
    gate.acquire()

    def act() -> None:
        gate.acquire()
        action()

    other = Running(act)
    with switches_every(1000):
        gate.release()
        yield
    other.result()


# -- processes ------------------------------------------------------------------------------------


def python(
    *arguments: object, timeout: float = 60, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments; what it says is text."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **options,
    )


def in_child(function: Callable[[], object]) -> int:
    """Fork, call it in the child, which has 20 seconds for it; its exit code, 0 if all was well."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(20)
            function()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# -- numbers and counts ---------------------------------------------------------------------------


class Liar(int):
    """An int that is inside whatever it is compared with."""

    def __lt__(self, other: object) -> bool:
        return True

    __le__ = __gt__ = __ge__ = __lt__


def descriptors() -> int:
    """How many descriptors this process has, not counting those of garbage."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def count_of(fd: int) -> int:
    """Take the count of an eventfd; 0 where it has none."""
    blocking = os.get_blocking(fd)
    os.set_blocking(fd, False)
    try:
        return int.from_bytes(os.read(fd, 8), "little")
    except BlockingIOError:
        return 0
    finally:
        os.set_blocking(fd, blocking)
