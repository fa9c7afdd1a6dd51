"""`replay FILE`: run again what `run --record FILE` has recorded, and say where it ends."""

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

from ..errors import DiskError, MachineError, StateError
from . import drives, extras, opt_trace, opt_virtio, output
from .output import check_input
from .parser import Options, Parser
from .signals import Ending
from .status import OK, HostError, UsageError, reason
from .values import whole

if TYPE_CHECKING:
    from .. import Exit
    from ..pc.machine import Machine

DISKS = ("fda", "fdb", "hda", "hdb")
EPILOG = """\
The guest gets the same keys and bytes at the same instructions, so it does the same. Disks of up to
4 MiB are in the recording; larger ones must be given again, with the same contents. So must -device
and its -drive. If the guest does something else, the error says between which instructions. Exit
status: 0 the recording was run to its end, or to --to; 2 it cannot be run, or the guest does
something else. A program of DOS needs neither its files nor its input, and writes no file.
"""


def parser() -> Parser:
    """The options."""
    p = Parser("replay", "Run a recording again.", EPILOG)
    p.add_argument("file", metavar="FILE", help="made by `--record FILE`, of run or dos")
    for place in DISKS:
        p.add_argument(f"-{place}", metavar="FILE", help="the disk that was there")
    spare = "a disk for -device: file=FILE,if=none,id=ID, or if=virtio; it is not written"
    p.add_argument(
        "-drive", metavar="KEYS", action="append", default=[], type=drives.drive, help=spare
    )
    opt_virtio.add(p)
    p.set_defaults(nographic=False, serial=(), save_state=None)
    p.add_argument("--to", metavar="N", type=whole(), help="stop when N instructions are retired")
    p.add_argument("--screen", action="store_true", help="print the last text screen at the end")
    p.add_argument("--json", action="store_true", help="print what happened as JSON")
    p.add_argument("--screenshot", metavar="FILE", help="the last screen: FILE.png, .txt, .html")
    opt_trace.add(p)
    return p


def main(args: list[str]) -> int:
    """`pyx86emu replay FILE`."""
    options = parser().parse(args)
    if opt_virtio.asked_for_help(options) or opt_trace.asked_for_help(options):
        return OK
    for each in options.drive:
        if not each.id:
            raise UsageError(f"-drive file={each.path}: give -hda FILE, or if=none for -device")
    check_input("replay", options.file)
    disks = [(f"-{place}", getattr(options, place)) for place in DISKS]
    options.disks = [each._replace(write_back=False) for each in drives.for_devices(options.drive)]
    disks += [("-drive", each.path) for each in options.disks]
    extras.check(options, (opt_virtio, opt_trace), [("the recording", options.file), *disks])
    with (
        Ending() as ending,
        drives.open_disks(options.disks) as options.opened,
        ExitStack() as stack,
    ):
        m = _made(options, stack)
        try:
            with opt_trace.around(m, options) or nullcontext():
                exit = _run(m, options.to)
        except MachineError as error:
            raise UsageError(f"{options.file}: {error}") from error
        ending.again()
        _report(m, options, exit)
        if options.to is not None and options.to != m.vcpu.instructions:
            raise UsageError(
                f"--to {options.to}: the recording ends at {m.vcpu.instructions}"
                if options.to > (m.vcpu.instructions or 0)
                else f"--to {options.to}: the recording begins later"
            )
    return OK


def _made(options: "Options", stack: ExitStack) -> "Machine":
    """The machine of the recording, whose output goes to standard output."""
    from ..pc.machine import Machine
    from ..tools.record.file import devices

    disks = {name: getattr(options, name) for name in DISKS if getattr(options, name)}
    try:
        if "dos" in devices(options.file):
            from ..dos.machine import Dos
            from .dos import Writer

            writer = Writer(False)
            send = None if options.json else writer.write
            dos = stack.enter_context(Dos.replay(options.file, on_output=send))
            return dos.machine
        attach = [opt_virtio.made(asked, options, stack) for asked in options.device]
        m = stack.enter_context(Machine.replay(options.file, attach=attach, **disks))
        if not options.json:
            record = m.uart.output
            assert record is not None
            m.uart.output = output.copied(record)
            m.debug.output = output.send
        return m
    except OSError as error:
        raise HostError(f"cannot read {error.filename or options.file}: {reason(error)}") from error
    except StateError as error:
        raise UsageError(f"{error}; on the command line: the -device and -drive of then") from error
    except (MachineError, DiskError, ValueError) as error:
        raise UsageError(str(error)) from error


def _run(m: "Machine", to: int | None) -> "Exit":
    recording = m.recording
    assert recording is not None
    while True:
        left = None if to is None else max(0, to - (m.vcpu.instructions or 0))
        before = m.vcpu.instructions, m.vm.time
        exit = m.run(max_instructions=left)
        stands = before == (m.vcpu.instructions, m.vm.time)  # it has ended before its recording
        if recording.timeline.live or left is not None or stands:
            return exit


def _report(m: "Machine", options: "Options", exit: "Exit") -> None:
    where = f"{exit.cs:04x}:{exit.ip:04x}, {m.vcpu.instructions} instructions, {m.time:.3f} s"
    if options.screenshot:
        m.screen.save(options.screenshot)
    if options.json:
        import json

        report = {"reason": exit.reason.name, "cs": exit.cs, "ip": exit.ip, **m.report()}
        output.say(json.dumps(report, indent=2))
    elif options.screen:
        output.say(m.screen.text or f"({m.screen.mode_name})")
    output.complain(f"pyx86emu: the replay ends with {exit.reason.name} at {where}")
