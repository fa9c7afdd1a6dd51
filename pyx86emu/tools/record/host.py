"""Host changes: find what the host did to a machine between two runs, and do it again.

Registers, memory by whatever way (`vm.write`, a view, a numpy array), chips, devices, disks. Two
states of the machine are compared; what differs is kept as plain values.
"""

from typing import TYPE_CHECKING, Any

from ..._core import snapshot_changes, snapshot_of, snapshot_rest, snapshot_values
from ...errors import MachineError
from ...pc.disks.saved import SavedDisk, from_values, sectors_of
from ...saved.state import State
from ...state import Plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...pc.machine import Machine

PAGE = 4096
#: Of a vCPU: what the host asks for, and what explains the past. The guest sees none of it.
UNSEEN = ("debug", "kicked", "why", "waited", "exits", "returned")
#: Fields of a machine that belong to what the guest does.
FIELDS = (
    *("timers", "booted", "boot_tried", "boot_instructions", "started", "reboot", "exit_status"),
)

Values = dict[str, Any]


def changes(before: State, now: State) -> "dict[str, Plain] | None":
    """What of `now` differs from `before`, as plain values for `apply`; None: nothing that the
    guest could see. Both are of one machine."""
    pages, rest, card = snapshot_changes(before.core, now.core)
    found: Values = {}
    if pages:
        found["pages"] = tuple(pages)
    if rest or card:
        old, new = snapshot_rest(before.core, card), snapshot_rest(now.core, card)
        if _seen(old) != _seen(new):
            found["core"] = new
    devices = {
        name: values
        for name, values in now.devices.items()
        if values is not before.devices.get(name) and values != before.devices.get(name)
    }
    if devices:
        found["devices"] = devices
    if disks := _disks(before, now):
        found["disks"] = disks
    if not found:
        return None
    found["machine"] = {name: now.machine[name] for name in FIELDS}
    return found


def _seen(rest: Values) -> Values:
    vcpus = [{k: v for k, v in each.items() if k not in UNSEEN} for each in rest["vcpus"]]
    return {**rest, "vcpus": vcpus}


def _disks(before: State, now: State) -> Values:
    found: Values = {}
    for name, disk in now.disks.items():
        old = before.disks.get(name)
        if not isinstance(disk, SavedDisk) or not isinstance(old, SavedDisk):
            continue
        if disk.disk is not old.disk:
            raise MachineError(
                f"the disk in {name} is another one than at the end of the last run, which cannot "
                "be recorded: use m.floppy.insert()"
            )
        if disk.written != old.written:
            found[name] = sectors_of(disk.written)
    return found


def apply(m: "Machine", restore: "Callable[[State], None]", kept: Plain) -> None:
    """Change the machine as the host did. MachineError, ValueError: the values are damaged."""
    if type(kept) is not dict:
        raise MachineError("the recording has a change of the host that is none")
    now = m.save()
    core = snapshot_values(now.core)
    if "core" in kept:
        _take_core(core, _table(kept["core"]))
    for row in _rows(kept.get("pages", ()), 3):
        slot, page, data = row
        if type(slot) is not int or not 0 <= slot < len(core["memory"]):
            raise MachineError("the recording has a page of a memory slot that is not there")
        part = core["memory"][slot]
        part["pages"] = sorted({**dict(part["pages"]), page: data}.items())
    disks = dict(now.disks)
    for name, sectors in _table(kept.get("disks", {})).items():
        disk = disks.get(name)
        if not isinstance(disk, SavedDisk):
            raise MachineError(f"the recording has sectors of a disk {name:.10} that is not there")
        plain: Values = {"size": 0, "sha256": b"", "readonly": False, "sectors": sectors}
        count = disk.size // 512
        disks[name] = disk._replace(written=from_values(plain, count).written)
    devices = {**now.devices, **_table(kept.get("devices", {}))}
    fields = _table(kept.get("machine", {}))
    if not set(fields) <= set(FIELDS):
        raise MachineError("the recording has a field of a machine that is none")
    state = State(snapshot_of(core), devices=devices, machine={**now.machine, **fields})
    state.disks.update(disks)
    restore(state)


def _take_core(core: Values, rest: Values) -> None:
    slots = rest.get("slots", ())
    if len(slots) != len(core["memory"]):
        raise MachineError("the recording has other memory slots")
    for part, (addr, readonly) in zip(core["memory"], _rows(slots, 2), strict=True):
        part["addr"], part["readonly"] = addr, readonly
    for name in ("a20", "time", "ticks", "vcpus", "chips"):
        core[name] = rest.get(name)
    if rest.get("vga") is not None:
        core["vga"] = rest["vga"]


def _table(value: Any) -> Values:
    if type(value) is not dict:
        raise MachineError("the recording has a change of the host that is damaged")
    return value


def _rows(value: Any, length: int) -> list[tuple[Any, ...]]:
    if type(value) not in (tuple, list):
        raise MachineError("the recording has a change of the host that is damaged")
    for each in value:
        if type(each) is not tuple or len(each) != length:
            raise MachineError("the recording has a change of the host that is damaged")
    return list(value)
