"""Capabilities: say what a back end can do, as plain values. Know no back end."""

from typing import NamedTuple


class Capabilities(NamedTuple):
    """What the back end of a Vm has (KVM_CHECK_EXTENSION). A value: it does not change.

    What is False here is refused when it is asked for, with an OSError EOPNOTSUPP or a ValueError
    that names it.
    """

    accel: str
    """The back end: "interp" or "kvm"."""
    models: tuple[str, ...]
    """What `create_vcpu(model)` takes, aliases not counted."""
    max_vcpus: int
    """vCPUs of one Vm."""
    max_slots: int
    """Memory slots of one Vm."""
    max_instructions: bool
    """`run(max_instructions)` and `run_until(max_instructions)` stop exactly; `Vcpu.instructions`
    and `Vcpu.spent` count. If False the latter two are None."""
    guest_deadline: bool
    """`run(deadline=)` and `run_until(deadline=, look=)` in guest time."""
    wall_deadline: bool
    """`run_until(wall_deadline=)` in host time."""
    virtual_clock: bool
    """`Vm(clock="virtual")`: guest time follows the instructions, so runs repeat exactly."""
    shift: bool
    """`Vm(shift=)`: how long an instruction takes."""
    set_time: bool
    """`vm.time = ns`: guest time can be set forward."""
    a20: bool
    """`vm.a20 = False`: address line 20 can be closed."""
    hypercall: bool
    """VMCALL has ioeventfds (`bus="hypercall"`) and makes an exit."""
    doorbell: bool
    """`ioeventfd(fd=Doorbell())`: counters without a descriptor."""
    sums: bool
    """`ioeventfd(coalesce=True)` adds up the rings of a slice. If False each is a write."""
    counts: bool
    """`IoEventFd.hits` and `.last_value` count. If False they are None."""
    coalesced_capacity: int
    """Writes that the ring of the coalesced zones holds; 0: there are no coalesced zones."""
    coalesced_capacity_settable: bool
    """`vm.coalesced.capacity = n`."""
    irqchip: bool
    """`Vm(irqchip=True)`, and with it irqfds, `vm.irqchip` and `vm.pit`."""
    breakpoints: int | None
    """Addresses that `debug(breakpoints=)` takes; None: any number."""
    watchpoints: int | None
    """Entries that `debug(watch=)` takes; None: any number; 0: none."""
    dirty_log: bool
    """`add_memory(dirty_log=True)`."""
    shared_memory: bool
    """`add_memory(shared=True)`: memory with a descriptor."""
    save: bool
    """`vm.save()`, `vm.restore()` and `vm.fork()`."""
    unreal_mode: bool
    """`vcpu.sregs` takes segments whose base is not 16 times the selector, or with a limit other
    than FFFFh."""
    pit_counter: bool
    """`vm.pit` has and takes the running counters. If False setting it restarts the counts."""
    real_mode: tuple[str, ...]
    """Groups of real-mode instructions that a probe found missing; empty: none."""
