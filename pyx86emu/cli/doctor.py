"""`doctor`: print what this installation has; with --bios, what its BIOS does."""

import json
import os
import platform
import sys
from importlib import metadata

from . import output
from .parser import Parser
from .status import OK

EPILOG = """\
exit statuses: 0; 2 usage; 74 standard output cannot be written; 130 Ctrl-C
"""

#: Distribution, and what needs it.
EXTRAS = (
    ("numpy", "screen.pixels, conformance"),
    ("Pillow", "m.film(): animated pictures"),
    ("aiohttp", "-display web"),
    ("unicorn", "bench: comparison"),
    ("matplotlib", "bench: charts"),
)


def main(args: list[str]) -> int:
    """`pyx86emu doctor`."""
    parser = Parser("doctor", "Print what this installation has.", EPILOG)
    add = parser.add_argument
    add(
        "--bios",
        action="store_true",
        help="print the services of the BIOS instead, from its source",
    )
    add("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse(args)
    if options.bios:
        rows, names = bios(), ("interrupt", "function", "what", "source")
        data: object = [dict(zip(names, row, strict=True)) for row in rows]
    else:
        rows = environment()
        data = {row[0]: row[1] for row in rows}
    if options.json:
        output.say(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        output.say(table(rows))
    return OK


def bios() -> list[tuple[str, ...]]:
    """A row for each service."""
    from ..pc.firmware import services

    return [tuple(each) for each in services()]


def environment() -> list[tuple[str, ...]]:
    """(what, value) of this installation."""
    from .. import __version__, models

    rows: list[tuple[str, ...]] = [
        ("pyx86emu", __version__),
        ("package", os.path.dirname(os.path.dirname(__file__))),
        ("models", " ".join(models.MODELS)),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("host", f"{platform.platform()}, {os.cpu_count()} processors"),
        ("KVM", kvm()),
    ]
    return rows + [(name, extra(name, what)) for name, what in EXTRAS]


def kvm() -> str:
    """What the KVM of this host can do, or why it cannot be used."""
    try:
        from ..kvm import probe

        probe.usable()
        found = probe.found()
    except (OSError, ImportError) as error:
        return f"not usable: {getattr(error, 'strerror', None) or error}"
    if not found.missing:
        return "usable"
    return f"usable, but it emulates real mode without: {', '.join(found.missing)}"


def extra(name: str, what: str) -> str:
    """The version of an optional package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"not installed ({what})"


def table(rows: list[tuple[str, ...]]) -> str:
    """The rows in columns; the last one is as long as it is."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    widths[-1] = 0
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
