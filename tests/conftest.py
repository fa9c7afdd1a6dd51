"""What tests share: machines that get closed, files that may be missing, rules for skipping."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest

if TYPE_CHECKING:
    from pyx86emu import Machine, Vm
    from tests.harness import MakeGuest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("PYX86EMU_SHARED") or ROOT.parent / "shared")
sys.path.append(str(ROOT))  # helpers: `from tests.harness import Guest`
# An `assert` in these says what it saw, as one in a test does.
pytest.register_assert_rewrite("tests.harness", "tests.rows")
CI = os.environ.get("CI") == "true"
# Set by the Makefile for the builds in .build/; see CONTRIBUTING.md.
BUILD = os.environ.get("PYX86EMU_BUILD") or "release"

# Two runs in CI must be equal. No deadlines: the builds differ in speed by a factor of 50.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.register_profile("sanitize", deadline=None, derandomize=True, max_examples=20)
hypothesis.settings.load_profile("sanitize" if BUILD == "sanitize" else "ci" if CI else "default")


#: Host seconds after which a test in a process of its own ends: before the limit for all tests.
ALONE = 200


def pytest_report_header() -> str:
    """Say which build is tested, and refuse to test another one than was asked for."""
    spec = find_spec("pyx86emu")
    where = Path(spec.origin).parent if spec and spec.origin else None
    if BUILD in ("notail", "sanitize") and where != ROOT / ".build" / BUILD / "lib" / "pyx86emu":
        pytest.exit(f"asked for build {BUILD}, but pyx86emu is at {where}: make {BUILD}", 3)
    return f"pyx86emu: {where}, build {BUILD}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what only the release build can show."""
    if BUILD != "release":
        for item in items:
            if "release" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=f"means nothing for build {BUILD}"))


def pytest_configure() -> None:
    """Let no test fork that is not marked `forks`."""

    def refuse() -> NoReturn:
        raise RuntimeError("mark a test that forks with `forks`: it runs in a process of its own")

    if "PYX86EMU_ALONE" not in os.environ:
        os.fork = refuse


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test marked `forks` in a process of its own.

    A thread that another test has left may hold a lock of the C library, or of a sanitizer, at the
    time of the fork; the child then waits for it without end.
    """
    if "forks" not in pyfuncitem.keywords or "PYX86EMU_ALONE" in os.environ:
        return None
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-m", ""]
    command += ["-o", f"faulthandler_timeout={ALONE}", pyfuncitem.nodeid]
    # A file, since a child that hangs would keep a pipe open. Its group ends with the process.
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYX86EMU_ALONE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            process_group=0,
        )
        try:
            status = process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if status != 0:
            said.seek(0)
            pytest.fail(said.read(), pytrace=False)
    return True


def missing(what: str, remedy: str) -> None:
    """Skip, saying why; in CI nothing may be missing, so fail."""
    text = f"{what} is missing: {remedy}"
    if CI:
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@pytest.fixture
def machine() -> Iterator[Callable[..., Machine]]:
    """Make machines as `Machine(...)` does; they are closed when the test ends."""
    from pyx86emu import Machine

    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Machine(*args, **kwargs))


@pytest.fixture
def vm() -> Iterator[Callable[..., Vm]]:
    """Make Vms as `Vm(...)` does; they are closed when the test ends."""
    from pyx86emu import Vm

    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Vm(*args, **kwargs))


@pytest.fixture
def make_guest() -> Iterator[MakeGuest]:
    """Make guests as `Guest(...)` does; they are closed when the test ends."""
    from tests.harness import Guest

    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Guest(*args, **kwargs))


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Let threads change places as often as Python can."""
    from tests.harness import switches_every

    with switches_every(1e-6):
        yield


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let signals end what this test starts, whoever started pytest.

    A background job of a script ignores SIGINT and SIGQUIT, what nohup starts SIGHUP, and children
    inherit that. A handler is not inherited: the child has the default.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Find a file beside the project: `shared("vectors/8086/vectors.npz")`. Not ours to copy."""

    def find(name: str) -> Path:
        if not (SHARED / name).exists():
            missing(f"{name}", f"put it in {SHARED} or name its directory in PYX86EMU_SHARED")
        return SHARED / name

    return find


@pytest.fixture(scope="session")
def guests() -> Path:
    """Find the directory of real guests' images. They are third-party, so CI may lack them too."""
    name = os.environ.get("PYX86EMU_GUESTS")
    if not name or not Path(name).is_dir():
        pytest.skip("no images of real guests: name their directory in PYX86EMU_GUESTS")
    return Path(name)


@pytest.fixture(scope="session")
def nasm() -> str:
    """Find the assembler of firmware and guests."""
    program = shutil.which("nasm")
    if program is None:
        missing("nasm", "apt-get install nasm")
    return str(program)
