"""Exit statuses and refusals. Odd statuses are the guest's (isa-debug-exit), even ones ours."""

import argparse
from typing import NoReturn

OK = 0
USAGE = 2
SHUTDOWN = 4
UNSUPPORTED = 6
NOT_MET = 8
BUG = 70
TIMEOUT = 124
INTERRUPTED = 130


class UsageError(Exception):
    """What the user typed cannot be done; the message is one sentence that says what can."""


class Parser(argparse.ArgumentParser):
    """argparse that refuses by UsageError and takes no abbreviations."""

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=f"pyx86emu {prog}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}: `{self.prog} --help` lists the options")
