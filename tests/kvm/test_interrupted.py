"""KVM as a back end: Ctrl-C at each place where Python may raise it loses no exit and no lock."""

from __future__ import annotations

import dis
import gc
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import pyx86emu.kvm
from pyx86emu import Exit, ExitReason, PioDevice, Vm
from tests.harness import CODE, Running, program, vcpu

Kvm = Callable[..., Vm]
HOME = str(Path(pyx86emu.kvm.__file__).parent)
#: Python looks for signals after these, and when a function begins.
LOOKS = {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD"}


class Interrupt:
    """Raise KeyboardInterrupt at the n-th place of the back end's code that looks for signals.

    Not in a `__del__`, where Python prints and drops it. In a thread of its own: what a trace
    function raises may leave its thread with an exception that is handled for ever.
    """

    def __init__(self, n: int) -> None:
        self.left = n
        self.before: dict[FrameType, int] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(HOME) or self.left <= 0 or code.co_name == "__del__":
            return None
        frame.f_trace_opcodes = True
        looks = event == "call"  # at RESUME
        if event == "opcode":
            before = self.before.get(frame)
            self.before[frame] = code.co_code[frame.f_lasti]
            looks = before is not None and dis.opname[before] in LOOKS
        if looks:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self

    def run(self, cpu: Any) -> Exit:
        """Run under it, without finalizers of what other tests have left: they are places, too."""
        tracer = sys.gettrace()
        gc.disable()
        sys.settrace(self)
        try:
            return cpu.run()  # type: ignore[no-any-return]
        finally:
            sys.settrace(tracer)
            gc.enable()


class Latch(PioDevice):
    """Answers 5Ah; keeps what was written."""

    length = 1

    def reset(self) -> None:
        self.seen: list[int] = []

    def pio_read(self, offset: int, size: int) -> int:
        return 0x5A

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.seen.append(value)


#: mov al,1; out 80h,al; inc ax; out 90h,al; in al,91h; mov bl,al; in al,90h; mov bh,al;
#: mov ax,d000h; mov ds,ax; mov [0],bx; mov al,[4]; hlt
GUEST = "b001 e680 40 e690 e491 88c3 e490 88c7 b800d0 8ed8 891e0000 a00400 f4"
EXITS = [
    "Exit(IO port=0x80 size=1 value=0x1",
    "Exit(IO port=0x91 size=1 read count=1",
    "Exit(MMIO addr=0xd0000 size=2 value=0x5a77",
    "Exit(MMIO addr=0xd0004 size=1 read count=1",
    "Exit(HLT",
]


def exits(cpu: Any, interrupt: Interrupt) -> tuple[list[str], str]:
    """All exits, and the function that was interrupted."""
    seen, where = [], ""
    while True:
        try:
            exit = interrupt.run(cpu)
        except KeyboardInterrupt as error:
            where = traceback.extract_tb(error.__traceback__)[-2].name  # the last is ours
            continue
        seen.append(str(exit).split(" at ")[0])
        if exit.reason not in (ExitReason.IO, ExitReason.MMIO):
            return seen, where
        if not exit.write:
            exit.reply(0x77)


def at_each_place(cpu: Any, fresh: Callable[[], object]) -> Iterator[tuple[list[str], str]]:
    """Run the guest with a Ctrl-C at the first place, the second, and so on, until there is no such
    place any more. Gives the exits, and what to say of the place. `fresh` is called before each."""
    number = 0
    while True:
        number += 1
        cpu.reset()
        cpu.regs.cs, cpu.regs.ip, cpu.regs.sp = 0, CODE, 0x8000
        fresh()
        interrupt = Interrupt(number)
        seen, where = Running(lambda i=interrupt: exits(cpu, i)).result()
        if interrupt.left > 0:
            break
        if where != "run":  # there run() has returned: it is the caller's Ctrl-C
            yield seen, f"place {number}, in {where}"
    assert number > 100


def test_ctrl_c_at_each_place_loses_no_exit(kvm: Kvm) -> None:
    machine, device = kvm(), Latch()
    cpu = vcpu(machine, GUEST)
    machine.pio.attach(device, 0x90)

    for seen, place in at_each_place(cpu, device.reset):
        assert seen == EXITS, place
        assert device.seen == [2], place
        assert cpu.regs.al == 0x77
        # Another thread can run it: no lock is left behind.
        cpu.kick()
        assert Running(cpu.run).result().reason is ExitReason.INTR


def interrupted(act: Callable[[], object], number: int) -> None:
    """Call it under an Interrupt."""
    sys.settrace(Interrupt(number))
    try:
        act()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)


def test_ctrl_c_in_reset_and_close_leaves_no_lock_behind(kvm: Kvm) -> None:
    for number in range(1, 60):
        machine = kvm()
        cpu: Any = vcpu(machine, "e480 f4")
        cpu.run()
        for act in (cpu.reset, machine.close):
            Running(lambda act=act, n=number: interrupted(act, n)).result()
            Running(act).result()
        with pytest.raises(OSError, match="closed"):
            cpu.run()


def test_the_guest_of_this_file_runs_as_it_says(kvm: Kvm) -> None:
    assert program(GUEST)[-1] == 0xF4
    machine = kvm()
    machine.pio.attach(Latch(), 0x90)
    assert exits(vcpu(machine, GUEST), Interrupt(0))[0] == EXITS


#: mov al,1; out 80h,al; inc ax; out 80h,al; inc ax; out 81h,al; inc ax; out 84h,al; inc ax;
#: out 85h,al; hlt
COLLECTED = "b001 e680 40 e680 40 e681 40 e684 40 e685 f4"


def test_ctrl_c_at_each_place_neither_loses_a_collected_write_nor_doubles_it(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, COLLECTED)
    got: list[int] = []
    machine.coalesce(0x80, 2, bus="pio", on_drain=lambda writes: got.extend(w[3] for w in writes))
    machine.coalesce(0x84, 2, bus="pio")
    for port in (0x81, 0x85):  # KVM leaves these writes to us
        machine.ioeventfd(port, 1, datamatch=0xFF)

    def fresh() -> None:
        got.clear()
        machine.coalesced.drain()

    for _, place in at_each_place(cpu, fresh):
        left = [write[3] for write in machine.coalesced.drain()]
        assert (got, left) == ([1, 2, 3], [4, 5]), place
