"""The guest's clock: call functions at a guest time. Does not know what they are for."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from ._core import whole
from .errors import NotYet

if TYPE_CHECKING:
    from .backend import TimeSource

#: The latest deadline, in nanoseconds: 292 years of guest time.
LAST = (1 << 63) - 1
#: In place of a deadline: it is unknown which one the core has. No deadline equals it.
UNKNOWN = -1


class Timer:
    """One function that waits for its guest time. Any thread may call any method."""

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
        """Cancel the call of the function.

        True: the function will not be called. False, and nothing changes: the call has begun,
        perhaps on another thread, or the timer was cancelled before.
        """
        clock = self._clock
        if clock._waiting.pop(self._serial, None) is None:
            return False
        clock._forget()
        return True

    def state(self) -> tuple[str, int] | None:
        """(name, deadline in ns): from these its owner can make the timer again. None if the timer
        no longer waits. ValueError: the timer has no name."""
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
    were made. A timer that a called function makes is called at the core's next look at the time,
    at the earliest: a function that always sets a timer for "now" cannot stop the machine. An
    exception from a function comes out of `run()`; the other timers stay.

    A timer's name says what it is for. A function cannot be saved; a name and a deadline can. Each
    owner chooses names by which it finds the function again ("rtc", "floppy.seek0").

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

    # Threads. There is no lock, because it could deadlock: between any two lines below the garbage
    # collector may run a finalizer. That finalizer may set a timer in the thread that holds the
    # lock, or wait for another thread that wants the lock. Instead, each step is one operation of
    # CPython on exact integers and tuples of them, which no other thread and no finalizer can
    # interrupt. Between two steps anything may happen.
    #
    # `_waiting` decides. The thread that pops a serial number from it owns that timer's call. Only
    # one pop succeeds, so a timer is either called once or cancelled. `_heap` only orders the
    # numbers. It may keep numbers of timers that are over; each is dropped when it comes first. A
    # number goes into `_waiting` first, then into `_heap`. `_arm` follows each change of either.

    def __init__(self, vm: "TimeSource") -> None:
        if "_heap" in self.__dict__:
            raise RuntimeError("a Clock is initialised once: make another one")
        self._vm = vm
        self._waiting: dict[int, tuple[int, Callable[[], object], str]] = {}
        self._heap: list[tuple[int, int]] = []
        self._serial = count()
        #: The deadline that the core has, in a new list each time: `_arm` compares identity.
        self._armed: list[int | None] = [None]
        #: Serial numbers by name and deadline, while a state is restored.
        self._ranks: dict[tuple[str, int], list[int]] | None = None

    def now(self) -> int:
        """Guest time in nanoseconds since the machine was made."""
        return self._vm.time

    def call_at(self, ns: int, fn: Callable[[], object], name: str = "") -> Timer:
        """Call `fn` when guest time reaches `ns` nanoseconds; at once if that time is over or less
        than 0. TypeError: `ns` is not an integer, `fn` cannot be called, or `name` is not a str.
        ValueError: `ns` is more than 2**63 - 1 (292 years)."""
        if type(ns) is not int or not -LAST <= ns <= LAST:
            ns = whole(ns, "a timer's guest time in ns", -LAST, LAST)
        return self._start(max(0, ns), fn, name)

    def call_after(self, ns: int, fn: Callable[[], object], name: str = "") -> Timer:
        """Call `fn` after `ns` nanoseconds of guest time; at once if `ns` is less than 0. Errors as
        for `call_at`; if now + `ns` is more than 2**63 - 1, the deadline is 2**63 - 1."""
        if type(ns) is not int or not -LAST <= ns <= LAST:
            ns = whole(ns, "a timer's delay in ns", -LAST, LAST)
        return self._start(min(max(0, self._vm.time + ns), LAST), fn, name)

    @property
    def timers(self) -> list[tuple[str, int]]:
        """(name, deadline in ns) of each waiting timer, in the order in which they are called."""
        waiting = self._waiting.copy()
        order = sorted((deadline, serial) for serial, (deadline, _, _) in waiting.items())
        return [(waiting[serial][2], deadline) for deadline, serial in order]

    def waiting(self) -> dict[int, tuple[int, Callable[[], object], str]]:
        """The waiting timers by number: deadline in ns, function, name. A copy; it is equal to
        another one if no timer was made, called or cancelled in between."""
        return self._waiting.copy()

    def _start(self, deadline: int, fn: Callable[[], object], name: str) -> Timer:
        if not callable(fn):
            raise TypeError(f"a timer calls a function, not {type(fn).__name__}")
        if type(name) is not str:
            raise TypeError(f"a timer's name is text (str), not {type(name).__name__}")
        ranks = self._ranks
        serial = next(self._serial) if ranks is None else self._ranked(ranks, name, deadline)
        self._waiting[serial] = (deadline, fn, name)
        heappush(self._heap, (deadline, serial))
        self._arm()
        return Timer(self, deadline, serial, name)

    @contextmanager
    def in_order(self, timers: Iterable[tuple[str, int]]) -> Iterator[None]:
        """While it is open, timers that are made get the order that they have in `timers`, which
        `Clock.timers` returned: so timers of one deadline are called in that order, whichever is
        made first. For who restores a state. Then the core is given the first deadline."""
        ranks: dict[tuple[str, int], list[int]] = {}
        for each in timers:
            ranks.setdefault(each, []).append(next(self._serial))
        self._ranks = ranks
        try:
            yield
        finally:
            self._ranks = None
            self._armed = [UNKNOWN]
            self._arm()

    def _ranked(self, ranks: dict[tuple[str, int], list[int]], name: str, deadline: int) -> int:
        try:
            return ranks[name, deadline].pop(0)
        except (KeyError, IndexError):
            return next(self._serial)

    def _first(self) -> tuple[int, int] | None:
        """Deadline and serial number of the next timer; None if no timer waits."""
        heap = self._heap
        try:
            while heap:
                first = heap[0]
                if first[1] in self._waiting:
                    return first
                dropped = heappop(heap)
                if dropped[1] in self._waiting:
                    # Another thread dropped `first`, so this is another timer, and it still waits.
                    # A thread that misses it meanwhile sets a later deadline; our caller then
                    # sets the right one.
                    heappush(heap, dropped)
        except IndexError:
            pass  # another thread dropped the last one
        return None

    def _arm(self) -> None:
        """Give the core the earliest deadline, if it has changed.

        One thread may overtake another between `_armed` and `set_timer`. So each thread looks
        again after `set_timer`. If `_armed` is another list by then, it is unknown which deadline
        reached the core last, and the thread calls `set_timer` once more. The last thread to do so
        finds its own list in `_armed`, with the earliest deadline in it.
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
                self._armed = [UNKNOWN]  # so the next caller sets the timer
                raise
            overtaken = self._armed is not mine

    def _fire(self) -> None:
        """Call the functions that are due, then set the core's timer, which has fired and is no
        longer set. It is set also when a function raises."""
        self._armed = [UNKNOWN]
        now = self._vm.time
        newer = next(self._serial)
        pressed = getattr(self._vm, "pressed", None)
        try:
            while (first := self._first()) and first[0] <= now and first[1] < newer:
                timer = self._waiting.pop(first[1], None)
                if timer is not None:  # None: another thread has just cancelled it
                    try:
                        timer[1]()
                    except NotYet:  # it waits for somebody outside, and the run has to end
                        self._waiting[first[1]] = timer
                        heappush(self._heap, (first[0], first[1]))
                        raise
                    if pressed is not None and pressed():
                        break  # the run must end: the next run calls the others
        finally:
            self._arm()

    def _forget(self) -> None:
        """A timer was cancelled: keep the heap small, and set the core's timer again."""
        # Otherwise a device that sets and cancels a timer for every byte would fill the heap.
        if len(self._heap) > 64 + 2 * len(self._waiting):
            self._rebuild()
        self._arm()

    def _rebuild(self) -> None:
        """Make a new heap without the timers that are over."""
        known = self._waiting.copy()
        heap = [(deadline, serial) for serial, (deadline, _, _) in known.items()]
        heapify(heap)
        self._heap = heap
        # A timer that was made after the copy may be in the old heap only. It is in `_waiting`,
        # where its number went first. A number may be in the heap twice.
        for serial, (deadline, _, _) in self._waiting.copy().items():
            if serial not in known:
                heappush(heap, (deadline, serial))

    def __repr__(self) -> str:
        return f"<Clock at {self.now()} ns, {len(self._waiting)} timers>"
