"""What a start imports: the modules are listed, so that no other one comes in unnoticed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pyx86emu.measure import crowd
from tests.harness import python

LIST = Path(__file__).with_name("startup.txt")
ADVICE = (
    "import it in the function that needs it; if every start needs it, list it in "
    "tests/measure/startup.txt"
)

#: Modules of Python that only some runs need.
LIBRARY = (
    *("argparse", "ast", "asyncio", "base64", "dataclasses", "decimal", "gettext", "inspect"),
    *("json", "locale", "logging", "pathlib", "random", "select", "shutil", "socket"),
    *("subprocess", "tempfile", "tokenize", "traceback", "urllib", "uuid", "zlib"),
)
#: What costs a start tens of milliseconds.
HEAVY = ("numpy", "matplotlib", "unicorn", "PIL", "typing_extensions", "pyx86emu.measure")


def imported(*words: object, code: str = "") -> set[str]:
    """What a new Python has imported when it is through."""
    program = f"import sys\n{code}\nprint('\\n', *sys.modules)"
    done = python("-S", "-c", program, *words, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules after a boot sector has run and halted."""
    image = tmp_path_factory.mktemp("start") / "halt.img"
    image.write_bytes(crowd.HALT)
    return imported(image, code="from pyx86emu.cli import main; assert main([sys.argv[1]]) == 0")


def listed() -> list[str]:
    return re.findall(r"^pyx86emu\S*", LIST.read_text("utf-8"), re.M)


def test_a_start_imports_the_listed_modules_of_ours_and_no_others(started: set[str]) -> None:
    ours = {name for name in started if name.partition(".")[0] == "pyx86emu"}

    more, fewer = sorted(ours - set(listed())), sorted(set(listed()) - ours)

    assert not more, f"a start imports {', '.join(more)} now: {ADVICE}"
    assert not fewer, f"a start needs {', '.join(fewer)} no more: take it off {LIST.name}"


def test_the_list_of_modules_is_in_order() -> None:
    assert listed() == sorted(set(listed()))


def test_a_start_does_not_import_what_few_runs_need(started: set[str]) -> None:
    others = imported(code="import enum, re, signal, typing")  # these need more in some Pythons

    assert not (found := sorted({*LIBRARY} & started - others)), f"{found}: {ADVICE}"


def test_a_start_imports_nothing_that_was_installed(tmp_path: Path) -> None:
    image = tmp_path / "halt.img"
    image.write_bytes(crowd.HALT)
    program = (
        "import sys; from pyx86emu.cli import main; status = main([sys.argv[1]]);"
        "print(*sys.modules); sys.exit(status)"
    )

    done = python("-c", program, image, stdin=subprocess.DEVNULL)

    assert (done.returncode, done.stderr) == (0, "")
    assert not (found := sorted({*HEAVY} & {*done.stdout.split()})), f"{found}: {ADVICE}"


def test_import_pyx86emu_imports_nothing_else() -> None:
    assert imported(code="import pyx86emu") - imported() == {"pyx86emu"}


def test_a_core_without_chips_needs_no_machine() -> None:
    found = imported(code="from pyx86emu import Vm; Vm().create_vcpu()")

    assert not [name for name in found if name.startswith(("pyx86emu.pc", "pyx86emu.cli"))]
    assert "dataclasses" not in found
