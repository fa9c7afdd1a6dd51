"""Signals that end a run: the first one unwinds it, and what was asked for is still written."""

import signal
import threading
from types import FrameType

#: Ctrl-C, Ctrl-\, `kill`, a terminal that has gone.
ENDING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 3


class Interrupted(KeyboardInterrupt):
    """The user or a signal ended the run; the text says how."""


class Ending:
    """A context in which the first ending signal raises Interrupted, and each one after `again()`.

    The next PATIENCE of them change nothing, so that the terminal is given back and files are
    closed; one more raises again, for what hangs.

    A signal that was ignored when the program started stays ignored, as nohup and a shell's
    background jobs want it. Outside the main thread, where no handler can be set, it does nothing.
    """

    def __init__(self) -> None:
        self._ignored = 0
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Ending":
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def again(self) -> None:
        """The run has been unwound: the next signal ends what has still to be written."""
        self._ignored = 0

    def no_more(self) -> None:
        """From now on the next signals change nothing: files are closed, which takes no time."""
        self._ignored = PATIENCE

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._ignored -= 1
        if self._ignored < 0:
            self._ignored = PATIENCE
            raise Interrupted(f"ended by {signal.Signals(number).name}")
