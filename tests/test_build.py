"""The build: what Cython made of the sources, what the wheel holds, what the flavours are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pyx86emu"
CORE = sorted((PACKAGE / "core").rglob("*.pxi"))
BUILD = os.environ.get("PYX86EMU_BUILD") or "release"


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this Python in the project's directory, without the sanitizers."""
    clean = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=clean | env, text=True, capture_output=True
    )


# -- the generated C ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated_c(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Find the C of the core: that of the last build if new enough, else make it (ten seconds)."""
    source = PACKAGE / "_core.pyx"
    made = ROOT / ".build" / "cython" / "pyx86emu" / "_core.c"
    newest = max(path.stat().st_mtime for path in (source, *CORE))
    if not made.exists() or made.stat().st_mtime < newest:
        pytest.importorskip("Cython")
        made = tmp_path_factory.mktemp("c") / "_core.c"
        result = run("-m", "cython", "-3", "-X", "cdivision=True", str(source), "-o", str(made))
        assert result.returncode == 0, result.stderr
    return made.read_text("utf-8")


def chains(minimum: int) -> list[str]:
    """Name the core's functions with an if/elif chain of so many comparisons with constants."""
    counts: dict[str, int] = {}
    name = ""
    for path in CORE:
        for line in path.read_text("utf-8").splitlines():
            if match := re.match(r"cdef\b.*?\b(\w+)\(", line):
                name = match[1]
            elif re.match(r"\s+(el)?if \w+ == \w+", line):
                counts[name] = counts.get(name, 0) + 1
    return [name for name, count in counts.items() if count >= minimum]


def body(c_source: str, name: str) -> str:
    """Cut one function of the core out of the C."""
    head = rf"^static .*__pyx_f_\w+_core_{name}\([^;{{]*\) {{$"
    match = re.search(head + r".*?^}$", c_source, re.M | re.S)
    assert match, f"no C function for {name}"
    return match[0]


def test_the_opcode_grid_is_a_switch(generated_c: str) -> None:
    grids = chains(minimum=64)

    assert grids, "decode.pxi has no chain of comparisons"
    assert not [name for name in grids if "switch (" not in body(generated_c, name)]


@pytest.mark.release
def test_the_micro_benchmarks_fit_the_core(tmp_path: Path) -> None:
    pytest.importorskip("Cython")

    flags = ("-3", "-X", "cdivision=True", "--module-name", "pyx86emu._micro")
    result = run("-m", "cython", *flags, "bench/_micro.pyx", "-o", str(tmp_path / "micro.c"))

    assert result.returncode == 0, result.stderr


# -- the wheel ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_wheel_holds_what_runs_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    pip = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")

    result = run(*pip, "-w", str(tmp_path), ".", PYX86EMU_BUILD="dev")

    assert result.returncode == 0, result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    found = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    core = {n for n in found if n.startswith("pyx86emu/_core.") and n.endswith(".so")}
    assert len(core) == 1
    git = subprocess.run(
        ["git", "ls-files", "pyx86emu"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sources = {
        n for n in git.stdout.split() if n.startswith("pyx86emu/core/") or n.endswith(".pyx")
    }
    assert found - core == set(git.stdout.split()) - sources


def test_an_unknown_flavour_is_refused_by_name() -> None:
    pytest.importorskip("Cython")

    result = run("setup.py", "--version", PYX86EMU_BUILD="fast")

    assert result.returncode != 0
    names = "release, dev, notail, sanitize, tsan, ops"
    assert f"PYX86EMU_BUILD=fast: choose one of {names}" in result.stderr


# -- the types ------------------------------------------------------------------------------------


# Every cdef class is a "disjoint base"; the stub need not say so.
ALLOWED = "tests/stubtest-allowlist.txt"
CONFIG = "pyproject.toml"  # which of the extras come without types
STUBTEST = (
    *("-m", "mypy.stubtest", "--ignore-disjoint-bases"),
    *("--allowlist", ALLOWED, "--mypy-config-file", CONFIG),
)


def test_the_stub_tells_what_the_core_has() -> None:
    pytest.importorskip("mypy", reason="mypy is missing: make lint")
    if BUILD == "sanitize":
        pytest.skip("the same module as in the release build")
    spec = find_spec("pyx86emu")
    assert spec and spec.origin
    where = str(Path(spec.origin).parents[1])

    result = run(*STUBTEST, "pyx86emu._core", PYTHONPATH=where)

    assert result.returncode == 0, result.stdout + result.stderr
