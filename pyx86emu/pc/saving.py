"""Saving a machine: its state as a value, back into a machine, and a second machine. Runs nothing.

The Vm saves itself (`Vm.save`), `saving_state` the rest. That is imported by the first call.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet

from ..exits import ExitReason
from ..state import Values
from .disks.image import Disk
from .expect import Expectations
from .parts import Parts

if TYPE_CHECKING:
    from ..saved.state import State
    from .kept import Kept
    from .machine import Machine


class Saving(Parts):
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
    _kept: "Kept | None" = None
    #: What a machine must have to take a state of this one; made by the first save, and the same
    #: object in the forks of a machine.
    _identity: Values | None = None
    #: The disks that were in a drive when the machine was saved or restored.
    _known_disks: "WeakSet[Disk]"

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
        from .saving_state import save

        return save(self._whole)

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
        from .saving_state import restore

        restore(self._whole, state)

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
        from .saving_state import fork

        return fork(self._whole)
