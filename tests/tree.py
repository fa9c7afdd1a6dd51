"""The tree in CONTRIBUTING.md: compare it with the directories, or write its lists of files again.

`python tests/tree.py` prints it as it should be, `python tests/tree.py --write` puts it there. The
words after a directory's name are written by hand and kept. A new directory gets "?", and the test
asks for its words.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
MARKS = re.compile(r"(<!-- tree -->\n```text\n)(.*?)(```\n<!-- /tree -->)", re.S)
#: Below these every directory has a line; where the second is true, every file is named.
TOPS = {"pyx86emu": True, "firmware": False, "bench": False, "docs": False, "tests": False}
SOURCES = {".py", ".pxi", ".pyx", ".pyi", ".h"}
WIDTH = 120
INDENT = 4 * " "


def directories(top: Path) -> list[Path]:
    """The directory and all below it that hold something of the project, in order."""
    inside = [path for path in top.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    kept = [path for path in inside if any(file.is_file() for file in path.iterdir())]
    return [top, *sorted(kept)]


def files(directory: Path) -> list[str]:
    """The source files in it; a package is named by its directory."""
    names = (path.name for path in directory.iterdir() if path.suffix in SOURCES)
    return sorted(name for name in names if name != "__init__.py")


def words(text: str) -> dict[str, str]:
    """What the tree says of each directory, by its path."""
    lines = re.findall(r"^ *([\w./]+)/ {2,}(\S.*)$", text, re.M)
    return {name: what.strip() for name, what in lines}


def tree(said: dict[str, str]) -> str:
    """The tree, with these words."""
    lines = []
    for top, named in TOPS.items():
        for directory in directories(ROOT / top):
            name = directory.relative_to(ROOT).as_posix()
            lines.append(f"{name + '/':<28}  {said.get(name, '?')}")
            if named:
                inside = " ".join(files(directory))
                lines += wrap(inside, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    return "\n".join(lines) + "\n"


def shown() -> str:
    """The tree as the page has it."""
    found = MARKS.search(PAGE.read_text("utf-8"))
    if found is None:
        raise SystemExit(f"{PAGE.name} has no tree between <!-- tree --> and <!-- /tree -->")
    return found[2]


def main(args: list[str]) -> None:
    """Print the tree, or write it."""
    text = tree(words(shown()))
    if args == ["--write"]:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(MARKS.sub(lambda found: found[1] + text + found[3], page), "utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
