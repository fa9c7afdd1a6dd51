"""The VGA on KVM: keep a memory slot for its window while the window is memory. Know no registers.

The rest of its accesses are exits, which the core's VGA answers as any push device. KVM executes
code from slots only, so a plain window is a slot from the register write on that makes it plain.
"""

from typing import TYPE_CHECKING, Any

from .. import _core

if TYPE_CHECKING:
    from .vm import Vm


class Vga(_core.VgaCore):
    """The VGA of a Vm with KVM. Its methods promise what those of `VgaCore` do."""

    _back: "Vm"
    _slot: _core.MemorySlot | None = None

    def _enter(self, vm: "Vm") -> None:
        self._back = vm
        self.clock = lambda: vm.time
        self.on_turn = self._turn
        self._turn()  # it begins as text

    def _turn(self) -> None:
        """The window becomes memory, or memory no longer. Called by who has accessed the VGA."""
        vm = self._back
        with vm._outside():
            slot, self._slot = self._slot, None
            if slot is not None and slot.vm is not None:  # the Vm is still open
                if any(slot.dirty()):
                    self.touch()
                slot.delete()
            self.unmap()
            found = None if vm._fd < 0 else self.map()
            if found is not None:
                try:
                    self._slot = vm.add_memory(found[0], buffer=found[1], dirty_log=True)
                except OSError:  # another slot is there, and keeps its place
                    self.unmap()

    @property
    def version(self) -> int:
        slot = self._slot
        if slot is not None and slot.vm is not None and self._back._fd >= 0 and any(slot.dirty()):
            self.touch()
        return super().version

    def state(self) -> dict[str, Any]:
        with self._back._outside():
            return super().state()

    def load(self, record: dict[str, Any]) -> None:
        with self._back._outside():
            super().load(record)
