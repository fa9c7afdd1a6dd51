"""The command line: choose the verb; report an error as one sentence and an exit status."""

import os
import signal
import sys
from contextlib import suppress

from . import output
from .accel import only_accel
from .signals import ENDING
from .status import BUG, HOST, INTERRUPTED, OK, USAGE, HostError, UsageError, reason

VERBS = {
    "run": "boot an image (also without the word: pyx86emu IMAGE)",
    "dos": "run a DOS program without DOS",
    "replay": "run again what `run --record FILE` has recorded",
    "batch": "run many guests, report which did what they should",
    "demo": "boot a small guest, print the cost of each way to signal the host (also: no words)",
    "bench": "measure compute, I/O and start-up, together with other emulators",
    "disasm": "print a file of 16-bit code as assembly",
    "conformance": "run CPU vectors of real chips",
    "doctor": "print what this installation has, and what its BIOS does",
}

HELP = f"""\
usage: pyx86emu [VERB] ...

A real-mode PC that boots floppy and hard disk images, with KVM's way of doing I/O.

{chr(10).join(f"  {verb:13}{what}" for verb, what in VERBS.items())}

`pyx86emu VERB --help` lists the options of a verb, `pyx86emu --version` prints the version."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; the result is the exit status."""
    if argv is not None:
        return _status(argv)
    _open_standard_descriptors()
    status = _status(sys.argv[1:])
    for number in ENDING:  # while Python ends, no signal may change the status
        signal.signal(number, signal.SIG_IGN)
    return status


def _status(args: list[str]) -> int:
    try:
        return _verb(args)
    except UsageError as error:
        return _refused(str(error), USAGE)
    except HostError as error:
        return _refused(str(error), HOST)
    except MemoryError:
        return _refused("there is not enough memory", HOST)
    except OSError as error:
        what = f" ({error.filename})" if error.filename else ""
        return _refused(f"the operating system refused: {reason(error)}{what}", HOST)
    except KeyboardInterrupt as error:
        return _refused(str(error) or "interrupted", INTERRUPTED)
    except Exception as error:
        import traceback

        output.complain(traceback.format_exc())
        return _refused(f"this is a bug of pyx86emu, please report it: {error!r}", BUG)


def _refused(text: str, status: int) -> int:
    if text:
        output.complain(f"pyx86emu: {text}")
    return status


def _open_standard_descriptors() -> None:
    """Open 0, 1 and 2 if they are closed. Otherwise an opened image could get number 2, and what is
    written to standard error would be written into it."""
    with suppress(OSError):
        while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(fd)


def _verb(args: list[str]) -> int:
    if args in (["-h"], ["--help"]):
        output.say(HELP)
        return OK
    if args == ["--version"]:
        from .. import __version__

        output.say(f"pyx86emu {__version__}")
        return OK
    verb = (
        args[0] if args and args[0] in VERBS else "demo" if only_accel(args, ["--json"]) else "run"
    )
    rest = args[1:] if args and args[0] in VERBS else args
    if verb == "demo":
        from . import demo

        return demo.main(rest)
    if verb == "batch":
        from . import batch

        return batch.main(rest)
    if verb == "dos":
        from . import dos

        return dos.main(rest)
    if verb == "bench":
        from . import bench

        return bench.main(rest)
    if verb == "conformance":
        from . import conformance

        return conformance.main(rest)
    if verb == "replay":
        from . import replay

        return replay.main(rest)
    if verb == "disasm":
        from . import disasm

        return disasm.main(rest)
    if verb == "replay":
        from . import replay

        return replay.main(rest)
    if verb == "doctor":
        from . import doctor

        return doctor.main(rest)
    from . import run

    return run.main(rest)
