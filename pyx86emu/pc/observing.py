"""Observing a machine: stop, call or keep what its guest does. The words are in observe.py."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from .parts import Parts

if TYPE_CHECKING:
    from ..address import Address
    from ..observe import Do, Event, Observer, Observers
    from ..tools.coverage import Coverage
    from ..tools.profile import Profile
    from ..tools.reached import Given
    from ..tools.trace.tracer import Trace, Where

#: The BIOS keeps the video mode here.
VIDEO_MODE = 0x449
CAPACITY = 1024

Call = Callable[["Event"], object]


class Observing(Parts):
    """The methods of a Machine that observe its guest.

    Each takes `call`, a function that gets an `Event` between two instructions and may read and
    write registers and memory or call `stop()`; or `do`: "stop" ends `run()` with Exit(DEBUG),
    whose `observer` and `message` say what it was; "log" only keeps the event. The newest
    `capacity` events are kept in all cases. The result is an `Observer`: remove it, or use it in a
    `with`. OSError EOPNOTSUPP: on KVM. Only the thread that runs the guest calls these, or any
    while it does not run.
    """

    @property
    def _observers(self) -> "Observers":
        from ..observe import Observers

        return Observers(self.vcpu)

    def on_exec(
        self,
        at: "Address",
        call: Call | None = None,
        *,
        do: "Do | None" = None,
        capacity: int = CAPACITY,
    ) -> "Observer":
        """The instruction at an address is reached, before it is executed. By default stops."""
        return self._observers.exec(at, call, do=do, capacity=capacity)

    def on_interrupt(
        self,
        vector: int | None = None,
        call: Call | None = None,
        *,
        do: "Do | None" = None,
        capacity: int = CAPACITY,
        **registers: int,
    ) -> "Observer":
        """An interrupt and its return, by default of all vectors; `ah=0x3D` and so on compare
        registers when it begins. By default keeps them: `with m.on_interrupt(0x13) as calls:`."""
        return self._observers.interrupt(vector, call, do=do, capacity=capacity, **registers)

    def on_io(
        self,
        port: int = 0,
        length: int = 0x10000,
        call: Call | None = None,
        *,
        do: "Do | None" = None,
        capacity: int = CAPACITY,
    ) -> "Observer":
        """Accesses to ports, whoever answers them. By default keeps them."""
        return self._observers.io(port, length, call, do=do, capacity=capacity)

    def on_write(
        self,
        addr: "Address",
        length: int = 1,
        call: Call | None = None,
        *,
        do: "Do | None" = None,
        capacity: int = CAPACITY,
    ) -> "Observer":
        """Stores to memory, with the value before and after. By default stops after the
        instruction."""
        return self._observers.write(addr, length, call, do=do, capacity=capacity)

    def on_read(
        self,
        addr: "Address",
        length: int = 1,
        call: Call | None = None,
        *,
        do: "Do | None" = None,
        capacity: int = CAPACITY,
    ) -> "Observer":
        """Loads from memory. By default stops after the instruction."""
        return self._observers.read(addr, length, call, do=do, capacity=capacity)

    def on_block(
        self, call: Call | None = None, *, do: "Do | None" = None, capacity: int = CAPACITY
    ) -> "Observer":
        """The first instruction after each jump. By default keeps them."""
        return self._observers.block(call, do=do, capacity=capacity)

    def on_mode(
        self, call: Call | None = None, *, do: "Do | None" = None, capacity: int = CAPACITY
    ) -> "Observer":
        """The BIOS sets a video mode: its number is stored at 0040:0049. By default stops. A
        program that programs the VGA by itself is seen by `on_io(0x3C0, 32)`."""
        return self._observers.write(VIDEO_MODE, 1, call, do=do, capacity=capacity)

    def coverage(self, *, edges: bool = False, listings: "Iterable[Given]" = ()) -> "Coverage":
        """From now on keep which instructions are reached, and with `edges` count jumps as AFL
        does. `listings` are for `lcov()` of the result: their lines are compared with memory when
        the guest comes to them. `close()` ends it, or the end of a `with`."""
        from ..tools.coverage import Coverage

        return Coverage(self.vcpu, edges=edges, listings=listings)

    def trace(
        self,
        what: str | Iterable[str],
        file: "Where" = None,
        *,
        format: Literal["text", "jsonl"] = "text",
    ) -> "Trace":
        """From now on write what happens to a file, a line for each record. `close()` of the result
        ends it, or the end of a `with`.

        `what`: "exec", "int", "io", "irq", "mem:ADDR+LEN", "disk" and "floppy", with commas or one
        by one. `file`: a path, which is overwritten, or a text file; None: standard error.
        `format`: "text", or "jsonl", a JSON object in each line. Each record has the instructions
        that were retired before it, and the guest time.

        ValueError: an unknown kind or format, or an address that is none; TypeError: `file` is no
        file; OSError: it cannot be opened, or EOPNOTSUPP: on KVM; RuntimeError: there is a trace of
        "irq", "disk" or "floppy" already, or another thread runs the guest.
        """
        from ..tools.trace.tracer import trace

        return trace(self._whole, what, file, format)

    def profile(self) -> "Profile":
        """From now on count instructions by call stack. `close()` of the result ends it, or the
        end of a `with`; `collapsed()` and `save(path)` are for flame graphs. RuntimeError: there is
        one already."""
        from ..tools.profile import Profile

        return Profile(self._whole)
