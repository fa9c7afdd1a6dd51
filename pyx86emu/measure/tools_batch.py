"""Many guests, measured: what a job costs in time and in bytes, and inputs from one saved state."""

import pickle
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from time import perf_counter, process_time

from ..tools import batch
from ..tools.batch.guest import run_job
from .figures import Row
from .tools_state import INPUT, MEMORY, PARSER, RUN, made

#: cli; hlt: the BIOS boots it, which are 30,000 instructions.
IMAGE = bytes.fromhex("fa f4").ljust(510, b"\0") + b"\x55\xaa"
GUESTS = 2000
INPUTS = 60_000
CHUNK = 32


def jobs(count: int) -> Iterator[batch.Job]:
    """So many small guests."""
    image = batch.Content.of(IMAGE)
    return (batch.Job(f"guest {n}", image, end=("halt",)) for n in range(count))


def own_time(count: int) -> float:
    """Microseconds of processor time for each guest: make the machine, boot, run, judge, close."""
    run_job(next(jobs(1)))
    start = process_time()
    for number, job in enumerate(jobs(count)):
        assert run_job(job, number).passed
    return (process_time() - start) / count * 1e6


def all_time(count: int) -> float:
    """Microseconds of real time for each guest in a process for each CPU, after they have
    started."""
    results = batch.run(jobs(count + CHUNK), chunk=CHUNK)
    next(results)
    start = perf_counter()
    number = sum(result.passed for result in results)
    return (perf_counter() - start) / number * 1e6


def first_result() -> float:
    """Milliseconds from nothing to the result of one guest, and the end of its process."""
    start = perf_counter()
    (result,) = batch.run(jobs(1), workers=1)
    assert result.passed
    return (perf_counter() - start) * 1e3


def worker_memory() -> float:
    """MiB of private and shared memory of a worker that has run a guest."""
    with batch.Processes(1) as pool:
        list(batch.run(jobs(20), pool))
        status = Path(f"/proc/{pool.pids[0]}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def case(edges: bool = False) -> batch.Case:
    """The loop of the row fuzz-loop: a parser of 64 bytes, and as many instructions."""
    with made(PARSER) as vm:
        state = batch.Content.of(vm.save().to_bytes())
    return batch.Case(
        batch.BareVm(MEMORY), state, INPUT, registers=("bx",), max_instructions=RUN, edges=edges
    )


def inputs_a_second(workers: int | None, count: int, edges: bool = False) -> float:
    """Inputs a second, after the processes have started."""
    runs = batch.map_inputs(case(edges), repeat(bytes(64), count + 256), workers=workers)
    next(runs)
    start = perf_counter()
    number = sum(1 for _ in runs)
    return number / (perf_counter() - start)


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    guests = max(int(GUESTS * scale) // rounds, 64)
    inputs = max(int(INPUTS * scale) // rounds, 600)
    job = next(jobs(1))
    (result,) = batch.run([job], workers=1)
    what = "a job on its way to a worker, with its boot sector named by its SHA-256"
    yield Row("batch-job", len(pickle.dumps(job)), "bytes", what, None, 1024)
    yield Row("batch-result", len(pickle.dumps(result)), "bytes", "its result", None, 1024)
    what = "processor time of a guest that the BIOS boots and that halts: make, boot, judge, close"
    yield Row.of("batch-guest", [own_time(guests) for _ in range(rounds)], "us", what)
    what = "real time of the same by batch.run, in a process for each CPU"
    yield Row.of("batch-guests", [all_time(guests) for _ in range(rounds)], "us", what)
    what = "batch.run of one job: start a process, run the guest, end the process"
    yield Row.of("batch-first", [first_result() for _ in range(rounds)], "ms", what)
    yield Row("batch-worker", worker_memory(), "MiB", "the memory of a worker process")
    what = f"inputs a second of map_inputs, {RUN} instructions each, in a process for each CPU"
    rates = [inputs_a_second(None, inputs) for _ in range(rounds)]
    yield Row.of("batch-inputs", rates, "/s", what, limit=40_000.0, least=True)
    what = "the same with the jumps that each input makes"
    rates = [inputs_a_second(None, inputs // 4, True) for _ in range(rounds)]
    yield Row.of("batch-edges", rates, "/s", what, least=True)
