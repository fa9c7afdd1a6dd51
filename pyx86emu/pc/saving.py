"""Saving a machine: its state as a value, back into a machine, and a second machine. Runs nothing.

The Vm saves itself (`Vm.save`). Here are the devices, the disks and the machine's own fields.
"""

import errno
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._core import VgaCore
from ..clock import LAST
from ..errors import StateError
from ..exits import ExitReason
from ..state import Values, take, take_timer, take_whole
from .expect import Expectations
from .kept import Kept, Place, places, ties
from .resets import Reset
from .saving_disks import SavingDisks

if TYPE_CHECKING:
    from ..saved.state import State
    from ..vm import Vm
    from .machine import Machine

#: The attributes of a machine that are state.
FIELDS = (
    *("booted", "boot_tried", "exit_status"),
    *("_boot_instructions", "_started", "_reboot", "_own_stops"),
)
#: Timers in a state, at most.
MOST_TIMERS = 4096


class Saving(SavingDisks):
    """The methods of a Machine that save it, restore it and fork it."""

    # Of `Running`.
    no_reboot: bool
    _other_bios: bool
    _stops: deque[ExitReason]
    _own_stops: tuple[ExitReason, ...]
    _texts: Expectations
    _reboot: bool
    _started: bool
    _boot_instructions: int

    host_clock: bool
    _roms: Sequence[tuple[int, bytes]]
    _kept: Kept | None = None
    #: What a machine must have to take a state of this one; made by the first save, and the same
    #: object in the forks of a machine.
    _identity: Values | None = None

    def save(self) -> "State":
        """The whole machine as it is now, a `State`: the Vm (`Vm.save`), the devices, the keys that
        wait, what was written to the disks, the logs. The guest does not change. Restore it here
        any number of times, in a machine that was made the same way, or in another process
        (`State.to_bytes`); docs/STATE.md.

        Not in it: what belongs to the host, such as sinks of sound, functions, eventfds, timers of
        others, and `stop()`s that no run has taken.

        StateError: a device or the disk in a drive cannot be saved; it is named. RuntimeError: the
        guest runs. DiskError: a disk is closed. OSError EOPNOTSUPP: it runs on KVM. The thread that
        runs the guest calls it, between two runs.

        >>> from pyx86emu import Machine
        >>> with Machine(bytes.fromhex("b041 e6e9 40 ebfb")) as m:  # again: "A", "B"... to E9h
        ...     _ = m.boot()
        ...     state = m.save()
        ...     for _ in range(2):
        ...         m.restore(state)
        ...         _ = m.run(max_instructions=9)
        ...         print(m.debug_text)
        ABC
        ABC
        """
        self._can_be_saved()
        before = self._kept if self._kept is not None and self._is_current(self._kept) else None
        here = places(self.pio, self.mmio) if before is None else before.places
        clock = self.vm.clock
        # Everything that can be refused comes before the Vm, whose first save changes its speed.
        disks = self._save_disks()
        timers = before is not None and clock.waiting() == before.waiting
        devices: dict[str, Values] = {}
        for place in here:
            if before is not None and place.known and before.same(place, timers):
                devices[place.name] = before.state.devices[place.name]
            else:
                devices[place.name] = place.state()
        state = self.vm.save()
        state.devices, state.disks = devices, dict(disks)
        state.machine = self._own_state(here)
        self._keep(state, here, before)
        return state

    def restore(self, state: "State") -> None:
        """Become what the machine was when `state` was saved, by it or by one that was made the
        same way. All that can be refused is refused before anything changes.

        What has changed since that state was saved or restored last is set: pages of memory,
        devices, disks. Disks that were taken out since are put back; another machine needs disks
        with the same images in its drives.

        StateError: the state is of another machine, says what differs; a disk was written back
        since; or a value cannot be. TypeError: no State. RuntimeError, OSError: as `save`. The
        thread that runs the guest calls it, between two runs.
        """
        if type(getattr(state, "machine", None)) is not dict:
            raise TypeError(f"a machine is restored from a State, not from {type(state).__name__}")
        if self._profile is not None:
            self._profile.drain()
        kept = self._kept
        if kept is not None and kept.state is state and self._is_current(kept):
            self._restore_again(state, kept)
        elif state.machine.get("identity") is self._identity is not None:
            self._restore(state)
        else:
            self._can_be_saved()
            try:
                self._check(state)
            except ValueError as error:
                raise _as_state_error(error) from None
            before = self.save()  # in case one of the devices refuses its values
            try:
                self._restore(state)
            except Exception as error:
                self._restore(before)
                if isinstance(error, ValueError):
                    raise _as_state_error(error) from error
                raise
        if self._profile is not None:
            self._profile.resync()

    def fork(self) -> "Machine":
        """A second machine that goes on as this one would. It shares memory pages until one of them
        writes them, and the images of its disks: each has what it writes for itself.

        It has the devices of a PC. StateError: this machine has others, or a disk that is written
        back (`write_back`), which would change the image for both. Other errors as for `save`.

        >>> from pyx86emu import Machine
        >>> with Machine(bytes.fromhex("b041 e6e9 40 ebfb")) as m:
        ...     _ = m.boot()
        ...     with m.fork() as twin:
        ...         _ = twin.run(max_instructions=9)
        ...         print(twin.debug_text, repr(m.debug_text))
        ABC ''
        """
        from .machine import Machine

        self._can_be_saved()
        here = places(self.pio, self.mmio)
        parts = {id(part) for part in self._wires.parts}
        for place in here:
            if id(place.device) not in parts:
                raise StateError(
                    f"'{place.name}' is no device of a PC, a fork would lack it: detach it, or "
                    "attach one to another Machine and restore a saved state there"
                )
        drives, twins = self._fork_disks()
        twin = Machine.__new__(Machine)
        try:
            state = self.vm.save()
            vm = self.vm._empty_twin(state)
        except BaseException:
            drives.close()
            raise
        twin._begin(vm, self.host_clock, self.no_reboot, self._other_bios)
        twin.drives = drives
        try:
            twin._roms, twin._identity = self._roms, self._own_identity()
            twin.vcpu = vm.vcpus[0]
            twin._build(_vga_of(vm), self._wires.ram, None, self.serial_log.limit)
            for unit, drive in enumerate(self.floppy.drives):
                twin.floppy.drives[unit].disk = twins.get(id(drive.disk))
            vm.restore(state)  # now: attaching the devices has reset them, and their lines
            twin._become(self._whole, here)
        except BaseException:
            twin.close()
            raise
        return twin

    def _can_be_saved(self) -> None:
        """OSError EOPNOTSUPP: the back end keeps state that cannot be read."""
        if self._kept is None and not self.vm.capabilities.save:
            raise OSError(
                errno.EOPNOTSUPP,
                f"a Machine of accel={self.vm.accel!r} cannot be saved, restored or forked: "
                "use accel='interp'",
            )

    def _become(self, other: "Machine", there: list[Place]) -> None:
        """Take over the devices and fields of `other`. The Vm and the disks are copies already."""
        clock = self.vm.clock
        with clock.in_order(other.vm.clock.timers):
            for mine, its in zip(places(self.pio, self.mmio), there, strict=True):
                if not mine.known:
                    mine.device.load(its.state())
                    continue
                for (part, fields), (to, _) in zip(
                    its.device.parts, mine.device.parts, strict=True
                ):
                    fields.copy(part, to, clock)
                for log, copy in zip(its.device.logs, mine.device.logs, strict=True):
                    copy.load(log.state())
        self.serial_log.load(other.serial_log.state())
        for name in FIELDS:
            setattr(self, name, getattr(other, name))
        self.resets.count, self.resets.last = other.resets.count, other.resets.last
        self.stats.load(other.stats.state())
        self._texts.load(other._texts.state())

    # -- what a state must agree with --------------------------------------------------------------

    def _is_current(self, kept: Kept) -> bool:
        """Has no device been attached or detached since?"""
        return kept.buses == (self.pio.table, self.mmio.table)

    def _own_identity(self) -> Values:
        if self._identity is None:
            from hashlib import sha256

            roms = tuple([(at, len(data), sha256(data).digest()) for at, data in self._roms])
            self._identity = {"memory": self._wires.ram, "roms": roms}
        return self._identity

    def _check(self, state: "State") -> None:
        """StateError: the machine differs from the one that was saved. For states of others."""
        machine = state.machine
        if not machine:
            raise StateError("the state of a Vm without a machine: restore it with m.vm.restore()")
        theirs, mine = take(machine, "identity", dict), self._own_identity()
        for name, what in (("memory", "bytes of memory"), ("roms", "ROMs")):
            if theirs.get(name) != mine[name]:
                raise StateError(
                    f"the state is of a machine with other {what}, {_shown(theirs.get(name))} "
                    f"instead of {_shown(mine[name])}: make the Machine as that one was made"
                )
        models = tuple([each.model for each in self.vm.vcpus])
        if state.core.models != models:
            raise StateError(
                f"the state is of another model, {', '.join(state.core.models)}, than this "
                f"machine, {', '.join(models)}: make the Machine with it, model="
            )
        here = places(self.pio, self.mmio)
        _same_places(take(machine, "places", dict), here)
        for place in here:
            if type(state.devices.get(place.name)) is not dict:
                raise StateError(f"a state of a machine that is damaged: '{place.name}' has none")
            if not callable(getattr(place.device, "load", None)):
                raise StateError(f"'{place.name}' cannot be restored, it has no load(values)")
        self._parse(machine)

    # -- the machine's own fields ------------------------------------------------------------------

    def _own_state(self, here: list[Place]) -> Values:
        last = self.resets.last
        return {
            "identity": self._own_identity(),
            "places": {place.name: tuple(place.at) for place in here},
            "timers": tuple(self.vm.clock.timers),
            "booted": self.booted,
            "boot_tried": self.boot_tried,
            "boot_instructions": self._boot_instructions,
            "started": self._started,
            "reboot": self._reboot,
            "exit_status": self.exit_status,
            "stops": tuple([reason.name for reason in self._own_stops]),
            "resets": (self.resets.count, None if last is None else tuple(last)),
            "stats": self.stats.state(),
            "serial": self.serial_log.state(),
            "texts": self._texts.state(),
        }

    def _parse(self, machine: Values) -> dict[str, Any]:
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
            self.serial_log.check(take(machine, "serial", dict))
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
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise StateError(f"a state of a machine that is damaged: {error}") from None

    def _put(self, found: dict[str, Any], machine: Values, texts: bool) -> None:
        """Set what `_parse` returned, and what of the `texts` was searched."""
        for name in FIELDS:
            setattr(self, name, found[name])
        self.resets.count, self.resets.last = found["resets"]
        self.resets.steps = ()
        self._astray = None
        self.stats.load(take(machine, "stats", tuple))
        if texts:
            self._texts.load(take(machine, "texts", dict))
        if self._stops:
            self.vcpu.kick()  # of the host: a run is still to take them

    # -- restore -----------------------------------------------------------------------------------

    def _restore(self, state: "State") -> None:
        """Restore a state that fits."""
        kept = self._kept if self._kept is not None and self._is_current(self._kept) else None
        here = places(self.pio, self.mmio) if kept is None else kept.places
        found = self._parse(state.machine)
        _same_places(take(state.machine, "places", dict), here)
        disks = self._find_disks(state)
        if self.speaker.recording:
            self.speaker.drain()
        clock = self.vm.clock
        timers = kept is not None and clock.waiting() == kept.waiting
        order = found["timers"]
        tied = ties(order)
        self.vm.restore(state)
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
        self._insert(disks)
        self.serial_log.load(take(state.machine, "serial", dict))
        self._put(found, state.machine, True)
        self._keep(state, here, None, found)

    def _restore_again(self, state: "State", kept: Kept) -> None:
        """Restore the state that the machine had last: only what has changed since."""
        if self.speaker.recording:
            self.speaker.drain()
        drives = None
        for name, disk, version in kept.disks:
            if disk.version != version or self._disk_in(name) is not disk:
                drives = self._find_disks(state)
                break
        else:
            if len(kept.disks) != self._disk_count():
                drives = self._find_disks(state)
        clock = self.vm.clock
        self.vm.restore(state)
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
            self._insert(drives)
            kept.disks = self._look_at_disks()
        if self.serial_log.mark() != kept.mark and not self.serial_log.rewind(kept.mark):
            self.serial_log.load(take(state.machine, "serial", dict))
            kept.mark = self.serial_log.mark()
        self._put(kept.found, state.machine, kept.searches != self._texts.searches)
        kept.searches = self._texts.searches

    def _keep(
        self,
        state: "State",
        here: list[Place],
        before: Kept | None,
        found: dict[str, Any] | None = None,
    ) -> None:
        """Note how the parts are now: as `state` says."""
        kept = Kept(state, (self.pio.table, self.mmio.table), here)
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
        kept.found = self._parse(state.machine) if found is None else found
        kept.order = kept.found["timers"]
        kept.note_timers(self.vm.clock)
        kept.mark = self.serial_log.mark()
        kept.searches = self._texts.searches
        kept.disks = self._look_at_disks()
        self._kept = kept


def _vga_of(vm: "Vm") -> VgaCore:
    """The VGA that a Vm has."""
    devices: list[object] = [each.device for each in vm.pio.attachments]
    return next(each for each in devices if isinstance(each, VgaCore))


def _as_state_error(error: ValueError) -> StateError:
    if isinstance(error, StateError):
        return error
    return StateError(f"a state of a machine that is damaged: {error}")


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
