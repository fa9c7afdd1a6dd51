"""The numbers of tools/batch: call each function with good values, or say why not."""

from __future__ import annotations

from collections.abc import Callable

from pyx86emu.tools import batch
from tests.numbers import Place, World, place


def runs(world: World) -> Callable[..., object]:
    """`run` without jobs."""
    return lambda **arguments: list(batch.run((), **arguments))


def inputs(world: World) -> Callable[..., object]:
    """`map_inputs` without inputs."""
    case = batch.Case(batch.BareVm(), b"state", at=0)  # type: ignore[arg-type]
    return lambda **arguments: list(batch.map_inputs(case, (), **arguments))


def processes(world: World) -> Callable[..., object]:
    """An executor, which is shut down at the end."""
    return lambda workers: world.enter_context(batch.Processes(workers))


PLACES: dict[str, Place] = {
    "runs.run": place(runs, workers=1, chunk=1, retries=0, losses=1),
    "inputs.map_inputs": place(inputs, workers=1, chunk=1, losses=1),
    "Processes.__init__": place(processes, workers=1),
}

EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        ("Cache.__init__", "Schedule.__init__", "guest.run_job", "worker.execute", "child.main"),
        "called by the batch only, with numbers that it has looked at",
    ),
    **dict.fromkeys(
        ("reports.as_json", "reports.junit", "reports.sentence"),
        "called by the command line, with the seconds that it has measured",
    ),
}
