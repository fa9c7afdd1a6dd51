"""The pages of the project, taken apart: fences, links, headings, code. Judges nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "bench/*.md", "firmware/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)


def name(page: Path) -> str:
    """The page as messages and test names show it."""
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Fence:
    """A block of code: the page, the line of its first mark, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its shell commands, without comments; a backslash joins two lines."""
        lines = self.text.replace("\\\n", " ").splitlines()
        bare = (re.sub(r"(^|\s+)#\s.*$", "", line).strip() for line in lines)
        return [line for line in bare if line]


def fences(page: Path) -> list[Fence]:
    """Every block of code, its indentation taken away."""
    text = page.read_text("utf-8")
    found = []
    for match in FENCE.finditer(text):
        indent, language, code = match.groups()
        code = re.sub(rf"^{indent}", "", code, flags=re.M)
        found.append(Fence(name(page), text[: match.start()].count("\n") + 1, language, code))
    return found


def prose(page: Path) -> str:
    """The text without blocks of code; lines keep their numbers."""
    return FENCE.sub(lambda found: "\n" * found[0].count("\n"), page.read_text("utf-8"))


def code(page: Path) -> list[str]:
    """What stands between backquotes in the prose."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: Path) -> list[str]:
    """The targets of links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def anchors(page: Path) -> set[str]:
    """What `#...` may name in a link to this page: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    bare = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {text.replace(" ", "-") for text in bare}


def table(page: Path, head: str) -> list[list[str]]:
    """The rows of the table whose head line begins so, each as its cells."""
    _, found, rest = page.read_text("utf-8").partition(f"\n{head}")
    if not found:
        raise AssertionError(f"{name(page)} has no table that begins with {head!r}")
    rows = []
    for line in rest.splitlines()[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows
