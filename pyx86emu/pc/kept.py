"""Kept: what the devices and disks of a machine were at one moment, to see cheaply what changed.

Devices of this package are compared by their attributes (`fields.Look`), others by what their
`state()` returns. A device that is still as it was is neither saved nor restored again.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .._core import VgaCore
from ..device import Device
from ..errors import StateError
from ..log import Log
from ..state import Values
from .devices.fields import FieldDevice, Look

if TYPE_CHECKING:
    from ..bus import Bus
    from ..clock import Clock
    from ..saved.state import State
    from .disks.image import Disk

#: Devices of these modules are known by their fields; a subclass elsewhere may have more.
OURS = "pyx86emu.pc.devices."


class Place:
    """A device on a bus: its name in a state, and where it is."""

    __slots__ = ("at", "device", "known", "name")

    def __init__(self, name: str, device: Any, at: list[tuple[str, int]]) -> None:
        self.name = name
        self.device = device
        self.at = at
        self.known = isinstance(device, FieldDevice) and type(device).__module__.startswith(OURS)

    def state(self) -> Values:
        """The state of the device. StateError: it has none, or it cannot be saved; says whose."""
        try:
            method = self.device.state
        except AttributeError:
            raise StateError(
                f"'{self.name}' cannot be saved, {type(self.device).__name__} has no state(): "
                "give it state() and load(values), or detach it"
            ) from None
        try:
            values = method()
        except ValueError as error:
            raise StateError(f"'{self.name}' cannot be saved: {error}") from error
        if type(values) is not dict:
            raise StateError(
                f"'{self.name}' cannot be saved: its state() returned {type(values).__name__}, "
                "not a dict"
            )
        return values


def places(pio: "Bus", mmio: "Bus") -> list[Place]:
    """The devices of both buses, each once, in the order of their addresses. Two of one name get
    numbers. Not the VGA, which is in the Vm, and not what another device keeps (`kept_by`)."""
    found: dict[int, Place] = {}
    names: dict[str, int] = {}
    for bus in (pio, mmio):
        for attachment in bus.attachments:
            device: Device = attachment.device
            if isinstance(device, VgaCore) or getattr(device, "kept_by", None) is not None:
                continue
            at = (bus.kind, attachment.base)
            if id(device) in found:
                found[id(device)].at.append(at)
                continue
            name = str(device.name)
            names[name] = names.get(name, 0) + 1
            if names[name] > 1:
                name = f"{name}#{names[name]}"
            found[id(device)] = Place(name, device, [at])
    return list(found.values())


class Kept:
    """How the devices were when `state` was saved or restored last."""

    __slots__ = (
        *("buses", "disks", "found", "logs", "looks", "mark"),
        *("order", "places", "searches", "state", "waiting"),
    )

    def __init__(self, state: "State", buses: tuple[object, object], here: list[Place]) -> None:
        self.state = state
        self.buses = buses
        """The tables of both buses: others after a device was attached or detached."""
        self.places = here
        self.looks: dict[str, tuple[Look, ...]] = {}
        self.logs: dict[str, tuple[tuple[Log, tuple[int, int, int]], ...]] = {}
        self.disks: list[tuple[str, Disk, tuple[int, bool]]] = []
        self.order: Sequence[tuple[str, int]] = ()
        self.waiting: dict[int, Any] = {}
        self.found: dict[str, Any] = {}
        """The machine's own fields."""
        self.mark = (0, 0, 0)
        """Of the log of COM1."""
        self.searches = 0
        """Of the texts, by `expect()`."""

    def look(self, place: Place) -> None:
        """Note how a device is now."""
        if place.known:
            device: FieldDevice = place.device
            self.looks[place.name] = tuple([fields.look(part) for part, fields in device.parts])
            self.logs[place.name] = tuple([(log, log.mark()) for log in device.logs])

    def note_timers(self, clock: "Clock") -> None:
        """Note which timers wait."""
        self.waiting = clock.waiting()

    def changed(self, clock: "Clock") -> Iterator[Place]:
        """The devices that are not as they were. Of a log that has grown, what is new is dropped:
        for who restores `state`."""
        timers = clock.waiting() == self.waiting
        for place in self.places:
            if not place.known:
                if place.state() != self.state.devices.get(place.name):
                    yield place
                continue
            for look in self.looks[place.name]:
                if not look.same(timers):
                    yield place
                    break
            else:
                for log, mark in self.logs[place.name]:
                    if log.mark() != mark and not log.rewind(mark):
                        yield place
                        break

    def same(self, place: Place, timers: bool) -> bool:
        """Is a device as it was?"""
        if not place.known:
            return place.state() == self.state.devices.get(place.name)
        return all(look.same(timers) for look in self.looks[place.name]) and all(
            log.mark() == mark for log, mark in self.logs[place.name]
        )


def ties(order: Sequence[tuple[str, int]]) -> bool:
    """Have two timers the same deadline? Then it matters which was made first."""
    return any(one[1] == two[1] for one, two in pairwise(order))
