"""`python -m tests.shim.put_aside NAME`: a vCPU stands still in the core, a thread waits for it.

Run by tests/core/test_waiting.py, with held_write.c loaded first.

Prints `asleep` when the thread that waits sleeps, and `done` when its call has returned.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from os import EFD_CLOEXEC, eventfd
from pathlib import Path

from pyx86emu import PioDevice, Vm
from tests.harness import Running, another, vcpu, wait_until

SHIM = ctypes.CDLL(None)
#: again: loop again; out 0x80,al; hlt. It has released the GIL when it rings.
RING = "e2fe e680 f4"
#: Looks that must find the thread in one sleep. `wait_until` has a millisecond between two.
LOOKS = 200


class World:
    """A Vm whose vCPU will ring port 80h, and things to change."""

    def __init__(self) -> None:
        self.vm = Vm()
        self.vcpu = vcpu(self.vm, RING)
        self.vm.ioeventfd(0x80, 1)
        self.entry = self.vm.ioeventfd(0x90, 1)
        self.attachment = self.vm.pio.attach(PioDevice(), 0x300)
        self.slot = self.vm.add_memory(0x20000, 0x1000)


CALLS: dict[str, Callable[[World], object]] = {
    "deassign": lambda world: world.entry.deassign(),
    "register": lambda world: [world.vm.ioeventfd(0x100 + i, 1) for i in range(100)],
    "detach": lambda world: world.attachment.detach(),
    "attach": lambda world: world.vm.pio.attach(PioDevice(), 0x310),
    "delete": lambda world: world.slot.delete(),
    "add_memory": lambda world: world.vm.add_memory(0x30000, 0x1000),
    "move": lambda world: world.slot.move(0x40000),
    "a20": lambda world: setattr(world.vm, "a20", False),
    "create_vcpu": lambda world: world.vm.create_vcpu(),
}


def state(thread: int) -> str:
    """R runs, or would if the host let it; S sleeps. And how often it went to sleep."""
    text = Path(f"/proc/self/task/{thread}/status").read_text("ascii")
    return " ".join(line for line in text.splitlines() if line.startswith(("State", "voluntary")))


def asleep(thread: int) -> Callable[[], bool]:
    """Whether the last LOOKS looks found it in one and the same sleep."""
    seen: list[str] = []

    def look() -> bool:
        seen.append(state(thread))
        return len(seen) > LOOKS and len({*seen[-LOOKS:]}) == 1 and "S (sleeping)" in seen[-1]

    return look


def waits_asleep(call: Callable[[], object]) -> None:
    """Make the call in a thread, see it sleep, let the writes go on, and see it return."""
    numbers: list[int] = []

    def main() -> None:
        numbers.append(threading.get_native_id())
        call()

    waiting = Running(main)
    wait_until(lambda: numbers)
    wait_until(asleep(numbers[0]))
    assert waiting.going
    assert SHIM.held_writes() == 1, "the other one writes, too"
    print("asleep")
    SHIM.hold_writes(0)
    waiting.result()
    print("done")


def change(name: str) -> None:
    world = World()
    SHIM.hold_writes(1)
    run = Running(world.vcpu.run)
    wait_until(lambda: SHIM.held_writes() == 1)
    waits_asleep(lambda: CALLS[name](world))
    run.result()
    world.vm.close()


def blocking() -> None:
    """Two vCPUs ring one blocking eventfd: the second waits for the first."""
    world = World()
    world.vm.ioeventfd(0xA0, 1, fd=eventfd(0, EFD_CLOEXEC))
    world.vm.write(0x1000, bytes.fromhex("e2fe e6a0 f4"))
    second = another(world.vm)
    SHIM.hold_writes(1)
    run = Running(world.vcpu.run)
    wait_until(lambda: SHIM.held_writes() == 1)
    waits_asleep(second.run)
    run.result()
    world.vm.close()


def code() -> None:
    """A vCPU that decodes the first code of a granule waits for the other."""
    world = World()
    world.vm.write(0x2000, bytes.fromhex("f4"))
    second = another(world.vm, 0x2000)
    SHIM.hold_writes(1)
    run = Running(world.vcpu.run)
    wait_until(lambda: SHIM.held_writes() == 1)
    waits_asleep(second.run)
    run.result()
    world.vm.close()


if __name__ == "__main__":
    name = sys.argv[1]
    if name in CALLS:
        change(name)
    else:
        {"blocking": blocking, "code": code}[name]()
