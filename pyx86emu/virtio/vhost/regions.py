"""Guest RAM for another process: list the shared slots of a Vm, as vhost-user regions."""

from collections.abc import Callable
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


class Memory(NamedTuple):
    """Guest memory: the regions that can be shared, and how to read and write it here.
    MachineError from each: there is no such memory any more."""

    shared: Callable[[], list[Shared]]
    read: Callable[[int, int], bytes]
    write: Callable[[int, bytes], object]


def memory_of(vm: Vm) -> Memory:
    """The memory of a Vm."""

    def read(addr: int, size: int) -> bytes:
        try:
            return vm.read(addr, size)
        except (OSError, ValueError) as error:
            raise _gone(error) from error

    def write(addr: int, data: bytes) -> None:
        try:
            vm.write(addr, data)
        except (OSError, ValueError) as error:
            raise _gone(error) from error

    return Memory(lambda: shared_slots(vm), read, write)


def _gone(error: Exception) -> MachineError:
    return MachineError(f"the memory of a ring is not there any more: {error}")


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
