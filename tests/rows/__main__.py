"""Run all rows on all back ends of this host, and show the verdicts.

    python -m tests.rows            print docs/ROWS.md as it would be
    python -m tests.rows --write    write it

Where there is no KVM, the page keeps what it says of KVM.
"""

from __future__ import annotations

import argparse
import sys
import warnings

from tests import on_kvm
from tests.rows import page
from tests.rows.case import ROWS
from tests.rows.verdicts import GAPS, verdict


def of(identity: str, accel: str) -> str:
    """The verdict as the page has it."""
    gap = GAPS.get(identity)
    return f"does not hold: {gap}" if gap else verdict(identity, accel)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rows", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/ROWS.md")
    write = parser.parse_args().write
    warnings.simplefilter("ignore")
    found = {identity: {"interp": of(identity, "interp")} for identity in ROWS}
    kernel = page.kernel()
    if on_kvm.why_not():
        before = page.written() if page.PAGE.exists() else {}
        kernel = page.written_kernel() if page.PAGE.exists() else kernel
        for identity, row in found.items():
            row["kvm"] = before.get(identity, {}).get("kvm", "")
    else:
        for identity, row in found.items():
            row["kvm"] = of(identity, "kvm")
    text = page.text(found, kernel)
    if write:
        page.PAGE.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
