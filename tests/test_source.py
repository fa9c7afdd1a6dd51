"""The source keeps its shape: arrows point one way, words stay home, the core raises nothing."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pyx86emu"
CORE = sorted((PACKAGE / "core").rglob("*.pxi"))
PYTHON = sorted(p for p in PACKAGE.rglob("*.py") if "core" not in p.relative_to(PACKAGE).parts)
TESTS = sorted(p for p in (ROOT / "tests").rglob("*.py"))

# -- arrows ---------------------------------------------------------------------------------------

# Who may import whom: a line may import from the lines above it and from its own.
LAYERS = (
    "errors exits models owned irqfd",
    "_core",
    "events memory log clock bus device vm",
    "pc.devices pc.disks pc.screen pc.firmware pc",
    "pc.machine",
    "tools",  # whatever is not named here: measure, conformance ...
    "__init__",  # the public names
    "cli examples __main__",
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}


def module_name(path: Path) -> str:
    """Name a file as Python does: pyx86emu/pc/devices/uart.py is pyx86emu.pc.devices.uart."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in PYTHON} | {"pyx86emu._core"}


def rank(module: str) -> int:
    """Find the layer of pyx86emu.x.y.z: that of x.y if it has one, else that of x."""
    _, *rooms = module.split(".")
    named = RANK.get(".".join(rooms[:2]), RANK.get(rooms[0] if rooms else "__init__"))
    return RANK["tools"] if named is None else named


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """Undo the dots of a relative import."""
    if not node.level:
        return node.module or ""
    package = path.parent.relative_to(ROOT).parts
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def imported(path: Path, *, types: bool = True) -> Iterator[tuple[int, str]]:
    """List line and module of every import of ours in a file, also those inside functions."""
    tree = ast.parse(path.read_text("utf-8"))
    if not types:
        tree.body = [node for node in tree.body if "TYPE_CHECKING" not in ast.dump(node)[:60]]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, path)
            inner = [f"{source}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else source for name in inner]
        for name in names:
            if name.split(".")[0] == "pyx86emu":
                yield node.lineno, name


def test_arrows_point_one_way() -> None:
    turned = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in PYTHON
        for line, name in imported(path)
        if rank(name) > rank(module_name(path))
    ]

    assert not turned, "an upper layer is imported:\n" + "\n".join(turned)


def test_modules_import_each_other_in_no_circle() -> None:
    uses = {module_name(p): {name for _, name in imported(p, types=False)} for p in PYTHON}
    uses = {module: names - {module} for module, names in uses.items()}

    while free := {module for module, names in uses.items() if not names & uses.keys()}:
        uses = {module: names for module, names in uses.items() if module not in free}

    assert not uses, f"these import each other in a circle, or need one that does: {sorted(uses)}"


def test_the_core_imports_only_the_lowest_layer() -> None:
    sources = [PACKAGE / "_core.pyx", *CORE]
    ours = re.compile(r"^\s*(?:from|import)\s+(?:pyx86emu\.|\.)(\w+)", re.M)

    names = {name for path in sources for name in ours.findall(path.read_text("utf-8"))}

    assert names <= set(LAYERS[0].split()), f"_core imports {sorted(names)}"


# -- words ----------------------------------------------------------------------------------------

# (files, words that are not at home there)
FOREIGN_WORDS = (
    ("core/cpu/ops_alu.pxi", "port fd"),
    ("pc/devices/*.py", "vcpu modrm opcode"),
    ("pc/machine.py", "modrm"),
    ("cli/*.py", "_core"),
)


@pytest.mark.parametrize(("files", "words"), FOREIGN_WORDS)
def test_words_stay_home(files: str, words: str) -> None:
    pattern = re.compile(rf"\b({words.replace(' ', '|')})\b", re.I)

    assert not found(PACKAGE.glob(files), pattern)


def test_only_flags_pxi_writes_arithmetic_flags() -> None:
    pattern = re.compile(r"\.(res|aux|cfw)\s*[-+|&^]?=(?!=)")

    assert not found((p for p in CORE if p.name != "flags.pxi"), pattern)


def test_only_two_core_files_write_to_descriptors() -> None:
    pattern = re.compile(r"\bos\.p?writev?\(|\beventfd_write\(|(?<![\w.])p?writev?\([\w.]*fd\b")
    others = (p for p in CORE if p.name not in ("ioeventfd.pxi", "pic.pxi"))

    assert not found(others, pattern)


def test_a_todo_names_its_issue() -> None:
    pattern = re.compile(r"\b(TODO|FIXME|XXX)\b(?!.*#\d)")

    assert not found([PACKAGE / "_core.pyx", *CORE, *PYTHON], pattern)


def found(paths: Iterable[Path], pattern: re.Pattern[str]) -> list[str]:
    """List the lines that match."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


# -- tests ----------------------------------------------------------------------------------------

# Who may let time pass, and how often. A test waits for what has happened: tests/harness.py has
# wait_until, advance, entered and meanwhile.
SLEEPS = {
    "tests/harness.py": 1,  # the turns of wait_until
    "tests/fuzz/test_fuzz.py": 2,  # plants that hang
}


def test_no_test_waits_for_a_time() -> None:
    pattern = re.compile(r"\bsleep\(|\bimport\b.*\bsleep\b|\bthreading\.Timer\(")

    lines = found(TESTS, pattern)

    assert Counter(line.split(":")[0] for line in lines) == SLEEPS, "\n".join(lines)


# -- the core -------------------------------------------------------------------------------------


def code_lines(path: Path) -> Iterator[tuple[int, str]]:
    """List the lines of a Cython file that are not inside a triple-quoted string."""
    quoted = False
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not quoted:
            yield number, line
        quoted ^= line.count('"""') % 2 == 1


RETURNS_OBJECT = r"^cdef (?:inline )?(object|str|bytes|tuple|list|dict|[A-Z]\w+) \w+\("


def signatures(path: Path) -> Iterator[tuple[int, str]]:
    """List the C functions a file defines: line and signature on one line, up to the last colon."""
    start, text = 0, ""
    for number, line in code_lines(path):
        if not text:
            if not re.match(r"cdef\s+(?!class|struct|enum|extern|union|packed|public)", line):
                continue
            if "(" not in line:
                continue
            start = number
        text += " " + re.sub(r"\s+#.*", "", line).strip()
        if text.count("(") > text.count(")"):
            continue
        if text.endswith(":") or re.search(r":\s*(pass|return\b.*)$", text):
            yield start, text.strip()
        text = ""


def test_core_pyx_includes_every_file_once() -> None:
    text = (PACKAGE / "_core.pyx").read_text("utf-8")
    included = re.findall(r'^include "core/([\w/]+\.pxi)"', text, re.M)

    assert sorted(included) == [str(path.relative_to(PACKAGE / "core")) for path in CORE]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_functions_say_that_they_raise_nothing(path: Path) -> None:
    """Without `noexcept` a call costs 45 ns. Functions for the Python face say what they raise."""
    if path.name.startswith("ops_"):
        wanted = r"\bnoexcept nogil:"
    else:
        wanted = r"\bnoexcept( nogil| with gil)?:|\bexcept\b[^:]*(?<!nogil):|" + RETURNS_OBJECT

    wrong = [f"{line}: {text}" for line, text in signatures(path) if not re.search(wanted, text)]

    assert not wrong, f"{path.name}:\n" + "\n".join(wrong)


def test_the_core_has_no_global_variables() -> None:
    """Capital letters are constants: tables that are filled once, when the module is imported."""
    variable = re.compile(r"^cdef\s+(?!class|struct|enum|extern|union|packed|const|inline)[^(]*$")

    wrong = [
        f"{path.name}:{number}: {line}"
        for path in CORE
        for number, line in code_lines(path)
        if variable.match(line.split("#")[0].rstrip())
        and not re.match(r"cdef\s+[\w\s*]*?\*?\b[A-Z][A-Z0-9_]*\b\s*(\[.*)?(=.*)?$", line)
    ]

    assert not wrong, "\n".join(wrong)


# -- files ----------------------------------------------------------------------------------------

LIMIT = 600
# Longer ones, each with its reason. The list may only shrink.
LONG = {
    "pyx86emu/core/cpu/ops_grid.pxi": "generated by make_grid.py",
}


def lengths() -> dict[str, int]:
    """Count the lines of our sources."""
    files = [PACKAGE / "_core.pyx", *CORE, *PYTHON, *TESTS]
    files += [*(ROOT / "firmware").glob("*.asm"), *(ROOT / "firmware").glob("*.inc")]
    return {str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines()) for p in files}


def test_files_stay_short() -> None:
    long = {name: length for name, length in lengths().items() if length > LIMIT}

    assert long.keys() - LONG.keys() == set(), f"split these, or say why not: {long}"
    assert LONG.keys() - long.keys() == set(), "these are short now: take them off the list"


@pytest.mark.parametrize(
    "path", [PACKAGE / "_core.pyx", *CORE, *PYTHON], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_opens_by_saying_who_lives_there(path: Path) -> None:
    first = path.read_text("utf-8").lstrip().partition("\n")[0]

    assert re.match(r'(r?"""|# ?)[`\w]', first), f"the first line is {first!r}"


def test_every_directory_of_modules_is_a_package() -> None:
    missing = {path.parent for path in PYTHON if not (path.parent / "__init__.py").exists()}

    assert not missing, "no __init__.py, so not in the wheel"
