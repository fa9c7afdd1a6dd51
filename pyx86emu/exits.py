"""Exit reasons: why run() returned. KVM's names and numbers; ours start at 0x1000."""

from enum import IntEnum


class ExitReason(IntEnum):
    """Why `Vcpu.run()` returned (KVM: Documentation/virt/kvm/api.rst, section 5, exit_reason)."""

    UNKNOWN = 0
    EXCEPTION = 1
    IO = 2
    """A port access that nothing in the core and no attached device handled."""
    HYPERCALL = 3
    """VMCALL whose number has no ioeventfd."""
    DEBUG = 4
    """A single step, a breakpoint or a watchpoint."""
    HLT = 5
    MMIO = 6
    """A memory access outside RAM that nothing handled; a write to a read-only slot."""
    IRQ_WINDOW_OPEN = 7
    SHUTDOWN = 8
    """A fault while a double fault was being delivered."""
    FAIL_ENTRY = 9
    INTR = 10
    """A kick."""
    INTERNAL_ERROR = 17
    """What this machine does not run: protected mode, code outside RAM. See `Exit.message`."""
    BUDGET = 0x1000
    """max_instructions were executed."""
    DEADLINE = 0x1001
    """The guest's clock reached the deadline."""
    MATCH = 0x1002
    """The text that Machine.run(until=...) waited for appeared."""

    def __str__(self) -> str:
        """Its name, for print().

        >>> print(ExitReason.HLT)
        HLT
        """
        return self.name
