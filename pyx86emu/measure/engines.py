"""The engines that run a kernel: ours, and the peers that are installed. They print nothing.

An engine has one kernel. `run(turns)` runs it from its first instruction to its HLT and returns the
CPU time of this thread in seconds, so other work of the host does not count. Each run sets the
registers again. Memory, and code that the engine has translated, stay from run to run.
"""

from collections.abc import Callable
from time import thread_time
from typing import Protocol

from ..exits import ExitReason
from ..vm import Vm
from .kernels import ENTRY, MEMORY, Kernel


class Engine(Protocol):
    """Runs one kernel. `seconds`: the least time that a run should take."""

    seconds: float

    def run(self, turns: int) -> float: ...

    def close(self) -> None: ...


class Ours:
    """A bare Vm. `run` raises RuntimeError if the kernel takes another number of instructions."""

    seconds = 0.15

    def __init__(self, kernel: Kernel, model: str = "80486") -> None:
        self.kernel = kernel
        self.vm = Vm(irqchip=kernel.chips)
        self.ram = self.vm.add_memory(0, MEMORY)
        self.ram[ENTRY : ENTRY + len(kernel.code)] = kernel.code
        self.vcpu = self.vm.create_vcpu(model)
        self.instructions = 0
        """Instructions of the last run."""
        self._once = kernel.once

    def run(self, turns: int) -> float:
        vcpu = self.vcpu
        vcpu.reset()
        vcpu.regs.cs, vcpu.regs.eip = 0, ENTRY
        vcpu.regs.ecx, vcpu.regs.ebx = turns, self.kernel.ebx
        before = vcpu.instructions
        start = thread_time()
        exit = vcpu.run()
        seconds = thread_time() - start
        self.instructions = vcpu.instructions - before
        ticks = int.from_bytes(self.ram[0x600:0x602], "little")
        expected = self.kernel.count(turns) + ticks * self.kernel.per_tick + self._once
        self._once = 0
        if exit.reason is not ExitReason.HLT or self.instructions != expected:
            raise RuntimeError(
                f"{self.kernel.name} ended in {exit!r} after {self.instructions} instructions: "
                f"HLT after {expected} was expected"
            )
        return seconds

    def close(self) -> None:
        self.vm.close()


class Unicorn:
    """Unicorn in 16-bit mode: no hooks, one emu_start from the first instruction to the HLT."""

    seconds = 0.5  # shorter runs would favour Unicorn: self-modifying code gets slower with time

    def __init__(self, kernel: Kernel) -> None:
        import unicorn
        from unicorn import x86_const

        self.ebx = kernel.ebx
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_16)
        self.uc.mem_map(0, MEMORY)
        self.uc.mem_write(ENTRY, kernel.code)
        names = ["EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP", "DS", "ES", "SS"]
        self.numbers = {name: getattr(x86_const, f"UC_X86_REG_{name}") for name in names}

    def run(self, turns: int) -> float:
        values = {"ECX": turns, "EBX": self.ebx}
        for name, number in self.numbers.items():
            self.uc.reg_write(number, values.get(name, 0))
        start = thread_time()
        self.uc.emu_start(ENTRY, MEMORY)
        return thread_time() - start

    def close(self) -> None:
        self.uc.mem_unmap(0, MEMORY)


def peers() -> dict[str, Callable[[Kernel], Engine]]:
    """Return the peers that can run here, by name. Call one with a kernel to make an engine."""
    from importlib.util import find_spec

    from .kvm import Kvm, usable

    found: dict[str, Callable[[Kernel], Engine]] = {}
    if find_spec("unicorn"):
        found["unicorn"] = Unicorn
    if usable():
        found["kvm"] = Kvm
    return found
