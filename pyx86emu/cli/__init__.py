"""The command line: choose the verb, turn what went wrong into one sentence and a status."""

import os
import sys

from .status import BUG, INTERRUPTED, USAGE, UsageError

VERBS = {
    "run": "boot an image (also without the word: pyx86emu IMAGE)",
    "demo": "boot the built-in guest, which rings the doorbell along each path (also: no words)",
    "bench": "measure compute, I/O and start-up, beside the peers",
    "conformance": "run CPU vectors of real chips",
}

HELP = f"""\
usage: pyx86emu [VERB] ...

A real-mode PC that boots floppy images, with KVM's way of doing I/O.

{chr(10).join(f"  {verb:13}{what}" for verb, what in VERBS.items())}

`pyx86emu VERB --help` tells the options of each, `pyx86emu --version` the version.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; the result is the exit status."""
    args = sys.argv[1:] if argv is None else argv
    try:
        return _verb(args)
    except UsageError as error:
        print(f"pyx86emu: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has gone; Python must not complain of it again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        import traceback

        traceback.print_exc()
        print(f"pyx86emu: this is a bug of pyx86emu: {error!r}", file=sys.stderr)
        return BUG


def _verb(args: list[str]) -> int:
    if args in (["-h"], ["--help"]):
        print(HELP, end="")
        return 0
    if args == ["--version"]:
        from .. import __version__

        print(f"pyx86emu {__version__}")
        return 0
    verb = args[0] if args and args[0] in VERBS else "demo" if args in ([], ["--json"]) else "run"
    rest = args[1:] if args and args[0] in VERBS else args
    if verb == "demo":
        from . import demo

        return demo.main(rest)
    if verb == "bench":
        from . import bench

        return bench.main(rest)
    if verb == "conformance":
        from . import conformance

        return conformance.main(rest)
    from . import run

    return run.main(rest)
