"""The pages and the project: what is named exists, what is shown runs, what is listed is all."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine, cli, models
from pyx86emu.cli import options, status
from pyx86emu.measure import boot, cpu, io, kernels
from tests import on_matplotlib, pages, tree
from tests.imports import LAYERS
from tests.pages import PAGES, ROOT

#: Pages that name files as they are now. The changelog names what has gone, too.
PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md"]

each_page = pytest.mark.parametrize("page", PAGES, ids=pages.name)
each_present_page = pytest.mark.parametrize("page", PRESENT, ids=pages.name)

# -- the text --------------------------------------------------------------------------------------


#: Written by a program, with a row of the list in each line.
GENERATED = {"docs/ROWS.md"}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if pages.name(page) not in GENERATED], ids=pages.name
)
def test_no_line_is_longer_than_120_columns(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()

    assert [f"line {n}: {len(line)}" for n, line in enumerate(lines, 1) if len(line) > 120] == []


@each_page
def test_code_stands_in_fences_that_name_its_language(page: Path) -> None:
    indented = re.findall(r"^\n {4,}\S.*", pages.prose(page), re.M)
    languages = {fence.language for fence in pages.fences(page)}

    assert not [line for line in indented if not re.match(r"\n *([-*]|\d+\.) ", line)]
    assert languages <= {"python", "sh", "text", "toml"}, (
        "python and sh are run, the others are shown"
    )


@each_page
def test_no_page_cites_a_document_that_is_not_here(page: Path) -> None:
    assert not re.findall(r"(?i)\bspec(?:ification)? section\b", page.read_text("utf-8"))


# -- what is named exists --------------------------------------------------------------------------


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page if not path else page.parent / path
        if not target.exists() or (anchor and anchor not in pages.anchors(target)):
            dead.append(link)

    assert not dead


FILE = re.compile(r"[\w./*<>-]*\.(?:pxi|pyx|pyi|py|h|md|asm|inc|bin|sym|json|toml|npz|png)\b")
#: Files that a command makes or reads, or that stand for any: they are in no list of ours.
NOT_OURS = re.compile(
    r"(dir|doorbell|hello|mips|entries|latency|limits-GROUP|file)\.png|boot\.bin|[ab]\.json|meta\.json|vectors\.npz"
    r"|(dos|disk)\.img|guests\.toml|repeat\.txt|FILE\.\w+"
    r"|.*NAME.*|.*<.*|.*/shared/.*|\.npz"
)


@pytest.fixture(scope="module")
def files() -> list[str]:
    """Every file of the project: /pyx86emu/vm.py and so on."""
    left_out = {".venv", ".build", ".git", "build", "dist", ".hypothesis", "__pycache__"}
    found = []
    for directory, inside, names in os.walk(ROOT):
        inside[:] = [name for name in inside if name not in left_out]
        found += [f"/{(Path(directory) / name).relative_to(ROOT).as_posix()}" for name in names]
    return found


@each_present_page
def test_every_file_that_a_page_names_exists(page: Path, files: list[str]) -> None:
    named = {name for text in pages.code(page) for name in FILE.findall(text)}
    named -= {name for name in named if NOT_OURS.fullmatch(name)}

    missing = [name for name in named if not any(fnmatch(path, f"*/{name}") for path in files)]

    assert not missing


@each_present_page
def test_every_directory_that_a_page_names_exists(page: Path) -> None:
    tops = "|".join(["pyx86emu", *tree.TOPS])
    named = {text for text in pages.code(page) if re.fullmatch(rf"(?:{tops})(?:/[\w-]+)+/?", text)}

    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.fixture(scope="module")
def tests_defined() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^\s*def (test_\w+)", path.read_text("utf-8"), re.M)
    }


@each_present_page
def test_every_test_that_a_page_names_exists(page: Path, tests_defined: set[str]) -> None:
    named = {text for text in pages.code(page) if re.fullmatch(r"test_\w+", text)}

    assert not named - tests_defined


def test_every_promise_of_reliability_says_what_holds_it() -> None:
    text = (ROOT / "docs" / "RELIABILITY.md").read_text("utf-8")

    assert "TODO" not in text
    assert len(set(re.findall(r"`(test_\w+)`", text))) > 60


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """The text of each source file, by its name."""
    suffixes = (".py", ".pxi", ".pyx", ".pyi", ".h")
    paths = [path for path in (ROOT / "pyx86emu").rglob("*") if path.suffix in suffixes]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


#: How the core works, by the names of its functions.
INSIDE = [ROOT / "docs" / page for page in ("CORE.md", "IO.md", "PERFORMANCE.md")]


@pytest.mark.parametrize("page", INSIDE, ids=pages.name)
def test_every_function_that_a_page_names_exists(page: Path, sources: dict[str, str]) -> None:
    named = {text for text in pages.code(page) if re.fullmatch(r"[a-z]\w*_\w+(\(\))?", text)}
    known = set(re.findall(r"\w+", " ".join(sources.values())))

    assert not {text.removesuffix("()") for text in named} - known


@pytest.mark.parametrize("page", INSIDE, ids=pages.name)
def test_a_function_is_in_the_file_that_a_page_names(page: Path, sources: dict[str, str]) -> None:
    text = re.sub(r"\s+", " ", pages.prose(page))
    placed = re.findall(r"`(\w+)(?:\(\))?` (?:\(|in )`([\w/]+\.pxi)`", text)

    wrong = [
        f"{name} in {file}"
        for name, file in placed
        if not any(
            re.search(rf"\b{name}\b", source)
            for path, source in sources.items()
            if path.endswith(f"/{file}")
        )
    ]

    assert placed or page.name != "CORE.md"
    assert not wrong


def test_every_field_of_the_cpu_that_a_page_names_exists() -> None:
    base = sorted((ROOT / "pyx86emu/core/base").glob("*.pxi"))
    source = "\n".join(path.read_text("utf-8") for path in base)
    structs = dict(re.findall(r"^cdef struct (\w+):[^\n]*\n(.*?)(?=^\S|\Z)", source, re.M | re.S))
    members = dict(re.findall(r"^    (\w+) (\w+)", structs["CPU"], re.M))
    sections = {name: structs[kind] for kind, name in members.items() if kind in structs}
    text = " ".join(code for page in PRESENT for code in pages.code(page))
    named = set(re.findall(r"\bc\.(\w+)(?:\.(\w+))?", text))

    wrong = [
        f"c.{section}.{field}"
        for section, field in named
        if section not in sections
        or (field and not re.search(rf"\b{field}\b(?!\.)", sections[section]))
    ]

    assert not wrong


# -- commands --------------------------------------------------------------------------------------

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[0].split())


@dataclass(frozen=True)
class Rule:
    """How a command of the pages is tried. `reason`: why it is not."""

    pattern: str
    reason: str = ""
    more: str = ""
    ends: tuple[int, ...] = (0,)
    where: str = "scratch"
    needs: str = ""
    slow: bool = False


TINY = "--scale 0.001 --repeats 1"
#: The first rule whose pattern the command begins with.
RULES = (
    Rule(r"make (\w+)$", reason="its target is compared with the Makefile"),
    Rule(r"pip install \.$", reason=".ci/run does it in a new environment"),
    Rule(r"qemu-system-i386 ", reason="tests/guests runs them on QEMU where it is installed"),
    Rule(r"nasm -f bin NAME", reason="NAME stands for any; tests/guests assembles all of them"),
    Rule(r"python firmware/build\.py$", reason="tests/pc/test_firmware.py builds and compares"),
    Rule(r"python pyx86emu/core/cpu/make_grid\.py$", reason="tests/core/test_grid.py compares"),
    Rule(r"python -m tests\.tools\.vectors all --record$", reason="it writes what is known"),
    Rule(r"python -m tests\.counted --record$", reason="it writes what is known"),
    Rule(r"\.venv/bin/pytest ", reason="its paths are compared with the directories"),
    Rule(r"grep ", where="project"),
    Rule(r"python docs/picture\.py ", where="scratch"),
    Rule(r"python bench/compare\.py a\.json b\.json$", needs="reports"),
    Rule(r"python -m pyx86emu bench doorbell --plot", more=TINY, needs="matplotlib"),
    Rule(r"python -m pyx86emu bench doorbell", more=TINY),
    Rule(r"python -m pyx86emu bench cpu", more=TINY, ends=(0, 8)),
    Rule(r"python -m pyx86emu bench --plot", more=TINY, ends=(0, 8), needs="matplotlib", slow=True),
    Rule(r"python -m pyx86emu bench\b", more=TINY, ends=(0, 8), slow=True),
    Rule(r"python -m pyx86emu conformance vectors/386", ends=(0, 8)),
    Rule(r"python -m pyx86emu conformance vectors\b", needs="vectors"),
    Rule(r"python -m pyx86emu dos\.img$", ends=(124,)),  # it waits for a key for a minute
    Rule(r"python -m pyx86emu -fda dos\.img -hda disk\.img ", ends=(124,)),
    Rule(r"python -m pyx86emu batch .*--dask ", reason="tests/cli/test_batch.py has a cluster"),
    Rule(r"dask ", reason="tests/on_dask.py starts a cluster from Python"),
    Rule(r"python -m tests\.model_page > ", reason="tests/core/test_models.py compares"),
    Rule(r"python -m pyx86emu\.forward SOCK ", reason="tests/forward/test_main.py runs it"),
    Rule(r"python -m pyx86emu(\.examples\.\w+)?( |$)"),
)


def commands() -> dict[str, str]:
    """Every shell command of the pages, and where it stands first."""
    found: dict[str, str] = {}
    for page in PAGES:
        for fence in pages.fences(page):
            for command in fence.commands if fence.language == "sh" else ():
                found.setdefault(command, f"{fence.page}:{fence.line}")
    return found


def rule_of(command: str) -> Rule | None:
    return next((rule for rule in RULES if re.match(rule.pattern, command)), None)


def test_every_command_is_run_or_has_a_reason() -> None:
    unknown = [
        f"{where}: {command}" for command, where in commands().items() if not rule_of(command)
    ]

    assert not unknown, "add a rule"


RUN = [
    pytest.param(
        command,
        rule,
        marks=[pytest.mark.release, *([pytest.mark.slow] if rule.slow else [])],
        id=f"{where} {command}",
    )
    for command, where in commands().items()
    if (rule := rule_of(command)) is not None and not rule.reason
]


def sector(program: str, *texts: bytes) -> bytes:
    """A boot sector. `program` has, for each text, its address as {0:04x}."""
    at = 0x7C00 + len(bytes.fromhex(program.format(*[0] * len(texts))))
    places = []
    for text in texts:
        places.append(struct.unpack(">H", struct.pack("<H", at))[0])
        at += len(text) + 1
    image = bytes.fromhex(program.format(*places)) + b"".join(text + b"\0" for text in texts)
    return image.ljust(510, b"\0") + b"\x55\xaa"


#: A prompt; keys are echoed, and Return is answered.
DOS = (
    "31c0 8ed8 be{0:04x} e81500"  # xor ax,ax; mov ds,ax; mov si,prompt; call say
    "30e4 cd16 b40e cd10 3c0d 75f4"  # key: read one, show it
    "be{1:04x} e80400 ebec 9090"  # mov si,free; call say; jmp key
    "ac 84c0 7406 b40e cd10 ebf5 c3"  # say: the text at DS:SI
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with everything that the commands of the pages name."""
    at = tmp_path_factory.mktemp("pages")
    (at / "dos.img").write_bytes(sector(DOS, b"A:\\>", b"\r\n 1,000 bytes free\r\nA:\\>"))
    (at / "boot.bin").write_bytes(bytes.fromhex("fa f4").ljust(510, b"\0") + b"\x55\xaa")
    (at / "prog.com").write_bytes(bytes.fromhex("c3"))  # ret, to the INT 20h of the PSP
    # cli; hlt, then a partition table: one, from sector 63 to the end
    partition = bytes.fromhex("80010100 04033fff 3f000000 c11f0000")
    hard_disk = (
        bytes.fromhex("fa f4").ljust(0x1BE, b"\0") + partition.ljust(64, b"\0") + b"\x55\xaa"
    )
    (at / "disk.img").write_bytes(hard_disk.ljust(8192 * 512, b"\0"))
    (at / "images").mkdir()
    shutil.copy(at / "boot.bin", at / "images")
    fleet = pages.fences(ROOT / "docs/FLEET.md")
    (at / "guests.toml").write_text(next(each.text for each in fleet if each.language == "toml"))
    (at / "docs").mkdir()
    shutil.copy(ROOT / "docs/picture.py", at / "docs")
    (at / "bench").mkdir()
    shutil.copy(ROOT / "bench/compare.py", at / "bench")
    shutil.copy(ROOT / "tests/tools/data/vectors-386.npz", at / "vectors.npz")
    (at / "vectors").mkdir()
    (at / "vectors/386").mkdir()
    shutil.copy(at / "vectors.npz", at / "vectors/386")
    return at


def call(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it by a shell; `python` is the one that runs the tests."""
    if command.startswith("python "):
        command = f"{shlex.quote(sys.executable)} {command.removeprefix('python ')}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("command", "rule"), RUN)
def test_a_command_of_the_pages_runs(
    command: str, rule: Rule, scratch: Path, shared: Callable[[str], Path]
) -> None:
    if rule.needs == "matplotlib":
        on_matplotlib.need()
    if rule.needs == "vectors":
        for chip in ("8086", "80286"):
            link = scratch / "vectors" / chip
            if not link.exists():
                link.symlink_to(shared(f"vectors/{chip}"))
    if rule.needs == "reports":
        for report in ("a.json", "b.json"):
            call(f"python -m pyx86emu bench cpu --json {TINY} > {report}", scratch)
    command, redirect, to = command.partition(" > ")

    done = call(
        f"{command} {rule.more}{redirect}{to}", ROOT if rule.where == "project" else scratch
    )

    assert done.returncode in rule.ends, done.stdout + done.stderr


PROGRAMS = [fence for page in PAGES for fence in pages.fences(page) if fence.language == "python"]


@pytest.mark.release
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda fence: f"{fence.page}:{fence.line}")
def test_a_program_of_the_pages_runs(program: pages.Fence, scratch: Path) -> None:
    (scratch / "program.py").write_text(program.text, "utf-8")

    done = call("python program.py", scratch)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@each_page
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    texts = [*pages.code(page), *(c for fence in pages.fences(page) for c in fence.commands)]
    named = {name for text in texts for name in re.findall(r"^make ((?:[a-z]+ ?)+)", text)}

    assert not {target for names in named for target in names.split()} - TARGETS


@each_present_page
def test_every_path_that_a_command_names_exists(page: Path) -> None:
    words = [
        word
        for fence in pages.fences(page)
        for command in (fence.commands if fence.language == "sh" else ())
        for word in command.split()
        if re.match(r"(tests|pyx86emu|bench|firmware)/", word)
    ]

    assert not [word for word in words if not (ROOT / word).exists()]


# -- lists -----------------------------------------------------------------------------------------

README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PERFORMANCE = ROOT / "docs/PERFORMANCE.md"


def cells(text: str) -> list[str]:
    """The names between backquotes in a cell."""
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture
def help_of(capsys: pytest.CaptureFixture[str]) -> Callable[[str], set[str]]:
    """The options that a verb has, `--help` among them."""

    def ask(verb: str) -> set[str]:
        with pytest.raises(SystemExit):
            cli.main([verb, "--help"])
        return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", capsys.readouterr().out))

    return ask


def test_the_options_that_the_readme_names_exist(help_of: Callable[[str], set[str]]) -> None:
    named = {text.split()[0] for text in pages.code(README) if re.match(r"--?[a-z]", text)}

    assert named
    assert named <= options.parser().known.keys()


def test_the_page_lists_every_option_of_conformance(help_of: Callable[[str], set[str]]) -> None:
    rows = pages.table(ROOT / "docs/CONFORMANCE.md", "| option |")

    assert {name for row in rows for name in cells(row[0])} == {
        option for option in help_of("conformance") if option not in ("-h", "--help")
    }


def test_the_readme_lists_every_exit_status() -> None:
    rows = pages.table(README, "| exit status |")
    known = {value for name, value in vars(status).items() if name.isupper()}

    listed = {int(row[0]) for row in rows if row[0].isdigit()}

    assert listed == known
    assert {"odd"} == {row[0] for row in rows if not row[0].isdigit()}
    assert all(re.search(rf"\b{number}\b", options.EPILOG) for number in known)


def test_contributing_lists_every_target_of_make() -> None:
    rows = pages.table(CONTRIBUTING, "| command | what it does |")

    assert {cells(row[0])[0].removeprefix("make ") for row in rows} == TARGETS - {"core"}


def test_contributing_says_what_ci_runs() -> None:
    script = (ROOT / ".ci/run").read_text("utf-8")
    rows = pages.table(CONTRIBUTING, "| command | what it does |")

    marked = {cells(row[0])[0] for row in rows if row[2]}

    assert marked == {f"make {t}" for t in re.findall(r"^stage .* make (\w+)", script, re.M)}


def test_contributing_shows_the_tree() -> None:
    text = tree.shown()

    assert text == tree.tree(tree.words(text)), "run: python tests/tree.py --write"
    assert "?" not in text, "say what the new directory is for"


def test_contributing_shows_the_arrows_between_modules() -> None:
    shown = next(fence for fence in pages.fences(CONTRIBUTING) if fence.text.startswith("errors "))

    assert tuple(" ".join(part.split()) for part in shown.text.split("<-")) == LAYERS


def test_the_list_of_the_firmware_has_every_file() -> None:
    rows = pages.table(ROOT / "firmware/README.md", "| file |")
    there = {path.name for path in (ROOT / "firmware").iterdir() if path.is_file()}

    assert {cells(row[0])[0] for row in rows} == there - {"README.md"}


def test_cpu_help_prints_the_rows_of_the_page_of_models() -> None:
    rows = pages.table(ROOT / "docs/MODELS.md", "| field | 8086 |")

    lines = [line.split() for line in models.text().splitlines()[2:]]

    assert [cells(row[0]) + row[1:6] for row in rows] == [line[:6] for line in lines]


def test_the_limits_of_the_benchmarks_are_those_of_the_page() -> None:
    compute = {cells(row[0])[0]: row[2:] for row in pages.table(PERFORMANCE, "| kernel | what ")}
    paths = {cells(row[0])[0]: row[1] for row in pages.table(PERFORMANCE, "| row | at least |")}
    start_up = {cells(row[0])[0]: row[2] for row in pages.table(PERFORMANCE, "| row | what |")}

    def number(text: str) -> float:
        return float(re.sub(r"[^\d.]", "", text))

    mips = {name: number(row[0]) for name, row in compute.items() if row[0]}
    unicorn = {name: number(row[1]) for name, row in compute.items() if row[1]}
    assert mips == cpu.MIPS_AT_3GHZ
    assert unicorn == cpu.TO_UNICORN
    assert {name: number(text) for name, text in paths.items()} == io.TO_WRITE_FLOOR
    limits = {name: number(text) for name, text in start_up.items() if text != "no limit"}
    assert limits == {name: limit for name, (limit, _, _) in boot.LIMITS.items()}


def test_the_page_lists_every_kernel() -> None:
    listed = {cells(row[0])[0] for row in pages.table(PERFORMANCE, "| kernel | what ")}

    names = {re.sub(r"^footprint-\d+K$", "footprint-NK", k.name) for k in kernels.KERNELS}
    assert listed == names


# -- what the readme says --------------------------------------------------------------------------


def test_until_matches_what_is_on_the_screen_already(
    machine: Callable[..., Machine],
) -> None:
    m = machine(sector(DOS, b"A:\\>", b""))
    assert m.run(until=r"A:\\>", timeout=10).reason is ExitReason.MATCH

    again = m.run(until=r"A:\\>", timeout=10)

    assert again.reason is ExitReason.MATCH


def test_the_picture_of_the_readme_is_a_small_png(scratch: Path) -> None:
    data = (ROOT / "docs/demo.png").read_bytes()

    done = call("python docs/picture.py new.png", scratch)

    assert done.returncode == 0
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) < 60_000
    assert data[8:33] == (scratch / "new.png").read_bytes()[8:33]  # the same size and colours
    assert "`python docs/picture.py docs/demo.png`" in README.read_text("utf-8")
