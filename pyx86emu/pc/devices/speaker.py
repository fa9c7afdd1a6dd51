"""The PC speaker: say what is heard now, and give samples to a sink. Does not know files.

The 8254 and port 61h are in the core. The speaker follows OUT of channel 2 while bit 1 of port 61h
is 1; bit 0 is the gate of the channel. (IBM, Technical Reference, Speaker.)
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..._core import SpeakerTap

if TYPE_CHECKING:
    from ...vm import Vm

HZ = 1_193_182
#: How many edges are kept, the newest ones.
EDGES = 1 << 16

Sink = Callable[[bytes], object]


class Speaker:
    """What the guest's speaker does.

    `frequency` may be read by any thread. All else belongs to the thread that runs the guest, or to
    a time when it does not run.

    >>> from pyx86emu import Vm
    >>> speaker = Speaker(Vm(irqchip=True))
    >>> speaker.frequency
    0.0
    """

    def __init__(self, vm: "Vm") -> None:
        self._vm = vm
        self._tap: SpeakerTap | None = None
        self._sinks: list[Sink] = []
        self._lost = 0
        #: (guest ns, True for on) of the newest edges since the recording began.
        self.edges: deque[tuple[int, bool]] = deque(maxlen=EDGES)
        #: Samples a second.
        self.rate = 44100

    @property
    def frequency(self) -> float:
        """The tone in Hz that is heard now; 0.0: none, or no steady one. On KVM OSError EBADF
        after the Vm is closed.

        A read by a thread while another one runs the guest makes the 8254 shared: from then on the
        guest's accesses to it take a lock, and cost about twice as much."""
        pit = self._vm.pit
        channel = pit.channels[2]
        if not (pit.speaker and channel.gate) or channel.mode & 3 not in (2, 3):
            return 0.0
        if channel.counter is not None and not channel.counter.loaded and not channel.counter.load:
            return 0.0  # it waits for a count
        return HZ / channel.count if channel.count > 1 else 0.0

    @property
    def recording(self) -> bool:
        """True while sinks get samples."""
        return self._tap is not None

    @property
    def lost(self) -> int:
        """How many writes or edges could not be recorded, since `drain` came too rarely."""
        return self._lost + (0 if self._tap is None else self._tap.lost)

    def start(self, sink: Sink, rate: int = 44100) -> None:
        """Give the sound from now on to `sink`: little-endian samples of 16 bits, one channel,
        `rate` a second of guest time.

        More sinks may be added, with the same rate. The machine calls them between two runs of a
        few milliseconds; the guest does not notice. OSError EOPNOTSUPP: on KVM. ValueError: a rate
        that is not 8000 to 192000, or not that of the other sinks. TypeError: no function.
        """
        if not callable(sink):
            raise TypeError(f"a sink is a function of bytes, not {type(sink).__name__}")
        if self._tap is None:
            self._tap = SpeakerTap(self._vm, rate)
            self.rate = rate
            self.edges.clear()
        elif rate != self.rate:
            raise ValueError(f"the speaker is recorded with {self.rate} samples a second already")
        else:
            self.drain()
        self._sinks.append(sink)

    def drain(self) -> None:
        """Give the sinks what was recorded up to now. Errors as those of the sinks."""
        more = self._tap is not None
        while more and self._tap is not None:
            samples, edges, more = self._tap.take()
            self.edges.extend(edges)
            for sink in tuple(self._sinks):
                sink(samples)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """In this context the sinks get no sound: they have all up to its begin. For who runs the
        past again."""
        self.drain()
        sinks, self._sinks = self._sinks, []
        try:
            yield
        finally:
            self.drain()
            self._sinks = sinks

    def stop(self, sink: Sink | None = None) -> None:
        """Give the rest to all sinks, then stop; or only to and for one of them."""
        try:
            self.drain()
        finally:
            if sink is not None and sink in self._sinks:
                self._sinks.remove(sink)
            if sink is None or not self._sinks:
                self.close()

    def close(self) -> None:
        """Stop without calling the sinks again; they have all up to the end of the last run."""
        self._sinks.clear()
        if self._tap is not None:
            self._lost += self._tap.lost
            self._tap.close()
            self._tap = None

    def __repr__(self) -> str:
        return f"<Speaker {'recording' if self.recording else 'not recording'}>"
