"""The extras of the package: each package that one names is imported somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

#: Tools, which the Makefile or a command line calls by their names.
TOOLS = {"ruff", "cython-lint", "mypy", "pytest", "pytest-xdist"}
#: The name to import, where it is another one.
MODULE = {"Pillow": "PIL"}

#: Where an extra is used, if not in the package. The bench runs from the package and beside it.
USED_IN = {"test": ("tests",), "bench": ("pyx86emu", "bench")}


def packages(extra: str) -> list[str]:
    names = (re.match(r"[\w-]+", each) for each in PROJECT["optional-dependencies"][extra])
    return [name[0] for name in names if name is not None and name[0] not in TOOLS]


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_what_an_extra_names_is_imported_somewhere(extra: str) -> None:
    sources = "\n".join(
        path.read_text("utf-8")
        for directory in USED_IN.get(extra, ("pyx86emu",))
        for path in (ROOT / directory).rglob("*.py")
    )

    unused = [
        name
        for name in packages(extra)
        if not re.search(rf"^\s*(import|from) {MODULE.get(name, name)}\b", sources, re.M)
        and f'importorskip("{MODULE.get(name, name)}' not in sources
    ]

    assert not unused, f"take these off the extra {extra!r}, or say where it is used"


@pytest.mark.parametrize("extra", sorted({*PROJECT["optional-dependencies"]} - {"test", "lint"}))
def test_every_other_extra_is_named_where_it_is_missing(extra: str) -> None:
    """`bench` is what the Makefile installs; the others are named by a message of the package."""
    places = [*(ROOT / "pyx86emu").rglob("*.py"), ROOT / "Makefile", ROOT / "README.md"]
    named = re.compile(rf"pyx86emu\[{extra}\]|^EXTRAS_\w+ := .*\b{extra}\b", re.M)

    assert any(named.search(path.read_text("utf-8")) for path in places)
