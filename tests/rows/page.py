"""docs/ROWS.md: write the verdicts on all rows, and read them again."""

from __future__ import annotations

import re

from tests import on_kvm
from tests.harness import ROOT
from tests.rows.case import ROWS
from tests.rows.verdicts import ACCELS, SAME

PAGE = ROOT / "docs" / "ROWS.md"

SECTIONS = {
    "A": "Registering",
    "B": "A second registration",
    "D": "Deregistering",
    "P": "Ports",
    "S": "String I/O",
    "M": "Memory",
    "R": "String stores, and instructions that read and write",
    "E": "The eventfd",
    "T": "Threads",
    "X": "Exits and re-entry",
    "V": "Interrupts from outside",
    "G": "Single steps",
    "C": "Coalesced writes",
    "I": "Interrupt eventfds",
    "L": "Memory slots and the dirty log",
}

HEAD = """\
# The rows: what was seen

Written by `python -m tests.rows --write` from the outcome of the row tests. Do not edit it. A test
compares each line with what is seen.

A row is a question about KVM's interface, with what a real KVM did.
[IO.md](IO.md#the-conformance-list) says more; `tests/rows/ioeventfd-rows.json` has the guest
programs and the results.

| column | meaning |
| --- | --- |
| level | M: KVM means it; K: an accident of KVM |
| interp | the interpreter, with rings added up and without |
| kvm | `accel="kvm"`, on {kernel} |

| verdict | meaning |
| --- | --- |
| same as KVM | what the list has was seen |
| departs | something else was seen, on purpose; the words say what |
| no counterpart | Python has nothing of the kind; the test shows what comes near |
| differs here | this KVM does not do what the one that recorded the list did |
"""
UNKNOWN = "no KVM yet"
#: Where both back ends depart in the same way.
AS_INTERP = "as interp"
LINE = re.compile(r"\| ([A-Z]\d\w*) \| .* \| [MK] \| ([^|]*) \| ([^|]*) \|")


def kernel() -> str:
    """The KVM of this host, in words; UNKNOWN if there is none."""
    if on_kvm.why_not():
        return UNKNOWN
    if on_kvm.lacks():
        return f"a KVM that emulates real mode, and lacks there: {', '.join(on_kvm.lacks())}"
    return "a KVM that runs real mode by the processor"


def text(verdicts: dict[str, dict[str, str]], kernel: str) -> str:
    """The page, of the verdicts on each row by back end."""
    parts = [HEAD.format(kernel=kernel)]
    for letter, title in SECTIONS.items():
        parts.append(f"\n## {letter}: {title}\n\n")
        parts.append("| row | case | level | interp | kvm |\n| --- | --- | --- | --- | --- |\n")
        parts += [
            line(identity, [verdicts[identity][accel] for accel in ACCELS])
            for identity in ROWS
            if identity[0] == letter
        ]
    return "".join(parts)


def line(identity: str, verdicts: list[str]) -> str:
    """One row of the list as a row of a table."""
    row = ROWS[identity]
    if verdicts[1] == verdicts[0] != SAME:
        verdicts = [verdicts[0], AS_INTERP]
    case = row["case"].replace("|", "\\|").replace("`", "'")
    return f"| {' | '.join((identity, case, row['level'], *verdicts))} |\n"


def written() -> dict[str, dict[str, str]]:
    """What the page says of each row, by back end."""
    found = (LINE.fullmatch(line) for line in PAGE.read_text("utf-8").splitlines())
    rows = ((hit[1], hit[2], hit[3]) for hit in found if hit)
    return {
        identity: {"interp": interp, "kvm": interp if kvm == AS_INTERP else kvm}
        for identity, interp, kvm in rows
    }


def written_kernel() -> str:
    """The KVM that the page names."""
    found = re.search(r'`accel="kvm"`, on (.*) \|$', PAGE.read_text("utf-8"), re.M)
    assert found
    return found[1]
