"""The pytest plugin: fixtures for guests, and reports of those that fail. Imports pytest alone.

pytest loads it in every project, so nothing of the package is imported until a fixture is used.
docs/TESTING.md describes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from .testing.bench import Bench
    from .testing.golden import Golden
    from .testing.guest import Result
    from .testing.machine import TestMachine

_used = False
"""Has a test of this process used a fixture?"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("pyx86emu", "x86 guests (pyx86emu)")
    group.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden screens that tests compare with",
    )
    group.addoption(
        "--x86-trace",
        action="store_true",
        help="write each instruction of the guests to x86-trace/TEST.txt",
    )
    group.addoption(
        "--x86-cov", action="store_true", help="say which lines of assembly were executed"
    )
    group.addoption(
        "--x86-cov-file",
        metavar="FILE",
        help="write them in the format of lcov, for genhtml",
    )
    group.addoption(
        "--x86-seed",
        type=int,
        default=0,
        metavar="N",
        help="another number gives x86_seed other values",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The mark. UsageError: a file cannot be written; before the tests, which may take long."""
    file = config.getoption("--x86-cov-file")
    if file and (os.path.isdir(file) or not os.path.isdir(os.path.dirname(file) or ".")):
        raise pytest.UsageError(f"--x86-cov-file={file}: name a file in a directory that is there")
    config.addinivalue_line(
        "markers",
        "x86(max_instructions=None, timeout=None): limits of the guests of a test, in instructions "
        "and in guest seconds (pyx86emu)",
    )


# -- fixtures --------------------------------------------------------------------------------------


@pytest.fixture
def _x86_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    global _used
    from .testing.bench import bench_of

    _used = True
    bench = bench_of(request.node)
    yield bench
    bench.close()


@pytest.fixture
def guest(_x86_bench: Bench) -> Callable[..., Result]:
    """Run a program: `r = guest("sum.asm", ax=1000, bx=234)`, then `assert r.cx == 1234`.

    Takes the name of a .asm file, assembly as text, or machine code; sets registers by their names
    and `memory={"label": b"..."}`; `model="8086"`, `max_instructions=`. The result has registers,
    flags (`r.zf`), `r.word("label")`, `r.output`, `r.instructions`, `r.used("mul")`. A program that
    does not end fails the test. (pyx86emu)
    """
    return _x86_bench.guest


@pytest.fixture
def boot(_x86_bench: Bench) -> Callable[..., TestMachine]:
    """Boot a machine: `m = boot("os.img")`, then `m.expect("prompt", timeout=10)`.

    Takes the name of an image or of a .asm file, assembly as text, or bytes, and the options of
    `Machine`. It is closed when the test ends. (pyx86emu)
    """
    return _x86_bench.boot


@pytest.fixture
def golden(_x86_bench: Bench) -> Callable[[str], Golden]:
    """An approved screen beside the test: `assert m.screen == golden("prompt")`.

    It is golden/prompt.txt, or golden/prompt.png in graphics modes. `--update-golden` writes it.
    (pyx86emu)
    """
    return _x86_bench.golden


@pytest.fixture
def x86_seed(request: pytest.FixtureRequest) -> int:
    """A number for `random.Random`, the same in every run of this test. `--x86-seed N` gives
    another one; the report of a failure has it. (pyx86emu)
    """
    from .testing.bench import seed_of

    seed = seed_of(request.node, request.config.getoption("--x86-seed"))
    request.node.user_properties.append(("x86_seed", seed))
    return seed


# -- reports ---------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the guests did to the report of a test that failed."""
    if _used and call.excinfo is not None:
        from .testing.problems import GuestFailed, cut

        if call.excinfo.errisinstance(GuestFailed):
            cut(call.excinfo.value)
    report = yield
    if call.when != "call" or not report.failed:
        return report
    seed = dict(report.user_properties).get("x86_seed")
    if seed is not None:
        base = item.config.getoption("--x86-seed")
        _add(report, "x86 seed", f"x86_seed is {seed} (--x86-seed {base})")
    if _used:
        from .testing.bench import KEY

        bench = item.stash.get(KEY, None)
        if bench is not None:
            try:
                text = bench.report()
            except Exception as error:  # a report must not hide the failure
                text = f"no report: {type(error).__name__}: {error}"
            _add(report, "x86 guest", text)
    return report


def _add(report: pytest.TestReport, title: str, text: str) -> None:
    """Where terminal, JUnit and HTML show it: with the failure, or else after it."""
    if not text:
        return
    add = getattr(report.longrepr, "addsection", None)
    if add is not None:
        add(title, text)
    else:
        report.sections.append((title, text))


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Say how a screen differs from its golden one."""
    if not _used or op != "==":
        return None
    from .testing.golden import Golden

    for each in (left, right):
        if isinstance(each, Golden) and each.difference:
            return [f"the screen is not {each!r}", *each.difference]
    return None


# -- coverage --------------------------------------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist sends what it has seen."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is None or not _used:
        return
    from .testing.bench import COVERED, TRACED

    stash = session.config.stash
    output["x86_cov"] = {
        file: {str(line): hits for line, hits in lines.items()}
        for file, lines in stash.get(COVERED, {}).items()
    }
    output["x86_traced"] = stash.get(TRACED, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """The controller of xdist adds what a worker has seen."""
    output = getattr(node, "workeroutput", None) or {}
    if not output.get("x86_cov") and not output.get("x86_traced"):
        return
    from .testing import cover
    from .testing.bench import COVERED, TRACED

    stash = node.config.stash
    cover.merge(stash.setdefault(COVERED, {}), output["x86_cov"])
    stash.setdefault(TRACED, []).extend(output["x86_traced"])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The table of coverage, its file, and where the traces are."""
    file = config.getoption("--x86-cov-file")
    wanted = config.getoption("--x86-cov") or file
    if not wanted and not config.getoption("--x86-trace"):
        return
    from pathlib import Path

    from .testing import cover
    from .testing.bench import COVERED, TRACED

    lines = config.stash.get(COVERED, {})
    if wanted:
        terminalreporter.section("lines of assembly that were executed")
        rows = cover.table(lines, config.rootpath)
        for row in rows or ["none: no test has used a .asm file"]:
            terminalreporter.write_line(row)
    if file:
        Path(file).write_text(cover.lcov(lines), "utf-8")
        terminalreporter.write_line(f"written: {file}")
    for path in config.stash.get(TRACED, []):
        terminalreporter.write_line(f"trace: {path}")
