"""The arrows between the files of the core: which file uses a name that another one defines.

    python tests/arrows.py [ROOT] [-v]

prints files, arrows and knots of the checkout in ROOT (default: this one); -v lists each arrow with
the names it is made of. The core is one C file made of many included ones, so the compiler does not
mind who uses whom; tests/test_source.py does.

What counts as a definition: functions, structs, enum members, typedefs, tables, classes, and what
an `extern` block of a file declares. What counts as a use: such a name outside comments and
strings (inside the fields of an f-string it does count), unless it is an attribute, a keyword
argument, or a parameter or variable of the function it stands in.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

TOP = "_core"
"""The name of _core.pyx itself."""


class Token(NamedTuple):
    line: int
    column: int
    kind: str  # name, op, string, newline
    text: str


LEXEME = re.compile(
    r"""(?P<comment>\#[^\n]*|\\\n)
      | (?P<long>[rRbBuUfF]{0,2}(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}))
      | (?P<string>[rRbBuUfF]{0,2}(?:\"(?:\\.|[^\\\n\"])*\"|'(?:\\.|[^\\\n'])*'))
      | (?P<name>[A-Za-z_]\w*)
      | (?P<number>\d[\w.]*)
      | (?P<newline>\n)
      | (?P<op>:=|[=!<>]=|\S)""",
    re.X | re.S,
)
KEYWORDS = frozenset(
    """and as assert break cdef class continue cpdef cimport ctypedef def del elif else enum except
    extern finally for from fused gil global if import in include inline is lambda nogil noexcept
    nonlocal not or packed pass public raise readonly return struct try union while with yield
    None True False NULL sizeof const unsigned signed""".split()  # noqa: SIM905
)


def tokens(text: str, line: int = 1, column: int = 0) -> Iterator[Token]:
    """Cut a source into tokens; of an f-string come the tokens of its fields."""
    start = -column
    for match in LEXEME.finditer(text):
        kind, lexeme = str(match.lastgroup), match.group()
        if kind in ("long", "string"):
            yield Token(line, match.start() - start, "string", "")
            if "f" in lexeme[: lexeme.index(lexeme[-1])].lower():
                for part in fields(lexeme):
                    yield from tokens(part, line, 1)
        elif kind != "comment":
            yield Token(line, match.start() - start, kind, lexeme)
        if breaks := lexeme.count("\n"):
            line += breaks
            start = match.start() + lexeme.rindex("\n") + 1


def fields(string: str) -> Iterator[str]:
    """List the expressions in an f-string, those of its format specifications too."""
    depth = begin = 0
    for i, char in enumerate(string.replace("{{", "  ").replace("}}", "  ")):
        if char == "{":
            depth += 1
            begin = i + 1
        elif char == "}" and depth:
            depth -= 1
            if begin:
                yield re.split(r"![rsa]\b|:(?!=)", string[begin:i])[0]
            begin = 0


def split(stream: list[Token], column: int) -> Iterator[list[Token]]:
    """Cut into statements that begin at `column`; what is indented belongs to the one before."""
    depth, chunk, first = 0, list[Token](), True
    decorated = False
    for token in stream:
        if token.kind == "newline":
            first = first or not depth
        else:
            if first and not depth and token.column == column:
                if chunk and not decorated:
                    yield chunk
                    chunk = []
                decorated = token.text == "@"
            depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "op" else 0
            first = False
        if chunk or token.kind != "newline":
            chunk.append(token)
    if chunk:
        yield chunk


def lines(stream: list[Token]) -> Iterator[list[Token]]:
    """Cut into logical lines."""
    depth, line = 0, list[Token]()
    for token in stream:
        if token.kind == "op":
            depth += (token.text in "([{") - (token.text in ")]}")
        if token.kind != "newline":
            line.append(token)
        elif not depth and line:
            yield line
            line = []
    if line:
        yield line


def at_commas(stream: list[Token]) -> Iterator[list[Token]]:
    """Cut at the commas outside brackets."""
    depth, part = 0, list[Token]()
    for token in stream:
        if token.kind == "op":
            depth += (token.text in "([{") - (token.text in ")]}")
            if token.text == "," and not depth:
                yield part
                part = []
                continue
        part.append(token)
    yield part


def until(stream: list[Token], ends: str) -> list[Token]:
    """The tokens before the first of `ends` outside brackets."""
    depth = 0
    for i, token in enumerate(stream):
        if token.kind == "op":
            if not depth and token.text in ends.split():
                return stream[:i]
            depth += (token.text in "([{") - (token.text in ")]}")
    return stream


def declarator(part: list[Token]) -> Token | None:
    """The name that `TYPE name[N] = value` or `TYPE (*name)(...)` declares."""
    part = until(part, "=")
    names, depth = list[Token](), 0
    for i, token in enumerate(part):
        if token.text == "(" and part[i + 1 : i + 2] and part[i + 1].text == "*":
            return next((t for t in part[i:] if t.kind == "name"), None)
        if token.kind == "op":
            depth += (token.text in "([{") - (token.text in ")]}")
        elif token.kind == "name" and not depth and token.text not in KEYWORDS:
            names.append(token)
    return names[-1] if names else None


def bracketed(stream: list[Token], at: int) -> list[Token]:
    """What stands in the brackets that open at `at`."""
    depth = 0
    for i, token in enumerate(stream[at:], at):
        if token.kind == "op":
            depth += (token.text in "([{") - (token.text in ")]}")
            if not depth:
                return stream[at + 1 : i]
    return stream[at + 1 :]


# -- one statement ---------------------------------------------------------------------------------


@dataclass
class Statement:
    """What a statement at the top of a file defines, declares ahead, and uses."""

    defines: list[str] = field(default_factory=list)
    ahead: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)  # those of C
    uses: dict[str, int] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)  # structs that it only has pointers to


def undecorated(stream: list[Token]) -> list[Token]:
    """Without its decorators."""
    rest = [line for line in lines(stream) if line[0].text != "@"]
    return [t for line in rest for t in (*line, Token(line[-1].line, 0, "newline", "\n"))]


def function(words: list[Token]) -> int | None:
    """The index of the `(` of the parameters; None: it is no function."""
    for i, token in enumerate(words):
        if token.text == "(" and i and words[i - 1].kind == "name" and words[i + 1].text != "*":
            return None if words[i - 1].text in KEYWORDS else i
        if token.text in ("=", "[", ":"):
            return None
    return None


def statement(stream: list[Token]) -> Statement:
    """Read one statement of a file."""
    found = Statement()
    stream = undecorated(stream)
    if not stream:
        return found
    words = [t for t in stream if t.kind != "newline"]
    text = [t.text for t in words]
    head = text[0]
    if head in ("import", "from", "cimport", "include"):
        return found
    if head == "class" or head == "def" or text[:2] == ["cdef", "class"]:
        name = text[1] if head != "cdef" else text[2]
        body = ":" in text
        (found.defines if body else found.ahead).append(name)
        if head == "def":
            use_function(words, function(words) or 0, found)
        else:
            use_class(stream, found)
    elif text[:2] == ["cdef", "extern"]:
        declare_extern(stream, found)
    elif text[:2] == ["cdef", "enum"]:
        for i, line in enumerate(lines(stream)):
            if i:
                found.defines.append(line[0].text)
                use(line[1:], set(), found)
    elif head == "cdef" and {"struct", "union"} & set(text[1:3]):
        name = text[text.index("struct" if "struct" in text[1:3] else "union") + 1]
        (found.defines if ":" in text else found.ahead).append(name)
        use_fields(list(lines(stream))[1:], found)
    elif head == "ctypedef" and "fused" in text:
        found.defines.append(text[2])
    elif head == "ctypedef":
        named = declarator(words[1:])
        found.defines += [named.text] if named else []
        for word, after in pairwise(words[1:]):
            if word.kind == "name" and after.text == "*":
                found.points.setdefault(word.text, word.line)
        pointed = [t for t in words[1:] if t.text not in found.points]
        use(pointed, {named.text} if named else set(), found)
    elif head in ("cdef", "cpdef"):
        at = function(words)
        if at is None:
            declare(words[1:], found.defines, found)
        elif until(words, ":") != words:
            found.defines.append(text[at - 1])
            found.functions.append(text[at - 1])
            use_function(words, at, found)
        else:
            found.ahead.append(text[at - 1])
    else:
        if len(text) > 1 and text[1] == "=":
            found.defines.append(head)
        use(words, local_names(stream), found)
    return found


def declare(words: list[Token], names: list[str], found: Statement) -> None:
    """`TYPE a, b = value`: note its names, use the rest."""
    for part in at_commas(words):
        named = declarator(part)
        if named:
            names.append(named.text)
        use([t for t in part if t is not named], set(), found)


def declare_extern(stream: list[Token], found: Statement) -> None:
    """The names that an `extern` block declares belong to the file it stands in."""
    inner = list(lines(stream))[1:]
    for line in inner:
        if line[0].column > inner[0][0].column:
            continue  # a field of a struct
        line = [t for t in line if t.kind != "string" and t.text not in (":", "pass")]
        at = function(line)
        named = line[at - 1] if at is not None else declarator(line)
        if named:
            found.defines.append(named.text)


def use_fields(members: Iterable[list[Token]], found: Statement) -> None:
    """The fields of a struct. A pointer to another struct needs to know no more than its name."""
    for line in members:
        if line[0].kind == "name" and len(line) > 2 and line[1].text == "*":
            found.points.setdefault(line[0].text, line[0].line)
            line = line[1:]
        declare(line, [], found)


def use_class(stream: list[Token], found: Statement) -> None:
    """Each method is a function by itself; attributes are no names of the file."""
    head = next(lines(stream))
    use(head, {*found.defines, *found.ahead}, found)
    body = stream[len(head) + 1 :]
    inner = next((t.column for t in body if t.kind != "newline"), 4)
    for chunk in split(body, inner):
        chunk = undecorated(chunk)
        words = [t for t in chunk if t.kind != "newline"]
        at = function(words)
        if words[0].text in ("def", "cdef", "cpdef") and at is not None:
            use_function(words, at, found, chunk)
        elif words[0].text == "cdef":
            declare(words[1:], [], found)
        else:
            use(words, local_names(chunk), found)


def use_function(
    words: list[Token], at: int, found: Statement, stream: list[Token] | None = None
) -> None:
    parameters = bracketed(words, at)
    known = set[str]()
    for part in at_commas(parameters):
        named = declarator([t for t in part if t.text not in ("not", "None", ",")])
        if named:
            known.add(named.text)
    known |= local_names(words if stream is None else stream)
    use(words[: at - 1] + words[at:], known, found)


def local_names(stream: list[Token]) -> set[str]:
    """Variables: declared by cdef, assigned, bound by for, as, lambda, import or an inner def."""
    known = set[str]()
    for i, token in enumerate(stream):
        after = stream[i + 1 :]
        if token.text == "for" and token.kind == "name":
            known |= {t.text for t in before_word(after, "in") if t.kind == "name"}
        elif token.text == "lambda" and token.kind == "name":
            known |= {t.text for t in until(after, ":") if t.kind == "name"}
        elif token.text in ("as", "import") and after:
            known.add(after[0].text)
        elif token.text == ":=" and i:
            known.add(stream[i - 1].text)
        elif token.text == "def" and i:
            at = function(after)
            known |= {t.text for t in bracketed(after, at or 0) if t.kind == "name"}
    for line in lines(by_line(stream)):
        if line[0].text == "cdef" and function(line) is None:
            for part in at_commas(line[1:]):
                named = declarator(part)
                known |= {named.text} if named else set()
        else:
            known |= targets(line)
    return known - KEYWORDS


def targets(line: list[Token]) -> set[str]:
    """The names that a line assigns to: `a = `, `a, b = `."""
    left = until(line, "=")
    if left == line:
        return set()
    parts = [part for part in at_commas(left) if len(part) == 1]
    return {part[0].text for part in parts if part[0].kind == "name"}


def before_word(stream: list[Token], word: str) -> list[Token]:
    return stream[: next((i for i, t in enumerate(stream) if t.text == word), 0)]


def by_line(stream: list[Token]) -> list[Token]:
    """With the newlines put back, if they were taken out: a token further left on a new line."""
    if any(t.kind == "newline" for t in stream):
        return stream
    out = list[Token]()
    for token in stream:
        if out and token.line != out[-1].line:
            out.append(Token(token.line, 0, "newline", "\n"))
        out.append(token)
    return out


def use(words: list[Token], known: set[str], found: Statement) -> None:
    """Note the names that are not known here."""
    depth = 0
    for i, token in enumerate(words):
        if token.kind == "op":
            depth += (token.text in "([{") - (token.text in ")]}")
        if token.kind != "name" or token.text in KEYWORDS or token.text in known:
            continue
        if i and words[i - 1].text == ".":
            continue
        if depth and i + 1 < len(words) and words[i + 1].text == "=":
            continue
        found.uses.setdefault(token.text, token.line)


# -- the core --------------------------------------------------------------------------------------

# Who may use whom: a file may use those in the lines above it and in its own line. A file that is
# not named has the place of its folder.
LAYERS = (
    "base/numbers base/models io/sinks io/find io/rings io/registry io/coalesced chips",
    "base",
    "io cpu chips/owner chips/access chips/vga_access",
    "observe",
    "run",
    "face",
    "virtio",
    "lab",
)
PLACE = {name: place for place, names in enumerate(LAYERS) for name in names.split()}

HOOK = re.compile(r"^#   (\w+) +([\w/]+) -> ([\w/]+)  +(\w.*)$", re.M)
"""A line of the list of calls upwards in _core.pyx: function, caller, who has it, the reason."""


def place(name: str) -> int:
    """The layer of a file: its own if it has one, else that of its folder."""
    named = PLACE.get(name, PLACE.get(name.split("/")[0]))
    return len(LAYERS) if named is None else named


class Hook(NamedTuple):
    name: str
    caller: str
    home: str
    reason: str


@dataclass
class Core:
    """The files of a core in the order in which they are included, and the arrows between them."""

    files: list[str]
    defined: dict[str, str]  # name -> file
    arrows: dict[
        tuple[str, str], dict[str, int]
    ]  # from, to -> names, and where they are first used
    hooks: list[Hook]  # calls upwards that _core.pyx lists
    called: set[Hook]  # those that there are
    users: dict[str, set[str]]  # C function -> the files that use it, its own too

    def knots(self, more: Iterable[tuple[str, str]] = ()) -> list[list[str]]:
        """The sets of files that need each other; `more`: if there were these arrows too."""
        outline: dict[str, set[str]] = {name: set() for name in self.files}
        for start, end in (*self.arrows, *more):
            outline[start].add(end)
        return knots(outline)

    def needed(self, hook: Hook) -> bool:
        """Would the call turn an arrow or tie a knot, if it were not listed?"""
        more = (hook.caller, hook.home)
        return place(hook.home) > place(hook.caller) or self.knots([more]) != self.knots()

    def turned(self) -> list[str]:
        """The arrows from a lower layer to a higher one."""
        return [
            f"{start}.pxi:{line} uses {word} of {end}.pxi"
            for (start, end), names in self.arrows.items()
            if place(end) > place(start)
            for word, line in names.items()
        ]


@cache
def statements(source: str) -> list[Statement]:
    """Read a file."""
    return [statement(part) for part in split(list(tokens(source)), 0)]


def read(root: Path) -> Core:
    """Read pyx86emu/_core.pyx of a checkout, and what it includes."""
    package = root / "pyx86emu"
    top = (package / "_core.pyx").read_text("utf-8")
    files = re.findall(r'^include "core/([\w/]+)\.pxi"', top, re.M)
    sources = {name: (package / f"core/{name}.pxi").read_text("utf-8") for name in files}
    found = {name: statements(text) for name, text in {TOP: top, **sources}.items()}
    defined: dict[str, str] = {}
    for name, parts in found.items():
        for each in parts:
            for word in each.defines:
                defined.setdefault(word, name)
    ahead = {word for each in found[TOP] for word in each.ahead}
    hooks = [Hook(*match.groups()) for match in HOOK.finditer(top)]
    users: dict[str, set[str]] = {
        word: set() for each in found.values() for one in each for word in one.functions
    }
    by_call = {(hook.name, hook.caller, hook.home): hook for hook in hooks}
    arrows: dict[tuple[str, str], dict[str, int]] = {}
    called: set[Hook] = set()
    for name in files:
        for each in found[name]:
            for word in each.uses.keys() & users.keys() - set(each.functions):
                users[word].add(name)
            points = {word: line for word, line in each.points.items() if word not in ahead}
            for word, line in (each.uses | points).items():
                home = defined.get(word)
                if home is None or home in (name, TOP):
                    continue
                if hook := by_call.get((word, name, home)):
                    called.add(hook)
                else:
                    arrows.setdefault((name, home), {}).setdefault(word, line)
    return Core(files, defined, arrows, hooks, called, users)


def knots(outline: dict[str, set[str]]) -> list[list[str]]:
    """The sets of files that all lead to each other (strongly connected components, Tarjan)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in sorted(outline.get(name, ())):
            if other not in number:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], number[other])
        if low[name] == number[name]:
            knot = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(knot) > 1:
                out.append(sorted(knot))

    for name in outline:
        if name not in number:
            visit(name)
    return sorted(out, key=len, reverse=True)


def report(core: Core, *, all_arrows: bool = False) -> Iterator[str]:
    """The lines that are printed."""
    tied = core.knots()
    numbers = f"{len(core.files)} files, {len(core.arrows)} arrows, {len(tied)} knots"
    in_folders = any("/" in name for name in core.files)
    yield f"{numbers}, {len(core.turned())} names used upwards" if in_folders else numbers
    if all_arrows:
        for start in core.files:
            for (name, end), names in core.arrows.items():
                if name == start:
                    yield f"  {start} -> {end}: {' '.join(sorted(names))}"
    yield from (f"upwards: {each}" for each in core.turned() if in_folders)
    for hook in core.hooks:
        yield f"hook: {hook.caller} calls {hook.name} of {hook.home}: {hook.reason}"
    for knot in tied:
        yield f"knot of {len(knot)}: {' '.join(knot)}"
        if len(knot) <= 8 or all_arrows:
            for (start, end), names in core.arrows.items():
                if start in knot and end in knot:
                    yield f"    {start} -> {end}: {' '.join(sorted(names))}"


def main(arguments: list[str]) -> None:
    options = [each for each in arguments if each.startswith("-")]
    roots = [each for each in arguments if not each.startswith("-")]
    root = Path(roots[0]) if roots else Path(__file__).resolve().parents[1]
    for line in report(read(root), all_arrows="-v" in options):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
