"""The guest's clock: call functions when their guest time has come. Does not know who waits."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

from ._core import whole

#: The latest deadline, in nanoseconds: 292 years of guest time.
LAST = (1 << 63) - 1
#: No deadline equals it: what the core waits for is not known.
UNKNOWN = -1


class TimeSource(Protocol):
    """What a clock runs on: the Vm."""

    @property
    def time(self) -> int: ...

    def set_timer(self, deadline_ns: int | None, fn: Callable[[], None], /) -> None: ...


class Timer:
    """One function that waits for its time; `cancel()` takes it back. For any thread."""

    __slots__ = ("_clock", "_serial", "deadline", "name")

    def __init__(self, clock: "Clock", deadline: int, serial: int, name: str = "") -> None:
        self.deadline = deadline
        self.name = name
        self._clock = clock
        self._serial = serial

    @property
    def pending(self) -> bool:
        """True until the call of the function begins or the timer is cancelled."""
        return self._serial in self._clock._waiting

    def cancel(self) -> bool:
        """Forget the function. True: it will not be called. False: its call had begun, perhaps on
        another thread, or the timer was cancelled before; harmless."""
        clock = self._clock
        if clock._waiting.pop(self._serial, None) is None:
            return False
        clock._forget()
        return True

    def state(self) -> tuple[str, int] | None:
        """(name, deadline), of which its owner can make it again; None: it is over. ValueError: it
        has no name."""
        if not self.pending:
            return None
        if not self.name:
            raise ValueError(f"{self!r} has no name and cannot be saved: give call_at() a name")
        return self.name, self.deadline

    def __repr__(self) -> str:
        name = f"'{self.name}' " if self.name else ""
        return f"<Timer {name}{'at' if self.pending else 'was at'} {self.deadline} ns>"


class Clock:
    """Guest time in nanoseconds and any number of timers on it.

    Timers are called in the order of their deadlines, equal deadlines in the order in which they
    were made. A timer made by a called function waits for the core's next look at the time, so a
    function that always asks for "now" cannot stop the machine. What a function raises comes out
    of `run()`; the other timers stay.

    A timer's name says what it is for: a function cannot be saved, a name and a deadline can. Each
    owner names its timers so that it finds the function again ("rtc", "floppy.seek0").

    Every method may be called by any thread, also by a finalizer or a signal handler. The functions
    are called by the thread that runs the first vCPU, each once.

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

    # Threads. There is no lock: between any two lines below the garbage collector may run a
    # finalizer that sets a timer, in the thread that would hold the lock, or that waits for another
    # thread that wants it. Each step is one operation of CPython's on exact integers and tuples of
    # them, which no other thread and no finalizer can interrupt; between two steps anything may
    # happen.
    #
    # `_waiting` decides. The thread that pops a serial number from it owns that timer's call: one
    # pop succeeds, so a timer is called once or cancelled. `_heap` only orders the numbers. It may
    # keep those of timers that are over; they are dropped when they come first. A number goes into
    # `_waiting` first, then into `_heap`; each change of either is followed by `_arm`.

    def __init__(self, vm: TimeSource) -> None:
        if "_heap" in self.__dict__:
            raise RuntimeError("a Clock is initialised once: make another one")
        self._vm = vm
        self._waiting: dict[int, tuple[int, Callable[[], object], str]] = {}
        self._heap: list[tuple[int, int]] = []
        self._serial = count()
        #: The deadline that the core has, in a new list each time: `_arm` compares identities.
        self._armed: list[int | None] = [None]

    def now(self) -> int:
        """Guest time in nanoseconds since the machine was made."""
        return self._vm.time

    def call_at(self, ns: int, fn: Callable[[], object], name: str = "") -> Timer:
        """Call `fn` once guest time has reached `ns`; a time that is over, or less than 0, means
        at once. TypeError: `ns` is no integer, `fn` cannot be called, `name` is no str. ValueError:
        `ns` is beyond 292 years (2**63 - 1)."""
        if type(ns) is not int or not -LAST <= ns <= LAST:
            ns = whole(ns, "a timer's guest time in ns", -LAST, LAST)
        return self._start(max(0, ns), fn, name)

    def call_after(self, ns: int, fn: Callable[[], object], name: str = "") -> Timer:
        """Call `fn` when `ns` nanoseconds of guest time have passed; less than 0 means at once.
        Errors as for `call_at`, but a sum beyond its limit is that limit."""
        if type(ns) is not int or not -LAST <= ns <= LAST:
            ns = whole(ns, "a timer's delay in ns", -LAST, LAST)
        return self._start(min(max(0, self._vm.time + ns), LAST), fn, name)

    @property
    def timers(self) -> list[tuple[str, int]]:
        """(name, deadline) of those that wait, in the order in which they will be called."""
        waiting = self._waiting.copy()
        order = sorted((deadline, serial) for serial, (deadline, _, _) in waiting.items())
        return [(waiting[serial][2], deadline) for deadline, serial in order]

    def _start(self, deadline: int, fn: Callable[[], object], name: str) -> Timer:
        if not callable(fn):
            raise TypeError(f"a timer calls a function, not {type(fn).__name__}")
        if type(name) is not str:
            raise TypeError(f"a timer's name is text (str), not {type(name).__name__}")
        serial = next(self._serial)
        self._waiting[serial] = (deadline, fn, name)
        heappush(self._heap, (deadline, serial))
        self._arm()
        return Timer(self, deadline, serial, name)

    def _first(self) -> tuple[int, int] | None:
        """Deadline and serial number of the timer that is next."""
        heap = self._heap
        try:
            while heap:
                first = heap[0]
                if first[1] in self._waiting:
                    return first
                dropped = heappop(heap)
                if dropped[1] in self._waiting:
                    # Another thread dropped `first`; this timer still waits. A thread that does
                    # not see it now sets a later deadline; our caller sets the right one.
                    heappush(heap, dropped)
        except IndexError:
            pass  # another thread dropped the last one
        return None

    def _arm(self) -> None:
        """Tell the core the earliest deadline, if it is another one than before.

        Two threads may overtake each other between `_armed` and `set_timer`. So each thread looks
        again after `set_timer`: if `_armed` is another list, it is unknown which deadline came
        last, and the thread calls `set_timer` once more. The last thread to do so finds its own
        list in `_armed`, with the earliest deadline in it.
        """
        overtaken = False
        while True:
            first = self._first()
            deadline = None if first is None else first[0]
            if deadline == self._armed[0] and not overtaken:
                return
            mine = self._armed = [deadline]
            try:
                self._vm.set_timer(deadline, self._fire)
            except BaseException:
                self._armed = [UNKNOWN]  # the next caller tells the core
                raise
            overtaken = self._armed is not mine

    def _fire(self) -> None:
        """Call what is due. The core's timer is spent by now, also when a function raises."""
        self._armed = [UNKNOWN]
        now = self._vm.time
        newer = next(self._serial)
        pressed = getattr(self._vm, "_pressed", None)
        try:
            while (first := self._first()) and first[0] <= now and first[1] < newer:
                timer = self._waiting.pop(first[1], None)
                if timer is not None:  # else another thread has just cancelled it
                    timer[1]()
                    if pressed is not None and pressed():
                        break  # the run is to end; the others are called when the next one begins
        finally:
            self._arm()

    def _forget(self) -> None:
        """A timer was cancelled."""
        # A device that sets and cancels a timer for every byte must not fill the heap.
        if len(self._heap) > 64 + 2 * len(self._waiting):
            self._rebuild()
        self._arm()

    def _rebuild(self) -> None:
        """Begin a heap without the timers that are over."""
        known = self._waiting.copy()
        heap = [(deadline, serial) for serial, (deadline, _, _) in known.items()]
        heapify(heap)
        self._heap = heap
        # A timer that was made after the copy may be in the old heap only. It was in `_waiting`
        # before that; a number that is in the heap twice does no harm.
        for serial, (deadline, _, _) in self._waiting.copy().items():
            if serial not in known:
                heappush(heap, (deadline, serial))

    def __repr__(self) -> str:
        return f"<Clock at {self.now()} ns, {len(self._waiting)} timers>"
