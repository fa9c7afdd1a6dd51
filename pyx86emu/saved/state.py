"""State: hold what a Vm or a machine was at one moment, in this process or as bytes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .._core import snapshot_of, snapshot_values, whole
from ..errors import StateError
from ..files import check_regular
from ..state import Plain
from . import codec
from .codec import LIMIT, Compression

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._core import Snapshot

Values = dict[str, Plain]


class SavedDisk(Protocol):
    """The state of a disk in the process that has the disk."""

    def plain(self) -> Values:
        """It as plain values. StateError: its image has changed."""


class State:
    """What a Vm (`Vm.save`) or a machine (`Machine.save`) was at one moment. It does not change
    when the guest runs on, so it can be restored any number of times.

    `core` is the Vm: memory, vCPUs, chips, VGA. `devices`, `machine` and `disks` are what a Machine
    adds: plain values by name, empty in the state of a Vm. Nothing of the host is in it: no
    descriptor, no function, no path.

    `to_bytes` and `save` write it, for another process; `from_bytes` and `load` read it. Any
    thread may call everything here.

    >>> from pyx86emu import State, Vm
    >>> with Vm() as vm:
    ...     ram = vm.add_memory(0, 0x10000)
    ...     before = vm.save()
    ...     ram[0:2] = b"hi"
    ...     vm.restore(State.from_bytes(before.to_bytes()))
    ...     ram[0:2]
    b'\\x00\\x00'
    """

    __slots__ = ("core", "devices", "disks", "machine")

    core: "Snapshot"
    """The Vm."""
    devices: dict[str, Values]
    """By the name of a device, what its `state()` returned."""
    machine: Values
    """What else a Machine has, and what it must have to take this state."""
    disks: dict[str, "Values | SavedDisk"]
    """By drive, the base image (size, SHA-256) and what was written over it."""

    def __init__(
        self,
        core: "Snapshot",
        *,
        devices: dict[str, Values] | None = None,
        machine: Values | None = None,
        disks: "dict[str, Values | SavedDisk] | None" = None,
    ) -> None:
        self.core = core
        self.devices = {} if devices is None else devices
        self.machine = {} if machine is None else machine
        self.disks = {} if disks is None else disks

    def __repr__(self) -> str:
        more = f", {len(self.devices)} devices" if self.devices else ""
        return f"<State: {self.core!r}{more}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or a pickle for another process, is made of the bytes."""
        return State.from_bytes, (self.to_bytes(compression="none"),)

    def to_bytes(self, *, compression: Compression = "zlib") -> bytes:
        """This state as bytes, which docs/STATE.md describes. `compression`: "zlib"; "zstd", which
        Python has from 3.14 on; "none". StateError: a part has a value that is not plain; this
        Python has no such compression."""
        values: Values = {
            "core": snapshot_values(self.core),
            "devices": dict(self.devices),
            "machine": self.machine,
            "disks": {
                drive: each if isinstance(each, dict) else each.plain()
                for drive, each in self.disks.items()
            },
        }
        return codec.dump(values, compression)

    @classmethod
    def from_bytes(cls, data: "Buffer", *, limit: int = LIMIT) -> "State":
        """The state of such bytes, from any source: all of it is checked. `limit`: how many bytes
        it may have without compression.

        StateError: the bytes are no state, damaged, of another version or longer than `limit`;
        TypeError: no bytes."""
        values = codec.load(data, limit)
        if type(values) is not dict or set(values) != {"core", "devices", "machine", "disks"}:
            raise StateError("a state that is damaged: it has other parts")
        return cls(
            snapshot_of(values["core"]),
            devices=_tables(values["devices"], "devices"),
            machine=_table(values["machine"], "machine"),
            disks=dict(_tables(values["disks"], "disks")),
        )

    def save(self, path: str | os.PathLike[str], *, compression: Compression = "zlib") -> None:
        """Write `to_bytes` to a file. OSError: it cannot be written."""
        check_regular(path)
        Path(path).write_bytes(self.to_bytes(compression=compression))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, limit: int = LIMIT) -> "State":
        """Read a file that `save` wrote. OSError: it cannot be read; StateError, ValueError as
        `from_bytes`."""
        most = whole(limit, "limit", 0, codec.MOST_LIMIT)
        check_regular(path)
        with open(path, "rb") as file:
            data = file.read(most + most // 100 + 4096)
        return cls.from_bytes(data, limit=most)


def _table(value: Plain, name: str) -> Values:
    if type(value) is not dict:
        raise StateError(f"a state that is damaged: {name!r} is no table")
    return value


def _tables(value: Plain, name: str) -> dict[str, Values]:
    return {key: _table(each, name) for key, each in _table(value, name).items()}
