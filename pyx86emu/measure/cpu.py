"""The compute measurement: time the kernels on our core and on the peers, and set their limits.

The engines run alternately. MIPS are also scaled to 3.0 GHz: a chain of dependent additions before
and after each of our runs measures the host's clock rate at that moment.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from statistics import median
from time import thread_time
from typing import Any

from .. import _core
from .engines import Engine, Ours, peers
from .kernels import KERNELS, Kernel
from .verdicts import Verdict, spread

CHAIN = 1 << 22
"""Additions that measure the clock rate. They take about a millisecond."""

#: Limits: at least this many times as fast as Unicorn.
TO_UNICORN = {
    "sieve": 7,
    "fib": 6,
    "crc32": 1.6,  # what registers in memory allow: docs/PERFORMANCE.md, "Where we are slower"
    "memcpy": 100,
    "stos": 100,
    "smc": 700,
    "smc-opcode": 60,
    "alu": 0.5,
    "muldiv": 0.45,
}
#: Limits: at least this many million instructions (iterations of a REP) a second, at 3.0 GHz.
MIPS_AT_3GHZ = {
    "alu": 800,
    "crc32": 550,
    "fib": 520,
    "sieve": 720,
    "muldiv": 540,
    "memcpy": 20_000,
    "smc": 380,
}


HEAD = f"{'kernel':<16}{'MIPS':>9}{'at 3 GHz':>10}{'GHz':>6}  peers: MIPS (ours to theirs)"


def gigahertz() -> float:
    """Return the host's clock rate now: a dependent addition takes one cycle."""
    start = thread_time()
    _core.add_chain(CHAIN)
    return CHAIN / (thread_time() - start) / 1e9


@dataclass
class Row:
    """One kernel. Each list has one value a round."""

    name: str
    instructions: int = 0
    """Instructions of one run of ours."""
    mips: list[float] = field(default_factory=list)
    ghz: list[float] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)
    """MIPS of each peer."""

    @property
    def mips_at_3ghz(self) -> float:
        return median(self.scaled)

    @property
    def scaled(self) -> list[float]:
        """MIPS at 3.0 GHz of each round."""
        return [m * 3 / g for m, g in zip(self.mips, self.ghz, strict=True)]

    def ratios(self, peer: str) -> list[float]:
        """Return our MIPS divided by the peer's, of each round."""
        return [a / b for a, b in zip(self.mips, self.peers[peer], strict=True)]

    def ratio(self, peer: str) -> float:
        """Return the median of the ratios."""
        return median(self.ratios(peer))

    def line(self) -> str:
        """The row as text, below HEAD."""
        own = f"{self.name:<16}{median(self.mips):>9,.0f}{self.mips_at_3ghz:>10,.0f}"
        theirs = [
            f"{name} {median(mips):,.4g} (x {self.ratio(name):.3g})"
            for name, mips in self.peers.items()
        ]
        return f"{own}{median(self.ghz):>6.2f}  {', '.join(theirs)}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        return {
            "name": self.name,
            "instructions": self.instructions,
            "mips": round(median(self.mips), 1),
            "mips_at_3ghz": round(self.mips_at_3ghz, 1),
            "ghz": round(median(self.ghz), 3),
            "peers": {name: round(median(mips), 3) for name, mips in self.peers.items()},
            "ratios": {name: round(self.ratio(name), 3) for name in self.peers},
            "spreads": {
                name: [round(each, 3) for each in spread(self.ratios(name))] for name in self.peers
            },
        }


def turns_for(engine: Engine, seconds: float) -> int:
    """Return how many turns take about `seconds`. Leaves the engine warmed up."""
    turns = 1
    while (took := engine.run(turns)) < seconds / 8:
        turns *= 2
    return max(1, round(turns * seconds / took))


def measure(kernel: Kernel, rounds: int, scale: float = 1.0) -> Row:
    """Run one kernel on all engines, alternately."""
    row = Row(kernel.name)
    makers = {} if kernel.chips else peers()
    others = {name: maker(kernel) for name, maker in makers.items()}
    with closing(Ours(kernel)) as ours:
        own_turns = turns_for(ours, ours.seconds * scale)
        turns = {name: turns_for(peer, peer.seconds * scale) for name, peer in others.items()}
        row.peers = {name: [] for name in others}
        for _ in range(rounds):
            before = gigahertz()
            seconds = ours.run(own_turns)
            row.ghz.append((before + gigahertz()) / 2)
            row.instructions = ours.instructions
            row.mips.append(ours.instructions / seconds / 1e6)
            for name, peer in others.items():
                count = kernel.count(turns[name])
                row.peers[name].append(count / peer.run(turns[name]) / 1e6)
    for peer in others.values():
        peer.close()
    return row


def rows(rounds: int, scale: float = 1.0, kernels: Iterable[Kernel] = KERNELS) -> Iterator[Row]:
    """Yield the rows of all kernels, one by one."""
    for kernel in kernels:
        yield measure(kernel, rounds, scale)


def verdicts(rows: Iterable[Row]) -> Iterator[Verdict]:
    """Compare what was measured with its limits."""
    for row in rows:
        if row.name in MIPS_AT_3GHZ:
            yield Verdict(
                row.name,
                row.mips_at_3ghz,
                MIPS_AT_3GHZ[row.name],
                "MIPS at 3 GHz",
                values=row.scaled,
            )
        if row.name in TO_UNICORN and "unicorn" in row.peers:
            yield Verdict(
                row.name,
                row.ratio("unicorn"),
                TO_UNICORN[row.name],
                "x Unicorn",
                values=row.ratios("unicorn"),
            )
