"""The rows of the doorbell measurement: hold rings, seconds and what arrived; and those of 2009.

The figures of 2009 were measured on a hypervisor on hardware. bench/README.md describes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .verdicts import spread

#: path -> (its name in 2009, rings a second, microseconds)
YEAR_2009 = {
    "exit-mmio": ("qemu-mmio", 110_000, 9.09),
    "exit-pio": ("qemu-pio", 153_139, 6.53),
    "ioeventfd-mmio": ("ioeventfd-mmio", 200_100, 5.00),
    "ioeventfd-pio": ("ioeventfd-pio", 367_300, 2.72),
    "ioeventfd-hc": ("ioeventfd-hc", 412_585, 2.42),
}


#: The key in `Row.extra` of the ratio to `write-floor`.
TO_FLOOR = "to_write_floor"
#: The same of the ratio to a Vm with one entry.
TO_ONE = "ratio_to_one_entry"

#: Before the name of a path: it was measured on this host's KVM.
ON_KVM = "kvm-"


@dataclass
class Row:
    """One measured path: the guest rang `rings` times in `seconds`, `count` rings arrived."""

    name: str
    rings: int
    seconds: float
    count: int
    extra: dict[str, Any] = field(default_factory=dict)
    repeated: dict[str, Sequence[float]] = field(default_factory=dict)
    """The repetitions of which a value of `extra` is the median, by its key."""

    @property
    def iops(self) -> float:
        return self.rings / self.seconds

    @property
    def rtt_us(self) -> float:
        return self.seconds / self.rings * 1e6

    @property
    def exact(self) -> bool:
        return self.count == self.rings

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        row: dict[str, Any] = {
            "name": self.name,
            "rings": self.rings,
            "iops": round(self.iops),
            "rtt_us": round(self.rtt_us, 5),
            "exact": self.exact,
        }
        if self.name in YEAR_2009:
            path, iops, us = YEAR_2009[self.name]
            row["year_2009"] = {"name": path, "iops": iops, "rtt_us": us}
            row["ratio_2009"] = round(self.iops / iops, 2)
        row |= self.extra
        for key, values in self.repeated.items():
            row[f"{key}_spread"] = [round(each, 3) for each in spread(values)]
        return row
