"""Services: list what the BIOS does from the contracts at the head of its sources. Know no code.

`python firmware/services.py` prints the list: interrupt, function, what it does and the file, with
tabs between them. build.py writes it to pyx86emu/pc/roms/bios.services for `doctor --bios`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parent

_INCLUDE = re.compile(r'^%include "(\w+\.inc)"', re.MULTILINE)
_NUMBER = r"[0-9A-F]{2,4}h(?:-[0-9A-F]{2}h)?"
_INTERRUPT = re.compile(r"INT ([0-9A-F]{2})h(?: (AH=[0-9A-F]{2}h))?  +(.*)")
_FUNCTION = re.compile(rf"((?:A[HLX]|BL)={_NUMBER}(?:, (?:A[HLX]=)?{_NUMBER})*):? +(?!and )(\S.*)")
_END = re.compile(r"(Clobbered|Different from)")
#: What is said elsewhere, or is no function of its own.
_NO_ROW = re.compile(r"(In: A[HL] = func|In: DL = drive|Parts of|Contract|A program finds|AH=)")


def contracts() -> Iterator[tuple[str, str]]:
    """(file, line without its semicolon) of the comments at the head of each included file."""
    for name in dict.fromkeys(_INCLUDE.findall((FIRMWARE / "bios.asm").read_text("utf-8"))):
        for line in (FIRMWARE / name).read_text("utf-8").splitlines():
            if not line.startswith(";"):
                break
            yield name, line[1:].removeprefix(" ")


def services() -> list[tuple[str, str, str, str]]:
    """(interrupt, function, what it does, file), in the order of interrupts and functions."""
    rows: list[list[str]] = []
    file = interrupt = group = ""
    for name, line in contracts():
        if name != file:
            file, interrupt, group = name, "", ""
        if _END.match(line):
            interrupt = ""
        elif found := _INTERRUPT.match(line):
            interrupt, group = f"INT {found[1]}h", found[2] or ""
            group = _add(rows, interrupt, group, found[3], file)
        elif interrupt and line.startswith("  "):
            if _FUNCTION.match(line.strip()):
                group = _add(rows, interrupt, group, line.strip(), file)
            elif rows and rows[-1][3] == file:
                rows[-1][2] += " " + line.strip()
    table = {(i, f, _sentence(text), name) for i, f, text, name in rows if not _NO_ROW.match(text)}
    return sorted(table)


def _add(rows: list[list[str]], interrupt: str, group: str, text: str, file: str) -> str:
    """Add the row of a line. The result is the function to which the next AL= belongs."""
    function = ""
    while found := _FUNCTION.match(text):
        function, text = found[1], found[2]
        if function.startswith(("AL=", "BL=")):
            function = f"{group} {function}".strip()
        else:
            group = function
    rows.append([interrupt, function or group, text, file])
    return group


def _sentence(text: str) -> str:
    """What the function does, in short: up to its inputs, or up to the end of the sentence."""
    sentences = text.split(". ")
    if text.startswith("In:") and len(sentences) > 1 and sentences[1].startswith("Out:"):
        words = ". ".join(sentences[:2])
    elif text.startswith(("In:", "Out:")):
        words = sentences[0]
    else:
        words = re.split(r"(?:\.|:)? (?=In: |Out: )|: - ", sentences[0], maxsplit=1)[0]
    return words.strip().rstrip(".:;,")


def text() -> str:
    """The list as it is in the file."""
    return "".join("\t".join(row) + "\n" for row in services())


if __name__ == "__main__":
    print(text(), end="")
