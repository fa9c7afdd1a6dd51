"""The numbers of observers: call each function with good values."""

from __future__ import annotations

from pyx86emu import Vcpu
from pyx86emu.observe import Observers
from tests.numbers import Place, place


def recorded(vcpu: Vcpu) -> Vcpu:
    if vcpu.model != "host":  # KVM has none
        vcpu.record_history = True
    return vcpu


PLACES: dict[str, Place] = {
    **{
        f"{owner}.{prefix}exec": place(make, at=1, capacity=1)
        for owner, prefix, make in (
            ("Observers", "", lambda w: Observers(w.vcpu).exec),
            ("Observing", "on_", lambda w: w.machine.on_exec),
        )
    },
    "Observers.interrupt": place(lambda w: Observers(w.vcpu).interrupt, vector=1, capacity=1),
    "Observing.on_interrupt": place(lambda w: w.machine.on_interrupt, vector=1, capacity=1),
    "Observers.io": place(lambda w: Observers(w.vcpu).io, port=1, length=1, capacity=1),
    "Observing.on_io": place(lambda w: w.machine.on_io, port=1, length=1, capacity=1),
    "Observers.write": place(lambda w: Observers(w.vcpu).write, addr=1, length=1, capacity=1),
    "Observing.on_write": place(lambda w: w.machine.on_write, addr=1, length=1, capacity=1),
    "Observers.read": place(lambda w: Observers(w.vcpu).read, addr=1, length=1, capacity=1),
    "Observing.on_read": place(lambda w: w.machine.on_read, addr=1, length=1, capacity=1),
    "Observers.block": place(lambda w: Observers(w.vcpu).block, capacity=1),
    "Observing.on_block": place(lambda w: w.machine.on_block, capacity=1),
    "Vcpu.history": place(lambda w: recorded(w.vcpu).history, n=1),
    "Observing.on_mode": place(lambda w: w.machine.on_mode, capacity=1),
}

EXEMPT: dict[str, str] = {
    **dict.fromkeys(("Observer.__init__",), "called by Observers, with numbers it has looked at"),
    "Coverage.reached": "any number is an address, or none",
}
