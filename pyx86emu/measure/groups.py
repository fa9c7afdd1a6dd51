"""The groups of `bench`: list the files that measure each. Know no row.

More rows are one file `measure/NAME.py` and its NAME in GROUPS; a new group is one more line there.
The file has

    rows(repeats, scale)    yields rows, each as soon as it is measured. `repeats`: the repetitions
                            of which a row is the median. `scale`: how long a repetition takes, 1.0
                            is normal, 0.1 with --quick, and tests take 0.01

A row is a `figures.Row`: `Row.of(name, values, unit, what, limit=...)`, of which `values` are the
repetitions. A file with rows of its own kind has as well

    HEAD                    the line above its rows
    verdicts(rows)          compares the rows with their limits, if they have any
    table(rows)             all rows as text, if they cannot be printed one by one

and each of its rows has `name`, `line()` and `as_dict()`. A file is imported when it is measured.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from . import figures
from .verdicts import Verdict


@dataclass(frozen=True)
class Group:
    """What a word after `bench` measures. `all` measures the groups that are not `part` of
    another."""

    what: str
    files: tuple[str, ...]
    part: bool = False


GROUPS = {
    "cpu": Group("kernels, compared with Unicorn and /dev/kvm", ("cpu",)),
    "guests": Group("real guests, compared with QEMU", ("guests", "guests_qemu")),
    "io": Group("ways of doing I/O, compared with write(2)", ("io",)),
    "boot": Group("start-up: processes, machines, memory, two threads", ("boot",)),
    "vcpus": Group("two vCPUs of one Vm: computing, sharing, ringing, at the chips", ("vcpus",)),
    "cold": Group("code that runs for the first time", ("cold",)),
    "latency": Group("how long a ring needs to wake another thread or process", ("latency",)),
    "tools": Group(
        "states, recordings, batches, observation",
        ("tools_state", "tools_machine", "tools_record", "tools_batch", "tools_observe"),
    ),
    "virtio": Group(
        "requests of a virtio disk, served here or by another process", ("virtio", "virtio_vhost")
    ),
    "doorbell": Group("the ways to signal the host: a part of io", ("doorbell_rows",), part=True),
}


@dataclass(frozen=True)
class Measured:
    """The rows of one group."""

    name: str
    rows: list[Any]
    verdicts: list[Verdict]

    def as_dict(self) -> dict[str, Any]:
        """The group as `--json` prints it."""
        return {"rows": [row.as_dict() for row in self.rows]}


def measure(name: str, repeats: int, scale: float, say: Callable[[str], object]) -> Measured:
    """Measure a group. Each row is printed by `say` as soon as it is measured."""
    done = Measured(name, [], [])
    head = ""
    for file in GROUPS[name].files:
        source = import_module(f".{file}", __package__)
        rows: Iterable[Any] = source.rows(repeats, scale)
        if hasattr(source, "table"):
            kept = list(rows)
            say(source.table(kept))
        else:
            above = getattr(source, "HEAD", figures.head(name))
            if above != head:  # once above files whose rows are of one kind
                head = above
                say(head)
            kept = list(_shown(rows, say))
        done.rows.extend(kept)
        done.verdicts.extend(getattr(source, "verdicts", figures.verdicts)(kept))
    return done


def _shown(rows: Iterable[Any], say: Callable[[str], object]) -> Iterator[Any]:
    for row in rows:
        say(row.line())
        yield row
