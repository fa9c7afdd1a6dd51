"""The demo: boot the embedded guest, let it ring along each path, print one table."""

import json

from ..measure.demo import DemoControl
from ..measure.ring import PATHS, install, run_pulled
from ..measure.rows import YEAR_2009, Row
from ..pc.firmware import rom
from ..pc.machine import Machine
from . import output
from .parser import Parser
from .status import BUG, OK

GREETING = "All paths rung."


def ring_all() -> tuple[list[Row], Machine]:
    """Boot the demo guest and let it run to its end."""
    m = Machine(rom("demo"))
    control = DemoControl({path: install(m.vm, path) for path in PATHS})
    m.attach(control, port=control.PORT, pull=True)
    m.boot()
    run_pulled(m.vm, m.vcpu)
    return control.rows, m


def table(rows: list[Row]) -> str:
    """The figures, with those of 2009 beside them."""
    lines = [
        "                                                            2009, KVM",
        "path                rings        iops        us   count     iops       us   path",
    ]
    for row in rows:
        count = "exact" if row.exact else f"{row.count}!"
        line = f"{row.name:<16}{row.rings:>9,}{row.iops:>12,.0f}{row.rtt_us:>10.3f}   {count:<6}"
        if row.name in YEAR_2009:
            path, iops, us = YEAR_2009[row.name]
            line += f"{iops:>8,}{us:>9.2f}   {path}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def main(args: list[str]) -> int:
    """`pyx86emu` and `pyx86emu demo`."""
    parser = Parser("demo", "Boot the built-in guest, which rings the doorbell along each path.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse(args)
    rows, machine = ring_all()
    with machine:
        screen, serial = machine.screen.text.strip(), machine.serial_text.strip()
    complete = len(rows) == len(PATHS) and all(row.exact for row in rows)
    if options.json:
        report = {"rows": [row.as_dict() for row in rows], "screen": screen, "serial": serial}
        output.say(json.dumps(report, indent=1))
    else:
        output.say(f"The guest says on its screen:\n\n{_indented(screen)}\n")
        output.say(f"and on its serial line:\n\n{_indented(serial)}\n")
        output.say(table(rows))
    if not complete:
        output.complain("pyx86emu: a path lost rings, or was not rung")
    return OK if complete else BUG


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
