"""Plain: say why a source cannot be assembled where the kernel confines nothing.

Without Landlock the files that nasm opens have to be known before it starts. So a source may then
only include files by a quoted name, and nothing may be in it that could make such a line.
"""

import re
from pathlib import Path

#: Directives and operators that build names of files, tokens or directives.
BUILDERS = re.compile(
    r"%\s*(?:deftok|pathsearch|depend|unimacro|unmacro|clear|use|strcat|substr|defstr|line)\b"
    r"|%\s*[\[+!{]|%\s*x?defalias|__\??PASS|\bmap\b",
    re.I,
)
#: `in%1`: a parameter that becomes a part of a word.
PASTED = re.compile(r"[A-Za-z_$@.?~]%[-+]?\d|%[-+]?\d+[A-Za-z_$@.?~]")
OPENS = re.compile(r"(?<![\w.$@?~])(%\s*i?include|incbin)(?![\w.$@?~])(.*)", re.I)
NAME = re.compile(r"""\s*(?:"([^"'`\\]+)"|'([^"'`\\]+)')\s*(?:,.*)?$""")
MOST = 100


def refusal(source: Path, roots: list[Path], shown: str) -> str | None:
    """Why nasm must not see this file or one that it includes; None: it may."""
    waiting, seen = [source], set[Path]()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if len(seen) > MOST:
            return f"{shown} includes more than {MOST} files"
        name = shown if path == source else path.name
        text = path.read_bytes().decode("latin-1").replace("\\\n", "")
        for number, line in enumerate(text.splitlines(), 1):
            line = _without_comment(line)
            if found := BUILDERS.search(line) or PASTED.search(line):
                return (
                    f"{name}:{number}: {found[0]!r} could name any file, and this kernel has no "
                    "Landlock to confine nasm: write it without"
                )
            if not (found := OPENS.search(line)):
                continue
            match = NAME.fullmatch(found[2])
            if match is None:
                return (
                    f"{name}:{number}: this kernel has no Landlock to confine nasm: write "
                    f'{found[1]} "FILE", in quotes'
                )
            wanted = match[1] or match[2]
            there = [each for root in roots if (each := (root / wanted).resolve()).is_file()]
            if not there or not all(_below(each, roots) for each in there) or wanted[0] == "/":
                return f"{name}:{number}: {wanted} is no file below {roots[-1].name}/"
            if found[1].lower() != "incbin":
                waiting += there
    return None


def _below(path: Path, roots: list[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _without_comment(line: str) -> str:
    """The line up to a semicolon that is in no string."""
    quote = ""
    for at, c in enumerate(line):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'`":
            quote = c
        elif c == ";":
            return line[:at]
    return line
