"""Questions: keep what the host answers to a device that asks it, and answer it again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...state import Plain
from .rows import Rows
from .tape import Told

if TYPE_CHECKING:
    from .timeline import Timeline

#: Their place among the answers of devices.
QUESTIONS = "questions"


class Questions(Rows[Told]):
    """Stands between such devices (`asks` of `dos.kernel.Kernel`) and the host. While the machine
    is live the host is asked, and its answers are kept. Before that, the tape answers."""

    def __init__(self, line: "Timeline", devices: list[Any]) -> None:
        self._line = line
        self._asks = [each.asks for each in devices]
        super().__init__(line.tape.told)
        for asks in self._asks:
            asks.instead = self.ask

    def close(self) -> None:
        """The devices ask the host by themselves again."""
        for asks in self._asks:
            asks.instead = None

    def restoring(self, on: bool) -> None:
        """Is a state being restored? Nothing is asked then."""
        for asks in self._asks:
            asks.restoring = on

    def quiet(self, on: bool) -> None:
        """Is the past run again? Nobody outside is told then."""
        for asks in self._asks:
            asks.quiet = on

    def refresh(self) -> None:
        """Forget what was opened ahead: what is asked next then does not depend on what was."""
        for asks in self._asks:
            asks.refresh()

    def ask(self, call: str, question: Callable[[], Plain]) -> Plain:
        """A question of the guest."""
        now = self._line.now
        if self.place < len(self._rows):
            row = self._rows[self.place]
            if (row.instructions, row.call) != (now, call):
                raise self._line.departed(f"where DOS asks for {call!r}", row.instructions)
            self.place += 1
            return row.value
        told = Told(now, call, question())
        self._rows.append(told)
        self.place = len(self._rows)
        self._line.told(told)
        return told.value
