# Capabilities of the interpreter: what it can do, as one record.

from .capabilities import Capabilities
from .models import MODELS as _MODELS

cdef object capabilities_of(VM* vm):
    """What this Vm can do."""
    return Capabilities(
        accel="interp", models=_MODELS, max_vcpus=MAX_VCPUS, max_slots=MAX_SLOTS, max_instructions=True,
        guest_deadline=True, wall_deadline=True, virtual_clock=True, shift=True, set_time=True, a20=True,
        hypercall=True, doorbell=True, sums=True, counts=True, coalesced_capacity=COALESCED_CAPACITY,
        coalesced_capacity_settable=True, irqchip=True, breakpoints=MOST_BREAKPOINTS, watchpoints=None, dirty_log=True,
        shared_memory=True, save=True, unreal_mode=False,
        pit_counter=True, real_mode=())
