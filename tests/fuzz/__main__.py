"""`python -m tests.fuzz`: hostile guests without end. `make fuzz` runs it under the sanitizers.

Exit status: 0 nothing found, 1 findings.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence

import pyx86emu
from pyx86emu.models import MODELS

from .cases import KINDS, Case, by_share, images
from .hunt import Summary, hunt


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, help="number of the first case (a new one)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument(
        "--repeat",
        nargs=3,
        metavar=("KIND", "MODEL", "SEED"),
        help=f"one case, in this process: {', '.join(KINDS)}; {', '.join(MODELS)}",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = options(arguments)
    if asked.repeat:
        kind, model, seed = asked.repeat
        print(Case(kind, model, int(seed)).run(), "instructions, nothing found")
        return 0
    first = random.SystemRandom().getrandbits(40) if asked.seed is None else asked.seed
    print(f"{pyx86emu.__file__}: seed {first}, {len(images())} images of guests", flush=True)
    summary = Summary()
    hunt(by_share(first, summary.spent), asked.seconds, jobs=asked.jobs, summary=summary)
    print(summary)
    return 1 if summary.findings else 0


sys.exit(main())
