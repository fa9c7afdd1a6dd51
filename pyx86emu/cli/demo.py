"""The demo: boot the built-in guest, which signals the host in each way, and explain the costs."""

import json

from ..measure.demo import DemoControl
from ..measure.ring import PATHS, has, install, run_pulled
from ..measure.rows import YEAR_2009, Row
from ..pc.firmware import rom
from ..pc.machine import Machine
from . import output
from .accel import add_accel, usable
from .parser import Parser
from .status import BUG, OK

HEAD = f"{'way':<16}{'signals':>10}{'exits':>9}{'ns each':>10}{'2009: ns':>11}"

EXPLANATION = """\
What the columns are
  way        before the dash: what the host does, see below. After the dash:
             what the guest does: an OUT to a port (pio), a store to the
             address of a device (mmio), or the instruction VMCALL (hc)
  signals    how many the guest sent. If not all arrived, the row says so
  exits      how often the guest had to stop, because run() returned to Python
  ns each    nanoseconds from one signal to the next, everything included
  2009       the same way on KVM, when ioeventfd was proposed (bench/README.md)

What the host does at each signal
  exit       run() returns an Exit. A loop in Python finds the device, calls
             it, and calls run() again. The guest stands still meanwhile.
  push       The core calls the device's method in Python; run() goes on.
  ioeventfd  The core finds the address in a table and signals an eventfd: a
             counter in the kernel, for which another thread or process can
             wait. Signals that come shortly after one another are added up
             and written as one number. No Python runs.
  doorbell   The same with a counter in memory instead of an eventfd.
"""

WHY = """\
Why ioeventfd matters: often a device only has to learn that there is work. The
guest need not stop for that. Here, a signal by exit-pio took {:.0f} times as long
as one by ioeventfd-pio."""


def signal_all(accel: str = "interp") -> tuple[list[Row], Machine]:
    """Boot the demo guest on a back end and let it run to its end."""
    m = Machine(rom("demo"), accel=accel)
    control = DemoControl(
        {path: install(m.vm, path) if has(m.vm, path) else None for path in PATHS}
    )
    m.attach(control, port=control.PORT, pull=True)
    m.boot()
    run_pulled(m.vm, m.vcpu)
    for row in control.rows:  # a device that is served by exits counts them
        row.extra["exits"] = row.count if row.name.startswith("exit-") else 0
    return control.rows, m


def table(rows: list[Row]) -> str:
    """The rows as text, with the figures of 2009."""
    return "\n".join([HEAD, *map(_line, rows)])


def _line(row: Row) -> str:
    line = f"{row.name:<16}{row.rings:>10,}{row.extra['exits']:>9,}{row.rtt_us * 1000:>10.1f}"
    if row.name in YEAR_2009:
        line += f"{YEAR_2009[row.name][2] * 1000:>11,.0f}"
    return line if row.exact else f"{line}  WRONG: {row.count:,} arrived"


def left_out(machine: Machine) -> list[str]:
    """The ways that this back end does not have."""
    return [path for path in PATHS if not has(machine.vm, path)]


def seen(screen: str, serial: str) -> str:
    """What the guest wrote, and the table: the first part of what is printed."""
    if screen.splitlines() == serial.splitlines():
        text = f"The guest has booted. Its screen shows, and its serial port sent:\n\n{_in(screen)}"
    else:
        text = f"The guest has booted. Its screen shows:\n\n{_in(screen)}\n\n"
        text += f"Its serial port sent:\n\n{_in(serial)}"
    return f"{text}\n\nIt signalled the host in these ways:\n"


def why(rows: list[Row]) -> str:
    """The sentence that compares two rows."""
    ns = {row.name: row.rtt_us for row in rows}
    return WHY.format(ns["exit-pio"] / ns["ioeventfd-pio"])


def main(args: list[str]) -> int:
    """`pyx86emu` and `pyx86emu demo`."""
    parser = Parser("demo", "Boot a small guest and print the cost of each way to signal the host.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    add_accel(parser)
    options = parser.parse(args)
    with usable(options.accel):
        rows, machine = signal_all(options.accel)
    with machine:
        screen, serial = (machine.screen.text or "").strip(), machine.serial_text.strip()
        missing = left_out(machine)
    complete = len(rows) == len(PATHS) - len(missing) and all(row.exact for row in rows)
    if options.json:
        report = {
            "accel": machine.vm.accel,
            "rows": [row.as_dict() for row in rows],
            "screen": screen,
            "serial": serial,
        }
        output.say(json.dumps(report, indent=1))
    else:
        output.say(seen(screen, serial))
        output.say(f"{table(rows)}\n")
        if missing:
            output.say(f"{machine.vm.accel} has no {', '.join(missing)}.\n")
        output.say(EXPLANATION)
        if complete:
            output.say(why(rows))
    if not complete:
        output.complain("pyx86emu: signals were lost, or not sent")
    return OK if complete else BUG


def _in(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
