"""The guest's clock: call functions when their guest time has come. Does not know who waits."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol


class TimeSource(Protocol):
    """What a clock runs on: the Vm."""

    @property
    def time(self) -> int: ...

    def set_timer(self, deadline_ns: int | None, fn: Callable[[], None], /) -> None: ...


class Timer:
    """One function that waits for its time; `cancel()` takes it back."""

    __slots__ = ("_clock", "_fn", "deadline")

    def __init__(self, clock: "Clock", deadline: int, fn: Callable[[], object]) -> None:
        self.deadline = deadline
        self._clock = clock
        self._fn: Callable[[], object] | None = fn

    @property
    def pending(self) -> bool:
        """True until the function was called or the timer cancelled."""
        return self._fn is not None

    def cancel(self) -> None:
        """Forget the function; harmless when it was called or cancelled before."""
        if self._fn is not None:
            self._fn = None
            self._clock._forget()

    def __repr__(self) -> str:
        return f"<Timer {'at' if self.pending else 'was at'} {self.deadline} ns>"


class Clock:
    """Guest time in nanoseconds and any number of timers on it.

    Timers are called in the order of their deadlines, equal deadlines in the order in which they
    were made. A timer made by a called function waits for the core's next look at the time, so a
    function that always asks for "now" cannot stop the machine.

    >>> class Stopwatch:
    ...     time = 0
    ...     def set_timer(self, deadline, fn): self.deadline, self.fn = deadline, fn
    >>> watch = Stopwatch()
    >>> clock = Clock(watch)
    >>> _ = clock.call_after(1000, lambda: print("a microsecond has passed"))
    >>> watch.time = watch.deadline
    >>> watch.fn()
    a microsecond has passed
    """

    def __init__(self, vm: TimeSource) -> None:
        self._vm = vm
        self._heap: list[tuple[int, int, Timer]] = []
        self._serial = count()
        self._cancelled = 0
        self._armed: int | None = None

    def now(self) -> int:
        """Guest time in nanoseconds since the machine was made."""
        return self._vm.time

    def call_at(self, ns: int, fn: Callable[[], object]) -> Timer:
        """Call `fn` once guest time has reached `ns`; a time that is over means at once."""
        timer = Timer(self, ns, fn)
        heappush(self._heap, (ns, next(self._serial), timer))
        self._arm()
        return timer

    def call_after(self, ns: int, fn: Callable[[], object]) -> Timer:
        """Call `fn` when `ns` nanoseconds of guest time have passed."""
        return self.call_at(self._vm.time + ns, fn)

    def _arm(self) -> None:
        """Tell the core the earliest deadline, if it is another one than before."""
        heap = self._heap
        while heap and not heap[0][2].pending:
            heappop(heap)
            self._cancelled -= 1
        deadline = heap[0][0] if heap else None
        if deadline != self._armed:
            self._armed = deadline
            self._vm.set_timer(deadline, self._fire)

    def _fire(self) -> None:
        """Call what is due. The core's timer is spent by now, also when a function raises."""
        now = self._vm.time
        newer = next(self._serial)
        heap = self._heap
        try:
            while heap and heap[0][0] <= now and heap[0][1] < newer:
                timer = heappop(heap)[2]
                fn, timer._fn = timer._fn, None
                if fn is None:
                    self._cancelled -= 1
                else:
                    fn()
        finally:
            self._armed = None
            self._arm()

    def _forget(self) -> None:
        # A device that sets and cancels a timer for every byte must not fill the heap.
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled > len(self._heap) // 2:
            self._heap[:] = [entry for entry in self._heap if entry[2].pending]
            heapify(self._heap)
            self._cancelled = 0
        self._arm()

    def __repr__(self) -> str:
        return f"<Clock at {self.now()} ns, {len(self._heap) - self._cancelled} timers>"
