"""Reports: results as a table, as JUnit XML, as JSON. Whatever a guest has printed, they are valid.

Text of a guest is escaped: what is no printable character is shown as \\xNN, so that it neither
moves a terminal's cursor nor breaks the XML.
"""

import json
from collections import Counter
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from .jobs import Result

OUTCOMES = ("passed", "failed", "error", "lost")
#: A table with more jobs has only those that did not pass.
MOST_ROWS = 200
#: If more have not passed, the table has no last instructions; the other reports have them.
MOST_LAST = 3


def printable(text: str) -> str:
    """The text with line ends and tabs, and with \\xNN for what is not printable.

    >>> printable("\\x1b[2Jhi")
    '\\\\x1b[2Jhi'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _number(ord(c)) for c in text)


def one_line(text: str) -> str:
    """The same in one line.

    >>> one_line("a\\nb")
    'a\\\\x0ab'
    """
    return printable(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def _number(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def totals(results: Sequence[Result]) -> dict[str, int]:
    """How many have each outcome."""
    counts = Counter[str](each.outcome for each in results)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def sentence(results: Sequence[Result], seconds: float) -> str:
    """The last line: how many passed."""
    counts = ", ".join(
        f"{count} {outcome}"
        for outcome, count in totals(results).items()
        if count or outcome == "passed"
    )
    jobs = "1 job" if len(results) == 1 else f"{len(results):,} jobs"
    return f"{jobs}: {counts}; {seconds:.1f} s"


def table(results: Sequence[Result]) -> str:
    """One row a job; what did not pass has its message below."""
    shown = [each for each in results if not each.passed or len(results) <= MOST_ROWS]
    bad = sum(not each.passed for each in results)
    head = ("outcome", "job", "end", "instructions", "guest s", "wall s", "tries")
    rows = [
        (
            each.outcome,
            one_line(each.name),
            each.end or "-",
            "-" if each.instructions is None else f"{each.instructions:,}",
            f"{each.guest_seconds:.3f}",
            f"{each.wall_seconds:.3f}",
            f"{each.attempts}",
        )
        for each in shown
    ]
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        left = [cell.ljust(width) for cell, width in zip(cells[:3], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:], strict=True)]
        return "  ".join(left + right).rstrip()

    lines = [line(head)]
    for cells, each in zip(rows, shown, strict=True):
        lines.append(line(cells))
        if not each.passed:
            lines.append(f"    {one_line(each.message)}")
            if bad <= MOST_LAST:
                lines += [f"      {one_line(line)}" for line in each.last]
    return "\n".join(lines)


def as_json(name: str, results: Sequence[Result], seconds: float) -> str:
    """The file of --json."""
    report = {
        "batch": name,
        "wall_seconds": round(seconds, 6),
        "total": totals(results),
        "jobs": [dict(each.plain()) for each in results],
    }
    return json.dumps(report, indent=1) + "\n"


def junit(name: str, results: Sequence[Result], seconds: float) -> str:
    """The file of --junit: one test suite. What the guest printed is in system-out."""
    counts = totals(results)
    numbers = (
        f'tests="{len(results)}" failures="{counts["failed"]}" '
        f'errors="{counts["error"] + counts["lost"]}" time="{seconds:.3f}"'
    )
    suite = _attribute(name)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f"<testsuites {numbers}>",
        f'<testsuite name={suite} skipped="0" {numbers}>',
    ]
    for each in results:
        case = f"<testcase classname={suite} name={_attribute(each.name)}"
        lines.append(f'{case} time="{each.wall_seconds:.3f}">')
        if not each.passed:
            kind = "failure" if each.outcome == "failed" else "error"
            message = f"message={_attribute(each.message)} type={_attribute(each.outcome)}"
            lines.append(f"<{kind} {message}>{_text(_details(each))}</{kind}>")
        if out := _printed(each):
            lines.append(f"<system-out>{_text(out)}</system-out>")
        lines.append("</testcase>")
    return "\n".join([*lines, "</testsuite>", "</testsuites>", ""])


def _details(result: Result) -> str:
    where = f"{result.reason} at {result.cs:04x}:{result.ip:04x}, " if result.reason else ""
    tries = f", {result.attempts} tries" if result.attempts > 1 else ""
    lines = [result.message, f"{where}{result.guest_seconds:.3f} guest seconds{tries}"]
    if result.last:
        lines += ["the last instructions:", *result.last]
    return "\n".join(lines)


def _printed(result: Result) -> str:
    """The texts of the guest, each after its name."""
    texts = (("screen", result.screen), ("serial", result.serial), ("debug", result.debug))
    return "\n".join(
        f"[{name}]\n{text.rstrip()}".replace("\r\n", "\n") for name, text in texts if text
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _attribute(text: str) -> str:
    return quoteattr(printable(text))
