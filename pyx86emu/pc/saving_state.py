"""The state of a machine: put it together, compare it, set it, for `Saving`. Runs nothing.

Here are the devices, the disks and the machine's own fields; the Vm saves itself.
"""

import errno
from typing import TYPE_CHECKING, Any

from .._core import VgaCore
from ..clock import LAST
from ..errors import StateError
from ..exits import ExitReason
from ..state import Values, take, take_timer, take_whole
from . import saving_disks as drives_of
from .kept import Kept, Place, places, ties
from .resets import Reset

if TYPE_CHECKING:
    from ..saved.state import State
    from ..vm import Vm
    from .machine import Machine

#: The attributes of a machine that are state.
FIELDS = (
    *("booted", "boot_tried", "exit_status"),
    *("_boot_instructions", "_started", "_reboot", "_own_stops"),
)
#: What a device may raise whose values are damaged.
DAMAGED = (ValueError, TypeError, KeyError, IndexError, OverflowError)
#: Timers in a state, at most.
MOST_TIMERS = 4096


def save(m: "Machine") -> "State":
    """`Saving.save`."""
    _can_be_saved(m)
    before = m._kept if m._kept is not None and _is_current(m, m._kept) else None
    here = places(m.pio, m.mmio) if before is None else before.places
    clock = m.vm.clock
    # Everything that can be refused comes before the Vm, whose first save changes its speed.
    disks = drives_of.save_disks(m)
    timers = before is not None and clock.waiting() == before.waiting
    devices: dict[str, Values] = {}
    for place in here:
        if before is not None and place.known and before.same(place, timers):
            devices[place.name] = before.state.devices[place.name]
        else:
            devices[place.name] = place.state()
    state = m.vm.save()
    state.devices, state.disks = devices, dict(disks)
    state.machine = _own_state(m, here)
    _keep(m, state, here, before)
    return state


def restore(m: "Machine", state: "State") -> None:
    """`Saving.restore`."""
    if type(getattr(state, "machine", None)) is not dict:
        raise TypeError(f"a machine is restored from a State, not from {type(state).__name__}")
    if m._profile is not None:
        m._profile.drain()
    kept = m._kept
    if kept is not None and kept.state is state and _is_current(m, kept):
        _restore_again(m, state, kept)
    elif state.machine.get("identity") is m._identity is not None:
        _restore(m, state)
    else:
        _can_be_saved(m)
        try:
            _check(m, state)
        except ValueError as error:
            raise _as_state_error(error) from None
        before = save(m)  # in case one of the devices refuses its values
        try:
            _restore(m, state)
        except Exception as error:
            _restore(m, before)
            if isinstance(error, DAMAGED):
                raise _as_state_error(error) from error
            raise
    if m._profile is not None:
        m._profile.resync()


def fork(m: "Machine") -> "Machine":
    """`Saving.fork`."""
    from .machine import Machine

    _can_be_saved(m)
    here = places(m.pio, m.mmio)
    parts = {id(part) for part in m._wires.parts}
    for place in here:
        if id(place.device) not in parts:
            raise StateError(
                f"'{place.name}' is no device of a PC, a fork would lack it: detach it, or "
                "attach one to another Machine and restore a saved state there"
            )
    drives, twins = drives_of.fork_disks(m)
    twin = Machine.__new__(Machine)
    try:
        state = m.vm.save()
        vm = m.vm._empty_twin(state)
    except BaseException:
        drives.close()
        raise
    twin._begin(vm, m.host_clock, m.no_reboot, m._other_bios)
    twin.drives = drives
    try:
        twin._roms, twin._identity = m._roms, _own_identity(m)
        twin.vcpu = vm.vcpus[0]
        twin._build(_vga_of(vm), m._wires.ram, None, m.serial_log.limit)
        for unit, drive in enumerate(m.floppy.drives):
            twin.floppy.drives[unit].disk = twins.get(id(drive.disk))
        vm.restore(state)  # now: attaching the devices has reset them, and their lines
        _become(twin, m, here)
    except BaseException:
        twin.close()
        raise
    return twin


def _can_be_saved(m: "Machine") -> None:
    """OSError EOPNOTSUPP: the back end keeps state that cannot be read."""
    if m._kept is None and not m.vm.capabilities.save:
        raise OSError(
            errno.EOPNOTSUPP,
            f"a Machine of accel={m.vm.accel!r} cannot be saved, restored or forked: "
            "use accel='interp'",
        )


def _become(m: "Machine", other: "Machine", there: list[Place]) -> None:
    """Take over the devices and fields of `other`. The Vm and the disks are copies already."""
    clock = m.vm.clock
    with clock.in_order(other.vm.clock.timers):
        for mine, its in zip(places(m.pio, m.mmio), there, strict=True):
            if not mine.known:
                mine.device.load(its.state())
                continue
            for (part, fields), (to, _) in zip(its.device.parts, mine.device.parts, strict=True):
                fields.copy(part, to, clock)
            for log, copy in zip(its.device.logs, mine.device.logs, strict=True):
                copy.load(log.state())
    m.serial_log.load(other.serial_log.state())
    for name in FIELDS:
        setattr(m, name, getattr(other, name))
    m.resets.count, m.resets.last = other.resets.count, other.resets.last
    m.stats.load(other.stats.state())
    m._texts.load(other._texts.state())


# -- what a state must agree with --------------------------------------------------------------


def _is_current(m: "Machine", kept: Kept) -> bool:
    """Has no device been attached or detached since?"""
    return kept.buses == (m.pio.table, m.mmio.table)


def _own_identity(m: "Machine") -> Values:
    if m._identity is None:
        from hashlib import sha256

        roms = tuple([(at, len(data), sha256(data).digest()) for at, data in m._roms])
        m._identity = {"memory": m._wires.ram, "roms": roms}
    return m._identity


def _check(m: "Machine", state: "State") -> None:
    """StateError: the machine differs from the one that was saved. For states of others."""
    machine = state.machine
    if not machine:
        raise StateError("the state of a Vm without a machine: restore it with m.vm.restore()")
    theirs, mine = take(machine, "identity", dict), _own_identity(m)
    for name, what in (("memory", "bytes of memory"), ("roms", "ROMs")):
        if theirs.get(name) != mine[name]:
            raise StateError(
                f"the state is of a machine with other {what}, {_shown(theirs.get(name))} "
                f"instead of {_shown(mine[name])}: make the Machine as that one was made"
            )
    models = tuple([each.model for each in m.vm.vcpus])
    if state.core.models != models:
        raise StateError(
            f"the state is of another model, {', '.join(state.core.models)}, than this "
            f"machine, {', '.join(models)}: make the Machine with it, model="
        )
    here = places(m.pio, m.mmio)
    _same_places(take(machine, "places", dict), here)
    for place in here:
        if type(state.devices.get(place.name)) is not dict:
            raise StateError(f"a state of a machine that is damaged: '{place.name}' has none")
        if not callable(getattr(place.device, "load", None)):
            raise StateError(f"'{place.name}' cannot be restored, it has no load(values)")
    _parse(m, machine)


# -- the machine's own fields ------------------------------------------------------------------


def _own_state(m: "Machine", here: list[Place]) -> Values:
    last = m.resets.last
    return {
        "identity": _own_identity(m),
        "places": {place.name: tuple(place.at) for place in here},
        "timers": tuple(m.vm.clock.timers),
        "booted": m.booted,
        "boot_tried": m.boot_tried,
        "boot_instructions": m._boot_instructions,
        "started": m._started,
        "reboot": m._reboot,
        "exit_status": m.exit_status,
        "stops": tuple([reason.name for reason in m._own_stops]),
        "resets": (m.resets.count, None if last is None else tuple(last)),
        "stats": m.stats.state(),
        "serial": m.serial_log.state(),
        "texts": m._texts.state(),
    }


def _parse(m: "Machine", machine: Values) -> dict[str, Any]:
    """The fields of a state. StateError: one of them is missing or wrong."""
    try:
        count, last = take(machine, "resets", tuple)
        timers = take(machine, "timers", tuple)
        if len(timers) > MOST_TIMERS:
            raise ValueError(f"a state has {len(timers)} timers")
        for each in timers:
            if type(each) is not tuple or type(each[0]) is not str:
                raise ValueError("a state has a timer without a name")
            take_timer({"timer": each}, "timer", each[0])
        status = machine.get("exit_status")
        tried = take(machine, "boot_tried", str)
        m.serial_log.check(take(machine, "serial", dict))
        return {
            "booted": take(machine, "booted", bool),
            "boot_tried": tried,
            "_boot_instructions": take_whole(machine, "boot_instructions", 0, LAST),
            "_started": take(machine, "started", bool),
            "_reboot": take(machine, "reboot", bool),
            "exit_status": None
            if status is None
            else take_whole(machine, "exit_status", 0, 1 << 64),
            "_own_stops": tuple([ExitReason[each] for each in take(machine, "stops", tuple)]),
            "resets": (
                take_whole({"resets": count}, "resets", 0, LAST),
                None if last is None else _reset(last),
            ),
            "timers": timers,
        }
    except DAMAGED as error:
        raise StateError(f"a state of a machine that is damaged: {error}") from None


def _put(m: "Machine", found: dict[str, Any], machine: Values, texts: bool) -> None:
    """Set what `_parse` returned, and what of the `texts` was searched."""
    for name in FIELDS:
        setattr(m, name, found[name])
    m.resets.count, m.resets.last = found["resets"]
    m.resets.steps = ()
    m._astray = None
    m.stats.load(take(machine, "stats", tuple))
    if texts:
        m._texts.load(take(machine, "texts", dict))
    if m._stops:
        m.vcpu.kick()  # of the host: a run is still to take them


# -- restore -----------------------------------------------------------------------------------


def _restore(m: "Machine", state: "State") -> None:
    """Restore a state that fits."""
    kept = m._kept if m._kept is not None and _is_current(m, m._kept) else None
    here = places(m.pio, m.mmio) if kept is None else kept.places
    found = _parse(m, state.machine)
    _same_places(take(state.machine, "places", dict), here)
    disks = drives_of.find_disks(m, state)
    if m.speaker.recording:
        m.speaker.drain()
    clock = m.vm.clock
    timers = kept is not None and clock.waiting() == kept.waiting
    order = found["timers"]
    tied = ties(order)
    m.vm.restore(state)
    with clock.in_order(order):
        for place in here:
            values = state.devices[place.name]
            if (
                kept is not None
                and not (tied and not timers)
                and values is kept.state.devices.get(place.name)
                and kept.same(place, timers)
            ):
                continue
            place.device.load(values)
    drives_of.insert(m, disks)
    m.serial_log.load(take(state.machine, "serial", dict))
    _put(m, found, state.machine, True)
    _keep(m, state, here, None, found)


def _restore_again(m: "Machine", state: "State", kept: Kept) -> None:
    """Restore the state that the machine had last: only what has changed since."""
    if m.speaker.recording:
        m.speaker.drain()
    drives = None
    for name, disk, version in kept.disks:
        if disk.version != version or drives_of.disk_in(m, name) is not disk:
            drives = drives_of.find_disks(m, state)
            break
    else:
        if len(kept.disks) != drives_of.disk_count(m):
            drives = drives_of.find_disks(m, state)
    clock = m.vm.clock
    m.vm.restore(state)
    changed = list(kept.changed(clock))
    if changed:
        if ties(kept.order) and clock.waiting() != kept.waiting:
            changed = kept.places
        with clock.in_order(kept.order):
            for place in changed:
                place.device.load(state.devices[place.name])
        for place in changed:
            kept.look(place)
        kept.note_timers(clock)
    if drives is not None:
        drives_of.insert(m, drives)
        kept.disks = drives_of.look_at_disks(m)
    if m.serial_log.mark() != kept.mark and not m.serial_log.rewind(kept.mark):
        m.serial_log.load(take(state.machine, "serial", dict))
        kept.mark = m.serial_log.mark()
    _put(m, kept.found, state.machine, kept.searches != m._texts.searches)
    kept.searches = m._texts.searches


def _keep(
    m: "Machine",
    state: "State",
    here: list[Place],
    before: Kept | None,
    found: dict[str, Any] | None = None,
) -> None:
    """Note how the parts are now: as `state` says."""
    kept = Kept(state, (m.pio.table, m.mmio.table), here)
    for place in here:
        if (
            before is not None
            and place.known
            and state.devices[place.name] is before.state.devices[place.name]
        ):
            kept.looks[place.name] = before.looks[place.name]
            kept.logs[place.name] = before.logs[place.name]
        else:
            kept.look(place)
    kept.found = _parse(m, state.machine) if found is None else found
    kept.order = kept.found["timers"]
    kept.note_timers(m.vm.clock)
    kept.mark = m.serial_log.mark()
    kept.searches = m._texts.searches
    kept.disks = drives_of.look_at_disks(m)
    m._kept = kept


def _vga_of(vm: "Vm") -> VgaCore:
    """The VGA that a Vm has."""
    devices: list[object] = [each.device for each in vm.pio.attachments]
    return next(each for each in devices if isinstance(each, VgaCore))


def _as_state_error(error: Exception) -> StateError:
    if isinstance(error, StateError):
        return error
    what = error if isinstance(error, ValueError) else repr(error)
    return StateError(f"a state of a machine that is damaged: {what}")


def _shown(value: object) -> str:
    """A part of an identity, in a message."""
    if isinstance(value, tuple):
        try:
            return ", ".join(f"{at:05X}h {digest.hex()[:12]}" for at, _, digest in value)
        except (ValueError, TypeError, AttributeError):
            pass
    return repr(value)[:80]


def _same_places(theirs: Values, here: list[Place]) -> None:
    """StateError: the machine has other devices, or elsewhere."""
    mine = {place.name: tuple(place.at) for place in here}
    if theirs == mine:
        return
    for name in theirs:
        if name not in mine:
            raise StateError(
                f"the state has a device '{name:.40}', this machine has none: attach it"
            )
    for name, at in mine.items():
        if name not in theirs:
            raise StateError(f"this machine has a device '{name}', the state not: detach it")
        if theirs[name] != at:
            raise StateError(
                f"'{name}' is at {at!r} in this machine, at {theirs[name]!r:.80} in the state"
            )


def _reset(value: Any) -> Reset:
    """The last reset of a state. ValueError, TypeError: it is none."""
    kind, cs, ip, time, detail = value
    if (
        type(kind) is not str
        or type(time) is not float
        or not (detail is None or type(detail) is str)
    ):
        raise ValueError("a state has a reset that is none")
    words = {"cs": cs, "ip": ip}
    return Reset(
        kind,
        take_whole(words, "cs", 0, 0xFFFF),
        take_whole(words, "ip", 0, 0xFFFFFFFF),
        time,
        detail,
    )
