"""`run IMAGE`: boot an image, show its output, end with a status that says how the run ended."""

import sys
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Literal

from .. import models
from ..errors import DiskError
from ..pc.disks.image import Disk
from ..pc.machine import Machine
from . import drives, extras, opt_trace, opt_virtio, output
from . import options as arguments
from .accel import usable
from .outcome import (
    Outcome,
    as_json,
    cut_short,
    disk_reports,
    explain,
    failed,
    hint,
    outcome,
    print_screen,
    report,
    screenshot,
)
from .outputs import STDIO, Outputs
from .parser import Options
from .script import Script, Send, check_keys, unescaped
from .session import Session
from .signals import Ending
from .status import HOST, INTERRUPTED, OK, HostError, UsageError, reason

if TYPE_CHECKING:
    from .. import Exit

#: The default --timeout in guest seconds when the output is piped.
PIPED_TIMEOUT = 60.0

Clock = Literal["virtual", "host"]
#: Who shows the guest.
SCREEN, SERIAL, WEB, BATCH = "screen", "serial", "web", "batch"


def make_machine(options: Options, disks: dict[str, Disk], clock: Clock | None) -> Machine:
    """The machine that the options describe. UsageError: its back end lacks something, or a ROM
    cannot be used."""
    try:
        with usable(options.accel):
            m = Machine(
                disks.get("image"),
                fda=disks.get("fda"),
                fdb=disks.get("fdb"),
                hda=disks.get("hda"),
                hdb=disks.get("hdb"),
                order=options.boot,
                accel=options.accel,
                model=options.cpu,
                memory=options.m,
                clock=clock,
                shift=options.icount,
                rtc_base=options.rtc,
                no_reboot=options.no_reboot,
                bios=options.bios,
                option_roms=tuple(options.option_rom),
                shared=opt_virtio.shares(options),
            )
    except ValueError as error:
        raise UsageError(str(error)) from error
    if options.max_instructions is not None and not m.vm.capabilities.max_instructions:
        m.close()
        raise UsageError("--max-instructions: KVM counts none, give --timeout or -accel interp")
    return m


def main(args: list[str]) -> int:
    """`pyx86emu IMAGE` and `pyx86emu run IMAGE`."""
    options = arguments.read(args)
    if options.cpu == "help":
        output.send(output.printable(models.text()))
        return OK
    if opt_virtio.asked_for_help(options) or opt_trace.asked_for_help(options):
        return OK
    watched = output.is_terminal(sys.stdin) and output.is_terminal(sys.stdout)
    shown = shown_by(options, watched)
    opt_trace.check_drawn(options, shown == SCREEN)
    live = watched or shown == WEB
    if options.timeout is None and not (live or options.s or options.gdb):
        options.timeout = PIPED_TIMEOUT
    outside = opt_virtio.shares(options)  # another process, which takes time of the host
    clock: Clock | None = options.clock or ("host" if live or outside else None)
    start = monotonic()
    with (
        Ending() as ending,
        drives.open_disks(options.disks, options.delete) as disks,
        make_machine(options, disks, clock) as m,
        Outputs(options, shown == SCREEN) as outputs,
    ):
        options.opened = disks
        m._record_history()  # for the report of a bad end
        outputs.connect(m)
        script = make_script(m, options)
        end, not_written = traced(m, options, lambda: run(m, options, script, outputs, shown))
        ending.no_more()
        reports = disk_reports(disks)
        for close in (outputs.close, lambda: drives.close(disks.values())):
            try:
                close()
            except HostError as error:
                not_written.append(str(error))
        ending.again()
        explain(m, end, script)
        opt_virtio.complain(options)
        for text in not_written:
            end = failed(end, text)
        if options.screenshot:
            end = screenshot(m, options.screenshot, end)
        if options.json:
            json = report(m, end, reports, monotonic() - start, options.name, options.devices)
            output.say(as_json(json))
        elif options.screen and shown != SCREEN:
            print_screen(m)
        elif shown == BATCH:
            hint(m, options)
        ending.no_more()
    return end.status


def traced(m: Machine, options: Options, run: Callable[[], Outcome]) -> tuple[Outcome, list[str]]:
    """Run with the tools that the options ask for; also what they could not write at the end."""
    end = None
    try:
        with extras.around(m, options):
            end = run()
    except HostError as error:
        if end is None:
            raise
        return end, [str(error)]
    return end, []


def shown_by(options: Options, watched: bool) -> str:
    """Who shows the guest: its screen on the terminal, COM1 on standard input and output, or
    nobody. UsageError: the display cannot be had."""
    display, _ = options.display or ("term" if watched else "none", "")
    first = options.serial[0] if options.serial else None
    if display == "web":
        return WEB
    if options.json:
        return BATCH
    if options.nographic or (first in STDIO and options.display is None):
        return SERIAL
    if options.display is not None and display == "term" and not watched:
        raise UsageError(
            "-display term: standard input and output are no terminal, --screen prints the screen"
        )
    return SCREEN if display == "term" else SERIAL if first in STDIO else BATCH


def make_script(m: Machine, options: Options) -> Script:
    """--type, --expect and --send, checked before the guest starts. UsageError: no key types some
    of a text."""
    keys = unescaped(options.type) if options.type else ""
    check_keys(m, "--type", keys)
    for step in options.script:
        if isinstance(step, Send) and step.to == "keyboard":
            check_keys(m, "--send", step.text)
    return Script(m, keys, options.script)


def run(m: Machine, options: Options, script: Script, outputs: Outputs, shown: str) -> Outcome:
    """Run to the end. A signal or a host error is an outcome too, so results are still written."""

    def session() -> Session:
        """The limits count from now on."""
        return Session(
            m,
            script,
            options.timeout,
            wall=options.wall,
            max_instructions=options.max_instructions,
            lines=outputs.lines,
            stay=options.no_shutdown,
        )

    try:
        exit = _run(m, session, shown, options)
    except KeyboardInterrupt as error:
        return cut_short(m, INTERRUPTED, "INTERRUPTED", str(error) or "interrupted")
    except HostError as error:
        return cut_short(m, HOST, "HOST_ERROR", str(error))
    except (OSError, DiskError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        names = ", ".join(each.path for each in options.disks)
        return cut_short(m, HOST, "HOST_ERROR", f"cannot read {names}: {why}")
    return outcome(m, exit, script, reported=options.json)


def _run(m: Machine, session: Callable[[], Session], shown: str, options: Options) -> "Exit":
    if shown == WEB:
        from . import web

        return web.run(m, session, options.display[1], options.floppy)
    if shown == SCREEN:
        from .terminal import ScreenTerminal

        return ScreenTerminal(m).run(session())
    if shown == SERIAL:
        from .terminal import SerialTerminal

        return SerialTerminal(m).run(session())
    return session().batch()
