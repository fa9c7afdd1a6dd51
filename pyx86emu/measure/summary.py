"""The summary of a measurement: say what was measured, where, and which limits were missed."""

from collections.abc import Sequence
from typing import Any

from .groups import Measured
from .host import Host, line
from .verdicts import Verdict, misses


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many limits there are, and how many of them got each verdict."""
    words = [verdict.word for verdict in verdicts]
    return {"limits": len(words)} | {word: words.count(word) for word in ("ok", "noise", "missed")}


def text(done: Sequence[Measured], host: Host, repeats: int, seconds: float) -> str:
    """Return the summary as text."""
    held = [verdict for each in done for verdict in each.verdicts]
    found = counts(held)
    rows = ", ".join(f"{each.name} {len(each.rows)}" for each in done if each.rows)
    lines = [
        f"measured  rows: {rows or 'none'}; medians of {repeats}, in {_duration(seconds)}",
        f"on        {line(host.as_dict())}",
        f"at        {host.date}, load {host.load:g}",
        f"limits    {_limits(found)}",
    ]
    really = [verdict for verdict in held if verdict.missed]
    if really:
        lines += ["", "missed, the worst first; at the right the spread of the repetitions"]
        lines.append(misses(really))
    noisy = [verdict for verdict in held if verdict.noise]
    if noisy:
        what = "missed by noise: the spread includes the limit, measure again with more --repeats"
        lines += ["", what, misses(noisy)]
    return "\n".join(lines)


def _limits(found: dict[str, Any]) -> str:
    if not found["limits"]:
        return "none of these rows has one"
    if found["ok"] == found["limits"]:
        return f"all {found['limits']} held"
    parts = [f"{found['ok']} of {found['limits']} held"]
    parts += [f"{found['missed']} missed"] if found["missed"] else []
    parts += [f"{found['noise']} missed by noise"] if found["noise"] else []
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
