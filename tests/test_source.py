"""The source keeps its shape: arrows point one way, words stay home, the core raises nothing.

Each rule is a function that lists what breaks it in a tree. Below they stand BREAKS: for each rule
an edit that must be noticed.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import arrows
from tests.imports import LAYERS, TYPES_OF_THE_CORE, Tree, imported, rank

ROOT = Path(__file__).resolve().parents[1]


Rule = Callable[[Tree], list[str]]
RULES: list[Rule] = []


def rule(check: Rule) -> Rule:
    RULES.append(check)
    return check


# -- arrows of the Python modules ------------------------------------------------------------------


@rule
def imports_point_one_way(tree: Tree) -> list[str]:
    return [
        f"{tree.name(path)}:{line} imports {name}, of an upper layer"
        for path in tree.python
        for line, name in imported(path, tree, types=tree.module(path) not in TYPES_OF_THE_CORE)
        if rank(name) > rank(tree.module(path))
    ]


@rule
def modules_import_each_other_in_no_circle(tree: Tree) -> list[str]:
    uses = {
        tree.module(p): {name for _, name in imported(p, tree, types=False)} for p in tree.python
    }
    return [" ".join(knot) for knot in arrows.knots(uses)]


@rule
def the_core_imports_only_the_lowest_layer(tree: Tree) -> list[str]:
    lowest = "|".join(LAYERS[0].split())
    ours = re.compile(rf"^\s*(?:from|import)\s+(?:pyx86emu\.|\.)(?!(?:{lowest})\b)")
    return tree.lines([tree.pyx, *tree.core], ours)


# -- arrows of the core ----------------------------------------------------------------------------

# Files that need each other, and why that is natural. There is no other knot.
KNOTS = {
    ("cpu/interrupts", "cpu/memory"): "an access may fault; a fault is delivered through memory",
    (
        "cpu/decode",
        "cpu/forms",
        "cpu/forms_flow",
        "cpu/opcodes",
    ): "one decoder, cut by what a reader looks for",
    ("cpu/ops_grid", "cpu/peephole"): "the grid registers its fused handlers, by their traits",
}


@rule
def the_core_names_nothing_above_it(tree: Tree) -> list[str]:
    return tree.arrows.turned()


@rule
def the_core_has_only_the_natural_knots(tree: Tree) -> list[str]:
    found = {tuple(knot) for knot in tree.arrows.knots()}
    new = [f"these need each other: {' '.join(knot)}" for knot in found - KNOTS.keys()]
    return new + [f"is no knot any more: {' '.join(knot)}" for knot in KNOTS.keys() - found]


@rule
def a_listed_call_upwards_is_made(tree: Tree) -> list[str]:
    core = tree.arrows
    return [
        f"_core.pyx lists a call that nobody makes: {h}" for h in core.hooks if h not in core.called
    ]


@rule
def a_listed_call_upwards_is_needed(tree: Tree) -> list[str]:
    core = tree.arrows
    return [f"_core.pyx need not list {hook}" for hook in core.hooks if not core.needed(hook)]


@rule
def no_function_of_the_core_is_for_nobody(tree: Tree) -> list[str]:
    """Or only for the lab, which is the business of the conformance and bench verbs."""
    homes = tree.arrows.defined
    return [
        f"{homes[name]}.pxi: {name} is used by {'the lab only' if users else 'nobody'}"
        for name, users in tree.arrows.users.items()
        if not homes[name].startswith("lab/") and all(user.startswith("lab/") for user in users)
    ]


@rule
def core_pyx_includes_every_file_once(tree: Tree) -> list[str]:
    included = re.findall(r'^include "core/([\w/]+\.pxi)"', tree.pyx.read_text("utf-8"), re.M)
    there = {str(path.relative_to(tree.package / "core")) for path in tree.core}
    return sorted({name for name in included if included.count(name) > 1} | (there ^ set(included)))


@rule
def core_pyx_includes_in_the_order_of_the_layers(tree: Tree) -> list[str]:
    files = tree.arrows.files
    return [
        f"_core.pyx includes {name} too early: {after} is of a lower layer"
        for name, after in pairwise(files)
        if arrows.place(after) < arrows.place(name)
    ]


# -- words -----------------------------------------------------------------------------------------

# (files, words that are not at home there)
FOREIGN_WORDS = (
    ("core/cpu/ops_alu.pxi", "port fd"),
    ("core/cpu/ops_io.pxi", "pic pit port61"),
    ("core/io/bus.pxi", "pic pit port61"),
    ("core/run.pxi", "pic pit port61"),
    ("pc/devices/**/*.py", "vcpu modrm opcode"),
    ("pc/machine.py", "modrm"),
    ("cli/*.py", "_core"),
)


@rule
def words_stay_home(tree: Tree) -> list[str]:
    found = []
    for files, words in FOREIGN_WORDS:
        # `in_pic` says pic.
        word = words.replace(" ", "|")
        pattern = re.compile(rf"(?<![a-z0-9])({word})(?![a-z0-9])", re.I)
        paths = sorted(tree.package.glob(files))
        found += tree.lines(paths, pattern) if paths else [f"there is no {files}"]
    return found


@rule
def only_flags_pxi_writes_arithmetic_flags(tree: Tree) -> list[str]:
    pattern = re.compile(r"\.(res|aux|cfw)\s*[-+|&^]?=(?!=)")
    return tree.lines((p for p in tree.core if p.name != "flags.pxi"), pattern)


WRITES = re.compile(
    r"p?writev?2?|eventfd_write|send\w*|splice|vmsplice|tee|dprintf|SYS_\w*write\w*"
)
"""C functions that write to a descriptor."""


@rule
def only_sinks_pxi_writes_to_a_descriptor(tree: Tree) -> list[str]:
    """But for the lab, which measures what a write(2) costs."""
    declared: set[str] = set()
    for path in [tree.pyx, *tree.core]:
        text = path.read_text("utf-8")
        for match in re.finditer(r'(\w+)(?: "(\w+)")?(?=\(|$)', "\n".join(externs(text)), re.M):
            if WRITES.fullmatch(match[2] or match[1]):
                declared.add(match[1])
        for names in re.findall(r"^from (?:posix|libc)\.\w+ cimport (.*)", text, re.M):
            declared |= {name for name in re.findall(r"\w+", names) if WRITES.fullmatch(name)}
    if "io_write" not in declared:
        return ["sinks.pxi declares no function that writes: this rule is blind"]
    pattern = re.compile(rf"(?<![\w.])({'|'.join(sorted(declared))})\b|\bos\.({WRITES.pattern})\(")
    own = ("io/sinks.pxi", "lab/measure.pxi", "lab/latency.pxi")
    others = [p for p in tree.core if str(p.relative_to(tree.package / "core")) not in own]
    return tree.lines([tree.pyx, *others], pattern)


def externs(text: str) -> Iterator[str]:
    """The lines inside `cdef extern` blocks."""
    inside = False
    for line in text.splitlines():
        if line and not line[0].isspace():
            inside = line.startswith("cdef extern")
        elif inside:
            yield line


@rule
def a_todo_names_its_issue(tree: Tree) -> list[str]:
    pattern = re.compile(r"\b(TODO|FIXME|XXX)\b(?!.*#\d)")
    return tree.lines([tree.pyx, *tree.core, *tree.python], pattern)


# -- tests ----------------------------------------------------------------------------------------

# Who may let time pass, and how often. A test waits for what has happened: tests/harness.py has
# wait_until, advance, entered and meanwhile.
SLEEPS = {
    "tests/harness.py": 1,  # the turns of wait_until
    "tests/fuzz/test_fuzz.py": 2,  # plants that hang
}


@rule
def no_test_waits_for_a_time(tree: Tree) -> list[str]:
    pattern = re.compile(r"\bsleep\((?!0\))|\bimport\b.*\bsleep\b|\bthreading\.Timer\(")
    lines = tree.lines(tree.tests, pattern)
    counts = Counter(line.split(":")[0] for line in lines)
    return [line for line in lines if counts[line.split(":")[0]] != SLEEPS.get(line.split(":")[0])]


# -- the core --------------------------------------------------------------------------------------


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


@rule
def core_functions_say_that_they_raise_nothing(tree: Tree) -> list[str]:
    """Without `noexcept` a call costs 45 ns. Functions for the Python face say what they raise."""
    handler = r"\bnoexcept nogil:"
    other = r"\bnoexcept( nogil| with gil)?:|\bexcept\b[^:]*(?<!nogil):|" + RETURNS_OBJECT
    return [
        f"{path.name}:{line}: {text}"
        for path in tree.core
        for line, text in signatures(path)
        if not re.search(handler if path.name.startswith("ops_") else other, text)
    ]


@rule
def the_core_has_no_global_variables(tree: Tree) -> list[str]:
    """Capital letters are constants: tables that are filled once, when the module is imported."""
    known = "cdef IrqEntry *irq_process[IO_SINK_CHAINS]"  # one eventfd, one irqfd in a process
    variable = re.compile(r"^cdef\s+(?!class|struct|enum|extern|union|packed|const|inline)[^(]*$")
    constant = re.compile(r"cdef\s+[\w\s*]*?\*?\b[A-Z][A-Z0-9_]*\b\s*(\[.*)?(=.*)?$")
    return [
        f"{path.name}:{number}: {line}"
        for path in tree.core
        for number, line in code_lines(path)
        if variable.match(line.split("#")[0].rstrip())
        and not constant.match(line)
        and line.rstrip() != known
    ]


# -- files -----------------------------------------------------------------------------------------

LIMIT = 600
# Longer ones, each with its reason. The list may only shrink.
LONG = {
    "pyx86emu/core/cpu/ops_grid.pxi": "generated by make_grid.py",
}


def lengths(tree: Tree) -> dict[str, int]:
    """Count the lines of our sources."""
    files = [tree.pyx, *tree.core, *tree.python, *tree.tests]
    files += [*(tree.root / "firmware").glob("*.asm"), *(tree.root / "firmware").glob("*.inc")]
    return {tree.name(p): len(p.read_text("utf-8").splitlines()) for p in files}


@rule
def files_stay_short(tree: Tree) -> list[str]:
    return [
        f"{name} has {length} lines: split it, or say why not"
        for name, length in lengths(tree).items()
        if length > LIMIT and name not in LONG
    ]


@rule
def the_list_of_long_files_shrinks(tree: Tree) -> list[str]:
    found = lengths(tree)
    return [
        f"{name} is short now: take it off the list" for name in LONG if found.get(name, 0) <= LIMIT
    ]


@rule
def a_file_opens_by_saying_who_lives_there(tree: Tree) -> list[str]:
    first = {
        p: p.read_text("utf-8").lstrip().partition("\n")[0]
        for p in [tree.pyx, *tree.core, *tree.python]
    }
    return [
        f"the first line of {tree.name(path)} is {line!r}"
        for path, line in first.items()
        if not re.match(r'(r?"""|# ?)[`\w]', line)
    ]


@rule
def every_directory_of_modules_is_a_package(tree: Tree) -> list[str]:
    missing = {path.parent for path in tree.python if not (path.parent / "__init__.py").exists()}
    return [
        f"{tree.name(path)} has no __init__.py, so it is not in the wheel"
        for path in sorted(missing)
    ]


# -- the tests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", RULES, ids=lambda check: check.__name__)
def test_the_source_keeps_the_rule(check: Rule) -> None:
    found = check(Tree(ROOT))

    assert not found, "\n".join(found)


class Break(NamedTuple):
    """An edit that breaks a rule: `new` in place of `old`, or after the end of the file."""

    rule: Rule
    file: str
    new: str
    old: str = ""


UP = "\n\ncdef void peek(CPU* c) noexcept nogil:\n    run_core(c, 0, 0)\n"
ROUND = "\n\ncdef void peek(Rings* r) noexcept nogil:\n    rings_flush(r)\n"
CORE = "pyx86emu/core/"
BREAKS = (
    Break(imports_point_one_way, "pyx86emu/bus.py", "\nfrom .pc import machine\n"),
    Break(imports_point_one_way, "pyx86emu/pc/devices/uart.py", "\nimport pyx86emu.pc.machine\n"),
    Break(modules_import_each_other_in_no_circle, "pyx86emu/bus.py", "\nfrom . import vm\n"),
    Break(the_core_imports_only_the_lowest_layer, CORE + "face/vm.pxi", "\nfrom .vm import Vm\n"),
    Break(the_core_names_nothing_above_it, CORE + "base/flags.pxi", UP),
    Break(the_core_names_nothing_above_it, CORE + "chips/pit.pxi", UP),
    Break(the_core_names_nothing_above_it, CORE + "cpu/ops_io.pxi", UP),
    Break(the_core_names_nothing_above_it, CORE + "run.pxi", "\nprint(Vm)\n"),
    Break(the_core_names_nothing_above_it, CORE + "face/vm.pxi", '\nprint(f"{run_vectors!r}")\n'),
    Break(the_core_has_only_the_natural_knots, CORE + "io/find.pxi", ROUND),
    Break(
        the_core_has_only_the_natural_knots,
        CORE + "cpu/memory.pxi",
        "\n",
        "    return fault(c, o, c.m.ss_vector if seg == SS else 13)\n",
    ),
    Break(
        a_listed_call_upwards_is_made, "pyx86emu/_core.pyx", "#   run_core  io/bus -> run  why\n"
    ),
    Break(a_listed_call_upwards_is_made, CORE + "run.pxi", "", "        call_timer(c, now)\n"),
    Break(
        a_listed_call_upwards_is_needed,
        "pyx86emu/_core.pyx",
        "#   want  run -> base/threads  why\n",
    ),
    Break(no_function_of_the_core_is_for_nobody, CORE + "base/flags.pxi", ROUND),
    Break(no_function_of_the_core_is_for_nobody, CORE + "run.pxi", UP.replace("peek", "run_steps")),
    Break(core_pyx_includes_every_file_once, "pyx86emu/_core.pyx", "", 'include "core/run.pxi"\n'),
    Break(core_pyx_includes_every_file_once, "pyx86emu/_core.pyx", 'include "core/run.pxi"\n'),
    Break(
        core_pyx_includes_in_the_order_of_the_layers,
        "pyx86emu/_core.pyx",
        'include "core/run.pxi"\ninclude "core/observe.pxi"\n',
        'include "core/observe.pxi"\n',
    ),
    Break(imports_point_one_way, "pyx86emu/backend.py", "\nfrom . import _core\n"),
    Break(words_stay_home, CORE + "cpu/ops_alu.pxi", "\n# Is it a port?\n"),
    Break(words_stay_home, CORE + "cpu/ops_io.pxi", "\n    return in_pic(c, o, port)\n"),
    Break(words_stay_home, CORE + "io/bus.pxi", "\n    pit_read(state, port, now)\n"),
    Break(words_stay_home, CORE + "run.pxi", "\n# Port61 is read.\n"),
    Break(words_stay_home, "pyx86emu/pc/devices/uart.py", "\n# The vcpu waits.\n"),
    Break(words_stay_home, "pyx86emu/pc/devices/floppy/chip.py", "\n# An opcode.\n"),
    Break(words_stay_home, "pyx86emu/pc/machine.py", "\n# ModRM\n"),
    Break(words_stay_home, "pyx86emu/cli/run.py", "\nfrom pyx86emu import _core\n"),
    Break(only_flags_pxi_writes_arithmetic_flags, CORE + "run.pxi", "\n    c.arch.aux |= 1\n"),
    Break(
        only_sinks_pxi_writes_to_a_descriptor, CORE + "io/rings.pxi", "\n    io_write(1, NULL, 0)\n"
    ),
    Break(
        only_sinks_pxi_writes_to_a_descriptor,
        CORE + "face/irqfd_api.pxi",
        '\ncdef extern from "<sys/eventfd.h>":\n    int add "eventfd_write"(int, uint64_t)\n',
    ),
    Break(
        only_sinks_pxi_writes_to_a_descriptor, CORE + "face/vm.pxi", "\nos.eventfd_write(3, 1)\n"
    ),
    Break(
        only_sinks_pxi_writes_to_a_descriptor,
        CORE + "io/bus.pxi",
        "\nfrom posix.unistd cimport write\n",
    ),
    Break(
        only_sinks_pxi_writes_to_a_descriptor,
        CORE + "io/sinks.pxi",
        "",
        '    ssize_t io_write "write"',
    ),
    Break(a_todo_names_its_issue, CORE + "io/find.pxi", "\n# TODO: look here\n"),
    Break(a_todo_names_its_issue, "pyx86emu/vm.py", "\n# FIXME later\n"),
    Break(
        core_functions_say_that_they_raise_nothing,
        CORE + "cpu/ops_alu.pxi",
        "\ncdef Op* nothing(CPU* c, Op* o):\n    return o\n",
    ),
    Break(
        core_functions_say_that_they_raise_nothing,
        CORE + "base/threads.pxi",
        "\ncdef int nothing(CPU* c,\n                 Op* o) nogil:\n    return 0\n",
    ),
    Break(no_test_waits_for_a_time, "tests/io/test_bus.py", f"\nthreading.Timer{'('}1, print)\n"),
    Break(the_core_has_no_global_variables, CORE + "run.pxi", "\ncdef int counter = 0\n"),
    Break(the_core_has_no_global_variables, CORE + "run.pxi", "\ncdef uint8_t table[16]\n"),
    Break(files_stay_short, CORE + "run.pxi", "# ...\n" * LIMIT),
    Break(files_stay_short, "tests/arrows.py", "# ...\n" * LIMIT),
    Break(
        a_file_opens_by_saying_who_lives_there, "pyx86emu/bus.py", 'import os\n\n"""The', '"""The'
    ),
    Break(a_file_opens_by_saying_who_lives_there, CORE + "run.pxi", "cdef enum:", "# The run loop"),
    Break(
        every_directory_of_modules_is_a_package,
        "pyx86emu/pc/devices/new/lamp.py",
        '"""A lamp."""\n',
    ),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, to be broken."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("pyx86emu", "tests", "firmware"):
        shutil.copytree(
            ROOT / name, root / name, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    return root


@pytest.mark.parametrize(
    "broken", BREAKS, ids=lambda each: f"{each.rule.__name__}: {each.file.removeprefix(CORE)}"
)
def test_a_broken_rule_is_noticed(broken: Break, copy: Path) -> None:
    path = copy / broken.file
    before = path.read_text("utf-8") if path.exists() else None
    assert before is None or broken.old in before, f"there is nothing to break: {broken}"
    assert not broken.rule(Tree(copy))
    path.parent.mkdir(exist_ok=True)
    edited = (
        before.replace(broken.old, broken.new, 1)
        if before and broken.old
        else f"{before or ''}{broken.new}"
    )
    path.write_text(edited, "utf-8")
    try:
        assert broken.rule(Tree(copy))
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before, "utf-8")


def test_the_list_of_long_files_is_looked_at(copy: Path) -> None:
    path = copy / next(iter(LONG))
    before = path.read_text("utf-8")
    path.write_text("# Short.\n", "utf-8")

    found = the_list_of_long_files_shrinks(Tree(copy))

    path.write_text(before, "utf-8")
    assert found


def test_every_rule_is_broken_once() -> None:
    assert {each.rule for each in BREAKS} == {*RULES} - {the_list_of_long_files_shrinks}
