"""The hunt: run cases in processes until time is up. Know processes, not what a case does.

A failed check, a dead process and a hang are findings.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from .cases import Case

#: Seconds that a case may take. The slowest takes one or two, under the sanitizers.
PATIENCE = 60.0

Run = Callable[[Case], int]
FORK = multiprocessing.get_context("fork")


def serve(pipe: Connection, run: Run) -> None:
    """In the child: a case in, its instructions or what went wrong out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    parent = os.getppid()
    while os.getppid() == parent:
        if not pipe.poll(5):
            continue
        case = pipe.recv()
        if case is None:
            return
        try:
            pipe.send(run(case))
        except BaseException:
            pipe.send(traceback.format_exc())


class Worker:
    """One child, and the case that it is at."""

    def __init__(self, run: Run) -> None:
        self.pipe, far = FORK.Pipe()
        self.process = FORK.Process(target=serve, args=(far, run), daemon=True)
        self.process.start()
        far.close()  # so that its death is the end of the pipe

    def begin(self, case: Case) -> None:
        self.case = case
        self.started = time.monotonic()
        self.pipe.send(case)

    def result(self) -> int | str:
        """What the child says; if it says nothing any more, how it died."""
        try:
            answer: int | str = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode or 0
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            return f"the process died: {how}"
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass
class Summary:
    """What was run, and what was found; by kind."""

    cases: Counter[str] = field(default_factory=Counter)
    instructions: Counter[str] = field(default_factory=Counter)
    spent: Counter[str] = field(default_factory=Counter)
    """Seconds."""
    findings: list[tuple[Case, str]] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, case: Case, result: int | str, seconds: float) -> None:
        self.cases[case.kind] += 1
        self.spent[case.kind] += seconds  # type: ignore[assignment]
        if isinstance(result, int):
            self.instructions[case.kind] += result
            return
        self.findings.append((case, result))
        print(f"FINDING {case}: {result.rstrip()}")
        print(f'    again: make fuzz ARGS="--repeat {case}"', flush=True)

    def __str__(self) -> str:
        """One line, and a table for docs/RELIABILITY.md."""
        found = Counter(case.kind for case, _ in self.findings)
        lines = [
            f"fuzz: {self.cases.total():,} cases, {self.instructions.total():,} instructions, "
            f"{self.seconds:.0f} s, {len(self.findings)} findings",
            "",
            "| kind | cases | instructions | seconds | findings |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for kind, cases in self.cases.items():
            ran, took = self.instructions[kind], self.spent[kind]
            lines.append(f"| {kind} | {cases:,} | {ran:,} | {took:,.0f} | {found[kind]} |")
        return "\n".join(lines)


def hunt(
    cases: Iterator[Case],
    seconds: float,
    *,
    jobs: int = 1,
    run: Run = Case.run,
    patience: float = PATIENCE,
    summary: Summary | None = None,
) -> Summary:
    """Run cases until there are no more or time is up; those that have begun end. What is run is
    noted in `summary`.
    """
    summary, start = Summary() if summary is None else summary, time.monotonic()
    workers: list[Worker] = []

    def go_on(worker: Worker) -> None:
        case = next(cases, None) if time.monotonic() - start < seconds else None
        if case is None:
            worker.end()
        else:
            worker.begin(case)
            workers.append(worker)

    try:
        for _ in range(jobs):
            go_on(Worker(run))
        while workers:
            ready = wait([w.pipe for w in workers], timeout=min(1.0, patience / 4))
            for worker in workers[:]:
                took = time.monotonic() - worker.started
                late = took > patience
                if worker.pipe not in ready and not late:
                    continue
                hangs = worker.pipe not in ready
                result = f"no end within {patience:g} s" if hangs else worker.result()
                summary.note(worker.case, result, took)
                workers.remove(worker)
                if hangs or not worker.process.is_alive():
                    worker.end()
                    worker = Worker(run)
                go_on(worker)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        for worker in workers:
            worker.end()
        summary.seconds = time.monotonic() - start
    return summary
