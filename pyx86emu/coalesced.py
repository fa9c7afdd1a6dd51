"""Coalesced writes: say what an entry of the ring is. The ring itself is part of a back end."""

from typing import Literal, TypeAlias

#: The fields of an entry in `CoalescedRing.drain_array()`, for numpy.dtype(): those of struct
#: kvm_coalesced_mmio, 24 bytes. `pio` is 1 for a port and 0 for memory; `data` has `len` bytes.
COALESCED: list[tuple[str, str]] = [
    ("addr", "<u8"),
    ("len", "<u4"),
    ("pio", "<u4"),
    ("data", "<u8"),
]

#: An entry in `CoalescedRing.drain()`: bus, address, size in bytes, value.
CoalescedWrite: TypeAlias = tuple[Literal["pio", "mmio"], int, int, int]
