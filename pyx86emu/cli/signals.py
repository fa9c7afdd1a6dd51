"""Signals that end a run: raise an exception at the first, so that results are still written."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

#: Ctrl-C, Ctrl-\, `kill`, a terminal that was closed.
ENDING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 3
#: Seconds after which a signal comes again that was lost.
SOON = 0.01


class Interrupted(KeyboardInterrupt):
    """The user or a signal ended the run; the message says how."""

    number = signal.SIGINT


class Ending:
    """A context manager in which the first signal of ENDING raises Interrupted.

    The next PATIENCE signals change nothing, so that the terminal is restored and files are closed.
    One more raises again, in case that hangs. After `again()`, the next signal raises.

    A signal that was ignored when the program started stays ignored: nohup and background jobs of a
    shell need that. Outside the main thread no handler can be set, so the context does nothing.

    Python drops an exception that is raised in a finalizer or in the callback of a weak reference,
    of which an import has some. A signal that was dropped like this comes again.
    """

    def __init__(self) -> None:
        self._ignored = 0
        self._before: dict[signal.Signals, object] = {}
        self._dropped = sys.unraisablehook

    def __enter__(self) -> "Ending":
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._heard)
            self._dropped, sys.unraisablehook = sys.unraisablehook, self._drop
        return self

    def __exit__(self, *_: object) -> None:
        if sys.unraisablehook == self._drop:
            sys.unraisablehook = self._dropped
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def again(self) -> None:
        """The run has ended. The next signal raises, and so ends the writing of results."""
        self._ignored = 0

    def no_more(self) -> None:
        """Only files are left to close, which is quick: the next PATIENCE signals do nothing."""
        self._ignored = PATIENCE

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._ignored -= 1
        if self._ignored < 0:
            self._ignored = PATIENCE
            error = Interrupted(f"ended by {signal.Signals(number).name}")
            error.number = signal.Signals(number)
            raise error

    def _drop(self, dropped: "UnraisableHookArgs") -> None:
        error = dropped.exc_value
        if not isinstance(error, Interrupted):
            self._dropped(dropped)
            return
        self.again()
        again = threading.Timer(SOON, os.kill, (os.getpid(), error.number))
        again.daemon = True
        again.start()
