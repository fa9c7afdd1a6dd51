"""Observation, measured: what history, coverage and observers cost the kernels while they are on.

A kernel runs in turns without and with it, in one process and in the same Vm. A figure is the
median of the ratios of such pairs, so the speed of the host at that moment does not count.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from statistics import median

from .. import _core
from ..observe import Observers
from ..tools.coverage import Coverage
from .cpu import turns_for
from .engines import Ours
from .figures import Row
from .kernels import KERNELS, Kernel

On = Callable[[_core.Vcpu], AbstractContextManager[object]]

#: Seconds of a run.
SECONDS = 0.06
#: Kernels without those that only differ in how much code they have.
SMALL: Sequence[Kernel] = tuple(
    kernel for kernel in KERNELS if not kernel.name.startswith("footprint")
)
BY_NAME = {kernel.name: kernel for kernel in KERNELS}
#: An address that no kernel reaches, in a page that none accesses.
ELSEWHERE = 0xF0000


@contextmanager
def history(vcpu: _core.Vcpu) -> Iterator[None]:
    """`vcpu.record_history`."""
    vcpu.record_history = True
    try:
        yield
    finally:
        vcpu.record_history = False


def edges(vcpu: _core.Vcpu) -> Coverage:
    """Coverage with AFL's map."""
    return Coverage(vcpu, edges=True)


def executed(vcpu: _core.Vcpu) -> AbstractContextManager[object]:
    """An observer of an instruction that is never reached."""
    return Observers(vcpu).exec(ELSEWHERE)


def written(vcpu: _core.Vcpu) -> AbstractContextManager[object]:
    """An observer of stores to a page that is not accessed."""
    return Observers(vcpu).write(ELSEWHERE, 16)


def ports(vcpu: _core.Vcpu) -> AbstractContextManager[object]:
    """A log of all ports."""
    return Observers(vcpu).io()


def cost(kernel: Kernel, on: On, rounds: int, scale: float) -> list[float]:
    """How long the kernel takes with it, divided by how long without, in each round."""
    with closing(Ours(kernel)) as engine:
        turns = turns_for(engine, SECONDS * scale)
        ratios = []
        for _ in range(rounds):
            without = engine.run(turns)
            with on(engine.vcpu):
                engine.run(1)
                ratios.append(engine.run(turns) / without)
        return ratios


def costs(
    on: On, rounds: int, scale: float, kernels: Iterable[Kernel] | None = None
) -> dict[str, list[float]]:
    """The same for many kernels, by name."""
    return {k.name: cost(k, on, rounds, scale) for k in (SMALL if kernels is None else kernels)}


def percent(ratios: Iterable[float]) -> list[float]:
    """What it costs more, in percent."""
    return [(ratio - 1) * 100 for ratio in ratios]


def of_median_kernel(found: dict[str, list[float]]) -> list[float]:
    """What it costs the median kernel, in percent, in each round."""
    return percent(map(median, zip(*found.values(), strict=True)))


def most(found: dict[str, list[float]]) -> str:
    """The kernel that pays most."""
    return max(found, key=lambda name: median(found[name]))


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    found = costs(history, rounds, scale)
    what = "what record_history costs the median kernel"
    yield Row.of("history-median", of_median_kernel(found), "%", what, limit=3.0)
    yield Row.of("history-fib", percent(found["fib"]), "%", "and fib", limit=10.0)
    name = most(found)
    what = f"and the kernel that pays most, {name}"
    yield Row.of("history-most", percent(found[name]), "%", what)
    for row, on, of in (
        ("coverage", Coverage, "with coverage, in percent of full speed"),
        ("coverage-edges", edges, "with coverage and AFL's map, in percent of full speed"),
    ):
        found = costs(on, rounds, scale)
        name = most(found)
        speeds = [100 / ratio for ratio in found[name]]
        what = f"the kernel that pays most, {name}, {of}"
        yield Row.of(row, speeds, "%", what, limit=50.0, least=True)
    found = costs(executed, rounds, scale)
    what = "what an observer of an instruction costs that is never reached: the median kernel"
    yield Row.of("observe-exec", of_median_kernel(found), "%", what)
    found = costs(written, rounds, scale)
    what = "what an observer of stores to another page costs: the median kernel"
    yield Row.of("observe-write", of_median_kernel(found), "%", what)
    paid = cost(BY_NAME["poll"], ports, rounds, scale)
    what = "what a log of all ports costs the kernel poll, an IN for every 6 instructions"
    yield Row.of("observe-io", percent(paid), "%", what)
