"""Guest RAM for another process: list the shared slots of a Vm, as vhost-user regions."""

from typing import NamedTuple

from ...errors import MachineError
from ...vm import Vm
from .messages import Region

#: What is added to a guest-physical address to have the "user address" of the protocol. Only this
#: package and the back end see user addresses, so they need not be those of the process.
USER = 1 << 56


class Shared(NamedTuple):
    """A region, and the descriptor of its memory, which belongs to the slot."""

    region: Region
    fd: int


def shared_slots(vm: Vm) -> list[Shared]:
    """The memory of `vm` that another process can map, lowest address first. ROMs are not in it.

    MachineError: there is none, with how to get it. Any thread may call it.
    """
    found = []
    for slot in sorted(vm.slots, key=lambda slot: slot.addr):
        if slot.readonly:
            continue
        try:
            fd = slot.fileno()
        except OSError:
            continue
        found.append(Shared(Region(slot.addr, slot.size, slot.addr + USER), fd))
    if not found:
        raise MachineError(
            "no guest RAM is shared, so another process cannot work on the rings in it: make the "
            "machine with Machine(..., shared=True), the memory of a Vm with "
            "add_memory(..., shared=True)"
        )
    return found


def inside(shared: list[Shared], addr: int, size: int) -> bool:
    """Are these guest-physical bytes in one of the regions?"""
    return any(
        region.guest <= addr and addr + size <= region.guest + region.size for region, _ in shared
    )
