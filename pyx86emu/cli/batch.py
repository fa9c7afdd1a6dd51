"""`batch FILE.toml|DIR`: run many guests, report which did what they should."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from . import output
from .parser import Options, Parser
from .signals import Ending
from .status import HOST, INTERRUPTED, NOT_MET, OK, HostError, UsageError, reason
from .values import whole

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..tools.batch import Result
    from ..tools.batch.plan import Plan

MOST_JOBS_AT_ONCE = 1024
MOST_RETRIES = 1000
#: An address of dask: HOST:PORT, or with its protocol.
SCHEDULER = re.compile(r"(?:[a-z]+://)?[^\s/]+:[0-9]{1,5}")

EPILOG = """\
A TOML file has a table [[job]] for each guest, and [defaults] for all of them; docs/FLEET.md lists
the keys. In a directory, each file whose first sector ends with 55 AA is a job: it has to boot, and
to run for a minute of guest time without a reset and without what this machine does not support.

The table is on standard output, the progress on standard error. --junit, --json and --keep are
written also when the batch is interrupted, with what is done by then.

exit statuses: 0 every job passes; 8 not all do; 2 usage, also a mistake in the TOML file;
74 a file cannot be written; 130 Ctrl-C or a signal: no process of the batch runs on
"""


def parser() -> Parser:
    """The options of the verb."""
    p = Parser("batch", "Run many guests and report which did what they should.", EPILOG)
    add = p.add_argument
    add("plan", metavar="FILE.toml|DIR", help="jobs, or a directory of bootable images")
    add(
        "-j",
        metavar="N",
        type=whole(1, MOST_JOBS_AT_ONCE),
        help="so many processes (default: one for each CPU)",
    )
    add("--job", metavar="NAME", action="append", default=[], help="only this job; repeatable")
    add(
        "--retries",
        metavar="N",
        type=whole(0, MOST_RETRIES),
        default=0,
        help="try a job that does not pass again, up to N times",
    )
    add("--junit", metavar="FILE", help="write JUnit XML")
    add("--json", metavar="FILE", help="write all results as JSON")
    keeps = "for each failure, write its screen, texts, states and the command that repeats it"
    add("--keep", metavar="DIR", help=keeps)
    add(
        "--update-golden", action="store_true", help="write the golden screens instead of comparing"
    )
    add("--dask", metavar="HOST:PORT", help="run on the dask cluster of this scheduler")
    return p


def main(args: list[str]) -> int:
    """`pyx86emu batch`."""
    options = parser().parse(args)
    for option, path in (("--junit", options.junit), ("--json", options.json)):
        if path is not None:
            output.check_file(option, path)
    if options.keep is not None:
        output.check_directory("--keep", options.keep)
    if options.dask is not None and not SCHEDULER.fullmatch(options.dask):
        raise UsageError(f"--dask {options.dask}: give HOST:PORT of a scheduler, `dask scheduler`")
    if options.dask is not None and options.j is not None:
        raise UsageError("-j is for processes here: leave it or --dask out")
    plan = _plan(options)
    for name in plan.left_out:
        output.complain(
            f"pyx86emu: {os.path.join(plan.path, name)} is left out, it is no bootable image"
        )
    start = perf_counter()
    results: list[Result] = []
    interrupted = ""
    with Ending() as ending:
        try:
            with _executor(options) as executor:
                _run(options, plan, executor, results)
        except KeyboardInterrupt as error:
            interrupted = str(error) or "interrupted"
        ending.again()
        lost = _report(options, plan, results, perf_counter() - start)
    if interrupted:
        output.complain(
            f"pyx86emu: {interrupted}: {len(results)} of {len(plan.jobs)} jobs are done"
        )
        return INTERRUPTED
    if lost:
        return HOST
    return OK if all(each.passed for each in results) else NOT_MET


def _plan(options: Options) -> Plan:
    """The jobs that were asked for. UsageError: a mistake in the file."""
    from ..tools.batch import JobError, plan

    try:
        found = plan.read(options.plan, record=options.update_golden)
    except OSError as error:
        raise UsageError(
            f"cannot read {error.filename or options.plan} ({reason(error)}): give a TOML file of "
            "jobs, or a directory of images"
        ) from error
    except (JobError, ValueError) as error:
        raise UsageError(str(error)) from error
    if options.job:
        names = {each.name for each in found.jobs}
        for name in options.job:
            if name not in names:
                raise UsageError(
                    f"--job {name}: {options.plan} has {', '.join(sorted(names)[:20])}"
                )
        found = replace(found, jobs=tuple(each for each in found.jobs if each.name in options.job))
    return found


@contextmanager
def _executor(options: Options) -> Iterator[Executor | None]:
    """The executor that was asked for; None: processes here."""
    if options.dask is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--dask needs dask: pip install 'pyx86emu[dask]'") from None
    try:
        make: Any = Client  # distributed has no types
        client = make(options.dask, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--dask {options.dask}: there is no scheduler ({error}): start one, `dask scheduler`"
        ) from error
    with client:
        yield client.get_executor()


def _run(options: Options, plan: Plan, executor: Executor | None, results: list[Result]) -> None:
    """Run the jobs. What of a failure is kept is written as it comes."""
    from ..tools import batch
    from ..tools.batch.keeping import keep
    from .batch_progress import progress

    made = batch.run(
        plan.jobs,
        executor,
        workers=options.j,
        retries=options.retries,
        keep=options.keep is not None,
    )
    with ExitStack() as stack:
        shown = stack.enter_context(progress(len(plan.jobs)))
        for result in stack.enter_context(closing(made)):
            if options.keep is not None and not result.passed:
                job = plan.jobs[result.index]
                with _writing(f"--keep {options.keep}"):
                    keep(options.keep, job, result, plan.path)
            for name, data in result.goldens:
                with _writing(f"golden screen {plan.goldens[name]}"):
                    _put(plan.goldens[name], data)
            results.append(replace(result, kept=(), goldens=()))
            shown.done(result)


def _report(options: Options, plan: Plan, results: Sequence[Result], seconds: float) -> bool:
    """Write the table and the files. True: one of the files cannot be written."""
    from ..tools.batch import reports

    if results:
        output.say(reports.table(results))
    output.say(reports.sentence(results, seconds))
    if options.keep is not None and any(not each.passed for each in results):
        output.say(f"what repeats the failures is in {options.keep}")
    lost = False
    for option, path, make in (
        ("--junit", options.junit, reports.junit),
        ("--json", options.json, reports.as_json),
    ):
        if path is not None:
            try:
                with _writing(f"{option} {path}"):
                    _put(path, make(plan.path, results, seconds).encode("utf-8"))
            except HostError as error:
                output.complain(f"pyx86emu: {error}")
                lost = True
    return lost


@contextmanager
def _writing(what: str) -> Iterator[None]:
    """HostError: a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise HostError(f"cannot write {what}: {reason(error)}") from error


def _put(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
